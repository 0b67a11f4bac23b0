"""A numeric column's name -> what it says about the values. The lists are in column_meanings.yaml.

Belongs here: words in names. Stays out: measured values (spreads.py), names of personal data and of
keys (admit/names.py).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from assay.pipelines.admit.names import key_hint, words
from assay.pipelines.core.package_data import read_yaml

_DATA = "draft/column_meanings.yaml"


def natural_range(name: str, low: float, high: float) -> tuple[int, int] | None:
    """The range that a quantity of that name has by its nature, where the values are in it."""
    for entry in read_yaml(_DATA)["ranges"]:
        is_within = entry["low"] <= low and high <= entry["high"]
        if is_within and _ends_with(name, entry["names"]):
            return entry["low"], entry["high"]
    return None


def is_code(name: str) -> bool:
    """Whether numbers of that name tell things apart, and measure nothing."""
    return key_hint(name) or _is_listed(name, "codes")


def grows(name: str) -> bool:
    """Whether numbers of that name grow with time."""
    return _is_listed(name, "grows")


def may_be_negative(name: str) -> bool:
    """Whether numbers of that name may be below zero though none was seen."""
    return _is_listed(name, "signed")


def _is_listed(name: str, section: Literal["codes", "grows", "signed"]) -> bool:
    return _ends_with(name, _patterns(section))


@cache
def _patterns(section: str) -> str:
    return "".join(str(read_yaml(_DATA)[section]).split())


def _ends_with(name: str, pattern: str) -> bool:
    return re.search(rf"(^|_)({pattern})(_?[0-9]+)?$", words(name)) is not None
