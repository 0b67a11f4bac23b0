"""Nulls -> the median, the mode or a constant.

Belongs here: filling. Stays out: text that could not be read as its type, which stays a broken `type` rule though its cell is filled.
"""

from __future__ import annotations

import polars as pl

from contracts.steps import FillMissing
from pipelines.clean.kind import Columns, Effect, Fitted, Kind, Learning


def _fit(step: FillMissing, rows: pl.LazyFrame, _: Columns) -> Learning:
    if step.method == "constant":
        return Fitted(dict.fromkeys(step.columns, step.value))
    found = yield {"fill": rows.select(_middle(step, column).alias(column) for column in step.columns)}
    return Fitted(found["fill"].to_dicts()[0])


def _middle(step: FillMissing, column: str) -> pl.Expr:
    """What to fill with. The smallest of several modes, so that the same data give the same value."""
    return pl.col(column).median() if step.method == "median" else pl.col(column).drop_nulls().mode().min()


def _effect(step: FillMissing, fitted: Fitted, _: Columns) -> Effect:
    """The filled columns; one without any value to learn from stays null."""
    return Effect({column: pl.col(column).fill_null(fitted.values[column]) for column in step.columns if fitted.values[column] is not None})


FILL = Kind(_fit, _effect)
