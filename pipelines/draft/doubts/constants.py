"""Columns that say nothing -> one doubt for all of them.

Belongs here: constant and empty columns. Stays out: anything that varies.
"""

from __future__ import annotations

from collections.abc import Iterator

from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, NOTE, Suspicion, Table, listed


def constant_columns(table: Table) -> Iterator[Suspicion]:
    """Columns with the same value on all rows."""
    rows = table.profile.rows
    names = [
        name
        for name, column in table.columns.items()
        if column.texts.height == 1 and column.given == rows
    ]
    if not names or rows < LEAST_ROWS:
        return
    noun = "has one value" if len(names) == 1 else "have one value each"
    yield Suspicion(
        problem=f"{listed(names)} {noun} on all rows",
        rule="leave the column out, or an enum of the value",
        confidence=NOTE,
        columns=tuple(names),
        count=rows,
        rows=rows,
    )
