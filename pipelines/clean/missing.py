"""Nulls -> a middle value, a constant, or what neighbouring rows and other columns say; or the rows
that have them, taken out.

Belongs here: filling and leaving. Stays out: text that could not be read as its type, which stays a
broken `type` rule though its cell is filled.
A filled value has its column's type: integers and decimals are rounded half to even.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from assay.contracts.steps import DropMissing, FillMissing
from assay.contracts.steps.missing import ORDERED
from assay.pipelines.clean import missing_by_model, missing_by_order
from assay.pipelines.clean.effects import leaving, of_group
from assay.pipelines.clean.json_values import fitted_to, literal, plain
from assay.pipelines.clean.ranks import quantiles
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.core.exact_moments import Range, mean, number, ranges, sums
from assay.pipelines.core.fitting import Fitted, Learning

_GROUPS = "groups"


def _fit(step: FillMissing, rows: pl.LazyFrame, columns: Columns) -> Learning:
    if step.method == "constant":
        return Fitted(dict.fromkeys(step.columns, step.value))
    if step.method in ORDERED:
        return (yield from missing_by_order.fit(step, rows, columns))
    if step.method == "iterative":
        return (yield from missing_by_model.fit(step, rows))
    if step.method == "mean":
        return (yield from _means(step, rows))
    plans = {}
    if step.method == "mode":
        plans["fill"] = rows.select(_middle(step, column).alias(column) for column in step.columns)
    if step.by:
        plans[_GROUPS] = _grouped(step, rows).agg(
            _middle(step, column).alias(column) for column in step.columns
        )
    found = (yield plans) if plans else {}
    tables = {_GROUPS: found[_GROUPS].sort(step.by)} if step.by else {}
    if step.method == "median":
        return Fitted(
            {
                column: middle
                for column, (middle,) in (yield from quantiles(rows, step.columns, (0.5,))).items()
            },
            tables,
        )
    return Fitted(
        {column: plain(value) for column, value in found["fill"].row(0, named=True).items()}, tables
    )


def _middle(step: FillMissing, column: str) -> pl.Expr:
    """What to fill with. The smallest of several modes, so that the same data give the same
    value.
    """
    return (
        number(column).median()
        if step.method == "median"
        else pl.col(column).drop_nulls().mode().min()
    )


def _grouped(step: FillMissing, rows: pl.LazyFrame) -> Any:
    return rows.filter(
        pl.all_horizontal(pl.col(column).is_not_null() for column in step.by)
    ).group_by(step.by)


def _means(step: FillMissing, rows: pl.LazyFrame) -> Learning:
    """Two rounds: where the values lie, then their exact sums."""
    lies = (yield {"range": rows.select(ranges(column).alias(column) for column in step.columns)})[
        "range"
    ].row(0, named=True)
    within = {column: Range(**lie) for column, lie in lies.items() if lie["low"] is not None}
    added = [sums(column, each).alias(column) for column, each in within.items()]
    if not added:
        return Fitted(dict.fromkeys(step.columns))
    plans = {"fill": rows.select(added)}
    if step.by:
        plans[_GROUPS] = _grouped(step, rows).agg(added)
    found = yield plans
    whole = found["fill"].row(0, named=True)
    values = {
        column: mean(whole[column], within[column]) if column in within else None
        for column in step.columns
    }
    if not step.by:
        return Fitted(values)
    groups = found[_GROUPS].sort(step.by)
    held = {
        c: pl.Series(
            c,
            [mean(cell, within[c]) for cell in groups[c]]
            if c in within
            else [None] * groups.height,
            pl.Float64,
        )
        for c in step.columns
    }
    return Fitted(values, {_GROUPS: groups.select(step.by).with_columns(held.values())})


def _effect(step: FillMissing, fitted: Fitted, columns: Columns) -> Effect:
    """The filled columns; one without any value to learn from stays null."""
    if step.method in ORDERED:
        return missing_by_order.effect(step, fitted, columns)
    if step.method == "iterative":
        return missing_by_model.effect(step, fitted, columns)
    changes = {}
    for column in step.columns:
        value = fitted.values[column]
        if value is None:
            continue
        whole = literal(value, columns[column])
        changes[column] = (
            pl.coalesce(
                pl.col(column),
                of_group(_typed(fitted.tables[_GROUPS], column, columns), step.by, column),
                whole,
            )
            if step.by
            else pl.coalesce(column, whole)
        )
    return Effect(changes)


def _typed(groups: pl.DataFrame, column: str, columns: Columns) -> pl.DataFrame:
    """The groups with their values in the column's type: there are few, and rounding is the same as
    for the whole.
    """
    from assay.contracts.types import dtype

    promised = columns[column]
    values = [
        None if value is None else fitted_to(plain(value), promised) for value in groups[column]
    ]
    return groups.with_columns(pl.Series(column, values, dtype(promised)))


FILL = Kind(_fit, _effect)


def _nothing(_: DropMissing, __: pl.LazyFrame, ___: Columns) -> Learning:
    """There is nothing to learn."""
    yield from ()
    return Fitted()


def _without(step: DropMissing, _: Fitted, __: Columns) -> Effect:
    nulls = [pl.col(column).is_null() for column in step.columns]
    return leaving(
        step.action, pl.any_horizontal(nulls) if step.missing == "any" else pl.all_horizontal(nulls)
    )


DROP = Kind(_nothing, _without)
