"""Readable rows and unreadable lines -> the record number of each, and proof that none is missing.

Belongs here: arithmetic on record numbers and line counts. Stays out: reading files.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipelines.frames import ROW

HEADER = 1


def numbered(rows: pl.LazyFrame, unreadable: Sequence[int], header: int = HEADER) -> pl.LazyFrame:
    """Turn `_row`, counted over readable rows from 1, into the record number in the file, header and unreadable records included.

    Args:
        rows: has `_row`, 1..n.
        unreadable: the record numbers of what could not be read, each > `header`.
        header: records before the first row: 1 for text with a header, 0 for a table.
    """
    # before readable row i stand the header and those unreadable records whose number, less the ones before them, is at most i + 1
    thresholds = pl.Series([record - header - before for before, record in enumerate(sorted(unreadable))], dtype=pl.Int64)
    position = pl.col(ROW).cast(pl.Int64)
    skipped = pl.lit(thresholds).search_sorted(position, side="right").cast(pl.Int64) if len(thresholds) else pl.lit(0, pl.Int64)
    return rows.with_columns((position + header + skipped).alias(ROW))


def lines_lost(*, lines_in_file: int, rows: int, breaks_in_cells: int, lines_unreadable: int) -> int:
    """How many of the file's lines are neither header, nor part of a row, nor of an unreadable record; >= 0 unless the reader invented some."""
    return lines_in_file - HEADER - rows - breaks_in_cells - lines_unreadable


def breaks_in_cells(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One number: the line breaks that stand inside cells."""
    columns = [name for name in rows.collect_schema().names() if name != ROW]
    return rows.select(pl.sum_horizontal(pl.col(c).str.count_matches("\n", literal=True).fill_null(0) for c in columns).sum().alias("breaks"))
