"""Categories -> numbers: one-hot, labels, an order, frequency, hashes; several categories as one.

Counts are exact aggregates of all training rows; nothing here is fitted on a sample.
"""

from __future__ import annotations

import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import Cross, Frequency, Hash, Label, OneHot, Ordinal
from assay.pipelines.core.fitting import Fitted, Learning, nothing_to_learn
from assay.pipelines.features.transform_spec import (
    Context,
    Kind,
    Made,
    for_each_column,
    looked_up,
    name_part,
)

UNSEEN = -1


def value_counts(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Each value with its rows, in order of the values; nulls are no value."""
    return (
        rows.select(pl.col(column).alias("value"))
        .filter(pl.col("value").is_not_null())
        .group_by("value")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .sort("value")
    )


def _fit_one_hot(transform: OneHot, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    """The most frequent values, ties in order of the value.

    Source: scikit-learn's OneHotEncoder, `handle_unknown='ignore'`.
    """
    found = yield {column: value_counts(rows, column) for column in transform.columns}
    most = {
        column: found[column]
        .sort(["rows", pl.col("value").cast(pl.String)], descending=[True, False])
        .head(transform.most)
        for column in transform.columns
    }
    return Fitted(
        {
            column: [str(value) for value in frame["value"].cast(pl.String)]
            for column, frame in most.items()
        }
    )


def _one_hot(transform: OneHot, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    return Made(
        _told_apart(
            (
                f"{column}_is_{name_part(category)}",
                (pl.col(column).cast(pl.String) == category).fill_null(False).cast(pl.Int8),
            )
            for column in transform.columns
            for category in fitted.values[column]
        )
    )


def _told_apart(made: object) -> dict[str, pl.Expr]:
    """Names that two categories would share (A-B and A_B) are numbered; case is ignored."""
    named: dict[str, pl.Expr] = {}
    taken: set[str] = set()
    for name, expression in made:  # type: ignore[attr-defined]  # pairs
        free = next(
            candidate
            for candidate in (name, *(f"{name}_{n}" for n in range(2, 10_000)))
            if candidate.casefold() not in taken
        )
        taken.add(free.casefold())
        named[free] = expression
    return named


def _fit_label(transform: Label, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    """Source: scikit-learn's LabelEncoder and OrdinalEncoder: values in their order, from 0."""
    found = yield {column: value_counts(rows, column) for column in transform.columns}
    return Fitted(
        {},
        {
            column: frame.select("value", pl.int_range(pl.len(), dtype=pl.Int32).alias("label"))
            for column, frame in found.items()
        },
    )


def _labels(transform: Label, fitted: Fitted, context: Context) -> Made:
    return for_each_column(
        transform.columns,
        transform.makes,
        lambda column: pl.when(pl.col(column).is_not_null()).then(
            looked_up(pl.col(column), fitted.tables[column], "label", context, UNSEEN)
        ),
    )


def _ordinals(transform: Ordinal, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    """Source: scikit-learn's OrdinalEncoder with `categories`."""

    def place(column: str) -> pl.Expr:
        try:
            values = pl.Series(list(transform.order), strict=True).cast(context.types[column])
        except (pl.exceptions.PolarsError, TypeError):
            raise FeatureError(
                f"the `order` of '{column}' has values that are not of type {context.types[column]}",
                "Write them as in the column",
                Where(field=column),
            ) from None
        table = pl.DataFrame(
            {"value": values, "place": pl.Series(range(len(values)), dtype=pl.Int32)}
        )
        return pl.when(pl.col(column).is_not_null()).then(
            looked_up(pl.col(column), table, "place", context, UNSEEN)
        )

    return for_each_column(transform.columns, transform.makes, place)


def _fit_frequency(transform: Frequency, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    found = yield {
        "_rows": rows.select(pl.len()),
        **{column: value_counts(rows, column) for column in transform.columns},
    }
    every = found["_rows"].item() or 1
    return Fitted(
        {},
        {
            column: found[column].select("value", (pl.col("rows") / every).alias("share"))
            for column in transform.columns
        },
    )


def _frequencies(transform: Frequency, fitted: Fitted, context: Context) -> Made:
    return for_each_column(
        transform.columns,
        transform.makes,
        lambda column: looked_up(pl.col(column), fitted.tables[column], "share", context, 0.0),
    )


def _hashes(transform: Hash, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    """Source: MurmurHash3 (Appleby), as scikit-learn's FeatureHasher has it: the same in every
    release and on every machine, which Polars' own hash is not.
    """

    def hashed(given: pl.Series) -> pl.Series:
        from sklearn.utils import murmurhash3_32

        different = given.unique().drop_nulls()
        buckets = [
            murmurhash3_32(value.encode(), seed=transform.seed, positive=True) % transform.buckets
            for value in different
        ]
        return given.replace_strict(
            different, pl.Series(buckets, dtype=pl.Int32), default=None, return_dtype=pl.Int32
        )

    return for_each_column(
        transform.columns,
        transform.makes,
        lambda column: (
            pl.col(column)
            .cast(pl.String)
            .map_batches(hashed, return_dtype=pl.Int32, is_elementwise=True)
        ),
    )


def _crossed(transform: Cross, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    parts = [pl.col(column).cast(pl.String) for column in transform.columns]
    return Made(
        {transform.makes[0]: pl.concat_str(parts, separator="\x1f")}
    )  # between texts that hold no such character, no two crossings look the same


ONE_HOT = Kind(_fit_one_hot, _one_hot)
LABEL = Kind(_fit_label, _labels)
ORDINAL = Kind(nothing_to_learn, _ordinals)
FREQUENCY = Kind(_fit_frequency, _frequencies)
HASH = Kind(nothing_to_learn, _hashes)
CROSS = Kind(nothing_to_learn, _crossed)
