"""Sums of numbers that depend on nothing but the numbers: neither on order and batches, nor on where a window began.

Belongs here: numbers as whole steps, and what their sums mean. Stays out: which rows are added up (groups.py, windows.py).
A running sum of floats keeps a little of every number that ever went through it, so that the same window would come out differently on a batch and on one row.
Whole steps of a power of two add up exactly; a step is 2^-40 of the range of the training rows, and what lies 16 ranges away counts as 16 ranges.
Source: as pipelines/clean/moments.py, in 64 bits, so that windows of 2^19 rows at worst, 2^23 within the range, cannot overflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.clean.moments import Range
from pipelines.features.kind import number

_BITS, _FARTHEST = 40, 2**44


def within(found: Mapping[str, Any]) -> Range:
    """The range that was found; one around 0 of a column without a number."""
    return Range(found["low"], found["high"]) if found["low"] is not None else Range(0.0, 0.0)


def kept(range_: Range) -> dict[str, float]:
    """A range as state keeps it."""
    return {"low": range_.low, "high": range_.high}


def _exponent(range_: Range) -> int:
    return range_.exponent - _BITS


def steps(column: str, range_: Range) -> pl.Expr:
    """How many steps a number lies from the middle of the range; null where it is no finite number."""
    exponent = _exponent(range_)
    half = exponent // 2  # one factor could be beyond a float
    away = (number(column) - _middle(range_)) * 2.0**-half * 2.0 ** -(exponent - half)
    return away.clip(-_FARTHEST, _FARTHEST).round(0).cast(pl.Int64)


def _middle(range_: Range) -> float:
    """A middle on a step of whole numbers where the range is of such, so that their sums stay whole."""
    return float(round(range_.middle)) if abs(range_.middle) < 2**52 and range_.high - range_.low >= 1 else range_.middle


def total(sum_: pl.Expr, n: pl.Expr, range_: Range) -> pl.Expr:
    """The sum of the numbers themselves."""
    return sum_.cast(pl.Float64) * 2.0 ** _exponent(range_) + n.cast(pl.Float64) * _middle(range_)


def mean(sum_: pl.Expr, n: pl.Expr, range_: Range) -> pl.Expr:
    """Null of none."""
    return pl.when(n > 0).then(sum_.cast(pl.Float64) / n.cast(pl.Float64) * 2.0 ** _exponent(range_) + _middle(range_))


def deviation(sum_: pl.Expr, squares: pl.Expr, n: pl.Expr, range_: Range) -> pl.Expr:
    """The sample's standard deviation; null of fewer than two."""
    wide, count = sum_.cast(pl.Int128), n.cast(pl.Int128)
    spread = (count * squares.cast(pl.Int128) - wide * wide).cast(pl.Float64)
    return pl.when(n > 1).then((spread / (n.cast(pl.Float64) * (n.cast(pl.Float64) - 1.0))).sqrt() * 2.0 ** _exponent(range_))
