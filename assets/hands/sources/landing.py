"""What every reader hands back, and how names and texts are written in DuckDB's SQL.

Belongs here: shapes and quoting that readers share. Stays out: reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

ROWS, UNREADABLE = "rows.parquet", "unreadable.parquet"
UNREADABLE_SCHEMA = {"record": pl.Int64, "reason": pl.String, "text": pl.String}
OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


@dataclass(frozen=True)
class Read:
    """What could be read of a source: how many rows of which columns, and how many records could not."""

    rows: int
    unreadable: int
    columns: tuple[str, ...]


def write_unreadable(folder: Path, records: list[tuple[int, str, str]]) -> None:
    """Keep what could not be read: record number, reason, text."""
    pl.DataFrame(records, schema=UNREADABLE_SCHEMA, orient="row").write_parquet(folder / UNREADABLE)


def text_literal(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def name_literal(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
