"""Nulls -> what the rows before and after say, in the order of a column.

Belongs here: forward, backward and linear fill. Stays out: values that hold for any row
(missing.py).
What is learned is the value of each row that gets one, so it holds for the version's own rows and
no others.
"""

from __future__ import annotations

import polars as pl

from assay.contracts.steps import FillMissing
from assay.pipelines.clean.effects import of_row
from assay.pipelines.clean.json_values import in_type
from assay.pipelines.clean.step_spec import Columns, Effect
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.required import required

_AT = "_at"


def fit(step: FillMissing, rows: pl.LazyFrame, columns: Columns) -> Learning:
    """One round; a null in a column that orders or groups says nothing of where the row stands, so
    it neither gives nor gets.
    """
    order_by = required(step.order_by, "order_by")
    placed = rows.filter(
        pl.all_horizontal(pl.col(column).is_not_null() for column in (order_by, *step.by))
    )
    ordered = placed.select(ROW, *step.by, pl.col(order_by).alias(_AT), *step.columns).sort(
        _AT, ROW
    )
    filled = ordered.with_columns(
        _filled(step, column, columns).alias(column) for column in step.columns
    )
    found = yield {
        "filled": filled.filter(
            pl.any_horizontal(pl.col(column).is_not_null() for column in step.columns)
        ).select(ROW, *step.columns)
    }
    return Fitted(tables={"filled": found["filled"].sort(ROW)})


def _filled(step: FillMissing, column: str, columns: Columns) -> pl.Expr:
    """What the cell gets; null where it has a value, or nothing gives one."""
    value = pl.col(column)
    match step.method:
        case "forward":
            given = _within(value.forward_fill(), step)
        case "backward":
            given = _within(value.backward_fill(), step)
        case _:
            given = in_type(_line(column, step), columns[column])
    return pl.when(value.is_null()).then(given)


def _line(column: str, step: FillMissing) -> pl.Expr:
    """On the line between the values around, none before the first and after the last; halfway
    where both stand at the same place.
    """
    value, at = pl.col(column).cast(pl.Float64), pl.col(_AT).to_physical().cast(pl.Float64)
    where = pl.when(value.is_not_null()).then(at)
    before, after = _within(value.forward_fill(), step), _within(value.backward_fill(), step)
    start, end = _within(where.forward_fill(), step), _within(where.backward_fill(), step)
    share = pl.when(end > start).then((at - start) / (end - start)).otherwise(0.5)
    return before * (1 - share) + after * share


def _within(expression: pl.Expr, step: FillMissing) -> pl.Expr:
    return expression.over(step.by) if step.by else expression


def effect(step: FillMissing, fitted: Fitted, _: Columns) -> Effect:
    """Each row's own value."""
    return Effect(
        {
            column: pl.coalesce(pl.col(column), of_row(fitted.tables["filled"], column))
            for column in step.columns
        }
    )
