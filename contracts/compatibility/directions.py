"""Whether a change of a limit allows less than before, or more."""

from __future__ import annotations

import re
from typing import Any, Literal

from assay.contracts.data_files import table

Direction = Literal["tightens", "loosens", "neither"]
_WORDS = "compatibility/directions.yaml"


def direction_of(thing: str, old: Any, new: Any) -> Direction:
    """Whether values that were allowed no longer are (`tightens`), or others are now."""
    if thing == "retention" and _is_days(old) and _is_days(new):
        return "loosens" if int(new[1:-1]) < int(old[1:-1]) else "tightens"
    if thing == "enum":
        return _of_values(set(map(repr, old)), set(map(repr, new)))
    if thing == "type" and {old, new} == {"integer", "number"}:
        return "loosens" if new == "number" else "tightens"
    if _are_comparable(old, new):
        return _of_limit(thing, raised=bool(new > old))
    if thing == "mustBeBetween" and isinstance(old, list) and isinstance(new, list):
        return _of_range(old, new)
    return "neither"


def is_wider_integer(old: Any, new: Any) -> bool:
    """Whether the physical type of an integer becomes a wider one."""
    widths = table(_WORDS)["widths"]
    before, now = str(old).lower(), str(new).lower()
    return before in widths and now in widths and widths.index(now) > widths.index(before)


def _is_days(value: Any) -> bool:
    return bool(re.fullmatch(r"P[0-9]{1,9}D", str(value)))


def _of_values(before: set[str], now: set[str]) -> Direction:
    if now < before:
        return "tightens"
    return "loosens" if now > before else "neither"


def _are_comparable(old: Any, new: Any) -> bool:
    """Two numbers, or two texts: limits of dates are ISO text, which sorts."""
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers or (isinstance(old, str) and isinstance(new, str))


def _of_limit(thing: str, *, raised: bool) -> Direction:
    words = table(_WORDS)
    if thing in words["raised_tightens"]:
        return "tightens" if raised else "loosens"
    if thing in words["lowered_tightens"]:
        return "loosens" if raised else "tightens"
    return "neither"


def _of_range(old: list[Any], new: list[Any]) -> Direction:
    if new[0] >= old[0] and new[1] <= old[1]:
        return "tightens"
    return "loosens" if new[0] <= old[0] and new[1] >= old[1] else "neither"
