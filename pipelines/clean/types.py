"""Text as the source wrote it -> the promised types, with the text kept beside.

Belongs here: reading. Stays out: what to do with text that cannot be read (the `type` rules set it aside).
"""

from __future__ import annotations

import polars as pl

from contracts.model import Contract
from contracts.rules import was_read
from contracts.types import read, unread
from pipelines.frames import RECEIVED, ROW


def typed(frame: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Give each published column its type; keep the text as `_received_<column>`, and say in `_was_read_<column>` whether it could be read."""
    columns = contract.published_columns
    return frame.select(
        ROW,
        *(pl.col(c.name).alias(RECEIVED + c.name) for c in columns),
        *(read(c) for c in columns),
        *((~unread(c)).alias(was_read(c.name)) for c in columns if c.logical_type != "string"),
    )
