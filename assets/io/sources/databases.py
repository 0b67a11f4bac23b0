"""Databases -> the rows of a table or query, as an extract: which module asks which database.

Belongs here: the choice. Stays out: which queries are let through (contracts/extract.py), asking
any one database.
"""

from __future__ import annotations

import csv
from pathlib import Path

from assay.assets.io.sources import duckdb_file, mysql, postgres, sqlite_file
from assay.assets.io.sources.extracts import Extract
from assay.assets.io.sources.places import Mark, Sink
from assay.contracts.errors import SourceError
from assay.contracts.extract import extract, table_name
from assay.contracts.location import kind_of
from assay.contracts.settings import CsvOptions, Source

SERVERS = {"postgres": postgres.download, "mysql": mysql.download}
FILES = {"sqlite": sqlite_file.download, "duckdb": duckdb_file.download}


def download(source: Source, path: Path | None, sink: Sink, mark: Mark | None) -> Extract:
    """Stream what the contract asks for into the sink.

    Args:
        path: the database's file, where it is one.
        mark: what the last published version reached.
    Raises: SourceError: no connection, no such table or column, or rows that have no value in the
        column that only grows.
    """
    kind, options = kind_of(source.location), source.options
    query = _query(options, kind)
    if kind in SERVERS:
        connection = source.location.partition(":")[2]
        return SERVERS[kind](connection, query, options, sink, mark)
    if path is None or not path.is_file():
        raise SourceError(
            "the database file does not exist",
            "Deliver it (in ASSAY_HOME/inbox), or correct `location` under assay.source",
            sink.where,
        )
    return FILES[kind](path, query, options, sink, mark)


def _query(options: CsvOptions, kind: str) -> str:
    """The contract's query, let through word by word, or all rows of its table."""
    if options.query is not None:
        return extract(options.query, kind)
    return f"SELECT * FROM {table_name(options.table or '')}"  # noqa: S608  # the name is quoted


_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
    "duckdb": "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables ORDER BY 1",
    "postgres": "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    "mysql": "SELECT concat(table_schema, '.', table_name) AS name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1",
}


def table_names(location: str, path: Path | None, sink: Sink) -> list[str]:
    """The tables and views of a database, as `table` names them.

    Args:
        path: the database's file, where it is one.
    Raises: SourceError: no connection, or no such database.
    """
    kind = kind_of(location)
    if path is None:
        SERVERS[kind](location.partition(":")[2], _TABLES[kind], CsvOptions(), sink, None)
    else:
        FILES[kind](path, _TABLES[kind], CsvOptions(), sink, None)
    with sink.path.open(encoding="utf-8", newline="") as stream:
        return [row[0] for row in csv.reader(stream)][1:]
