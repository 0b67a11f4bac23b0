"""Databases -> the rows of a table or query as text, streamed, and the mark that a growing table has reached.

Belongs here: connecting, what each database calls things, reading within one snapshot. Stays out: which queries are let through (contracts/extract.py).
An extract is CSV in which every text is quoted and null is not: its bytes, and so its digest, depend on the rows alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.decode.landing import ROWS
from assay.assets.io.decode.parquet import OFFLINE, as_text, name_literal, text_literal
from assay.assets.io.sources import mysql
from assay.assets.io.sources.extracts import (
    BATCH,
    Extract,
    Value,
    checked,
    start_after,
    unmarked,
    write,
)
from assay.assets.io.sources.landing import Read, write_unreadable
from assay.assets.io.sources.places import Mark, Sink
from assay.assets.io.work_progress import tell
from assay.contracts.errors import SourceError, Where
from assay.contracts.extract import extract, table_name
from assay.contracts.location import kind_of
from assay.contracts.settings import CsvOptions, Source
from assay.pipelines.core.frames import ROW


def download(source: Source, path: Path | None, sink: Sink, mark: Mark | None) -> Extract:
    """Stream what the contract asks for into the sink.

    Args:
        path: the database's file, where it is one.
        mark: what the last published version reached.
    Raises: SourceError: no connection, no such table or column, or rows that have no value in the column that only grows.
    """
    kind, options = kind_of(source.location), source.options
    query = (
        extract(options.query, kind)
        if options.query is not None
        else f"SELECT * FROM {table_name(options.table or '')}"  # noqa: S608  # the query is let through word by word, names are quoted
    )
    if kind == "postgres":
        return _from_postgres(source.location.partition(":")[2], query, options, sink, mark)
    if kind == "mysql":
        return mysql.download(source.location.partition(":")[2], query, options, sink, mark)
    if path is None or not path.is_file():
        raise SourceError(
            "the database's file is not there",
            "Put it there (in ASSAY_HOME/inbox), or mend `location` under assay.source",
            sink.where,
        )
    return (
        _from_sqlite(path, query, options, sink, mark)
        if kind == "sqlite"
        else _from_duckdb(path, query, options, sink, mark)
    )


# -- Postgres -------------------------------------------------------------------------------


def _from_postgres(
    name: str, query: str, options: CsvOptions, sink: Sink, mark: Mark | None
) -> Extract:
    """COPY within one read-only snapshot: the server writes the text, nothing is held here."""
    with _postgres(name, sink.where) as connection:
        import psycopg
        from psycopg import sql

        try:
            cursor = connection.execute(f"SELECT * FROM ({query}) AS q LIMIT 0")  # noqa: S608  # the query is let through word by word, names are quoted
            described = {column.name: column.type_code for column in cursor.description or ()}
            names = checked(
                [column.name for column in cursor.description or ()], options, sink.where
            )
            narrowed, reached = query, None
            if options.watermark is not None:
                column, beyond = (
                    sql.Identifier(options.watermark.column),
                    start_after(options.watermark, mark),
                )
                unmarked(
                    _single_value(
                        connection,
                        sql.SQL("SELECT count(*) FROM ({}) AS q WHERE {} IS NULL").format(
                            sql.SQL(query), column
                        ),
                    ),
                    options.watermark.column,
                    sink.where,
                )
                later = (
                    sql.SQL("")
                    if beyond is None
                    else sql.SQL(" WHERE {} > {}").format(column, sql.Literal(str(beyond)))
                )
                marked = sql.SQL("SELECT * FROM ({}) AS q{}").format(sql.SQL(query), later)
                reached = _single_value(
                    connection,
                    sql.SQL("SELECT max({})::text FROM ({}) AS m").format(column, marked),
                )
                if reached is None and mark is not None:
                    return Extract(mark.value, is_new=False)
                narrowed = (marked + sql.SQL(" ORDER BY {}").format(column)).as_string(connection)
            texts = ", ".join(
                f"{_postgres_text(column, described[column])} AS {name_literal(column)}"
                for column in names
            )
            with connection.cursor().copy(
                f"COPY (SELECT {texts} FROM ({narrowed}) AS q) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)"  # noqa: S608  # the query is let through word by word, names are quoted
            ) as copied:
                sink.write(_count_chunks(bytes(chunk) for chunk in copied))
        except (
            psycopg.Error
        ) as error:  # its text may hold a value, or where the server is: the code says enough
            raise SourceError(
                f"the database refuses the query ({type(error).__name__}, {error.sqlstate})",
                "Check `table` or `query`, and the connection's rights",
                sink.where,
            ) from None
    return Extract(
        reached if reached is not None or options.watermark is None else options.watermark.start,
        is_new=True,
    )


def _count_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    size, said = 0, 0
    for chunk in chunks:
        size += len(chunk)
        if size - said > 10_000_000:
            tell(f"{size / 1e6:,.0f} MB fetched")
            said = size
        yield chunk


def _single_value(connection: Any, query: Any) -> Any:
    return connection.execute(query).fetchone()[0]


@contextmanager
def _postgres(name: str, where: Where) -> Iterator[Any]:
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
        raise SourceError(
            "Postgres needs the package 'psycopg'",
            "Install it: pip install 'assay[postgres]'",
            where,
        ) from None
    try:
        connection = psycopg.connect(url, connect_timeout=10, application_name="assay")
    except (psycopg.Error, ValueError) as error:
        raise SourceError(
            f"the database cannot be reached ({type(error).__name__})",
            f"Check {variable}, and that the server answers",
            where,
        ) from None
    with closing(connection):
        connection.isolation_level, connection.read_only = (
            psycopg.IsolationLevel.REPEATABLE_READ,
            True,
        )
        for setting in (
            "TimeZone = 'UTC'",
            "DateStyle = 'ISO'",
            "IntervalStyle = 'iso_8601'",
            "extra_float_digits = 1",
            "bytea_output = 'hex'",
            "synchronize_seqscans = off",
        ):
            connection.execute(f"SET LOCAL {setting}")
        yield connection


def _postgres_text(column: str, oid: int) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly. Oids as in pg_type.dat."""
    import psycopg

    named, known = name_literal(column), psycopg.postgres.types.get(oid)
    kind = known.name if known is not None else ""
    if known is not None and known.array_oid == oid:
        return f"to_json({named})::text"
    if kind in ("timestamp", "timestamptz"):
        plain = f"replace({named}::text, ' ', 'T')"
        return plain if kind == "timestamp" else f"regexp_replace({plain}, '[+]00$', '+00:00')"
    if kind == "bytea":
        return f"encode({named}, 'hex')"
    return f"{named}::text"


