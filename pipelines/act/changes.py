"""Two versions of a document table -> how many documents were added, changed or removed.

Belongs here: comparing by key. Stays out: what to do about it (decide.py).
"""

from __future__ import annotations

import polars as pl


def changed(before: pl.LazyFrame, after: pl.LazyFrame, *, key: str, text: str) -> pl.LazyFrame:
    """One row: `added`, `changed`, `removed`. `key` names one document in each version."""
    joined = before.select(key, pl.col(text).alias("_before")).join(after.select(key, pl.col(text).alias("_after")), on=key, how="full", coalesce=True)
    was, now = pl.col("_before"), pl.col("_after")
    return joined.select(
        (was.is_null() & now.is_not_null()).sum().alias("added"),
        (was.is_not_null() & now.is_not_null() & (was != now)).sum().alias("changed"),
        (was.is_not_null() & now.is_null()).sum().alias("removed"),
    )
