"""Numbers -> those outside Tukey's fences, removed or capped.

Belongs here: interquartile fences. Stays out: limits that the contract promises (rules).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from contracts.steps import Outliers
from pipelines.clean.kind import Columns, Effect, Fitted, Kind, Learning


def _fit(step: Outliers, rows: pl.LazyFrame, _: Columns) -> Learning:
    found = yield {"fences": rows.select(_fences(step, column).alias(column) for column in step.columns)}
    return Fitted(found["fences"].to_dicts()[0])


def _fences(step: Outliers, column: str) -> pl.Expr:
    """The fences as a struct `low`, `high`: the quartiles less and plus `factor` interquartile ranges.

    Source: Tukey (1977), Exploratory Data Analysis, section 2D; quartiles by linear interpolation.
    """
    low, high = pl.col(column).quantile(0.25, "linear"), pl.col(column).quantile(0.75, "linear")
    reach = (high - low) * step.factor
    return pl.struct((low - reach).alias("low"), (high + reach).alias("high"))


def _effect(step: Outliers, fitted: Fitted, _: Columns) -> Effect:
    known = {column: fences for column, fences in fitted.values.items() if fences["low"] is not None}
    if step.action == "cap":
        return Effect({column: pl.col(column).clip(fences["low"], fences["high"]) for column, fences in known.items()})
    return Effect(removes=pl.any_horizontal(_beyond(column, fences) for column, fences in known.items()) if known else None)


def _beyond(column: str, fences: Mapping[str, float]) -> pl.Expr:
    """True where a value lies beyond the fences; a null is no outlier."""
    return ~pl.col(column).is_between(fences["low"], fences["high"]).fill_null(True)


FENCES = Kind(_fit, _effect)
