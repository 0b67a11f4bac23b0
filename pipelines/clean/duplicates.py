"""Rows -> the rows that repeat an earlier one in every column.

Belongs here: exact duplicates. Stays out: keys that repeat (a rule), near-duplicates.
Two rounds keep memory flat: hashes say which rows could repeat, and only those are compared, so that no hash collision removes a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from contracts.steps import Deduplicate
from pipelines.clean.kind import Columns, Effect, Fitted, Kind, Learning
from pipelines.frames import ROW

_HASH = "_hash"


def suspects(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """The hashes that more than one row has: `_hash` (UInt64)."""
    return _hashed(frame, columns).group_by(_HASH).agg(pl.len().alias("rows")).filter(pl.col("rows") > 1).select(_HASH)


def repeated(frame: pl.LazyFrame, columns: Sequence[str], suspected: pl.DataFrame) -> pl.LazyFrame:
    """The `_row` of every row equal to an earlier one, compared value by value among the suspected."""
    alike = _hashed(frame, columns).join(suspected.lazy(), on=_HASH, how="semi").sort(ROW)
    return alike.filter(~pl.struct(columns).is_first_distinct()).select(ROW)


def _hashed(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    return frame.with_columns(pl.struct(columns).hash(seed=0).alias(_HASH))


def _fit(_: Deduplicate, rows: pl.LazyFrame, columns: Columns) -> Learning:
    suspected = (yield {"hashes": suspects(rows, list(columns))})["hashes"]
    if not suspected.height:
        return Fitted(tables={"repeated": pl.DataFrame(schema={ROW: pl.Int64})})
    return Fitted(tables={"repeated": (yield {"repeated": repeated(rows, list(columns), suspected)})["repeated"]})


def _effect(_: Deduplicate, fitted: Fitted, __: Columns) -> Effect:
    return Effect(removes=pl.col(ROW).is_in(fitted.tables["repeated"][ROW].implode()))


EXACT = Kind(_fit, _effect, original=True, keeps=False)
