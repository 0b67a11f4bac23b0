"""Delimited text (CSV and its kin) -> rows, and the records that cannot be read.

Belongs here: reading and accounting for every line. Stays out: types and rules.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.hands.sources.landing import OFFLINE, ROWS, Read, text_literal, write_unreadable
from contracts.errors import SourceError, Where
from contracts.settings import CsvOptions, Source
from pipelines.frames import ROW
from pipelines.ingest.records import HEADER, breaks_in_cells, lines_lost


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """DuckDB reads strictly and keeps what it rejects; what it drops without a word is found by counting lines."""
    import duckdb

    header = _header(source, file, where)
    target = folder / ROWS
    connection = duckdb.connect(config={"preserve_insertion_order": "true", **OFFLINE})
    try:
        reader = _csv_reader(file, header, source.options)
        connection.execute(f"COPY (SELECT row_number() OVER () AS {ROW}, * FROM {reader}) TO {text_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        rejected = connection.execute("SELECT line, any_value(error_type), any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"the file cannot be read as CSV ({type(error).__name__})", "Check `options` under assay.source: delimiter, quote, encoding (UTF-8)", where) from error
    finally:
        connection.close()
    rows = pl.scan_parquet(target)
    unreadable = [(line, str(kind).lower(), text) for line, kind, text in rejected]
    unreadable += _tail(source, file, rows, unreadable, where)
    write_unreadable(folder, unreadable)
    return Read(rows.select(pl.len()).collect().item(), len(unreadable), tuple(header))


def _header(source: Source, file: Path, where: Where) -> list[str]:
    with file.open("rb") as stream:
        first = stream.readline(2**20)
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SourceError("the header is not UTF-8", "Save the file as UTF-8", where) from None
    names = next(csv.reader(io.StringIO(text), delimiter=source.options.delimiter, quotechar=source.options.quote), [])
    if not any(names):
        raise SourceError("the file is empty or starts without a header", "Give it a first line with the column names", where)
    twice = sorted({name for name in names if names.count(name) > 1 or name == ROW})
    if twice:
        raise SourceError(f"the header names '{twice[0]}' twice, or as Assay's own column", "Rename one of the columns", where)
    return names


def _csv_reader(file: Path, header: list[str], options: CsvOptions) -> str:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in header)
    nulls = ", ".join(text_literal(value) for value in ("", *options.null_values))
    return (
        f"read_csv({text_literal(str(file))}, header = true, auto_detect = false, strict_mode = true, store_rejects = true, rejects_limit = 0, max_line_size = 16777216, "
        f"delim = {text_literal(options.delimiter)}, quote = {text_literal(options.quote)}, escape = {text_literal(options.quote)}, nullstr = [{nulls}], columns = {{{columns}}})"
    )


def _tail(source: Source, file: Path, rows: pl.LazyFrame, unreadable: list[tuple[int, str, str]], where: Where) -> list[tuple[int, str, str]]:
    """A quote that is never closed swallows the file to its end, and DuckDB says nothing: find the lines nobody accounts for."""
    quote = source.options.quote
    with file.open("rb") as stream:
        content = _line_counts(stream, quote.encode())
    height = rows.select(pl.len()).collect().item()
    lost = lines_lost(
        lines_in_file=content.lines,
        rows=height,
        breaks_in_cells=(breaks_in_cells(rows).collect(engine="streaming").item() or 0) if content.quotes else 0,  # only quotes let a cell hold a line break
        lines_unreadable=sum(1 + text.rstrip("\r\n").count("\n") for _, _, text in unreadable),
    )
    unclosed = (content.quotes - sum(text.count(quote) for _, _, text in unreadable)) % 2 == 1
    if lost > 0 and unclosed:
        return [(HEADER + height + len(unreadable) + 1, f"unclosed quote: {lost} lines to the end of the file", "")]
    if 0 <= lost <= content.blank:
        return []  # the lines that nobody has are blank ones, which the reader skips
    raise SourceError(
        f"{abs(lost):,} of the file's {content.lines:,} lines cannot be accounted for",
        "Check `options` under assay.source against the file: nothing was landed, rather than rows lost",
        where,
    )


@dataclass(frozen=True)
class _Counts:
    lines: int
    blank: int
    quotes: int


def _line_counts(stream: io.BufferedReader, quote: bytes) -> _Counts:
    lines = blank = quotes = 0
    last = b"\n"
    while chunk := stream.read(2**22):
        lines += chunk.count(b"\n")
        quotes += chunk.count(quote)
        blank += (last + chunk).count(b"\n\n") + (last + chunk).count(b"\n\r\n")
        last = chunk[-1:]
    return _Counts(lines + (last != b"\n"), blank, quotes)
