"""Whether a change of a constraint allows less than before, or more.

The answer follows from the sets of values that are allowed before and after; a constraint that is
absent allows every value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Literal

from assay.contracts.compatibility.intervals import (
    EVERY_NUMBER,
    Edge,
    Interval,
    allowed_numbers,
    covers,
    of_counts,
)
from assay.contracts.data_files import table
from assay.contracts.formats import LENGTH, decimal, integer_names
from assay.contracts.model import OPERATORS, Comparison
from assay.contracts.service_levels import agreed_hours

Direction = Literal["tightens", "loosens", "neither"]
Relation = Literal["tightens", "loosens", "neither", "same"]
_WORDS = "compatibility/directions.yaml"
_UNCOMPARABLE = (TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError)
"""What comparing values raises that are not of their kind: `assay check` reports those."""


def relation_of(thing: str, old: Any, new: Any) -> Relation:
    """How the values allowed now compare with those allowed before; None allows every value.

    They `tighten` where some no longer are allowed, `loosen` where others now are; `neither` where
    both, or where it cannot be known.
    """
    compare = _RELATIONS.get(thing)
    if compare:
        try:
            return compare(old, new)
        except _UNCOMPARABLE:
            return "neither"
    if old is None or new is None:
        return "tightens" if old is None else "loosens"
    if thing == "type" and {old, new} == {"integer", "number"}:
        return "loosens" if new == "number" else "tightens"
    return _of_limit(thing, old, new)


def is_constraint(thing: str) -> bool:
    """Whether the thing limits the values of a column, so that its class follows from sets."""
    return thing in table(_WORDS)["constraints"]


def limits_relation(
    side: Literal["low", "high"], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Relation | None:
    """How the values above the lower limits, or below the upper ones, compare.

    `minimum` and `exclusiveMinimum` limit the same side, so they are compared together. None if
    a limit is no number.

    Args:
        old: what a column states about itself, with `type`; `new` alike.
    """
    try:
        before, now = _limit_on(side, old), _limit_on(side, new)
        if side == "high":
            before, now = now, before
        return _of_sets(now >= before, before >= now)
    except _UNCOMPARABLE:
        return None


def _limit_on(side: Literal["low", "high"], facets: Mapping[str, Any]) -> Edge:
    """The limit that allows less: on integers, above 2 is at least 3."""
    is_low = side == "low"
    name, sign = ("inimum", 1) if is_low else ("aximum", -1)
    inward, outward = (math.ceil, math.floor) if is_low else (math.floor, math.ceil)
    edges = [Edge(-sign * math.inf)]
    included, excluded = facets.get(f"m{name}"), facets.get(f"exclusiveM{name}")
    is_integer = facets.get("type") == "integer"
    if included is not None:
        edges.append(Edge(inward(included) if is_integer else included + 0))
    if excluded is not None:
        edges.append(Edge(outward(excluded) + sign) if is_integer else Edge(excluded + 0, sign))
    return max(edges) if is_low else min(edges)


def bound_relation(old: Mapping[str, Any], new: Mapping[str, Any]) -> Relation:
    """How the results that a check allows now compare with those it allowed before."""
    if old.get("unit") != new.get("unit"):
        return "neither"
    try:
        before, now = _allowed_results(old), _allowed_results(new)
        return _of_sets(covers(before, now), covers(now, before))
    except _UNCOMPARABLE:
        return "neither"


def _allowed_results(check: Mapping[str, Any]) -> tuple[Interval, ...]:
    operator: Comparison | None = next((name for name in OPERATORS if name in check), None)
    if operator is None:
        return EVERY_NUMBER
    allowed = allowed_numbers(operator, check[operator])
    return allowed if check.get("type") in ("sql", "custom") else of_counts(allowed)


def _of_sets(was_within: bool, is_within: bool) -> Relation:
    """The relation of two sets.

    Args:
        was_within: whether what is allowed now was allowed before.
        is_within: whether what was allowed before is allowed now.
    """
    if was_within and is_within:
        return "same"
    return "tightens" if was_within else "loosens" if is_within else "neither"


def _of_values(old: Any, new: Any) -> Relation:
    """Listed values; a list that is absent allows every value."""
    if old is None or new is None:
        return "tightens" if old is None else "loosens"
    before, now = ({_identity(value) for value in values} for values in (old, new))
    return _of_sets(now <= before, before <= now)


def _of_forbidden(old: Any, new: Any) -> Relation:
    """Values that represent nothing: the more of them, the less is allowed."""
    return _of_values(new or [], old or []) if old != new else "same"


def _identity(value: Any) -> tuple[bool, Any]:
    """A listed value: 1 and 1.0 are the same, 1 and true are not."""
    return isinstance(value, bool), value if isinstance(value, int | float) else repr(value)


def _of_steps(old: Any, new: Any) -> Relation:
    """Steps: a multiple of 6 is one of 3, and of 2 and 3 neither is of the other."""
    if old is None or new is None:
        return "tightens" if old is None else "loosens"
    before, now = Fraction(repr(old)), Fraction(repr(new))
    return _of_sets((now / before).denominator == 1, (before / now).denominator == 1)


def _of_patterns(old: Any, new: Any) -> Relation:
    """Patterns and formats: of two of them no one knows which allows more."""
    free = (None, *table(_WORDS)["match_everything"])
    if old in free or new in free:
        return _of_sets(old in free, new in free)
    return "same" if old == new else "neither"


def _of_flags(old: Any, new: Any) -> Relation:
    return _of_sets(not old or bool(new), not new or bool(old))


def _of_least(old: Any, new: Any) -> Relation:
    """Least lengths and numbers of items: 0 demands nothing."""
    before, now = old or 0, new or 0
    return _of_sets(now >= before, before >= now)


def _of_physical_types(old: Any, new: Any) -> Relation:
    """Physical types with a width, a length or digits; other names say nothing of values."""
    before, now = str(old or ""), str(new or "")
    was, will = decimal(before), decimal(now)
    if was and will:
        return _of_sets(_fits(will, was), _fits(was, will))
    if (was or will) and not (before and now):
        return "tightens" if now else "loosens"
    lengths = [LENGTH.fullmatch(name.strip()) for name in (before, now)]
    if any(lengths):
        return _of_limit("maxLength", *(int(found[1]) if found else None for found in lengths))
    widths = [integer_names().get(name.lower().strip()) for name in (before, now)]
    if any(widths) and all(
        name or text == "" for name, text in zip(widths, (before, now), strict=True)
    ):
        return _of_widths(*(name or "i64" for name in widths))
    return "same" if old is None or new is None else "neither"


def _fits(inner: tuple[int, int], outer: tuple[int, int]) -> bool:
    """Whether every decimal of some digits is one of other digits."""
    return inner[0] - inner[1] <= outer[0] - outer[1] and inner[1] <= outer[1]


def _of_formats(old: Any, new: Any) -> Relation:
    """The format of a string is a shape; that of a number is a width."""
    if all(re.fullmatch("[iu][0-9]+", str(name or "i64")) for name in (old, new)) and (old or new):
        return _of_widths(str(old or "i64"), str(new or "i64"))
    floats = {
        "f32": 32,
        "float32": 32,
        "f64": 64,
        "float64": 64,
        "float": 64,
        "double": 64,
        None: 64,
    }
    if old in floats and new in floats:
        return _of_sets(floats[new] <= floats[old], floats[old] <= floats[new])
    return _of_patterns(old, new)


def _of_widths(old: str, new: str) -> Relation:
    before, now = map(_span, (old, new))
    return _of_sets(
        before[0] <= now[0] and now[1] <= before[1], now[0] <= before[0] and before[1] <= now[1]
    )


def _span(width: str) -> tuple[int, int]:
    """The lowest and the highest integer of a width such as `i32` or `u8`."""
    bits = int(width[1:])
    return (0, 2**bits - 1) if width[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _of_retention(old: Any, new: Any) -> Relation:
    if not (_is_days(old) and _is_days(new)):
        return "neither" if old and new else "tightens" if old is None else "loosens"
    return "loosens" if int(new[1:-1]) < int(old[1:-1]) else "tightens"


def _is_days(value: Any) -> bool:
    return bool(re.fullmatch(r"P[0-9]{1,9}D", str(value)))


def _of_service_levels(old: Any, new: Any) -> Relation:
    """Service levels about the age of data: the older it may be, the more is allowed."""
    if old is None or new is None:
        return "tightens" if old is None else "loosens"
    if old.get("property") not in table("words/freshness.yaml")["agreements"]:
        return "neither"
    try:
        before, now = (agreed_hours(level.get("value"), level.get("unit")) for level in (old, new))
    except ValueError:  # `assay check` warns of it
        return "neither"
    return _of_sets(now <= before, before <= now)


def _of_limit(thing: str, old: Any, new: Any) -> Relation:
    """Limits: numbers, or dates in ISO text, which sorts. One that is absent allows everything."""
    words = table(_WORDS)
    raised_tightens, lowered_tightens = words["raised_tightens"], words["lowered_tightens"]
    if thing not in (*raised_tightens, *lowered_tightens):
        return "neither"
    if old is None or new is None:
        return _of_sets(old is None, new is None)
    if not _are_comparable(old, new):
        return "neither"
    if thing in lowered_tightens:
        old, new = new, old
    return _of_sets(new >= old, old >= new)


def is_wider_integer(old: Any, new: Any) -> bool:
    """Whether the physical type of an integer becomes a wider one; 64 bits where it has none."""
    before, now = (
        integer_names().get(str(name).lower().strip()) if name else "i64" for name in (old, new)
    )
    return bool(before and now and (old or new) and _of_widths(before, now) == "loosens")


def _are_comparable(old: Any, new: Any) -> bool:
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers or (isinstance(old, str) and isinstance(new, str))


_RELATIONS: dict[str, Callable[[Any, Any], Relation]] = {
    "enum": _of_values,
    "validValues": _of_values,
    "missingValues": _of_forbidden,
    "requiredFields": _of_forbidden,
    "multipleOf": _of_steps,
    "pattern": _of_patterns,
    "format": _of_formats,
    "required": _of_flags,
    "unique": _of_flags,
    "primaryKey": _of_flags,
    "uniqueItems": _of_flags,
    "normalized": _of_flags,
    "minLength": _of_least,
    "minItems": _of_least,
    "minProperties": _of_least,
    "physicalType": _of_physical_types,
    "retention": _of_retention,
    "sla": _of_service_levels,
}
"""Things that are compared in a way of their own; other limits are compared by size."""
