"""The contract's cleaning -> what to measure, then what to do.

Belongs here: running the steps in order. Stays out: each kind of repair (its own module).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from contracts.settings import CleaningStep, Deduplicate, FillMissing, Outliers
from pipelines.clean import missing, outliers
from pipelines.frames import REMOVED_BY, ROW

Fitted = Mapping[str, Mapping[str, Any]]
"""Step label -> column -> fitted value. Plain data: it goes into the evidence and is applied to later rows unchanged."""


def label(index: int, step: CleaningStep) -> str:
    """The step's name in accounts, such as `3 outliers`."""
    return f"{index + 1} {step.step}"


def fit(steps: Sequence[CleaningStep]) -> pl.Expr | None:
    """One expression that measures everything the steps need, as a struct of step label -> column; None where nothing is needed."""
    parts = []
    for index, step in enumerate(steps):
        if isinstance(step, FillMissing | Outliers):
            fitter = [(missing.fit(step, c) if isinstance(step, FillMissing) else outliers.fit(step, c)).alias(c) for c in step.columns]
            parts.append(pl.struct(fitter).alias(label(index, step)))
    return pl.struct(parts).alias("fitted") if parts else None


def apply(frame: pl.LazyFrame, steps: Sequence[CleaningStep], fitted: Fitted, repeated_rows: pl.Series) -> pl.LazyFrame:
    """Repair the columns and name in `_removed_by` the first step that takes the row out (null: it stays)."""
    frame = frame.with_columns(pl.lit(None, pl.String).alias(REMOVED_BY))
    for index, step in enumerate(steps):
        name = label(index, step)
        if isinstance(step, Deduplicate):
            frame = frame.with_columns(_removed(pl.col(ROW).is_in(repeated_rows.implode()), name))
        elif isinstance(step, FillMissing):
            frame = frame.with_columns(missing.apply(step, fitted[name]))
        elif step.action == "cap":
            frame = frame.with_columns(outliers.cap(step, fitted[name]))
        else:
            beyond = pl.any_horizontal(outliers.outside(column, fitted[name]) for column in step.columns)
            frame = frame.with_columns(_removed(beyond, name))
    return frame


def _removed(condition: pl.Expr, name: str) -> pl.Expr:
    return pl.when(pl.col(REMOVED_BY).is_null() & condition).then(pl.lit(name)).otherwise(pl.col(REMOVED_BY)).alias(REMOVED_BY)
