"""What every database's extract consists of: the rows to take, the mark to go on from, its CSV file.

Belongs here: what the databases share. Stays out: how to ask any one of them (postgres.py,
mysql.py, sqlite_file.py, duckdb_file.py). An extract is CSV in which every text is quoted and null
is not: its bytes, and so its digest, depend on the rows alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from assay.assets.io.decode.parquet import OFFLINE, name_literal, text_literal
from assay.assets.io.decode.task import ROWS, repeated_name
from assay.assets.io.sources.overlap import Records, Value, overlap_start
from assay.assets.io.sources.places import Mark, Overlap, Sink
from assay.assets.io.sources.read_result import Read, write_unreadable
from assay.assets.io.work_progress import report_progress
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import CsvOptions, Source, Watermark
from assay.pipelines.core.frames import ROW

BATCH = 50_000


@dataclass(frozen=True)
class Extract:
    """What came: the mark reached, None if the source has none; `is_new` is false where nothing
    was there that had not been read.

    `late` counts rows at or behind the mark before, `missed` those behind its overlap.
    """

    watermark: Value | None
    is_new: bool
    seen: Overlap | None = None
    late: int = 0
    missed: int = 0


@dataclass(frozen=True)
class Growth:
    """The column that only grows, and the limits of the rows to take: `>`, `>=`, `<` or `<=` a value."""

    column: str
    limits: tuple[tuple[str, Value], ...]


class Target(Protocol):
    """What takes CSV."""

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append."""
        ...


class Session(Protocol):
    """A query on an open connection, all of it answered as of one moment."""

    def column_names(self) -> list[str]:
        """The names of the query's columns, as the database describes them."""
        ...

    def count_nulls(self, column: str) -> int:
        """How many rows have no value in the column."""
        ...

    def count_rows(self, growth: Growth) -> int:
        """How many rows lie within the limits."""
        ...

    def highest(self, growth: Growth) -> Value | None:
        """The highest value of the growing column within the limits; None if there is no row."""
        ...

    def copy_rows(self, names: Sequence[str], growth: Growth | None, sink: Target) -> None:
        """Write the rows as CSV; of a growing table those within the limits, in the column's order."""
        ...


def take(session: Session, options: CsvOptions, sink: Sink, mark: Mark | None) -> Extract:
    """Write what is new of a query's rows into the sink; without a watermark, all of them.

    Raises: SourceError: columns that cannot be distinguished, or rows without a value in the growing
        column.
    """
    names = _check_names(session.column_names(), options, sink.where)
    watermark = options.watermark
    if watermark is None:
        session.copy_rows(names, None, sink)
        return Extract(None, is_new=True)
    _check_marked(session.count_nulls(watermark.column), watermark.column, sink.where)
    seen = mark.seen if mark is not None and mark.column == watermark.column else None
    if mark is not None and seen is not None and list(seen.columns) == names:
        return _take_more(session, names, watermark, sink, mark, seen)
    growth = _growth(watermark, (">", _start_after(watermark, mark)))
    highest = session.highest(growth)
    if highest is None and mark is not None:
        return Extract(mark.value, is_new=False)
    session.copy_rows(names, growth, sink)
    if highest is None:
        return Extract(watermark.start, is_new=True)
    seen = _near(session, names, watermark, highest, sink.salt)
    return Extract(highest, is_new=True, seen=seen)


def _take_more(
    session: Session,
    names: Sequence[str],
    watermark: Watermark,
    sink: Sink,
    mark: Mark,
    seen: Overlap,
) -> Extract:
    """Write the rows beyond the mark, and before them those of its overlap that were not read
    before.
    """
    overlap = Records(sink.salt, dict(seen.digests), keeps=True)
    growth = _growth(watermark, (">=", seen.low), ("<=", mark.value))
    session.copy_rows(names, growth, overlap)
    beyond = _growth(watermark, (">", mark.value))
    highest = session.highest(beyond)
    late = len(overlap.new)
    missed = max(0, session.count_rows(_growth(watermark, ("<", seen.low))) - seen.below)
    if highest is None and not late:
        return Extract(mark.value, is_new=False, missed=missed)
    if late:
        sink.write([overlap.header, *overlap.new])
    if highest is not None:
        session.copy_rows(names, beyond, _Headless(sink, overlap.header) if late else sink)
    reached = mark.value if highest is None else highest
    seen_now = _near(session, names, watermark, reached, sink.salt)
    return Extract(reached, is_new=True, seen=seen_now, late=late, missed=missed)


def _growth(watermark: Watermark, *limits: tuple[str, Value | None]) -> Growth:
    """Rows within limits, and beyond the contract's start; a limit of None is none."""
    every = ((">", watermark.start), *limits)
    given = tuple((operator, value) for operator, value in every if value is not None)
    return Growth(watermark.column, tuple(dict.fromkeys(given)))


