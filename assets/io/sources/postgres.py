"""Postgres -> the rows of a table or query as text, copied within one read-only snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from assay.assets.io.decode.parquet import name_literal
from assay.assets.io.sources.extracts import Extract, Growth, Target, take
from assay.assets.io.sources.overlap import Value
from assay.assets.io.sources.places import Mark, Sink
from assay.assets.io.work_progress import report_progress
from assay.contracts.errors import SourceError, Where
from assay.contracts.extras import missing_extra
from assay.contracts.settings import CsvOptions

SETTINGS = (
    "TimeZone = 'UTC'",
    "DateStyle = 'ISO'",
    "IntervalStyle = 'iso_8601'",
    "extra_float_digits = 1",
    "bytea_output = 'hex'",
    "synchronize_seqscans = off",
)
REPORT_EVERY = 10_000_000
"""Bytes between two reports of progress."""


def download(name: str, query: str, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Stream the query's rows into the sink: the server writes the text, nothing is held here.

    Args:
        name: the connection's: its address is in ASSAY_CONNECTION_NAME.
    Raises: SourceError: no connection, no such table or column, or rows that have no value in the
        column that only grows.
    """
    with _connected(name, sink.where) as connection:
        import psycopg

        try:
            return take(_Session(connection, query), options, sink, mark)
        # the error's text may hold a value, or where the server is: its code says enough
        except psycopg.Error as error:
            raise SourceError(
                f"the database rejected the query ({type(error).__name__}, {error.sqlstate})",
                "Check `table` or `query`, and the rights of the database user",
                sink.where,
            ) from None


class _Session:
    def __init__(self, connection: Any, query: str) -> None:
        self._connection, self._query = connection, query
        cursor = connection.execute(f"SELECT * FROM ({query}) AS q LIMIT 0")  # noqa: S608  # the query is let through word by word, names are quoted
        self._columns = cursor.description or ()

    def column_names(self) -> list[str]:
        return [column.name for column in self._columns]

    def count_nulls(self, column: str) -> int:
        from psycopg import sql

        query = sql.SQL("SELECT count(*) FROM ({}) AS q WHERE {} IS NULL")
        return int(self._single_value(query.format(sql.SQL(self._query), sql.Identifier(column))))

    def highest(self, growth: Growth) -> Value | None:
        from psycopg import sql

        query = sql.SQL("SELECT max({})::text FROM ({}) AS m")
        value = self._single_value(
            query.format(sql.Identifier(growth.column), self._new_rows(growth))
        )
        return None if value is None else str(value)

    def count_rows(self, growth: Growth) -> int:
        from psycopg import sql

        query = sql.SQL("SELECT count(*) FROM ({}) AS m")
        return int(self._single_value(query.format(self._new_rows(growth))))

    def copy_rows(self, names: Sequence[str], growth: Growth | None, sink: Target) -> None:
        types = {column.name: column.type_code for column in self._columns}
        texts = ", ".join(
            f"{_as_text(name, types[name])} AS {name_literal(name)}" for name in names
        )
        rows = self._query if growth is None else self._ordered_rows(growth)
        copy = f"COPY (SELECT {texts} FROM ({rows}) AS q) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)"  # noqa: S608  # the query is let through word by word, names are quoted
        with self._connection.cursor().copy(copy) as chunks:
            sink.write(_report_progress(bytes(chunk) for chunk in chunks))

    def _ordered_rows(self, growth: Growth) -> str:
        from psycopg import sql

        order = sql.SQL(" ORDER BY {}").format(sql.Identifier(growth.column))
        return str((self._new_rows(growth) + order).as_string(self._connection))

    def _new_rows(self, growth: Growth) -> Any:
        from psycopg import sql

        query = sql.SQL("SELECT * FROM ({}) AS q{}")
        column = sql.Identifier(growth.column)
        limits = [
            sql.SQL("{} {} {}").format(column, sql.SQL(operator), sql.Literal(str(value)))
            for operator, value in growth.limits
        ]
        condition: sql.Composable = sql.SQL("")
        if limits:
            condition = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(limits))
        return query.format(sql.SQL(self._query), condition)

    def _single_value(self, query: Any) -> Any:
        return self._connection.execute(query).fetchone()[0]


def _report_progress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks as they come, and a report of progress now and then."""
    size, reported = 0, 0
    for chunk in chunks:
        size += len(chunk)
        if size - reported > REPORT_EVERY:
            report_progress(f"{size / 1e6:,.0f} MB fetched")
            reported = size
        yield chunk


@contextmanager
def _connected(name: str, where: Where) -> Iterator[Any]:
    variable = f"ASSAY_CONNECTION_{name}"
    url = os.environ.get(variable)
    if not url:
        raise SourceError(
            f"{variable} is not set",
            f"Set {variable} to postgresql://USER@HOST/DATABASE, with the password or in ~/.pgpass",
            where,
        )
    try:
        import psycopg
    except ModuleNotFoundError:
        raise missing_extra("a source in Postgres", "postgres", where) from None
    try:
        connection = psycopg.connect(url, connect_timeout=10, application_name="assay")
    except (psycopg.Error, ValueError) as error:
        raise SourceError(
            f"the database cannot be reached ({type(error).__name__})",
            f"Check {variable}, and that the server answers",
            where,
        ) from None
    with closing(connection):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for setting in SETTINGS:
            connection.execute(f"SET LOCAL {setting}")
        yield connection


def _as_text(column: str, oid: int) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly.

    Oids as in pg_type.dat.
    """
    import psycopg

    value, known_type = name_literal(column), psycopg.postgres.types.get(oid)
    if known_type is not None and known_type.array_oid == oid:
        return f"to_json({value})::text"
    match known_type.name if known_type is not None else "":
        case "timestamp":
            return f"replace({value}::text, ' ', 'T')"
        case "timestamptz":
            return f"regexp_replace(replace({value}::text, ' ', 'T'), '[+]00$', '+00:00')"
        case "bytea":
            return f"encode({value}, 'hex')"
    return f"{value}::text"
