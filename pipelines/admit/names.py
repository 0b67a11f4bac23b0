"""Column names -> what they suggest. A name is a hint for the reader of a draft, never a finding.

Belongs here: words in names. Stays out: the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.patterns import Pattern, expand
from assay.pipelines.core.package_data import read_yaml

_DATA = "admit/column_names.yaml"
_NUMBERED = r"(_?[0-9]+)?"
"""Columns may be numbered: `phone_2`."""


@cache
def _kinds(section: str) -> tuple[tuple[PersonalKind, str], ...]:
    """Kind and pattern of each entry of a section of column_names.yaml."""
    return tuple((entry["kind"], _expanded(entry["names"])) for entry in read_yaml(_DATA)[section])


def _expanded(pattern: Pattern) -> str:
    persons = "|".join(read_yaml(_DATA)["person"])
    return expand(pattern, {"person": f"(?:{persons})"})


@cache
def _parts() -> tuple[tuple[PersonalKind, frozenset[PersonalKind], str], ...]:
    """Kind, the kinds of the columns next to it, and pattern of each entry of `parts`."""
    return tuple(
        (entry["kind"], frozenset(entry["next_to"]), _expanded(entry["names"]))
        for entry in read_yaml(_DATA)["parts"]
    )


@cache
def _any_word_of(section: str) -> re.Pattern[str]:
    return re.compile(rf"(^|_)({_expanded(read_yaml(_DATA)[section])}){_NUMBERED}(_|$)")


@cache
def _key_endings() -> str:
    return "|".join(read_yaml(_DATA)["keys"])


def words(name: str) -> str:
    """`CustomerName`, `customer name` -> `customer_name`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def personal_hint(name: str) -> PersonalKind | None:
    """The kind of personal data that the name states outright."""
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


def part_of_personal(name: str, others: Iterable[PersonalKind]) -> PersonalKind | None:
    """The kind of which the column may hold a part, in a table that holds the kinds `others`: the
    code next to the number of a card, the house number next to a street.
    """
    column, kinds = words(name), set(others)
    for kind, next_to, pattern in _parts():
        if next_to & kinds and re.fullmatch(rf"({pattern}){_NUMBERED}", column):
            return kind
    return None


def lists_things(names: Iterable[str]) -> bool:
    """Whether the names of a table's columns say that it lists things in the open, such as
    airports, and none states that it is about persons.
    """
    columns = [words(name) for name in names]
    about_things = any(_any_word_of("things").search(column) for column in columns)
    return about_things and not any(
        _any_word_of("about_persons").search(column) for column in columns
    )


def holds_places(name: str) -> bool:
    """Whether the name states that the column holds places, or public institutions."""
    places = _expanded(read_yaml(_DATA)["places"])
    return re.search(rf"(^|_)({places})(_?name)?{_NUMBERED}$", words(name)) is not None


def may_hold_points(name: str) -> bool:
    """Whether pairs of numbers in a column of that name are points on a map, and no ranges."""
    column = words(re.sub(r"(one|two|three|value)$", "", name))
    return _any_word_of("points").search(column) is not None


def may_be_axis(name: str) -> bool:
    """Whether numbers of that name can be a coordinate, next to an address."""
    return re.fullmatch("|".join(read_yaml(_DATA)["axes"]), words(name)) is not None


def flag_words() -> frozenset[str]:
    """The words of flags, in small letters."""
    return frozenset(read_yaml(_DATA)["flags"])


def least_digits(kind: PersonalKind) -> int | None:
    """Digits of the shortest number that can be of the kind; None if no number can."""
    digits: int | None = read_yaml(_DATA)["least_digits"].get(kind)
    return digits


def key_hint(name: str) -> bool:
    """Whether the name states that it names something."""
    column = words(name)
    is_key = re.search(rf"(^|_)({_key_endings()})$", column) is not None
    return is_key or re.search(r"[a-z](id|key)$", column) is not None
