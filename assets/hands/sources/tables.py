"""Parquet -> rows of text that contracts/types.py reads back exactly.

Belongs here: reading tables that have types. Stays out: which of them are promised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from assets.hands.sources.landing import OFFLINE, ROWS, Read, name_literal, text_literal, write_unreadable
from contracts.errors import SourceError, Where
from contracts.settings import CsvOptions, Source
from pipelines.frames import ROW

_PARQUET_MEMORY = "2GiB"


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """DuckDB reads it, in bounded memory: a few kilobytes may unpack to gigabytes. (Polars ends the whole process on some malformed files, 2026-11-23.)"""
    import duckdb

    target = folder / ROWS
    opened = folder / "source.parquet"
    opened.symlink_to(file.resolve())  # the file's own name may hold what DuckDB takes for a wildcard
    reader = f"read_parquet({text_literal(str(opened))}, hive_partitioning = false)"
    connection = duckdb.connect(config={"preserve_insertion_order": "true", "memory_limit": _PARQUET_MEMORY, "temp_directory": "", **OFFLINE})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        names = _parquet_columns(connection, opened, where)
        described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
        texts = [f"{_as_text(name, kind, source.options)} AS {name_literal(name)}" for name, kind, *_ in described]
        connection.execute(f"COPY (SELECT row_number() OVER () AS {ROW}, {', '.join(texts)} FROM {reader}) TO {text_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
    except duckdb.OutOfMemoryException as error:
        raise SourceError(f"the file unpacks to more than {_PARQUET_MEMORY} at a time", "Write it anew with smaller row groups", where) from error
    except duckdb.Error as error:
        raise SourceError(
            f"the file cannot be read as Parquet ({type(error).__name__})", "Fetch it again, or write it anew: it may be cut off, encrypted, or no Parquet file", where
        ) from error
    finally:
        connection.close()
        opened.unlink()
    write_unreadable(folder, [])
    return Read(pl.scan_parquet(target).select(pl.len()).collect().item(), 0, tuple(names))


def _parquet_columns(connection: Any, file: Path, where: Where) -> list[str]:
    """The top-level columns, as the file itself names them: DuckDB renames the second of two."""
    tree = iter(connection.execute(f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({text_literal(str(file))})").fetchall())

    def skip(children: int) -> None:
        for _ in range(children):
            skip(next(tree)[1])

    names = []
    for _ in range(next(tree)[1]):
        name, children = next(tree)
        names.append(name)
        skip(children)
    if not names or "" in names:
        raise SourceError("the file has no columns, or one without a name", "Write it anew with a name for each column", where)
    lowered = [name.lower() for name in names]
    twice = [name for name in names if lowered.count(name.lower()) > 1 or name.lower() == ROW]
    if twice:
        raise SourceError(f"the file names '{twice[0]}' twice (case does not count), or as Assay's own column", "Rename one of the columns", where)
    return names


def _as_text(name: str, kind: str, options: CsvOptions) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly."""
    column = name_literal(name)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT")):
        text = f"CAST(to_json({column}) AS VARCHAR)"
    elif kind == "BLOB":
        text = f"lower(hex({column}))"
    elif kind in ("FLOAT", "DOUBLE"):
        text = f"CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS VARCHAR) END"
    elif kind == "TIMESTAMP WITH TIME ZONE":
        text = f"regexp_replace(replace(CAST({column} AS VARCHAR), ' ', 'T'), '[+]00$', '+00:00')"  # the session's zone is UTC
    elif kind.startswith("TIMESTAMP"):
        text = f"replace(CAST({column} AS VARCHAR), ' ', 'T')"
    else:
        text = f"CAST({column} AS VARCHAR)"
    if not options.null_values:
        return text
    return f"CASE WHEN ({text}) NOT IN ({', '.join(text_literal(value) for value in options.null_values)}) THEN {text} END"
