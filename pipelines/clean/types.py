"""Text as the source wrote it -> the declared types, with the text kept next to.

Belongs here: reading. Stays out: what to do with text that cannot be read (the `type` rules set it
aside).
"""

from __future__ import annotations

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.rules import was_read
from assay.contracts.types import read, readable
from assay.pipelines.core.frames import FLAGGED_BY, RECEIVED, REMOVED_BY, ROW, SET_ASIDE_BY

_READ = "_read_"


def received(rows: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Keep each published column as it came as `_received_<column>`, and make room for what steps
    will note of each row.
    """
    return rows.select(
        ROW,
        *contract.column_names,
        *(pl.col(c.name).alias(RECEIVED + c.name) for c in contract.published_columns),
        *(pl.lit(None, pl.String).alias(mark) for mark in (REMOVED_BY, SET_ASIDE_BY)),
        pl.lit([], pl.List(pl.String)).alias(FLAGGED_BY),
    )


def typed(frame: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Give each published column its type, and say in `_was_read_<column>` whether its text could
    be read.
    """
    columns = contract.published_columns
    values = frame.with_columns(read(c).alias(_READ + c.name) for c in columns)
    judged = values.with_columns(
        readable(c, pl.col(_READ + c.name)).alias(was_read(c.name))
        for c in columns
        if not c.is_text
    )
    return judged.with_columns(pl.col(_READ + c.name).alias(c.name) for c in columns).drop(
        _READ + c.name for c in columns
    )
