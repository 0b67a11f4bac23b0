"""Groups -> what their training rows have in common.

Counts, sums, means and deviations are exact aggregates of all training rows; a group never seen, or a missing key, gets what all rows have.
"""

from __future__ import annotations

from functools import reduce

import polars as pl

from contracts.errors import FeatureError
from contracts.transforms import Group
from pipelines.clean.kind import Fitted, Learning
from pipelines.clean.moments import Range, ranges
from pipelines.features import exact
from pipelines.features.kind import HELPER, About, Kind, Made, coded, looked_up, number

_COUNTS = ("count", "n_unique")


def _fit(transform: Group, rows: pl.LazyFrame, about: About) -> Learning:
    numeric = [column for column in transform.columns if about.types[column].is_numeric()]
    seen = (yield {"ranges": rows.select(pl.len(), *(ranges(column).alias(column) for column in numeric))})["ranges"].to_dicts()[0]
    within = {column: exact.within(seen[column]) for column in numeric}
    parts = [_aggregate(column, function, within.get(column)).alias(f"{column}|{function}") for column in transform.columns for function in transform.functions]
    known = rows.filter(pl.all_horizontal(pl.col(key).is_not_null() for key in transform.by))
    found = yield {"groups": known.group_by(transform.by).agg(parts).sort(transform.by), "all": rows.select(parts)}
    settled = {name: frame.with_columns(pl.col(c).cast(pl.Float64) for c in frame.columns if "|" in c) for name, frame in found.items()}
    return Fitted({"all": settled["all"].to_dicts()[0]}, {"groups": settled["groups"]})


def _aggregate(column: str, function: str, within: Range | None) -> pl.Expr:
    if function in _COUNTS:
        return pl.col(column).count().cast(pl.Int64) if function == "count" else pl.col(column).drop_nulls().n_unique().cast(pl.Int64)
    if function in ("min", "max", "median"):
        value: pl.Expr = getattr(number(column), function)()
        return value
    assert within is not None  # the contract says that these need numbers
    steps, n = exact.steps(column, within).cast(pl.Int128), number(column).count()
    match function:
        case "sum":
            return exact.total(steps.sum(), n, within)
        case "mean":
            return exact.mean(steps.sum(), n, within)
        case _:
            return exact.deviation(steps.sum(), (steps * steps).sum(), n, within)


def _made(transform: Group, fitted: Fitted, about: About) -> Made:
    groups, every = fitted.tables["groups"], fitted.values["all"]
    different = {key: groups[key].unique().sort() for key in transform.by}
    if reduce(lambda product, values: product * (len(values) + 1), different.values(), 1) >= 2**62:
        raise FeatureError(f"groups by {', '.join(transform.by)} are too many to be told apart", "Group by fewer columns")

    def key() -> pl.Expr:
        return reduce(lambda code, name: code * len(different[name]) + coded(pl.col(name), different[name], about), transform.by, pl.lit(0, pl.Int64))

    codes, mark = groups.select(key().alias("value"), pl.exclude(transform.by)), f"{HELPER}{transform.makes[0]}"
    asked = dict(zip(transform.makes, ((column, function) for column in transform.columns for function in transform.functions), strict=True))
    return Made(
        {name: _or_all(looked_up(pl.col(mark), codes, f"{column}|{function}", about), function, every[f"{column}|{function}"]) for name, (column, function) in asked.items()},
        {name: (*transform.by, column) for name, (column, _) in asked.items()},
        {mark: key()},
    )


def _or_all(found: pl.Expr, function: str, of_all: float | None) -> pl.Expr:
    """A group without a value gets what all have; one never seen has a count and a sum of 0."""
    return found.fill_null(pl.lit(0.0 if function in (*_COUNTS, "sum") else of_all, pl.Float64))


GROUP = Kind(_fit, _made)
