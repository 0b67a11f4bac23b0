"""A rule -> a value that breaks it, so that a validator can be seen to refuse it.

Belongs here: which values to try. Every rule about limits, steps and listed values is decided: its
type has a breaking value, or the rule holds by definition. Of patterns and formats, many texts are
tried. Stays out: running the validator (pandera_check.py).
"""

from __future__ import annotations

import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import polars as pl

from assay.contracts.model import Rule
from assay.contracts.rules import judge
from assay.contracts.typed_arguments import (
    exact_range,
    fitted_value,
    listed_in_type,
    value_of_steps,
)

LONGEST_TRY = 1_000_000
"""No cell is longer: a rule that only longer texts break has no canary."""
LARGEST_NUMBERS: Mapping[pl.DataType, float] = {
    pl.Float32(): (2 - 2**-23) * 2.0**127,
    pl.Float64(): sys.float_info.max,
}
_NOT_OF_ONE_VALUE = (
    "required",
    "type",
    "unique",
    "nullValues",
    "duplicateValues",
    "relationship",
)
_TEXTS = (
    "",
    "\x00",
    "\n",
    "§§",
    "é",
    "٣",
    "x" * 200,
    "99:99",
    "a b",
    string.printable,
    *string.printable,
)
_NUMBERS = (0, 1, -1, 2, 3, 7, 0.5, 1e-9, 5e-324, 1e-45, 1e300, -1e300, 1e30, -1e30)
_FIRST_DAY, _LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
_FIRST_MOMENT, _LAST_MOMENT = datetime.min, datetime.max
Typed = Mapping[str, pl.DataType]


def canary(rule: Rule, types: Typed) -> pl.DataFrame | None:
    """A row of one cell that breaks the rule; None if one value cannot (presence, uniqueness,
    counts), where the rule holds by definition of the type, or where it sets no rows aside.
    """
    is_of_one_value = len(rule.columns) == 1 and not rule.path
    if not rule.splits_rows or not is_of_one_value or rule.kind in _NOT_OF_ONE_VALUE:
        return None
    (column,) = rule.columns
    kind = types[column]
    if kind.is_nested():
        return None
    fitted = map(partial(fitted_value, kind), _tries(rule, kind))
    values = pl.Series(column, [value for value in fitted if value is not None], dtype=kind)
    broken = values.to_frame().filter(~judge(rule, pl.col(column))).head(1)
    return broken if len(broken) else None


def _tries(rule: Rule, kind: pl.DataType) -> Iterator[Any]:
    """Values of which at least one breaks the rule, if the type has one that does."""
    match kind:
        case pl.Boolean():
            yield from (True, False)
        case pl.String():
            yield from _texts(rule)
        case pl.Binary():
            yield from (text.encode() for text in _texts(rule))
        case pl.Date():
            yield from (_FIRST_DAY, _LAST_DAY)
            yield from _unlisted(rule, (_FIRST_DAY + timedelta(days=day) for day in count()))
        case pl.Datetime():
            zone = UTC if kind.time_zone else None
            first, last = _FIRST_MOMENT.replace(tzinfo=zone), _LAST_MOMENT.replace(tzinfo=zone)
            yield from (first, last)
            yield from _unlisted(rule, (first + timedelta(days=day) for day in count()))
        case _:
            yield from _numbers(rule, kind)
    if isinstance(rule.argument, tuple):
        yield from rule.argument


def _texts(rule: Rule) -> Iterator[str]:
    yield from _TEXTS
    if rule.kind == "maxLength" and rule.argument < LONGEST_TRY:
        yield "x" * (int(rule.argument) + 1)
    yield from _unlisted(rule, ("x" * length for length in count(1)))


def _numbers(rule: Rule, kind: pl.DataType) -> Iterator[Any]:
    yield from _NUMBERS
    if kind.is_float():
        yield from (-LARGEST_NUMBERS[kind], LARGEST_NUMBERS[kind])
        yield from _unlisted(rule, map(float, count()))
        return
    low, high, _ = exact_range(kind)
    yield from (value_of_steps(steps, kind) for steps in (low, high, 1))
    yield from _unlisted(rule, (value_of_steps(steps, kind) for steps in count(low)))


def _unlisted(rule: Rule, values: Iterable[Any]) -> Iterator[Any]:
    """The first of the values that the rule does not list."""
    if isinstance(rule.argument, tuple):
        listed = set(listed_in_type(rule, rule.argument).values)
        yield next(value for value in values if value not in listed)
