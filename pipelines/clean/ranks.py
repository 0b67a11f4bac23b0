"""Quantiles, exactly, in memory that does not grow with the rows.

Belongs here: finding the value at a rank. Stays out: what quantiles are used for.
Polars keeps every value of a column to find its median. Here values are counted in classes; a class
that holds a wanted rank is counted in finer ones in the next round, until it is a single value.
Numbers of three digits are single values at once. Source: Munro and Paterson (1980), Theor. Comput.
Sci. 12, 315.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence

import polars as pl

from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Frames

_DIGITS = 3
_FINE = 65_535  # classes that one is parted into
_SMALLEST = 1e-290  # below, a number cannot be rounded to digits

Ranking = Generator[Mapping[str, pl.LazyFrame], Frames, dict[str, list[float | None]]]


def quantiles(rows: pl.LazyFrame, names: Sequence[str], shares: Sequence[float]) -> Ranking:
    """Find, for each column, the quantiles at these shares (from 0 to 1) of its finite numbers by
    linear interpolation; None of a column without any.

    Yields: named plans of one pass, as a step that learns does.
    """
    value = pl.col("value")
    rounded = pl.when(value.abs() > _SMALLEST).then(value.round_sig_figs(_DIGITS)).otherwise(0.0)
    columns = {column: rows.select(number(column).alias("value")).drop_nulls() for column in names}
    counted = (
        dict((yield {column: _classes(values, rounded) for column, values in columns.items()}))
        if columns
        else {}
    )
    while wide := {
        column: held
        for column, classes in counted.items()
        if (held := _holding(classes, shares).filter(pl.col("low") < pl.col("high"))).height
    }:
        plans = {
            f"{column} {low} {high}": _classes(
                columns[column].filter(value.is_between(low, high)),
                ((value - low) / (high - low) * _FINE).floor(),
            )
            for column, held in wide.items()
            for low, high, _ in held.iter_rows()
        }
        finer = yield plans
        for column, held in wide.items():
            parts = [finer[f"{column} {low} {high}"] for low, high, _ in held.iter_rows()]
            counted[column] = pl.concat(
                [counted[column].join(held, on=["low", "high"], how="anti"), *parts]
            ).sort("low")
    return {
        column: [_at(classes, share) for share in shares] for column, classes in counted.items()
    }


def _classes(values: pl.LazyFrame, of: pl.Expr) -> pl.LazyFrame:
    """`low`, `high`, `rows` of each class, in order; `of` must not decrease as values increase."""
    value = pl.col("value")
    return (
        values.group_by(of.alias("of"))
        .agg(
            value.min().alias("low"),
            value.max().alias("high"),
            pl.len().cast(pl.Int64).alias("rows"),
        )
        .drop("of")
        .sort("low")
    )


def _places(classes: pl.DataFrame, share: float) -> tuple[int, int, float]:
    """The ranks, from 0, that the share is between, and how far it lies beyond the first."""
    place = (int(classes["rows"].sum()) - 1) * share
    return math.floor(place), math.ceil(place), place - math.floor(place)


def _holding(classes: pl.DataFrame, shares: Sequence[float]) -> pl.DataFrame:
    """The classes that hold the ranks that are requested."""
    if not classes.height:
        return classes
    ranks = pl.Series([rank for share in shares for rank in _places(classes, share)[:2]])
    return classes[classes["rows"].cum_sum().search_sorted(ranks, side="right").unique().to_list()]


def _at(classes: pl.DataFrame, share: float) -> float | None:
    if not classes.height:
        return None
    below, above, part = _places(classes, share)
    lows, upto = classes["low"], classes["rows"].cum_sum()
    first, second = (
        float(lows[int(upto.search_sorted(rank, side="right"))]) for rank in (below, above)
    )
    apart = second - first
    return first + apart * part if math.isfinite(apart) else first * (1 - part) + second * part
