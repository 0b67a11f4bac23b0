"""Nulls -> the median, the mode or a constant.

Belongs here: filling. Stays out: text that could not be read as its type, which stays a broken `type` rule though its cell is filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from contracts.settings import FillMissing


def fit(step: FillMissing, column: str) -> pl.Expr:
    """What to fill with. The smallest of several modes, so that the same data give the same value."""
    match step.method:
        case "median":
            return pl.col(column).median()
        case "mode":
            return pl.col(column).drop_nulls().mode().min()
        case "constant":
            return pl.lit(step.value)


def apply(step: FillMissing, fitted: Mapping[str, Any]) -> list[pl.Expr]:
    """The filled columns; one without any value to learn from stays null."""
    return [pl.col(column).fill_null(fitted[column]) for column in step.columns if fitted[column] is not None]
