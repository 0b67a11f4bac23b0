"""Columns that nearly all rows fill -> one doubt for the rows that do not.

Belongs here: values that are missing in few rows. Stays out: keys (keys.py), words for nothing
(vocabulary.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from assay.pipelines.draft.doubts.doubt import Suspicion, Table, listed

_FEW = 0.01
"""Share of rows without a value, up to which it looks like a slip. Of 560 columns of open data, 10
have so few (2026-12-01).
"""
_LEAST_ROWS = 100


def rarely_missing(table: Table) -> Iterator[Suspicion]:
    """Columns without a value in few rows."""
    rows = table.sample.height
    names = [
        name for name, column in table.columns.items() if 0 < rows - column.given <= _FEW * rows
    ]
    if not names or rows < _LEAST_ROWS:
        return
    missing = table.sample.select(pl.any_horizontal(pl.col(names).is_null())).to_series()
    yield Suspicion(
        problem=f"no value in few rows of {listed(names)}",
        rule="required: true",
        confidence=0.65,
        columns=tuple(names),
        count=int(missing.sum()),
        rows=rows,
    )
