"""MySQL and MariaDB -> the rows of a table or query as text, streamed within one snapshot.

Belongs here: connecting, and what these servers call things. Stays out: which queries are let
through (contracts/extract.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl

from assay.assets.io.decode.parquet import name_literal
from assay.assets.io.sources.extracts import BATCH, Extract, Growth, Target, take, write
from assay.assets.io.sources.overlap import Value
from assay.assets.io.sources.places import Mark, Sink
from assay.contracts.errors import SourceError, Where
from assay.contracts.extras import missing_extra
from assay.contracts.settings import CsvOptions

SETTINGS = (
    # names are in double quotes, as elsewhere; times come in UTC; all is read as of one moment
    "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+00:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


def download(name: str, query: str, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Stream the query's rows into the sink: the server writes the text, a batch at a time is held
    here.

    Raises: SourceError: no connection, no such table or column, or rows that have no value in the
        column that only grows.
    """
    with _connected(name, sink.where) as connection:
        import pymysql

        try:
            return take(_Session(connection, query), options, sink, mark)
        # the error's text may hold a value, or where the server is: its number says enough
        except pymysql.MySQLError as error:
            raise SourceError(
                f"the database rejected the query (error {error.args[0]})",
                "Check `table` or `query`, and the rights of the database user",
                sink.where,
            ) from None


class _Session:
    def __init__(self, connection: Any, query: str) -> None:
        self._connection, self._query = connection, query
        _, self._columns = _query(connection, f"SELECT * FROM ({query}) AS q LIMIT 0")  # noqa: S608  # the query is let through word by word, names are quoted

    def column_names(self) -> list[str]:
        return [column[0] for column in self._columns]

    def count_nulls(self, column: str) -> int:
        return int(
            self._single_value(
                f"SELECT count(*) FROM ({self._query}) AS q WHERE {name_literal(column)} IS NULL"  # noqa: S608  # the query is let through word by word, names are quoted
            )
        )

    def highest(self, growth: Growth) -> Value | None:
        column = name_literal(growth.column)
        value: Value | None = self._single_value(
            f"SELECT max({column}) FROM ({self._query}) AS q{self._condition(growth)}"  # noqa: S608  # the query is let through word by word, names are quoted
        )
        return value

    def count_rows(self, growth: Growth) -> int:
        query = f"SELECT count(*) FROM ({self._query}) AS q{self._condition(growth)}"  # noqa: S608  # the query is let through word by word, names are quoted
        return int(self._single_value(query))

    def copy_rows(self, names: Sequence[str], growth: Growth | None, sink: Target) -> None:
        texts = ", ".join(
            f"{_as_text(name, code)} AS {name_literal(name)}" for name, code, *_ in self._columns
        )
        narrowed = ""
        if growth is not None:
            narrowed = f"{self._condition(growth)} ORDER BY {name_literal(growth.column)}"
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {texts} FROM ({self._query}) AS q{narrowed}")  # noqa: S608  # the query is let through word by word, names are quoted
            batches = iter(lambda: list(cursor.fetchmany(BATCH)), [])
            write(sink, (_frame(names, rows) for rows in batches), names)

    def _condition(self, growth: Growth) -> str:
        """SQL: which rows are taken."""
        column = name_literal(growth.column)
        conditions = [
            f"{column} {operator} {self._connection.escape(value)}"
            for operator, value in growth.limits
        ]
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _single_value(self, query: str) -> Any:
        ((value,),), _ = _query(self._connection, query)
        return value


@contextmanager
def _connected(name: str, where: Where) -> Iterator[Any]:
    with closing(_connect(name, where)) as connection:
        for setting in SETTINGS:
            _query(connection, setting)
        yield connection


def _connect(name: str, where: Where) -> Any:
    variable = f"ASSAY_CONNECTION_{name}"
    url = urlsplit(os.environ.get(variable, ""))
    if not url.hostname or url.scheme not in ("mysql", "mariadb"):
        raise SourceError(
            f"{variable} is not set to an address",
            f"Set {variable} to mysql://USER:PASSWORD@HOST/DATABASE, with ?ssl_ca=FILE for TLS",
            where,
        )
    try:
        import pymysql
        from pymysql.converters import encoders
        from pymysql.cursors import SSCursor
    except ModuleNotFoundError:
        raise missing_extra("a source in MySQL", "mysql", where) from None
    authority = parse_qs(url.query).get("ssl_ca", [None])[0]
    try:
        return pymysql.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            database=unquote(url.path[1:]),
            ssl={"ca": authority} if authority else None,
            connect_timeout=10,
            charset="utf8mb4",
            cursorclass=SSCursor,
            conv=encoders,
            local_infile=False,
        )
    except (pymysql.MySQLError, OSError, ValueError) as error:
        raise SourceError(
            f"the database cannot be reached ({type(error).__name__})",
            f"Check {variable}, and that the server answers",
            where,
        ) from None


def _query(connection: Any, query: str) -> tuple[list[Any], Sequence[Any]]:
    """The rows of a small answer, and its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else [], cursor.description or ()


def _as_text(column: str, code: int) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly; of most types it
    is what the server sends.
    """
    from pymysql.constants import FIELD_TYPE

    named = name_literal(column)
    match code:
        case FIELD_TYPE.FLOAT:
            return f"CAST({named} AS DOUBLE)"  # as it stands, six digits are sent
        case FIELD_TYPE.DATETIME:
            return f"REPLACE(CAST({named} AS CHAR), ' ', 'T')"
        case FIELD_TYPE.TIMESTAMP:
            return f"CONCAT(REPLACE(CAST({named} AS CHAR), ' ', 'T'), '+00:00')"
    return named


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [_cells(name, cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)]
    )


def _cells(name: str, cells: Sequence[Any]) -> pl.Series:
    """What was sent: text, or bytes of a binary column, which become hexadecimal digits."""
    if any(isinstance(cell, bytes) for cell in cells):
        return pl.Series(name, cells, pl.Binary).bin.encode("hex")
    return pl.Series(name, cells, pl.String)
