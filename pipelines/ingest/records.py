"""Readable rows and unreadable records -> the record number of each.

Belongs here: arithmetic on record numbers. Stays out: reading files.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.pipelines.core.frames import ROW

HEADER = 1


def numbered(rows: pl.LazyFrame, unreadable: Sequence[int], header: int = HEADER) -> pl.LazyFrame:
    """Turn `_row`, counted over readable rows from 1, into the record number in the file, header
    and unreadable records included.

    Args:
        rows: has `_row`, 1..n.
        unreadable: the record numbers of what could not be read, each > `header`.
        header: records before the first row: 1 for text with a header, 0 for a table.
    """
    # before readable row i stand the header and those unreadable records whose number, less the
    # ones before them, is at most i + 1
    thresholds = pl.Series(
        [record - header - before for before, record in enumerate(sorted(unreadable))],
        dtype=pl.Int64,
    )
    position = pl.col(ROW).cast(pl.Int64)
    skipped = (
        pl.lit(thresholds).search_sorted(position, side="right").cast(pl.Int64)
        if len(thresholds)
        else pl.lit(0, pl.Int64)
    )
    return rows.with_columns((position + header + skipped).alias(ROW))
