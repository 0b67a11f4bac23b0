"""Numbers -> those too far from the others in their column, and rows unlike the others in several.

Belongs here: fences around one column. Stays out: limits that the contract promises (rules), models
of several columns (outliers_by_model.py).
Fences are learned from finite values. A column without spread has none, as nothing measures how far
is far: one in which half the values are equal, for the interquartile range; what nearly always
holds one value has a method of its own. A null is no outlier; an infinite value is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from assay.contracts.steps import Outliers
from assay.pipelines.clean import outliers_by_model
from assay.pipelines.clean.effects import leaving
from assay.pipelines.clean.json_values import literal
from assay.pipelines.clean.ranks import quantiles
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.core.exact_moments import Range, deviation, mean, number, ranges, sums
from assay.pipelines.core.fitting import Fitted, Learning

_AT_MEDIAN, _AT_MEAN = 0.6745, 1.253314
"""What makes a median absolute deviation, and a mean one, comparable with a standard deviation
(Iglewicz and Hoaglin 1993).
"""


def _fit(step: Outliers, rows: pl.LazyFrame, _: Columns) -> Learning:
    match step.method:
        case "iqr":
            return (yield from _quartiles(step, rows))
        case "z_score":
            return (yield from _deviations(step, rows))
        case "modified_z_score":
            return (yield from _medians(step, rows))
        case "constant":
            return (yield from _constants(step, rows))
        case _:
            return (yield from outliers_by_model.fit(step, rows))


def _fences(middle: tuple[float, float] | None, reach: float | None) -> dict[str, float | None]:
    """`reach` beyond the middle (its lower and upper end); none where there is no spread."""
    low, high = (middle[0] - reach, middle[1] + reach) if middle and reach else (None, None)
    return {"low": low, "high": high}


def _quartiles(step: Outliers, rows: pl.LazyFrame) -> Learning:
    """Tukey's fences: the quartiles (by linear interpolation) less and plus `factor` interquartile
    ranges. Source: Tukey (1977), Exploratory Data Analysis, section 2D.
    """
    found = yield from quantiles(rows, step.columns, (0.25, 0.75))
    return Fitted(
        {
            c: _fences((low, high), (high - low) * step.reach)
            if low is not None and high is not None
            else _fences(None, None)
            for c, (low, high) in found.items()
        }
    )


def _deviations(step: Outliers, rows: pl.LazyFrame) -> Learning:
    """The mean less and plus `factor` standard deviations of the sample; of n values none lies
    beyond (n - 1) / sqrt(n). Source: Shiffler (1988), Am. Stat. 42, 79.
    """
    within = yield from _ranges(step, rows)
    if not within:
        return Fitted({column: _fences(None, None) for column in step.columns})
    found = (yield {"sums": rows.select(sums(c, each).alias(c) for c, each in within.items())})[
        "sums"
    ].row(0, named=True)
    fences = {}
    for column in step.columns:
        middle, spread = (
            (mean(found[column], within[column]), deviation(found[column], within[column]))
            if column in within
            else (None, None)
        )
        fences[column] = _fences(
            (middle, middle) if middle is not None else None,
            spread * step.reach if spread else None,
        )
    return Fitted(fences)


def _medians(step: Outliers, rows: pl.LazyFrame) -> Learning:
    """The median less and plus `factor` modified z-scores, by the median absolute deviation, or by
    the mean one where that is zero.

    Source: Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, section 3.3.
    """
    medians = yield from quantiles(rows, step.columns, (0.5,))
    known = {column: middle for column, (middle,) in medians.items() if middle is not None}
    away = rows.select(
        (number(column) - middle).abs().alias(column) for column, middle in known.items()
    )
    typical = yield from quantiles(away, list(known), (0.5, 1.0))
    scales = {column: median / _AT_MEDIAN for column, (median, _) in typical.items() if median}
    flat = {
        column: Range(0.0, high)
        for column, (median, high) in typical.items()
        if not median and high
    }
    if flat:
        summed = (
            yield {
                "sums": away.select(
                    sums(column, each).alias(column) for column, each in flat.items()
                )
            }
        )["sums"].row(0, named=True)
        scales |= {
            column: (mean(summed[column], each) or 0.0) * _AT_MEAN for column, each in flat.items()
        }
    return Fitted(
        {
            c: _fences((known[c], known[c]), scales[c] * step.reach)
            if c in scales
            else _fences(None, None)
            for c in step.columns
        }
    )


def _constants(step: Outliers, rows: pl.LazyFrame) -> Learning:
    """The value that nearly all have, as a fence without width; none where they have no such."""
    usual = [
        pl.struct(
            number(c).drop_nulls().mode().sort().first().alias("value"),
            number(c).count().alias("given"),
        ).alias(c)
        for c in step.columns
    ]
    found = (yield {"usual": rows.select(usual)})["usual"].row(0, named=True)
    held = (
        yield {
            "held": rows.select(
                (number(c) == pl.lit(one["value"], pl.Float64)).sum().alias(c)
                for c, one in found.items()
            )
        }
    )["held"].row(0, named=True)
    known = {
        c: one["value"]
        for c, one in found.items()
        if one["given"] and held[c] >= (1 - step.others) * one["given"]
    }
    return Fitted({c: {"low": known.get(c), "high": known.get(c)} for c in step.columns})


def _ranges(step: Outliers, rows: pl.LazyFrame) -> Any:
    lies = (yield {"range": rows.select(ranges(column).alias(column) for column in step.columns)})[
        "range"
    ].row(0, named=True)
    return {column: Range(**lie) for column, lie in lies.items() if lie["low"] is not None}


def _effect(step: Outliers, fitted: Fitted, columns: Columns) -> Effect:
    if step.method in outliers_by_model.METHODS:
        return outliers_by_model.effect(step, fitted)
    known = {
        column: fences for column, fences in fitted.values.items() if fences["low"] is not None
    }
    if step.action == "cap":
        return Effect(
            {column: _capped(column, fences, columns) for column, fences in known.items()}
        )
    return leaving(
        step.action,
        pl.any_horizontal(_beyond(column, fences) for column, fences in known.items())
        if known
        else None,
    )


def _beyond(column: str, fences: Mapping[str, float]) -> pl.Expr:
    """True where a value lies beyond the fences; a null is no outlier."""
    return ~pl.col(column).cast(pl.Float64).fill_nan(None).is_between(
        fences["low"], fences["high"]
    ).fill_null(True)


def _capped(column: str, fences: Mapping[str, float], columns: Columns) -> pl.Expr:
    """The value, or the fence that it lies beyond: of integers and decimals the next one outside,
    so that no value within is moved.
    """
    low, high = (
        literal(fences["low"], columns[column], "down"),
        literal(fences["high"], columns[column], "up"),
    )
    value = pl.col(column)
    return pl.when(value < low).then(low).when(value > high).then(high).otherwise(value)


FENCES = Kind(_fit, _effect)
