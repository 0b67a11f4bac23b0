"""Sums of numbers that depend on nothing but the numbers: neither on order and batches, nor on
where a window began.

Belongs here: numbers as whole steps, and what their sums mean. Stays out: which rows are added up
(groups.py, windows.py).
A running sum of floats keeps a little of every number that ever went through it, so that the same
window would come out differently on a batch and on one row.
Whole steps of a power of two add up exactly. A step is 2^-36 of the distance from the median that
nine tenths of the training rows stay within, so that a few numbers out of all proportion do not
blur the others. What lies 16 such distances away is counted in greater steps, each storey of them
2^8 times the one below; where numbers of several storeys are added up, the lower sums are rounded
to steps of the highest, once.
Source: as pipelines/core/exact_moments.py, in 64 bits, so that windows of 2^23 rows at worst, 2^27
within the usual distance, cannot overflow.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.core.exact_moments import number

_BITS, _MOST, UP = 36, 40, 8
"""Bits of the usual distance in steps, of any number in steps of its storey, and how many bits a
step grows by from storey to storey.
"""
COUNTED = pl.Struct({"steps": pl.Int64, "storey": pl.Int16})


@dataclass(frozen=True)
class Scale:
    """How a column is counted.

    Args:
        middle: its median among the training rows.
        exponent: a step of the lowest storey is this power of two.
    """

    middle: float
    exponent: int


@dataclass(frozen=True)
class Sums:
    """Of some numbers: how many, and the sums of their steps and of the squares of these, both in
    steps of the highest storey that one of them is on.
    """

    n: int
    steps: int
    squares: int
    storey: int


def seen(column: str) -> pl.Expr:
    """A struct of what `scale` needs; of no number, nulls."""
    value = number(column)
    return pl.struct(
        value.quantile([0.05, 0.5, 0.95], "lower").alias("usual"),
        pl.concat_list(value.min(), value.max()).alias("ends"),
    )


def scale(found: Mapping[str, Any]) -> Scale:
    """The scale of a column; that of its whole range where more than nine tenths are one number."""
    low, middle, high = found["usual"]
    if middle is None:
        return Scale(0.0, -_BITS)
    ends = next((ends for ends in ((low, high), found["ends"]) if set(ends) != {middle}), [middle])
    half = max(
        abs(end / 2 - middle / 2) for end in ends
    )  # the whole distance could be beyond a float
    return Scale(middle, math.frexp(half)[1] + 1 - _BITS)


def as_steps(column: str, of: Scale) -> pl.Expr:
    """How many steps a number lies from the middle, and on which storey they are counted; nulls
    where it is no finite number.
    """

    def steps(values: pl.Series) -> pl.Series:
        with np.errstate(over="ignore"):
            away = values.fill_null(of.middle).to_numpy() - of.middle
            scaled = np.ldexp(away, -of.exponent)
        storey = np.zeros(len(scaled), dtype=np.int16)
        far = np.abs(scaled) >= 2.0**_MOST
        if far.any():
            beyond = np.clip(away[far], -sys.float_info.max, sys.float_info.max)
            up = -((_MOST + of.exponent - np.frexp(beyond)[1]) // UP)
            scaled[far], storey[far] = np.ldexp(beyond, -of.exponent - UP * up), up
        counted_steps = pl.DataFrame(
            {"steps": np.rint(scaled).astype(np.int64), "storey": storey}, schema=dict(COUNTED)
        )
        return (
            counted_steps
            if not values.null_count()
            else counted_steps.select(pl.when(values.is_not_null()).then(pl.all()))
        ).to_struct(values.name)

    return number(column).map_batches(steps, return_dtype=COUNTED, is_elementwise=True)


# -- of sums that are together in a small table ---------------------------------------------------


def together(parts: Iterable[Sums]) -> Sums:
    """The sums of numbers of several storeys, the lowest first."""
    n = steps = squares = top = 0
    for part in parts:
        up = UP * (part.storey - top)
        n, steps, squares, top = (
            n + part.n,
            (steps >> up) + part.steps,
            (squares >> 2 * up) + part.squares,
            part.storey,
        )
    return Sums(n, steps, squares, top)


def finish_sums(function: str, sums: Sums, of: Scale) -> float | None:
    """The sum, mean, or standard deviation of the sample; null of too few, and where it is beyond a
    float.
    """
    n, step = sums.n, of.exponent + UP * sums.storey
    try:
        match function:
            case "sum":
                return math.ldexp(float(sums.steps), step) + n * of.middle
            case "mean":
                return math.ldexp(sums.steps / n, step) + of.middle if n else None
            case _:
                return (
                    math.ldexp(math.sqrt((n * sums.squares - sums.steps**2) / (n * (n - 1))), step)
                    if n > 1
                    else None
                )
    except OverflowError:
        return None


# -- of sums that are columns
# ------------------------------------------------------------------------


def total(sum_: pl.Expr, n: pl.Expr, storey: pl.Expr, of: Scale) -> pl.Expr:
    """The sum of the numbers themselves."""
    return (
        _lifted(sum_.cast(pl.Float64) * 2.0**of.exponent, storey) + n.cast(pl.Float64) * of.middle
    )


def mean(sum_: pl.Expr, n: pl.Expr, storey: pl.Expr, of: Scale) -> pl.Expr:
    """Null of none."""
    return pl.when(n > 0).then(
        _lifted(sum_.cast(pl.Float64) / n.cast(pl.Float64) * 2.0**of.exponent, storey) + of.middle
    )


def deviation(sum_: pl.Expr, squares: pl.Expr, n: pl.Expr, storey: pl.Expr, of: Scale) -> pl.Expr:
    """The sample's standard deviation; null of fewer than two."""
    wide, count = sum_.cast(pl.Int128), n.cast(pl.Int128)
    spread = (count * squares.cast(pl.Int128) - wide * wide).cast(pl.Float64)
    return pl.when(n > 1).then(
        _lifted(
            (spread / (n.cast(pl.Float64) * (n.cast(pl.Float64) - 1.0))).sqrt() * 2.0**of.exponent,
            storey,
        )
    )


def _lifted(value: pl.Expr, storey: pl.Expr) -> pl.Expr:
    """In steps of the lowest storey; null where that is beyond a float."""

    def up(both: Sequence[pl.Series]) -> pl.Series:
        lowest, at = both
        if not at.max():
            return lowest
        with np.errstate(over="ignore"):
            totals = pl.Series(
                np.ldexp(lowest.to_numpy(), UP * at.fill_null(0).to_numpy().astype(np.int64))
            )
        return totals.set(lowest.is_null() | totals.is_infinite(), None)

    return pl.map_batches([value, storey], up, return_dtype=pl.Float64, is_elementwise=True)
