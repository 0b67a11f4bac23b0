"""Databases -> the rows of a table or query, as an extract: which module asks which database.

Belongs here: the choice. Stays out: which queries are let through (contracts/extract.py), asking
any one database.
"""

from __future__ import annotations

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
