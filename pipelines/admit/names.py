"""Column names -> what they suggest. A name is a hint for the reader of a draft, never a finding.

Belongs here: words in names. Stays out: the data.
"""

from __future__ import annotations

import re
from functools import cache

from assay.contracts.settings import PersonalKind
from assay.pipelines.core.package_data import read_yaml

_DATA = "admit/column_names.yaml"
_NUMBERED = r"(_?[0-9]+)?"
"""Columns may be numbered: `phone_2`."""


@cache
def _kinds(section: str) -> tuple[tuple[PersonalKind, str], ...]:
    """Kind and pattern of each entry of a section of column_names.yaml."""
    return tuple((entry["kind"], "|".join(entry["names"])) for entry in read_yaml(_DATA)[section])


@cache
def _key_endings() -> str:
    return "|".join(read_yaml(_DATA)["keys"])


def words(name: str) -> str:
    """`CustomerName`, `customer name` -> `customer_name`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def personal_hint(name: str) -> PersonalKind | None:
    """The kind of personal data that the name says outright."""
    column = words(name)
    for kind, pattern in _kinds("personal"):
        if re.search(rf"(^|_)({pattern}){_NUMBERED}$", column):
            return kind
    return None


def perhaps_personal(name: str) -> PersonalKind | None:
    """The kind it may be, next to other columns about persons; a restaurant has a name and an
    address too.
    """
    column = words(name)
    for kind, pattern in _kinds("perhaps_personal"):
        if re.fullmatch(rf"({pattern}){_NUMBERED}", column):
            return kind
    return None


def may_be_axis(name: str) -> bool:
    """Whether numbers of that name can be a coordinate, next to an address."""
    return re.fullmatch("|".join(read_yaml(_DATA)["axes"]), words(name)) is not None


def flag_words() -> frozenset[str]:
    """The words of flags, in small letters."""
    return frozenset(read_yaml(_DATA)["flags"])


def least_digits(kind: PersonalKind) -> int | None:
    """Digits of the shortest number that can be of the kind; None where no number can."""
    digits: int | None = read_yaml(_DATA)["least_digits"].get(kind)
    return digits


def key_hint(name: str) -> bool:
    """Whether the name says that it names something."""
    column = words(name)
    is_key = re.search(rf"(^|_)({_key_endings()})$", column) is not None
    return is_key or re.search(r"[a-z](id|key)$", column) is not None
