"""One transform of the contract -> what to measure, and the columns it makes.

Belongs here: scale, one-hot, frequency. Stays out: running plans (table.py).
Each is measured by `fit` (an expression giving one value), settled by `fitted`, and applied by `columns` (feature name -> expression).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from contracts.errors import FeatureError, Where
from contracts.settings import Frequency, OneHot, Scale, Transform

OTHER = "other"


def fit(transform: Transform, column: str) -> pl.Expr:
    """What to measure of one column: mean and population standard deviation, or every value with its rows, in no order."""
    value = pl.col(column)
    match transform:
        case Scale():
            return pl.struct(value.mean().alias("mean"), value.std(ddof=0).alias("std")).alias(column)
        case OneHot() | Frequency():
            return value.drop_nulls().cast(pl.String).value_counts(name="rows").struct.rename_fields(["value", "rows"]).implode().alias(column)


def fitted(transform: Transform, measured: Any, rows: int) -> Any:
    """The state made of a measurement, in an order that depends on the values alone.

    scale: as measured. one_hot: the most frequent values, ties in order of the value. frequency: each value with its share of `rows`.
    """
    match transform:
        case Scale():
            return measured
        case OneHot():
            return [entry["value"] for entry in sorted(measured, key=lambda entry: (-entry["rows"], entry["value"]))[: transform.most]]
        case Frequency():
            return [{"value": entry["value"], "share": entry["rows"] / rows} for entry in sorted(measured, key=lambda entry: str(entry["value"]))]


def columns(transform: Transform, column: str, state: Any) -> dict[str, pl.Expr]:
    """The features made of one column; their names say how.

    Raises: FeatureError: the column had nothing to learn from.
    """
    value = pl.col(column)
    match transform:
        case Scale():
            if state["mean"] is None:
                raise FeatureError(f"'{column}' has no value to scale by", "Leave it out of assay.features, or fill it in assay.cleaning", Where(field=column))
            # a constant column says nothing: it becomes 0, not a division by 0
            # times the reciprocal, not divided: Polars divides one row and many rows by a number with different last bits
            return {f"{column}_scaled": (value - state["mean"]) * (1.0 / (state["std"] or 1.0))}
        case OneHot():
            return {f"{column}_is_{_word(category)}": (value.cast(pl.String) == category).fill_null(False).cast(pl.Int8) for category in state}
        case Frequency():
            seen = [entry["value"] for entry in state]
            share = value.cast(pl.String).replace_strict(seen, [entry["share"] for entry in state], default=0.0, return_dtype=pl.Float64)
            return {f"{column}_frequency": pl.when(value.is_null()).then(0.0).otherwise(share)}


def _word(category: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in category) or OTHER
