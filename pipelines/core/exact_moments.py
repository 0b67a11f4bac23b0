"""Means and deviations that do not depend on the order of the rows.

Belongs here: exact sums. Stays out: what they are used for.
A sum of floats differs in its last digits with the order, and a streaming engine promises none. So
numbers are counted in whole steps of a power of two, which add up exactly; the last digits lost are
those that a float of the column's range has not got. Source: Demmel and Nguyen (2015), IEEE Trans.
Computers 64, 2060.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import polars as pl

_FINE, _COARSE = (
    60,
    40,
)  # bits of a range that are counted: for sums in 128 bits, and for sums of squares


@dataclass(frozen=True)
class Range:
    """Where a column's finite values lie."""

    low: float
    high: float

    @property
    def exponent(self) -> int:
        """The power of two that no distance from the middle reaches."""
        return math.frexp(self.high / 2 - self.low / 2)[1]

    @property
    def middle(self) -> float:
        """About halfway, on a step."""
        return self.low / 2 + self.high / 2


def number(column: str) -> pl.Expr:
    """The column as Float64, null where it is no finite number."""
    value = pl.col(column).cast(pl.Float64)
    return pl.when(value.is_finite()).then(value)


def ranges(column: str) -> pl.Expr:
    """A struct `low`, `high`, for `Range`."""
    return pl.struct(number(column).min().alias("low"), number(column).max().alias("high"))


def sums(column: str, within: Range) -> pl.Expr:
    """A struct of exact sums, for `mean` and `deviation`."""
    away = number(column) - within.middle
    fine, coarse = (_steps(away, within.exponent - bits) for bits in (_FINE, _COARSE))
    return pl.struct(
        number(column).count().alias("n"),
        fine.sum()
        .cast(pl.String)
        .alias("fine"),  # text, since no other engine or format has 128 bits
        coarse.sum().cast(pl.String).alias("coarse"),
        (coarse * coarse).sum().cast(pl.String).alias("squares"),
    )


def _steps(away: pl.Expr, exponent: int) -> pl.Expr:
    """Whole steps of 2^exponent. Scaled in two halves: one factor could be beyond a float."""
    half = exponent // 2
    return (away * 2.0**-half * 2.0 ** -(exponent - half)).round(0).cast(pl.Int128)


def mean(found: dict[str, Any], within: Range) -> float | None:
    """The mean, rounded once; null of no values."""
    return float(_mean(found, within)) if found["n"] else None


def deviation(found: dict[str, Any], within: Range) -> float | None:
    """The sample's standard deviation; null of fewer than two values, and where it is beyond a
    float.
    """
    n = found["n"]
    if n < 2:
        return None
    steps = math.sqrt(
        (Fraction(int(found["squares"])) - Fraction(int(found["coarse"])) ** 2 / n) / (n - 1)
    )
    return (
        math.ldexp(steps, within.exponent - _COARSE)
        if math.frexp(steps)[1] + within.exponent - _COARSE <= sys.float_info.max_exp
        else None
    )


def _mean(found: dict[str, Any], within: Range) -> Fraction:
    return Fraction(within.middle) + Fraction(int(found["fine"]), int(found["n"])) * _power(
        within.exponent - _FINE
    )


def _power(exponent: int) -> Fraction:
    return Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)
