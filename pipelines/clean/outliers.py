"""Numbers -> those outside Tukey's fences, removed or capped.

Belongs here: interquartile fences. Stays out: limits that the contract promises (rules).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from contracts.settings import Outliers


def fit(step: Outliers, column: str) -> pl.Expr:
    """The fences as a struct `low`, `high`: the quartiles less and plus `factor` interquartile ranges.

    Source: Tukey (1977), Exploratory Data Analysis, section 2D; quartiles by linear interpolation.
    """
    low, high = pl.col(column).quantile(0.25, "linear"), pl.col(column).quantile(0.75, "linear")
    reach = (high - low) * step.factor
    return pl.struct((low - reach).alias("low"), (high + reach).alias("high"))


def outside(column: str, fitted: Mapping[str, Any]) -> pl.Expr:
    """True where a value lies beyond the fences; a null is no outlier."""
    fences = fitted[column]
    if fences["low"] is None:
        return pl.lit(False)
    return ~pl.col(column).is_between(fences["low"], fences["high"]).fill_null(True)


def cap(step: Outliers, fitted: Mapping[str, Any]) -> list[pl.Expr]:
    """The columns with values beyond a fence put on it."""
    return [pl.col(c).clip(fitted[c]["low"], fitted[c]["high"]) for c in step.columns if fitted[c]["low"] is not None]
