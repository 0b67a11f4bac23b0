"""Groups -> what their training rows have in common.

Counts, sums, means and deviations are exact aggregates of all training rows; a group never seen, or
a missing key, gets what all rows have.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from operator import attrgetter, itemgetter

import polars as pl

from assay.contracts.errors import FeatureError
from assay.contracts.transforms import Group
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.features import exact_sums
from assay.pipelines.features.transform_spec import HELPER, Context, Kind, Made, coded, looked_up

_COUNTS = ("count", "n_unique")
_SUMMED = {"sum", "mean", "std"}


def _fit(transform: Group, rows: pl.LazyFrame, context: Context) -> Learning:
    numeric = (
        [column for column in transform.columns if context.types[column].is_numeric()]
        if _SUMMED & set(transform.functions)
        else []
    )
    seen = (
        yield {
            "scales": rows.select(
                pl.len().alias("_rows"),
                *(exact_sums.seen(column).alias(column) for column in numeric),
            )
        }
    )["scales"].to_dicts()[0]
    scales = {column: exact_sums.scale(seen[column]) for column in numeric}
    plain = [
        _aggregate(column, function).alias(f"{column}|{function}")
        for column in transform.columns
        for function in transform.functions
        if function not in _SUMMED
    ]
    plans = {
        "_groups": rows.group_by(transform.by).agg(pl.len().alias("_rows"), *plain),
        "_all": rows.select(pl.len().alias("_rows"), *plain),
    }
    found = yield plans | {
        column: _summed(rows, transform.by, column, of) for column, of in scales.items()
    }
    groups, every = found["_groups"], found["_all"]
    for column, of in scales.items():
        functions = [function for function in transform.functions if function in _SUMMED]
        own, all_ = _group_values(found[column], transform.by, column, functions, of)
        groups, every = (
            groups.join(own, on=transform.by, how="left", nulls_equal=True),
            every.hstack(all_),
        )
    names = [
        f"{column}|{function}" for column in transform.columns for function in transform.functions
    ]
    known = groups.drop_nulls(transform.by).sort(transform.by)
    return Fitted(
        {"all": every.select(pl.col(names).cast(pl.Float64)).to_dicts()[0]},
        {"groups": known.select(*transform.by, pl.col(names).cast(pl.Float64))},
    )


def _aggregate(column: str, function: str) -> pl.Expr:
    if function in _COUNTS:
        return (
            pl.col(column).count().cast(pl.Int64)
            if function == "count"
            else pl.col(column).drop_nulls().n_unique().cast(pl.Int64)
        )
    value: pl.Expr = getattr(number(column), function)()
    return value


def _summed(
    rows: pl.LazyFrame, by: Sequence[str], column: str, of: exact_sums.Scale
) -> pl.LazyFrame:
    """Exact sums of each group and storey; on none is what is no number."""
    steps = pl.col("_counted").struct.field("steps").cast(pl.Int128)
    storeys = rows.select(*by, exact_sums.as_steps(column, of).alias("_counted")).with_columns(
        pl.col("_counted").struct.field("storey").alias("_storey")
    )
    return storeys.group_by(*by, "_storey").agg(
        steps.count().alias("_n"),
        steps.sum().alias("_sum"),
        (steps * steps).sum().alias("_squares"),
    )


def _group_values(
    found: pl.DataFrame,
    by: Sequence[str],
    column: str,
    functions: Sequence[str],
    of: exact_sums.Scale,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The functions of each group, and those of all rows."""
    found = found.sort(*by, "_storey").with_columns(pl.struct(by).rle_id().alias("_group"))
    parts = [
        exact_sums.Sums(n, steps, squares, storey or 0)
        for storey, n, steps, squares in found.select(
            "_storey", "_n", "_sum", "_squares"
        ).iter_rows()
    ]
    groups = [
        exact_sums.together(each for _, each in rows)
        for _, rows in groupby(zip(found["_group"], parts, strict=True), key=itemgetter(0))
    ]
    every = exact_sums.together(sorted(parts, key=attrgetter("storey")))
    schema = {f"{column}|{function}": pl.Float64 for function in functions}
    statistics = pl.DataFrame(
        [
            [exact_sums.finish_sums(function, sums, of) for function in functions]
            for sums in (*groups, every)
        ],
        schema=schema,
        orient="row",
    )
    return found.unique("_group", keep="first", maintain_order=True).select(by).hstack(
        statistics[:-1]
    ), statistics[-1:]


def _transform(transform: Group, fitted: Fitted, context: Context) -> Made:
    groups, every = fitted.tables["groups"], fitted.values["all"]
    different = {key: groups[key].unique().sort() for key in transform.by}
    if reduce(lambda product, values: product * (len(values) + 1), different.values(), 1) >= 2**62:
        raise FeatureError(
            f"grouping by {', '.join(transform.by)} gives too many groups",
            "Group by fewer columns",
        )

    def key() -> pl.Expr:
        return reduce(
            lambda code, name: (
                code * len(different[name]) + coded(pl.col(name), different[name], context)
            ),
            transform.by,
            pl.lit(0, pl.Int64),
        )

    codes, mark = (
        groups.select(key().alias("value"), pl.exclude(transform.by)),
        f"{HELPER}{transform.makes[0]}",
    )
    asked = dict(
        zip(
            transform.makes,
            (
                (column, function)
                for column in transform.columns
                for function in transform.functions
            ),
            strict=True,
        )
    )
    return Made(
        {
            name: _or_all(
                looked_up(pl.col(mark), codes, f"{column}|{function}", context),
                function,
                every[f"{column}|{function}"],
            )
            for name, (column, function) in asked.items()
        },
        {name: (*transform.by, column) for name, (column, _) in asked.items()},
        {mark: key()},
    )


def _or_all(found: pl.Expr, function: str, of_all: float | None) -> pl.Expr:
    """A group without a value gets what all have; one never seen has a count and a sum of 0."""
    return found.fill_null(pl.lit(0.0 if function in (*_COUNTS, "sum") else of_all, pl.Float64))


GROUP = Kind(_fit, _transform)
