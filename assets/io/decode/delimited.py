"""Delimited text -> rows, and each record that cannot be read with its number and reason; every
line is one or the other.

Belongs here: choosing the reader. A file that is proven well formed is read by Polars at full
speed; any other is sorted record by record, and what is readable is read by Arrow. Stays out: the
proof and the sorting (pipelines/ingest/structure.py), finding out how a file is written
(dialect.py).
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.decode.dialect import LINES, Dialect, dialect_of, in_utf8
from assay.assets.io.decode.landing import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    named_apart,
    repeated_name,
)
from assay.pipelines.ingest.structure import MAX_RECORD, Sorter, WellFormed, well_formed

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 2**18
_SORTED = 2**23
_SAMPLE = 10_000  # rows that say which columns may be whole numbers
_SMALL = 2**20  # below it, what Polars takes to start is more than it saves


def decode(task: Task) -> Decoded:
    """Read one file.

    Raises: Undecodable: it is empty, its header cannot be read, or its options contradict it.
    """
    file, folder = Path(task.file), Path(task.folder)
    if not file.stat().st_size:
        raise Undecodable("the file is empty", "Deliver it with a first line of column names")
    dialect = dialect_of(file, task.options)
    plain = in_utf8(file, folder, dialect)
    try:
        names, renamed, body = _header(plain, dialect)
        layout = Layout(dialect, names, body, tuple(task.options.get("null_values", ())))
        unreadable = UnreadableRecords(folder)
        rows = _fast(plain, folder, layout) if plain.stat().st_size >= _SMALL else None
        if rows is None:
            rows = _carefully(plain, folder, layout, unreadable)
        unreadable.close()
        findings = dialect.findings | ({"renamed": "; ".join(renamed)} if renamed else {})
        return Decoded(rows, unreadable.count, tuple(names), int(dialect.header), findings)
    finally:
        if plain != file:
            plain.unlink()


@dataclass(frozen=True)
class Layout:
    """How the file is written, its columns, where its first row starts, and texts that stand for
    nothing.
    """

    dialect: Dialect
    names: list[str]
    body: int
    null_values: tuple[str, ...] = field(default=())


def _header(file: Path, dialect: Dialect) -> tuple[list[str], list[str], int]:
    """The columns' names, those that had to be changed, and where the first row starts."""
    with file.open("rb") as stream:
        start = 3 if stream.read(3) == b"\xef\xbb\xbf" else 0
        stream.seek(start)
        head = stream.read(MAX_RECORD)
    start += len(head) - len(head.lstrip(b"\r\n"))
    text = head.lstrip(b"\r\n").decode("utf-8", "surrogateescape")
    try:
        first, used = _first_record(text, dialect, strict=True)
        if dialect.columns not in (None, len(first)):
            raise csv.Error("another number of cells than the records")
    except csv.Error as error:
        if dialect.columns is None:
            raise Undecodable(
                f"the header cannot be read ({error})",
                "Check `options` under assay.source: delimiter, quote, escape",
            ) from None
        if not dialect.header:
            return _numbered(dialect.columns), [], start
        return _mended_header(text, dialect, start)
    if not any(first):
        raise Undecodable(
            "the file is empty or starts without a header",
            "Give it a first line with the column names, or write `header: false`",
        )
    if not dialect.header:
        return _numbered(len(first)), [], start
    _check_encoding(first)
    if dialect.header_found:
        return *named_apart(first), start + used
    _check_names(first)
    return first, [], start + used


def _check_names(names: list[str]) -> None:
    """Raises: Undecodable: a name that the contract takes as it is stands twice, or is missing."""
    twice = repeated_name(names, by_case=True)
    if twice:
        remedy = "Check that the delivery has its header; rename the column, or write `header: auto` to have it renamed"
        raise Undecodable(f"in the header, {twice}", remedy)
    if "" in names:
        raise Undecodable(
            f"the header has no name for column {names.index('') + 1}",
            "Give it one, or write `header: auto` to have it named",
        )


def _numbered(columns: int) -> list[str]:
    return [f"column_{place}" for place in range(1, columns + 1)]


def _check_encoding(names: list[str]) -> None:
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise Undecodable(
            "the header is not UTF-8",
            "Say the file's `encoding`, or `encoding: auto`, under `options`",
        )


def _mended_header(text: str, dialect: Dialect, start: int) -> tuple[list[str], list[str], int]:
    """A first line that is broken, where the contract leaves the header to be found: as many names
    as the records have cells, told as changed.
    """
    line = next((match[0] for match in re.finditer(LINES, text)), "")
    cells, _ = _first_record(line, dialect, strict=False)
    _check_encoding(cells)
    names, renamed = named_apart([*cells, *[""] * (dialect.columns or 0)][: dialect.columns])
    return (
        names,
        [f"a broken first line of {len(cells)} names", *renamed],
        start + len(line.encode("utf-8", "surrogateescape")),
    )


def _first_record(text: str, dialect: Dialect, *, strict: bool) -> tuple[list[str], int]:
    """The cells of the first record, and the bytes it takes with its line end."""
    lines = (match[0] for match in re.finditer(LINES, text))
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    csv.field_size_limit(MAX_RECORD)
    cells = next(csv.reader(remembered(), strict=strict, **dialect.as_csv()), [])
    return cells, len("".join(taken).encode("utf-8", "surrogateescape"))


# -- proven well formed -----------------------------------------------------------------


def _fast(file: Path, folder: Path, layout: Layout) -> int | None:
    """Read with Polars what is proven well formed; None where it is not."""
    with file.open("rb") as stream:
        stream.seek(layout.body)
        proof = well_formed(iter(lambda: stream.read(_CHUNK), b""), layout.dialect.marks)
    if proof is None or not proof.has(len(layout.names)):
        return None
    import polars as pl

    options: dict[str, Any] = {
        "has_header": layout.dialect.header,
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
    """Read columns of whole numbers as such; None where there are none, or they are written in
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
    """Write the rows; None where there are not as many as the proof says.

    Each try writes a file of its own: Polars may still be writing when it has said that it failed.
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
        self._sorter = Sorter(layout.dialect.marks, len(layout.names))
        self._unreadable, self._before = unreadable, int(layout.dialect.header)
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
            f"{abs(stream.rows - rows):,} of {stream.rows:,} records cannot be accounted for",
            "Check `options` under assay.source: nothing was landed, rather than rows lost",
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
