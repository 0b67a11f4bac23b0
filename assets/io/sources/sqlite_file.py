"""SQLite files -> the rows of a table or query as text, read within one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.decode.parquet import name_literal
from assay.assets.io.sources.extracts import BATCH, Extract, Growth, Target, take, write
from assay.assets.io.sources.overlap import Value
from assay.assets.io.sources.places import Mark, Sink
from assay.contracts.errors import SourceError
from assay.contracts.settings import CsvOptions


def download(path: Path, query: str, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Stream the query's rows into the sink.

    The file is opened for reading, with nothing that a hostile schema could call.
    Raises: SourceError: it is no SQLite database, has no such table or column, or rows have no
        value in the column that only grows.
    """
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            return take(_Session(connection, query), options, sink, mark)
    except sqlite3.Error as error:
        raise SourceError(
            f"the database rejected the query ({type(error).__name__})",
            "Check `table` or `query`, and that the file is a complete SQLite database",
            sink.where,
        ) from None


class _Session:
    def __init__(self, connection: sqlite3.Connection, query: str) -> None:
        self._connection, self._query = connection, query

    def column_names(self) -> list[str]:
        described = self._connection.execute(f"SELECT * FROM ({self._query}) AS q LIMIT 0")  # noqa: S608  # the query is let through word by word, names are quoted
        return [column[0] for column in described.description or ()]

    def count_nulls(self, column: str) -> int:
        return int(
            self._single_value(
                f"SELECT count(*) FROM ({self._query}) WHERE {name_literal(column)} IS NULL"  # noqa: S608  # the query is let through word by word, names are quoted
            )
        )

    def highest(self, growth: Growth) -> Value | None:
        condition, values = _condition(growth)
        column = name_literal(growth.column)
        value: Value | None = self._single_value(
            f"SELECT max({column}) FROM ({self._query}){condition}",  # noqa: S608  # the query is let through word by word, names are quoted
            values,
        )
        return value

    def count_rows(self, growth: Growth) -> int:
        condition, values = _condition(growth)
        return int(self._single_value(f"SELECT count(*) FROM ({self._query}){condition}", values))  # noqa: S608  # the query is let through word by word, names are quoted

    def copy_rows(self, names: Sequence[str], growth: Growth | None, sink: Target) -> None:
        texts = ", ".join(map(_as_text, names))
        narrowed, values = "", tuple[Value, ...]()
        if growth is not None:
            narrowed, values = _condition(growth)
            narrowed += f" ORDER BY {name_literal(growth.column)}"
        cursor = self._connection.execute(
            f"SELECT {texts} FROM ({self._query}) AS q{narrowed}",  # noqa: S608  # the query is let through word by word, names are quoted
            values,
        )
        batches = iter(lambda: cursor.fetchmany(BATCH), [])
        write(sink, (_frame(names, rows) for rows in batches), names)

    def _single_value(self, query: str, values: tuple[Value, ...] = ()) -> Any:
        return self._connection.execute(query, values).fetchone()[0]


def _condition(growth: Growth) -> tuple[str, tuple[Value, ...]]:
    """SQL and its values: which rows are taken."""
    column = name_literal(growth.column)
    conditions = [f"{column} {operator} ?" for operator, _ in growth.limits]
    narrowed = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return narrowed, tuple(value for _, value in growth.limits)


def _as_text(name: str) -> str:
    """SQL: a column's cells; each is of its own type, so each is written by that."""
    column = name_literal(name)
    return f"CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE {column} END"


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pl.DataFrame(
        [pl.Series(name, cells, pl.String, strict=False) for name, cells in columns]
    )
