"""Delimited text -> rows, and each record that cannot be read with its number and reason; every
line is one or the other.

Belongs here: choosing the reader. A file that is proven well formed is read by Polars at full
speed; any other is sorted record by record, and what is readable is read by Arrow. Stays out: the
proof and the sorting (pipelines/ingest/structure.py), finding out how a file is written
(dialect.py).
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.decode.dialect import Dialect, dialect_of
from assay.assets.io.decode.encoding import AUTO, encoding_of, in_utf8
from assay.assets.io.decode.task import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
)
from assay.assets.io.decode.text_header import read_header
from assay.pipelines.ingest.not_rows import NotRows
from assay.pipelines.ingest.structure import MAX_RECORD, Sorter, WellFormed, well_formed

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 2**18
_SORTED = 2**23
_SAMPLE = 10_000  # rows that show which columns may be whole numbers
_SMALL = 2**20  # below it, what Polars takes to start is more than it saves


def decode(task: Task) -> Decoded:
    """Read one file.

    Raises: Undecodable: it is empty, its header cannot be read, or its options contradict it.
    """
    file, folder = Path(task.file), Path(task.folder)
    if not file.stat().st_size:
        raise Undecodable("the file is empty", "Deliver it with a first line of column names")
    stated = task.options.get("encoding", "utf-8")
    encoding = encoding_of(file, stated)
    plain = in_utf8(file, folder, encoding)
    try:
        return _decoded(plain, task, {"encoding": encoding} if stated == AUTO else {})
    finally:
        if plain != file:
            plain.unlink()


def _decoded(plain: Path, task: Task, findings: dict[str, str]) -> Decoded:
    """Read a file that is in UTF-8."""
    folder = Path(task.folder)
    dialect = dialect_of(plain, task.options)
    header = read_header(plain, dialect)
    table, body = _table_alone(plain, folder, dialect, header.body)
    try:
        layout = Layout(
            dialect,
            header.names,
            body,
            tuple(task.options.get("null_values", ())),
            has_header=dialect.header and table == plain,
            header_line=header.line,
        )
        unreadable = UnreadableRecords(folder)
        rows = _fast(table, folder, layout) if table.stat().st_size >= _SMALL else None
        if rows is None:
            rows = _carefully(table, folder, layout, unreadable)
        unreadable.close()
    finally:
        if table != plain:
            table.unlink()
    findings |= dialect.findings
    findings |= {"renamed": "; ".join(header.renamed)} if header.renamed else {}
    return Decoded(rows, unreadable.count, tuple(header.names), dialect.lines_before_rows, findings)


@dataclass(frozen=True)
class Layout:
    """How the file is written, its columns, where its first row starts, and texts that represent
    nothing.

    `has_header`: whether the file's first line is the header. `header_line`: its bytes, where a
    record that repeats it is no row.
    """

    dialect: Dialect
    names: list[str]
    body: int
    null_values: tuple[str, ...] = field(default=())
    has_header: bool = True
    header_line: bytes | None = None

    @property
    def comment(self) -> bytes | None:
        """The mark of lines that are no records."""
        return self.dialect.comment.encode() if self.dialect.comment else None


def _table_alone(file: Path, folder: Path, dialect: Dialect, body: int) -> tuple[Path, int]:
    """The file and where its first row starts; where more than a header of one line is before
    or behind its rows, a copy of the rows alone.
    """
    if not (dialect.first_line or dialect.footer or dialect.header_lines > 1):
        return file, body
    target = folder / "source.rows"
    left = _end_of_rows(file, dialect.footer) - body
    with file.open("rb") as stream, target.open("wb") as out:
        stream.seek(body)
        while left > 0 and (chunk := stream.read(min(left, 2**22))):
            out.write(chunk)
            left -= len(chunk)
    return target, 0


def _end_of_rows(file: Path, footer: int) -> int:
    """Where the last so many lines that are not blank begin."""
    size = file.stat().st_size
    if not footer:
        return size
    with file.open("rb") as stream:
        stream.seek(max(0, size - MAX_RECORD))
        tail = stream.read()
    starts = [match.start() for match in re.finditer(rb"[^\r\n]+", tail) if match[0].strip()]
    return size - len(tail) + starts[-footer] if len(starts) >= footer else size


# -- proven well formed -----------------------------------------------------------------


def _fast(file: Path, folder: Path, layout: Layout) -> int | None:
    """Read with Polars what is proven well formed; None if it is not."""
    with file.open("rb") as stream:
        stream.seek(layout.body)
        lines = NotRows(iter(lambda: stream.read(_CHUNK), b""), layout.header_line, layout.comment)
        proof = well_formed(lines, layout.dialect.marks)
    if proof is None or lines.seen or not proof.has(len(layout.names)):
        return None
    import polars as pl

    options: dict[str, Any] = {
        "has_header": layout.has_header,
        "separator": layout.dialect.delimiter,
        "quote_char": layout.dialect.quote,
        "schema": dict.fromkeys(layout.names, pl.String),
    }
    if layout.null_values:
        options["null_values"] = list(layout.null_values)
    elif proof.cell_bytes is not None:
        try:
            written = _with_whole_numbers(file, folder, options, proof)
        except pl.exceptions.PolarsError:
            return None  # no UTF-8
        if written is not None:
            return written
    rows = pl.scan_csv(file, **options)
    if proof.quoted:  # an empty cell in quotes is as empty as one without
        rows = rows.with_columns(
            pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in layout.names
        )
    return _written(rows, folder, proof)


def _with_whole_numbers(
    file: Path, folder: Path, options: dict[str, Any], proof: WellFormed
) -> int | None:
    """Read columns of whole numbers as such; None if there are none, or they are written in
    another way.

    Raises: PolarsError: the first rows are no UTF-8.
    """
    import polars as pl

    from assay.pipelines.ingest.whole_numbers import Measured, likely_whole

    whole = likely_whole(pl.scan_csv(file, n_rows=_SAMPLE, **options).collect())
    if not whole:
        return None
    measured = Measured()
    schema = options["schema"] | dict.fromkeys(whole, pl.Int64)
    numbers = pl.scan_csv(file, **{**options, "schema": schema})
    rows = numbers.map_batches(measured.add, streamable=True, schema=numbers.collect_schema())
    written = _written(rows, folder, proof)
    if written is None or measured.finish() != proof.cell_bytes:
        return None
    return written


def _written(rows: pl.LazyFrame, folder: Path, proof: WellFormed) -> int | None:
    """Write the rows; None if there are not as many as the proof states.

    Each try writes a file of its own: Polars may still be writing when it has reported that it failed.
    """
    import polars as pl

    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place:
        file = Path(place) / ROWS
        try:
            rows.sink_parquet(file, compression="lz4", statistics=False)
            if pl.scan_parquet(file).select(pl.len()).collect().item() != proof.records:
                return None
        except pl.exceptions.PolarsError:
            return None  # no UTF-8, a record of too many cells, or no number
        file.replace(folder / ROWS)
    return proof.records


# -- anything else ------------------------------------------------------------------------


class _Readable(io.RawIOBase):
    """The readable records of a file as a stream of bytes; what is unreadable goes elsewhere as it
    is met.
    """

    def __init__(self, file: Path, layout: Layout, unreadable: UnreadableRecords) -> None:
        self._stream = file.open("rb")
        self._stream.seek(layout.body)
        self._sorter = Sorter(
            layout.dialect.marks, len(layout.names), layout.header_line, layout.comment
        )
        self._unreadable, self._before = unreadable, layout.dialect.lines_before_rows
        self._held, self._ready, self._last = b"", memoryview(b""), False
        self.rows = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._last:
            self._sort()
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _sort(self) -> None:
        more = self._stream.read(max(_SORTED, len(self._held)))
        self._last = len(more) < max(_SORTED, len(self._held))
        chunk = self._held + more
        done = self._sorter.sort(chunk, last=self._last)
        self._held, self._ready = chunk[done.used :], memoryview(done.good)
        self._unreadable.add(
            (self._before + flaw.record + 1, flaw.reason, flaw.text) for flaw in done.flaws
        )
        self._before += done.rows + len(done.flaws)
        self.rows += done.rows

    def close(self) -> None:
        self._stream.close()
        super().close()


def _carefully(file: Path, folder: Path, layout: Layout, unreadable: UnreadableRecords) -> int:
    """Sort record by record, and read with Arrow what is readable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in layout.names])
    rows = 0
    with (
        _Readable(file, layout, unreadable) as stream,
        pq.ParquetWriter(
            folder / ROWS, schema, compression="lz4", write_statistics=False
        ) as writer,
    ):
        try:
            for batch in _batches(stream, layout, schema):
                writer.write_batch(batch)
                rows += batch.num_rows
        except pa.ArrowInvalid as error:
            if "Empty CSV file" not in str(error):  # its text may hold a value
                raise Undecodable(
                    "the file cannot be read as CSV",
                    "Check `options` under assay.source: delimiter, quote, escape, encoding",
                ) from error
    if rows != stream.rows:
        raise Undecodable(
            f"{abs(stream.rows - rows):,} of {stream.rows:,} records are missing after reading, so nothing was stored",
            "Check `options` under assay.source. Nothing was landed, so that no row is lost",
        )
    return rows


def _batches(stream: _Readable, layout: Layout, schema: Any) -> Iterator[Any]:
    """Arrow's batches of the readable records, every cell a text."""
    import pyarrow as pa
    import pyarrow.csv as pc

    dialect = layout.dialect
    reader = pc.open_csv(
        pa.PythonFile(stream, mode="r"),
        pc.ReadOptions(column_names=layout.names, block_size=2 * MAX_RECORD, use_threads=False),
        pc.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            escape_char=dialect.escape or False,
            newlines_in_values=True,
            ignore_empty_lines=False,
        ),
        pc.ConvertOptions(
            column_types=schema,
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=["", *layout.null_values],
            check_utf8=True,
        ),
    )
    yield from reader
