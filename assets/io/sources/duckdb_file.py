"""DuckDB files -> the rows of a table or query as text."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.decode.parquet import OFFLINE, as_text, name_literal
from assay.assets.io.sources.extracts import BATCH, Extract, Growth, Target, take, write
from assay.assets.io.sources.overlap import Value
from assay.assets.io.sources.places import Mark, Sink
from assay.contracts.errors import SourceError
from assay.contracts.settings import CsvOptions

CONFIG: dict[str, Any] = {**OFFLINE, "python_enable_replacements": "false"}
SETTINGS = (
    "TimeZone = 'UTC'",
    "preserve_insertion_order = true",
    "memory_limit = '2GiB'",
    "temp_directory = ''",
    "enable_external_access = false",
    "lock_configuration = true",
)


def download(path: Path, query: str, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Stream the query's rows into the sink.

    The file is opened for reading, and locked before anything is asked: a view in it may name other
    files.
    Raises: SourceError: it is no DuckDB database, has no such table or column, or rows have no
        value in the column that only grows.
    """
    import duckdb

    try:
        with closing(duckdb.connect(str(path), read_only=True, config=CONFIG)) as connection:
            for setting in SETTINGS:
                connection.execute(f"SET {setting}")
            return take(_Session(connection, query), options, sink, mark)
    except duckdb.Error as error:
        raise SourceError(
            f"the database rejected the query ({type(error).__name__})",
            f"Check `table` or `query`, and that DuckDB {duckdb.__version__} can open the file",
            sink.where,
        ) from None


class _Session:
    def __init__(self, connection: Any, query: str) -> None:
        self._connection, self._query = connection, query
        described = connection.execute(f"DESCRIBE SELECT * FROM ({query}) AS q").fetchall()  # noqa: S608  # the query is let through word by word, names are quoted
        self._columns = [(name, kind) for name, kind, *_ in described]
        self._types = dict(self._columns)

    def column_names(self) -> list[str]:
        return [name for name, _ in self._columns]

    def count_nulls(self, column: str) -> int:
        return int(
            self._single_value(
                f"SELECT count(*) FROM ({self._query}) AS q WHERE {name_literal(column)} IS NULL"  # noqa: S608  # the query is let through word by word, names are quoted
            )
        )

    def highest(self, growth: Growth) -> Value | None:
        condition, values = self._condition(growth)
        column = name_literal(growth.column)
        value: str | None = self._single_value(
            f"SELECT CAST(max({column}) AS VARCHAR) FROM ({self._query}) AS q{condition}",  # noqa: S608  # the query is let through word by word, names are quoted
            values,
        )
        return value

    def count_rows(self, growth: Growth) -> int:
        condition, values = self._condition(growth)
        query = f"SELECT count(*) FROM ({self._query}) AS q{condition}"  # noqa: S608  # the query is let through word by word, names are quoted
        return int(self._single_value(query, values))

    def copy_rows(self, names: Sequence[str], growth: Growth | None, sink: Target) -> None:
        texts = ", ".join(
            f"{as_text(name, self._types[name], ())} AS {name_literal(name)}" for name in names
        )
        narrowed, values = "", list[str]()
        if growth is not None:
            narrowed, values = self._condition(growth)
            narrowed += f" ORDER BY {name_literal(growth.column)}"
        rows = f"SELECT * FROM ({self._query}) AS q{narrowed}"  # noqa: S608  # the query is let through word by word, names are quoted
        batches: Any = self._connection.sql(
            f"SELECT {texts} FROM ({rows}) AS q",  # noqa: S608  # the query is let through word by word, names are quoted
            params=values,
        ).to_arrow_reader(BATCH)
        write(sink, (_frame(batch) for batch in batches), names)

    def _condition(self, growth: Growth) -> tuple[str, list[str]]:
        """SQL and its values: which rows are taken."""
        kind, column = self._types[growth.column], name_literal(growth.column)
        conditions = [f"{column} {operator} CAST(? AS {kind})" for operator, _ in growth.limits]
        narrowed = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return narrowed, [str(value) for _, value in growth.limits]

    def _single_value(self, query: str, values: Sequence[str] = ()) -> Any:
        return self._connection.execute(query, list(values)).fetchall()[0][0]


def _frame(batch: Any) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("expected a record batch of rows, got a table")
    return frame
