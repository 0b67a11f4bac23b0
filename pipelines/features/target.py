"""Categories -> the mean of the target among them, out of fold.

Belongs here: folds, smoothing. Stays out: which rows are training rows (training.py).
A training row must not see its own target, so it gets the mean of the other folds. Folds are spans
of time with about as many rows each: what happens in one hour happens to many rows at once, and a
fold drawn by chance would tell a row about its own hour. All other rows get the mean of every
training row.
Which fold a row is in follows from its time alone, so one row at inference gets what it got in the
batch.
Source: Micci-Barreca (2001), SIGKDD Explorations 3(1), 27; smoothing and cross-fitting as in
scikit-learn's TargetEncoder.
"""

from __future__ import annotations

import polars as pl

from assay.contracts.errors import FeatureError
from assay.contracts.features import Target
from assay.contracts.transforms import TargetMean
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.required import required
from assay.pipelines.features.transform_spec import (
    HELPER,
    Context,
    Kind,
    Made,
    coded,
    for_each_column,
    looked_up,
    times,
)

_EVERY = -1
"""The fold that represents every training row."""


def truth(target: Target) -> pl.Expr:
    """1 where the row has what is to be learned, 0 where not, null where no one knows."""
    return (pl.col(target.column) > target.above).cast(pl.Int8)


def _fit(transform: TargetMean, rows: pl.LazyFrame, context: Context) -> Learning:
    target = required(context.target, "target")
    known = rows.select(
        times(context).alias("_at"),
        truth(target).cast(pl.Int64).alias("_true"),
        *transform.columns,
    )
    known = known.filter(pl.col("_at").is_not_null() & pl.col("_true").is_not_null())
    cuts = [
        pl.col("_at").quantile(number / transform.folds, "lower").cast(pl.Int64).alias(str(number))
        for number in range(1, transform.folds)
    ]
    found = (yield {"cuts": known.select(*cuts)})["cuts"].row(0)
    if found[0] is None:
        raise FeatureError(
            "no training row has a target",
            f"Publish rows with '{target.column}', or remove `target` from assay.features",
        )
    folds = sorted(set(found))
    folded = known.with_columns(
        _fold(pl.col("_at"), folds).alias("_fold")
    )  # no column of a contract begins so
    fold = pl.col("_fold").alias("fold")
    total = [pl.col("_true").sum().alias("true"), pl.len().cast(pl.Int64).alias("rows")]
    counts = yield {
        "_folds": folded.group_by(fold).agg(*total).sort("fold"),
        **{
            column: folded.filter(pl.col(column).is_not_null())
            .group_by(fold, pl.col(column).alias("value"))
            .agg(*total)
            .sort("fold", "value")
            for column in transform.columns
        },
    }
    every = _with_every(counts["_folds"], [])
    tables, priors = (
        {},
        {
            str(number): prior
            for number, prior in _outside(every, [], 0.0, None).select("fold", "mean").iter_rows()
        },
    )
    for column in transform.columns:
        tables[column] = _outside(
            _with_every(counts[column], ["value"]), ["value"], transform.smooth, priors
        )
    return Fitted({"folds": folds, "means": priors}, tables)


def _fold(at: pl.Expr, cuts: list[int]) -> pl.Expr:
    return pl.sum_horizontal((at >= cut).cast(pl.Int32) for cut in cuts).cast(pl.Int32)


def _with_every(counts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The counts of each fold, and of all together."""
    together = (
        counts.group_by(keys).agg(pl.col("true", "rows").sum())
        if keys
        else counts.select(pl.col("true", "rows").sum())
    )
    return pl.concat(
        [counts, together.select(pl.lit(_EVERY, pl.Int32).alias("fold"), *keys, "true", "rows")]
    )


def _outside(
    counts: pl.DataFrame, keys: list[str], smooth: float, priors: dict[str, float | None] | None
) -> pl.DataFrame:
    """For each fold, the smoothed mean of what is outside of it: all less its own.

    `_EVERY` leaves nothing out.
    """
    all_ = counts.filter(pl.col("fold") == _EVERY).drop("fold")
    folds = counts.select("fold").unique().sort("fold")
    crossed = folds.join(all_, how="cross")
    own = counts.filter(pl.col("fold") != _EVERY)
    joined = (
        crossed.join(own, on=["fold", *keys], how="left", suffix="_own")
        if own.height
        else crossed.with_columns(true_own=None, rows_own=None)
    )
    outside = joined.with_columns(
        (pl.col(c) - pl.col(f"{c}_own").fill_null(0)).alias(c) for c in ("true", "rows")
    )
    weight = (
        pl.lit(0.0)
        if priors is None
        else pl.col("fold")
        .cast(pl.String)
        .replace_strict(priors, return_dtype=pl.Float64)
        .fill_null(0.0)
        * smooth
    )
    mean = pl.when(pl.col("rows") > 0).then((pl.col("true") + weight) / (pl.col("rows") + smooth))
    return (
        outside.select("fold", *keys, mean.alias("mean"))
        .filter(pl.col("mean").is_not_null() | (priors is None))
        .sort("fold", *keys)
    )


def _means(transform: TargetMean, fitted: Fitted, context: Context) -> Made:
    at, folds, priors = times(context), fitted.values["folds"], fitted.values["means"]
    trained = at <= context.last if context.last is not None else at.is_not_null()
    fold = pl.when(trained).then(_fold(at, folds)).otherwise(_EVERY)
    every = pl.DataFrame(
        {"value": [int(number) for number in priors], "mean": list(priors.values())},
        schema={"value": pl.Int32, "mean": pl.Float64},
    )
    prior = looked_up(fold, every, "mean", context)

    def mean(column: str) -> pl.Expr:
        table = fitted.tables[column]
        keyed = table.select(
            (_key(pl.col("value"), table, pl.col("fold"), len(folds), context)).alias("value"),
            "mean",
        )
        return looked_up(pl.col(f"{HELPER}{column}_target"), keyed, "mean", context).fill_null(
            prior
        )

    made = for_each_column(transform.columns, transform.makes, mean)
    target = required(context.target, "target")
    inputs = {
        name: (column, context.order_by, target.column)
        for column, name in zip(transform.columns, transform.makes, strict=True)
    }
    return Made(
        made.columns,
        inputs,
        {
            f"{HELPER}{column}_target": _key(
                pl.col(column), fitted.tables[column], fold, len(folds), context
            )
            for column in transform.columns
        },
    )


def _key(
    value: pl.Expr, table: pl.DataFrame, fold: pl.Expr, cuts: int, context: Context
) -> pl.Expr:
    """One number for a value in a fold; null for a value that the table lacks."""
    return coded(value, table["value"].unique().sort(), context) * (cuts + 2) + (fold + 1)


TARGET = Kind(_fit, _means)