def _near(
    session: Session, names: Sequence[str], watermark: Watermark, reached: Value, salt: bytes
) -> Overlap:
    """What is in the overlap of a mark, and how many rows are before it."""
    low = overlap_start(reached, watermark.overlap)
    records = Records(salt, {}, keeps=False)
    session.copy_rows(names, _growth(watermark, (">=", low)), records)
    below = session.count_rows(_growth(watermark, ("<", low)))
    return Overlap(list(names), low, below, dict(sorted(records.digests.items())))


class _Headless:
    """A target that passes CSV on without its header, whose length is known."""

    def __init__(self, target: Target, header: bytes) -> None:
        self._target, self._left = target, len(header)

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append."""
        self._target.write(filter(None, map(self._rest, chunks)))

    def _rest(self, chunk: bytes) -> bytes:
        rest = chunk[self._left :]
        self._left = max(0, self._left - len(chunk))
        return rest


def _start_after(watermark: Watermark, mark: Mark | None) -> Value | None:
    """Where to go on: what was published, if it was by the same column, else the contract's start."""
    if mark is not None and mark.column == watermark.column:
        return mark.value
    return watermark.start


def _check_names(names: Sequence[str], options: CsvOptions, where: Where) -> list[str]:
    """The columns' names.

    Raises: SourceError: they cannot be distinguished, or lack the one that only grows.
    """
    if not names or "" in names:
        raise SourceError(
            "the query returns no columns, or a column without a name",
            "Name each column with AS",
            where,
        )
    if twice := repeated_name(names):
        raise SourceError(
            f"the query returns columns that cannot be distinguished: {twice}",
            "Give each column a name of its own with AS",
            where,
        )
    if options.watermark is not None and options.watermark.column not in names:
        raise SourceError(
            f"the rows have no column '{options.watermark.column}'",
            "Correct `watermark` under `options`",
            where,
        )
    return list(names)


def _check_marked(nulls: int, column: str, where: Where) -> None:
    """Raises: SourceError: so many rows have no value in the column that only grows."""
    if nulls:
        raise SourceError(
            f"{nulls:,} rows have no value in '{column}', so it is unknown whether they are new",
            "Exclude them with a `query`, or choose another column",
            where,
        )


def write(sink: Target, frames: Iterator[pl.DataFrame], names: Sequence[str]) -> None:
    """Append rows of text as CSV in which every text is quoted and null is not."""
    rows = 0
    sink.write([(",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n").encode()])
    for frame in frames:
        rows += frame.height
        buffer = io.BytesIO()
        frame.write_csv(buffer, include_header=False, quote_style="non_numeric")
        sink.write([buffer.getvalue()])
        report_progress(f"{rows:,} rows fetched")


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read an extract back: nothing in it can be unreadable."""
    import duckdb

    with file.open(encoding="utf-8", newline="") as stream:
        names = next(csv.reader(stream))
    target = folder / ROWS
    chosen = ", ".join(_unless_null(name, source.options) for name in names)
    config: dict[str, Any] = {"preserve_insertion_order": "true", "memory_limit": "2GiB", **OFFLINE}
    try:
        with closing(duckdb.connect(config=config)) as connection:
            connection.execute(
                f"COPY (SELECT row_number() OVER () AS {ROW}, {chosen}"  # noqa: S608  # names and values are quoted
                f" FROM {_csv_table(file, names)})"
                f" TO {text_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
            )
    except duckdb.Error as error:
        raise SourceError(
            f"the extract cannot be read ({type(error).__name__})",
            "Write a `query` that leaves out columns with cells of more than 64 MB",
            where,
        ) from error
    write_unreadable(folder, [])
    return Read(pl.scan_parquet(target).select(pl.len()).collect().item(), 0, tuple(names))


def _csv_table(file: Path, names: Sequence[str]) -> str:
    """SQL: an extract's rows."""
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    options = (
        "header = true",
        "auto_detect = false",
        "strict_mode = true",
        "max_line_size = 67108864",
        "delim = ','",
        "quote = '\"'",
        "escape = '\"'",
        "allow_quoted_nulls = false",
        f"columns = {{{columns}}}",
    )
    return f"read_csv({text_literal(str(file))}, {', '.join(options)})"


def _unless_null(name: str, options: CsvOptions) -> str:
    """SQL: a column's values; those that the contract takes for missing are null."""
    column = name_literal(name)
    if not options.null_values:
        return column
    nulls = ", ".join(text_literal(value) for value in options.null_values)
    return f"CASE WHEN {column} NOT IN ({nulls}) THEN {column} END AS {column}"
