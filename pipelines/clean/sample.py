"""Rows -> a seeded sample that does not depend on their order.

Belongs here: choosing. Stays out: what is learned from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipelines.clean.moments import number
from pipelines.frames import ROW

_DRAWN = "_drawn"


def sampled(rows: pl.LazyFrame, columns: Sequence[str], most: int, seed: int) -> pl.LazyFrame:
    """Columns of at most so many rows as Float64, in the order of their numbers; memory for those only."""
    drawn = rows.select(ROW, pl.col(ROW).hash(seed=seed).alias(_DRAWN), *(number(column).alias(column) for column in columns))
    return drawn.bottom_k(most, by=[_DRAWN, ROW]).sort(ROW).select(columns)