# -- SQLite ---------------------------------------------------------------------------------


def _from_sqlite(
    path: Path, query: str, options: CsvOptions, sink: Sink, mark: Mark | None
) -> Extract:
    """Opened for reading, with nothing that a hostile schema could call; a cell is of its own type, so each is written by that."""
    import sqlite3

    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            described = connection.execute(f"SELECT * FROM ({query}) AS q LIMIT 0").description  # noqa: S608  # the query is let through word by word, names are quoted
            names = checked([column[0] for column in described or ()], options, sink.where)
            later, order, reached = "", "", None
            values: tuple[Value, ...] = ()
            if options.watermark is not None:
                column, beyond = (
                    name_literal(options.watermark.column),
                    start_after(options.watermark, mark),
                )
                unmarked(
                    connection.execute(
                        f"SELECT count(*) FROM ({query}) WHERE {column} IS NULL"  # noqa: S608  # the query is let through word by word, names are quoted
                    ).fetchone()[0],
                    options.watermark.column,
                    sink.where,
                )
                values = () if beyond is None else (beyond,)
                later, order = (
                    ("" if beyond is None else f" WHERE {column} > ?"),
                    f" ORDER BY {column}",
                )
                reached = connection.execute(
                    f"SELECT max({column}) FROM ({query}){later}",  # noqa: S608  # the query is let through word by word, names are quoted
                    values,
                ).fetchone()[0]
                if reached is None and mark is not None:
                    return Extract(mark.value, is_new=False)
            texts = ", ".join(
                f"CASE typeof({name_literal(n)}) WHEN 'blob' THEN lower(hex({name_literal(n)})) ELSE {name_literal(n)} END"
                for n in names
            )
            cursor = connection.execute(f"SELECT {texts} FROM ({query}) AS q{later}{order}", values)  # noqa: S608  # the query is let through word by word, names are quoted
            batches = iter(lambda: cursor.fetchmany(BATCH), [])
            frames = (
                pl.DataFrame(
                    [
                        pl.Series(name, cells, pl.String, strict=False)
                        for name, cells in zip(names, zip(*rows, strict=True), strict=True)
                    ]
                )
                for rows in batches
            )
            write(sink, frames, names)
    except sqlite3.Error as error:
        raise SourceError(
            f"the database refuses the query ({type(error).__name__})",
            "Check `table` or `query`, and that the file is a whole SQLite database",
            sink.where,
        ) from None
    return Extract(
        reached if reached is not None or options.watermark is None else options.watermark.start,
        is_new=True,
    )


