"""One transform of the contract -> what to measure, and the columns it makes.

Belongs here: scale, one-hot, frequency. Stays out: running plans (table.py).
Each has `fit` (an expression giving one value) and `columns` (feature name -> expression, from the fitted value).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from contracts.errors import FeatureError, Where
from contracts.settings import Frequency, OneHot, Scale, Transform

OTHER = "other"


def fit(transform: Transform, column: str) -> pl.Expr:
    """The measurement of one column, as one scalar, struct or list.

    scale: mean and population standard deviation. one_hot: the most frequent values, ties in order of the value.
    frequency: each value with its share of all rows.
    """
    value = pl.col(column)
    match transform:
        case Scale():
            return pl.struct(value.mean().alias("mean"), value.std(ddof=0).alias("std")).alias(column)
        case OneHot():
            by_rows = pl.element().sort_by(pl.element().struct.field("rows"), pl.element().struct.field(column), descending=[True, False])
            counts = value.drop_nulls().cast(pl.String).value_counts(name="rows").implode()
            return counts.list.eval(by_rows).list.head(transform.most).list.eval(pl.element().struct.field(column)).alias(column)
        case Frequency():
            by_value = pl.element().sort_by(pl.element().struct.field("value"))
            shares = value.drop_nulls().cast(pl.String).value_counts(name="share", normalize=True).struct.rename_fields(["value", "share"])
            return shares.implode().list.eval(by_value).alias(column)


def columns(transform: Transform, column: str, fitted: Any) -> dict[str, pl.Expr]:
    """The features made of one column; their names say how.

    Raises: FeatureError: the column had nothing to learn from.
    """
    value = pl.col(column)
    match transform:
        case Scale():
            if fitted["mean"] is None:
                raise FeatureError(f"'{column}' has no value to scale by", "Leave it out of assay.features, or fill it in assay.cleaning", Where(field=column))
            # a constant column says nothing: it becomes 0, not a division by 0
            return {f"{column}_scaled": (value - fitted["mean"]) / (fitted["std"] or 1.0)}
        case OneHot():
            return {f"{column}_is_{_word(category)}": (value.cast(pl.String) == category).fill_null(False).cast(pl.Int8) for category in fitted}
        case Frequency():
            seen = [entry["value"] for entry in fitted]
            share = value.cast(pl.String).replace_strict(seen, [entry["share"] for entry in fitted], default=0.0, return_dtype=pl.Float64)
            return {f"{column}_frequency": pl.when(value.is_null()).then(0.0).otherwise(share)}


def _word(category: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in category) or OTHER
