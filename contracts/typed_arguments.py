"""What a rule compares with -> the same in the type of the values that the rule evaluates.

A contract writes numbers as YAML does; a column holds integers of a width, exact decimals or binary
fractions. Belongs here: limits, listed values and steps, exact and within the type's range. Stays
out: expressions (rules.py), their source (exports/source.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any, Literal

import polars as pl

from assay.contracts.column_types import INTEGER_WIDTHS
from assay.contracts.model import Rule
from assay.contracts.types import dtype, polars_type

Comparison = Literal[">=", "<=", ">", "<"]
COMPARISONS: dict[str, Comparison] = {
    "minimum": ">=",
    "maximum": "<=",
    "exclusiveMinimum": ">",
    "exclusiveMaximum": "<",
}
"""Limits -> how a value is compared with them."""
LARGEST_STEP = 2**127 - 1
"""The largest integer that Polars divides by."""
SMALL_STEP = 2**31 - 1
"""The largest by which it divides integers of every width without widening them."""
_LONGEST = 2**62
_EXACTLY = Context(prec=400)


@dataclass(frozen=True)
class Limit:
    """A comparison of a value with a limit of the value's own type."""

    comparison: Comparison
    value: Any


@dataclass(frozen=True)
class Listed:
    """Listed values that occur in a type; `dtype` where a plain list would not have that type."""

    values: tuple[Any, ...]
    dtype: pl.DataType | None = None


def value_type(rule: Rule) -> pl.DataType | None:
    """The type of the values that the rule evaluates; None for a rule without a part."""
    return None if rule.part is None else dtype(rule.part)


def limit_of(rule: Rule) -> Limit:
    """The limit of a rule in the type of its values.

    Of exact types it is the nearest value of the type with the same meaning, and no limit is
    outside the type: at least 300 of a byte is more than 127.
    """
    kind, comparison, limit = value_type(rule), COMPARISONS[rule.kind], rule.argument
    if kind is None or not kind.is_numeric() or isinstance(limit, bool | str):
        return Limit(comparison, limit)
    if kind.is_float():
        return Limit(comparison, limit if abs(limit) < _LONGEST else _as_float(limit))
    low, high, scale = exact_range(kind)
    steps = _steps(limit, scale, upwards=comparison in (">=", "<"), beyond=high + 2)
    comparison, steps = _within(comparison, steps, low, high)
    return Limit(comparison, value_of_steps(steps, kind))


def _as_float(number: float | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


@cache
def exact_range(kind: pl.DataType) -> tuple[int, int, int]:
    """The lowest and highest value of an exact type in steps of its last digit, and its scale."""
    if isinstance(kind, pl.Decimal):
        most = 10 ** (kind.precision or 38) - 1
        return -most, most, kind.scale
    return *_span(kind), 0


def _span(kind: pl.DataType) -> tuple[int, int]:
    signed = [width for width in INTEGER_WIDTHS.values() if width.low < 0]
    spans = {polars_type(width.kept_as): (width.low, width.high) for width in signed}
    return spans[kind]


def _steps(limit: float, scale: int, *, upwards: bool, beyond: int) -> int:
    """A limit in steps of the last digit, rounded to a whole number of them."""
    if isinstance(limit, float) and math.isinf(limit):
        return beyond if limit > 0 else -beyond
    steps = fraction_of(limit) * int(10**scale)
    return math.ceil(steps) if upwards else math.floor(steps)


def fraction_of(number: float | Decimal) -> Fraction:
    """A number as its shortest decimal text states it: 0.1 is a tenth."""
    return Fraction(repr(number) if isinstance(number, float) else number)


def _within(comparison: Comparison, steps: int, low: int, high: int) -> tuple[Comparison, int]:
    """The same comparison with a limit that is a value of the type."""
    match comparison:
        case ">=":
            return (">", high) if steps > high else (">=", max(steps, low))
        case ">":
            return (">=", low) if steps < low else (">", min(steps, high))
        case "<=":
            return ("<", low) if steps < low else ("<=", min(steps, high))
        case "<":
            return ("<=", high) if steps > high else ("<", max(steps, low))


def value_of_steps(steps: int, kind: pl.DataType) -> int | Decimal:
    """So many steps of an exact type's last digit, as its value."""
    if isinstance(kind, pl.Decimal):
        return Decimal(steps).scaleb(-kind.scale, _EXACTLY)
    return steps


def listed_in_type(rule: Rule, values: Iterable[Any]) -> Listed:
    """Those of the values that occur in the type of the values that the rule evaluates."""
    kind = value_type(rule)
    if kind is None:
        return Listed(tuple(values))
    fitted = (fitted_value(kind, value) for value in values)
    is_typed = isinstance(kind, pl.Decimal | pl.Float32)
    return Listed(tuple(value for value in fitted if value is not None), kind if is_typed else None)


def fitted_value(kind: pl.DataType, value: Any) -> Any:
    """The value as the type keeps it; None if it does not occur in the type."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    match kind:
        case pl.Boolean():
            return value if isinstance(value, bool) else None
        case pl.String():
            return value if isinstance(value, str) else None
        case pl.Binary():
            return value if isinstance(value, bytes) else None
        case pl.Datetime():
            return value if isinstance(value, datetime) else None
        case pl.Date():
            return value if type(value) is date else None
        case _ if is_number and kind.is_float():
            number = _as_float(value)
            return number if math.isfinite(number) else None
        case _ if is_number and kind.is_numeric() and math.isfinite(value):
            return _fitted_exactly(kind, fraction_of(value))
    return None


def _fitted_exactly(kind: pl.DataType, value: Fraction) -> int | Decimal | None:
    low, high, scale = exact_range(kind)
    steps = value * 10**scale
    if steps.denominator != 1 or not low <= steps.numerator <= high:
        return None
    return value_of_steps(steps.numerator, kind)


def step_of(rule: Rule) -> Fraction:
    """The step of `multipleOf`; of an exact type, in steps of its last digit: a whole number."""
    step, kind = fraction_of(rule.argument), value_type(rule)
    if kind is None or kind.is_float():
        return step
    scale = kind.scale if isinstance(kind, pl.Decimal) else 0
    # n last digits are a multiple of p/q, in lowest terms, where n is one of p
    return Fraction((step * 10**scale).numerator)


def longest_of(rule: Rule) -> int:
    """A limit of a length, as far as lengths reach."""
    length: int = rule.argument
    return min(int(length), _LONGEST)