# -- DuckDB ---------------------------------------------------------------------------------


def _from_duckdb(
    path: Path, query: str, options: CsvOptions, sink: Sink, mark: Mark | None
) -> Extract:
    """Opened for reading and locked before anything is asked: a view in the file may name other files."""
    import duckdb

    try:
        with closing(
            duckdb.connect(
                str(path), read_only=True, config={**OFFLINE, "python_enable_replacements": "false"}
            )
        ) as connection:
            for setting in (
                "TimeZone = 'UTC'",
                "preserve_insertion_order = true",
                "memory_limit = '2GiB'",
                "temp_directory = ''",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
            described = connection.execute(f"DESCRIBE SELECT * FROM ({query}) AS q").fetchall()  # noqa: S608  # the query is let through word by word, names are quoted
            kinds = {name: kind for name, kind, *_ in described}
            names = checked([name for name, *_ in described], options, sink.where)
            later, order, values, reached = "", "", list[str](), None
            if options.watermark is not None:
                column, beyond = (
                    name_literal(options.watermark.column),
                    start_after(options.watermark, mark),
                )
                kind = kinds[options.watermark.column]
                unmarked(
                    connection.execute(
                        f"SELECT count(*) FROM ({query}) AS q WHERE {column} IS NULL"  # noqa: S608  # the query is let through word by word, names are quoted
                    ).fetchall()[0][0],
                    options.watermark.column,
                    sink.where,
                )
                values = [] if beyond is None else [str(beyond)]
                later, order = (
                    ("" if beyond is None else f" WHERE {column} > CAST(? AS {kind})"),
                    f" ORDER BY {column}",
                )
                reached = connection.execute(
                    f"SELECT CAST(max({column}) AS VARCHAR) FROM ({query}) AS q{later}",  # noqa: S608  # the query is let through word by word, names are quoted
                    values,
                ).fetchall()[0][0]
                if reached is None and mark is not None:
                    return Extract(mark.value, is_new=False)
            texts = ", ".join(
                f"{as_text(name, kinds[name], ())} AS {name_literal(name)}" for name in names
            )
            batches: Any = connection.sql(
                f"SELECT {texts} FROM (SELECT * FROM ({query}) AS q{later}{order}) AS q",  # noqa: S608  # the query is let through word by word, names are quoted
                params=values,
            ).to_arrow_reader(BATCH)
            write(sink, (_frame(batch) for batch in batches), names)
    except duckdb.Error as error:
        raise SourceError(
            f"the database refuses the query ({type(error).__name__})",
            "Check `table` or `query`, and that the file is a DuckDB database of this version",
            sink.where,
        ) from None
    return Extract(
        reached if reached is not None or options.watermark is None else options.watermark.start,
        is_new=True,
    )


def _frame(batch: Any) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a batch of rows is a table")
    return frame


# -- reading the extract ----------------------------------------------------------------------


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read an extract back: nothing in it can be unreadable."""
    import duckdb

    with file.open(encoding="utf-8", newline="") as stream:
        names = next(csv.reader(stream))
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    chosen = ", ".join(_unless_null(name, source.options) for name in names)
    reader = (
        f"read_csv({text_literal(str(file))}, header = true, auto_detect = false, strict_mode = true, max_line_size = 67108864, delim = ',', quote = '\"', escape = '\"', "
        f"allow_quoted_nulls = false, columns = {{{columns}}})"
    )
    target = folder / ROWS
    try:
        with closing(
            duckdb.connect(
                config={"preserve_insertion_order": "true", "memory_limit": "2GiB", **OFFLINE}
            )
        ) as connection:
            connection.execute(
                f"COPY (SELECT row_number() OVER () AS {ROW}, {chosen} FROM {reader}) TO {text_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608  # the query is let through word by word, names are quoted
            )
    except duckdb.Error as error:
        raise SourceError(
            f"the extract cannot be read ({type(error).__name__})",
            "Leave columns of more than 64 MB a row out in a `query`",
            where,
        ) from error
    write_unreadable(folder, [])
    return Read(pl.scan_parquet(target).select(pl.len()).collect().item(), 0, tuple(names))


def _unless_null(name: str, options: CsvOptions) -> str:
    named = name_literal(name)
    if not options.null_values:
        return named
    return f"CASE WHEN {named} NOT IN ({', '.join(text_literal(value) for value in options.null_values)}) THEN {named} END AS {named}"
