"""MySQL and MariaDB -> the rows of a table or query as text, streamed within one snapshot.

Belongs here: connecting, and what these servers call things. Stays out: other databases (databases.py), which queries are let through (contracts/extract.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl

from assay.assets.io.decode.parquet import name_literal
from assay.assets.io.sources.extracts import BATCH, Extract, checked, start_after, unmarked, write
from assay.assets.io.sources.places import Mark, Sink
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import CsvOptions


def download(name: str, query: str, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Stream the query's rows into the sink: the server writes the text, a batch at a time is held here.

    Raises: SourceError: no connection, no such table or column, or rows that have no value in the column that only grows.
    """
    with _connected(name, sink.where) as connection:
        import pymysql

        try:
            _, described = _query(connection, f"SELECT * FROM ({query}) AS q LIMIT 0")  # noqa: S608  # the query is let through word by word, names are quoted
            names = checked([column[0] for column in described], options, sink.where)
            later, order, reached = "", "", None
            if options.watermark is not None:
                column, since = (
                    name_literal(options.watermark.column),
                    start_after(options.watermark, mark),
                )
                ((nulls,),), _ = _query(
                    connection,
                    f"SELECT count(*) FROM ({query}) AS q WHERE {column} IS NULL",  # noqa: S608  # the query is let through word by word, names are quoted
                )
                unmarked(int(nulls), options.watermark.column, sink.where)
                later, order = (
                    ("" if since is None else f" WHERE {column} > {connection.escape(since)}"),
                    f" ORDER BY {column}",
                )
                ((reached,),), _ = _query(
                    connection,
                    f"SELECT max({column}) FROM ({query}) AS q{later}",  # noqa: S608  # the query is let through word by word, names are quoted
                )
                if reached is None and mark is not None:
                    return Extract(mark.value, is_new=False)
            texts = ", ".join(
                f"{_as_text(column, code)} AS {name_literal(column)}"
                for column, code, *_ in described
            )
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {texts} FROM ({query}) AS q{later}{order}")  # noqa: S608  # the query is let through word by word, names are quoted
                write(
                    sink,
                    (
                        _frame(names, rows)
                        for rows in iter(lambda: list(cursor.fetchmany(BATCH)), [])
                    ),
                    names,
                )
        except (
            pymysql.MySQLError
        ) as error:  # its text may hold a value, or where the server is: the number says enough
            raise SourceError(
                f"the database refuses the query (error {error.args[0]})",
                "Check `table` or `query`, and the connection's rights",
                sink.where,
            ) from None
    return Extract(
        reached if reached is not None or options.watermark is None else options.watermark.start,
        is_new=True,
    )


@contextmanager
def _connected(name: str, where: Where) -> Iterator[Any]:
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
        raise SourceError(
            "MySQL needs the package 'pymysql'", "Install it: pip install 'assay[mysql]'", where
        ) from None
    authority = parse_qs(url.query).get("ssl_ca", [None])[0]
    try:
        connection = pymysql.connect(
            host=url.hostname, port=url.port or 3306, user=unquote(url.username or ""), password=unquote(url.password or ""), database=unquote(url.path[1:]), connect_timeout=10,
            charset="utf8mb4", cursorclass=SSCursor, conv=encoders, ssl={"ca": authority} if authority else None, local_infile=False,
        )  # fmt: skip
    except (pymysql.MySQLError, OSError, ValueError) as error:
        raise SourceError(
            f"the database cannot be reached ({type(error).__name__})",
            f"Check {variable}, and that the server answers",
            where,
        ) from None
    with closing(connection):
        # names stand in double quotes, as elsewhere; times are told in UTC; everything is read as of one moment
        for setting in (
            "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+00:00'",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ):
            _query(connection, setting)
        yield connection


def _query(connection: Any, query: str) -> tuple[list[Any], Sequence[Any]]:
    """The rows of a small answer, and its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else [], cursor.description or ()


def _as_text(column: str, code: int) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly; of most types it is what the server sends."""
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
    """What was sent: text, or bytes of a binary column, which are told in hexadecimal digits."""
    if any(isinstance(cell, bytes) for cell in cells):
        return pl.Series(name, cells, pl.Binary).bin.encode("hex")
    return pl.Series(name, cells, pl.String)
