"""Parquet -> rows of text, and whole numbers as they are, that contracts/types.py reads back
exactly.

Belongs here: reading tables that have types, in bounded memory: a few kilobytes may unpack to
gigabytes. Stays out: which of the columns are declared. DuckDB reads them: Polars ends the whole
process on some malformed files, and gives no rows of others without a word (2026-11-23).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.assets.io.decode.int96 import check_fractions
from assay.assets.io.decode.task import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)

OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
BINARY = "binary_columns"
"""In the metadata of landed rows: the columns whose text represents bytes."""
DIGITS = 38
"""Of a decimal, the most that are kept exactly."""
_FLOOR = 256 * 2**20
"""What unpacks to less is no bomb, however small it was."""
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDTH = 8
"""Bytes of the narrowest cell once it is unpacked."""


def decode(task: Task) -> Decoded:
    """Read one file.

    Raises: Undecodable: it is no Parquet, has columns that cannot be distinguished, or unpacks to far
        more than it is.
    """
    import duckdb

    folder = Path(task.folder)
    opened = folder / "source.parquet"
    opened.symlink_to(task.file)  # the file's own name may hold what DuckDB takes for a wildcard
    table = f"read_parquet({text_literal(str(opened))}, hive_partitioning = false)"
    connection = offline(task)
    try:
        names = _columns(connection, opened)
        rows = _promised_rows(connection, opened, task, len(names))
        written = write_rows(connection, table, folder, task)
    except duckdb.OutOfMemoryException:
        raise Undecodable(
            f"the file unpacks to more than {task.memory_mb // 2:,} MiB at a time",
            "Write it again with smaller row groups",
        ) from None
    except duckdb.Error as error:
        raise Undecodable(
            f"the file cannot be read as Parquet ({type(error).__name__})",
            "Get it again, or write it again: it may be incomplete, encrypted, or not a Parquet file",
        ) from None
    finally:
        connection.close()
        opened.unlink()
    if written < rows:  # some footers tell of fewer rows than there are
        raise Undecodable(
            f"the file declares {rows:,} rows, but only {written:,} can be read",
            "Get it again, or write it again",
        )
    UnreadableRecords(folder).close()
    return Decoded(written, 0, tuple(names))


def offline(task: Task) -> Any:
    """A DuckDB that loads no extension, spills nowhere, and uses half of the task's memory."""
    import duckdb

    connection = duckdb.connect(
        config={
            "preserve_insertion_order": "true",
            "memory_limit": f"{task.memory_mb // 2}MiB",
            "temp_directory": "",
            **OFFLINE,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def write_rows(connection: Any, table: str, folder: Path, task: Task) -> int:
    """Write a table's rows as they land. Returns: how many.

    Args:
        table: SQL of what is read.
    """
    null_values = tuple(task.options.get("null_values", ()))
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()  # noqa: S608  # names are quoted, paths are literals
    cells = ", ".join(
        f"{as_landed(name, kind, null_values)} AS {name_literal(name)}"
        for name, kind, *_ in described
    )
    target = text_literal(str(folder / ROWS))
    binary = text_literal(json.dumps([name for name, kind, *_ in described if kind == "BLOB"]))
    (written,) = connection.execute(
        f"COPY (SELECT {cells} FROM {table}) TO {target} (FORMAT parquet, COMPRESSION lz4_raw, KV_METADATA {{{BINARY}: {binary}}})"  # noqa: S608  # names are quoted, paths are literals
    ).fetchall()[0]
    return int(written)


def _promised_rows(connection: Any, file: Path, task: Task, columns: int) -> int:
    """The rows that the footer tells of.

    Raises: Undecodable: they would fill far more than the file. The sizes that a footer tells of
        protect no one.
    """
    (rows,) = connection.execute(
        f"SELECT num_rows FROM parquet_file_metadata({text_literal(str(file))})"  # noqa: S608  # names are quoted, paths are literals
    ).fetchall()[0]
    allowed = max(_FLOOR, task.expansion * Path(task.file).stat().st_size)
    if rows * columns * _WIDTH > allowed:
        raise Undecodable(
            f"the file's {rows:,} rows would unpack to more than {allowed // 2**20:,} MiB, {task.expansion:,} times its size",
            "If the file is right, raise ASSAY_DECODE_EXPANSION",
        )
    return int(rows)


def _columns(connection: Any, file: Path) -> list[str]:
    """The top-level columns, as the file itself names them: DuckDB renames the second of two."""
    nodes = connection.execute(
        f"SELECT name, coalesce(num_children, 0), coalesce(precision, 0), type FROM parquet_schema({text_literal(str(file))})"  # noqa: S608  # names are quoted, paths are literals
    ).fetchall()
    if any(kind == "INT96" for *_, kind in nodes):
        check_fractions(file)
    tree = iter([node[:3] for node in nodes])

    def most_digits(children: int, digits: int) -> int:
        """The digits of the widest decimal in a column, whose own node was read."""
        return max([digits, *(most_digits(*next(tree)[1:]) for _ in range(children))])

    names = []
    for _ in range(next(tree)[1]):
        name, children, digits = next(tree)
        names.append(name)
        check_digits(name, most_digits(children, digits))
    if not names or "" in names:
        raise Undecodable(
            "the file has no columns, or a column without a name",
            "Write it again with a name for each column",
        )
    if twice := repeated_name(names):
        raise Undecodable(f"in the file, {twice}", "Rename one of the columns")
    return names


def check_digits(name: str, digits: int) -> None:
    """Refuse decimals that would be rounded.

    Raises: Undecodable: a column has decimals of more digits than a version can hold.
    """
    if digits > DIGITS:
        raise Undecodable(
            f"the column '{name}' has decimals of {digits} digits, but at most {DIGITS} can be stored exactly",
            "Write it with fewer digits, or as text",
        )


def as_landed(name: str, kind: str, null_values: tuple[str, ...]) -> str:
    """SQL: a column's values as they land: whole numbers of at most 64 bits as they are, all others
    as text.
    """
    return (
        f"CAST({name_literal(name)} AS BIGINT)"
        if kind in _WHOLE and not null_values
        else as_text(name, kind, null_values)
    )


def as_text(name: str, kind: str, null_values: tuple[str, ...]) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly."""
    column = name_literal(name)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT")):
        text = f"CAST(to_json({column}) AS VARCHAR)"
    elif kind == "BLOB":
        text = f"lower(hex({column}))"
    elif kind in ("FLOAT", "DOUBLE"):
        text = f"CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS VARCHAR) END"
    elif kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
        # the session's zone is UTC
        text = f"regexp_replace(replace(CAST({column} AS VARCHAR), ' ', 'T'), '[+]00$', '+00:00')"
    elif kind.startswith("TIMESTAMP"):
        text = f"replace(CAST({column} AS VARCHAR), ' ', 'T')"
    else:
        text = f"CAST({column} AS VARCHAR)"
    if not null_values:
        return text
    return f"CASE WHEN ({text}) NOT IN ({', '.join(text_literal(value) for value in null_values)}) THEN {text} END"


def text_literal(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def name_literal(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
