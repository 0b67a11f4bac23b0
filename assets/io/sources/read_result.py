"""What every reader hands back, and the landed rows as a frame.

Belongs here: what readers share. Stays out: reading.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from assay.assets.io.decode.parquet import BINARY
from assay.assets.io.decode.task import ROWS, UNREADABLE
from assay.pipelines.core.frames import ROW, FileRead

UNREADABLE_SCHEMA = {"record": pl.Int64, "reason": pl.String, "text": pl.String}


@dataclass(frozen=True)
class Read:
    """What could be read of a source: how many rows of which columns, how many records could not
    be, and how many are before the first row.

    `found` is what the contract left open of how the file is written, and what it turned out to be.
    `files`, where there are several: then rows and unreadable records have their record numbers
    already.
    """

    rows: int
    unreadable: int
    columns: tuple[str, ...]
    header: int = 0
    found: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileRead, ...] = ()


def rows_in(folder: Path, numbers: Collection[str] = ()) -> pl.LazyFrame:
    """The landed rows of a folder in the file's order, `_row` counted from 1, and all else text.

    Args:
        numbers: columns that may come as Int64, where they landed so.
    """
    rows = pl.scan_parquet(folder / ROWS)
    schema = rows.collect_schema()
    whole = [
        name
        for name, kind in schema.items()
        if kind == pl.Int64 and name != ROW and name not in numbers
    ]
    numbered = (
        rows
        if ROW in schema
        else pl.scan_parquet(folder / ROWS, row_index_name=ROW, row_index_offset=1)
    )
    return numbered.with_columns(pl.col(whole).cast(pl.String)) if whole else numbered


def binary_columns(folder: Path) -> frozenset[str]:
    """The landed columns whose text represents bytes, as hexadecimal digits."""
    return frozenset(json.loads(pl.read_parquet_metadata(folder / ROWS).get(BINARY, "[]")))


def write_unreadable(folder: Path, records: list[tuple[int, str, str]]) -> None:
    """Keep what could not be read: record number, reason, text."""
    pl.DataFrame(records, schema=UNREADABLE_SCHEMA, orient="row").write_parquet(folder / UNREADABLE)
