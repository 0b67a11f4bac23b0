"""A version's rows and the columns that tell persons apart together -> how anonymous they are.

Belongs here: k, l and t, as plans. Stays out: the floors (contracts), treating columns
(admit/treat.py).
A null is a value like any other: not to be known is something to be distinguished by.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.contracts.model import Measure, Rule
from assay.pipelines.core.engine import run_together


def answers(rules: Sequence[Rule], rows: pl.LazyFrame) -> dict[str, float | None]:
    """What each rule of kind `anonymity` measures; None if there are no rows to measure."""
    asked = [rule for rule in rules if rule.kind == "anonymity"]
    found = run_together([measured(rows, rule.argument) for rule in asked]) if asked else []
    return {rule.name: value.item() for rule, value in zip(asked, found, strict=True)}


def measured(rows: pl.LazyFrame, measure: Measure) -> pl.LazyFrame:
    """One number: k, l or t.

    Source: k, Samarati and Sweeney (1998); distinct l-diversity, Machanavajjhala et al. (2007);
    t-closeness, Li et al. (2007), with the earth mover's distance for ordered values where they are
    numbers, and half the sum of differences where they are not.
    """
    by = list(measure.quasi_identifiers)
    if measure.what == "k" or measure.sensitive is None:
        return rows.group_by(by).len().select(pl.col("len").min())
    value = pl.col(measure.sensitive)
    if measure.what == "l":
        return rows.group_by(by).agg(value.n_unique().alias("l")).select(pl.col("l").min())
    return (
        _ordered(rows, by, measure.sensitive)
        if measure.numeric
        else _unordered(rows, by, measure.sensitive)
    )


def _shares(rows: pl.LazyFrame, by: list[str], value: str) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The share of each value in all rows (`q`), and within each class (`p`)."""
    overall = (
        rows.group_by(value)
        .len()
        .with_columns((pl.col("len") / pl.col("len").sum()).alias("q"))
        .select(value, "q")
    )
    within = (
        rows.group_by(*by, value)
        .len()
        .with_columns((pl.col("len") / pl.col("len").sum().over(by)).alias("p"))
        .select(*by, value, "p")
    )
    return overall, within


def _unordered(rows: pl.LazyFrame, by: list[str], value: str) -> pl.LazyFrame:
    overall, within = _shares(rows, by, value)
    joined = within.join(overall, on=value, nulls_equal=True)
    # values that a class lacks differ by all they are elsewhere
    distance = ((pl.col("p") - pl.col("q")).abs().sum() + 1 - pl.col("q").sum()) / 2
    return joined.group_by(by).agg(distance.alias("t")).select(pl.col("t").max())


def _ordered(rows: pl.LazyFrame, by: list[str], value: str) -> pl.LazyFrame:
    overall, within = _shares(rows, by, value)
    everywhere = rows.select(by).unique().join(overall, how="cross")
    complete = everywhere.join(within, on=[*by, value], how="left", nulls_equal=True).sort(
        *by, value
    )
    steps = (pl.col("p").fill_null(0) - pl.col("q")).cum_sum().abs()
    # the mean over the m - 1 steps from value to value; a single value is no distance from itself
    return (
        complete.group_by(by, maintain_order=True)
        .agg((steps.sum() / pl.max_horizontal(pl.len() - 1, 1)).alias("t"))
        .select(pl.col("t").max())
    )
