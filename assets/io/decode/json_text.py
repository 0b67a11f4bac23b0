"""JSON documents and JSON lines -> rows; what is nested stays JSON text, numbers stay as they are
written.

Belongs here: RFC 8259, strictly: no NaN, no comments, no key twice, no half a surrogate pair. Of
JSON lines each line that breaks it is quarantined with its reason; a document that is no JSON is
refused whole, for it is not known where it goes on. Stays out: types (contracts/types.py). A
document is an array, a record an element, or it is one record. What is no object is a record of one
column, `value`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assay.assets.io.decode.encoding import AUTO, encoding_of, in_utf8
from assay.assets.io.decode.task import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)
from assay.pipelines.ingest.structure import MAX_RECORD

VALUE = "value"
_BATCH = 20_000
_COLUMNS = 10_000
_DEPTH = 200
_SPACE = re.compile(r"[ \t\n\r]*")
_BOM = b"\xef\xbb\xbf"

Cells = dict[str, str | None]


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Flawed(Exception):
    """A record that cannot be kept; the message is the reason."""


@dataclass(frozen=True)
class _Twice:
    """An object that holds a key twice: which value is meant, no one can tell."""


@dataclass(frozen=True)
class _Record:
    """One record: its cells, or the reason why it cannot be read."""

    number: int
    cells: Cells
    flaw: str | None = None
    text: bytes = b""


def decode(task: Task) -> Decoded:
    """Read one file.

    Raises: Undecodable: it is empty or (a document) not JSON, or its keys cannot be columns.
    """
    file, folder = Path(task.file), Path(task.folder)
    stated = task.options.get("encoding", "utf-8")
    encoding = encoding_of(file, stated)
    plain = in_utf8(file, folder, encoding)
    try:
        unreadable, table = (
            UnreadableRecords(folder),
            _Table(folder, frozenset(task.options.get("null_values", ()))),
        )
        records = _document(plain) if task.options["format"] == "json" else _lines(plain)
        while batch := list(islice(records, _BATCH)):
            table.add([record.cells for record in batch if record.flaw is None])
            unreadable.add(
                (record.number, record.flaw, record.text)
                for record in batch
                if record.flaw is not None
            )
        unreadable.close()
        findings = {"encoding": encoding} if stated == AUTO else {}
        return Decoded(table.rows, unreadable.count, table.finish(), 0, findings)
    finally:
        if plain != file:
            plain.unlink()


# -- text -> records ----------------------------------------------------------------------


def _lines(file: Path) -> Iterator[_Record]:
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_RECORD):
            text = (
                line.removeprefix(_BOM).strip(b" \t\r\n") if number == 0 else line.strip(b" \t\r\n")
            )
            if not text:
                continue
            number += 1
            try:
                if not line.endswith(b"\n") and len(line) == MAX_RECORD:
                    while rest := stream.readline(MAX_RECORD):
                        if rest.endswith(b"\n"):
                            break
                    raise _Flawed(f"longer than {MAX_RECORD:,} bytes")
                yield _Record(number, _cells(_DECODER.decode(text.decode("utf-8"))))
            except (_Flawed, ValueError, RecursionError) as error:
                yield _Record(number, {}, _reason(error), text)


def _document(file: Path) -> Iterator[_Record]:
    raw = file.read_bytes().removeprefix(_BOM)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable(
            "the document is not UTF-8",
            "Save it as UTF-8, or write its `encoding` under `options`",
            raw.count(b"\n", 0, error.start) + 1,
        ) from None
    del raw
    if not text.strip():
        raise Undecodable("the file is empty", "Deliver a JSON document")
    try:
        for number, (value, start, end) in enumerate(_elements(text), start=1):
            try:
                yield _Record(number, _cells(value))
            except (_Flawed, RecursionError) as error:
                yield _Record(number, {}, _reason(error), text[start:end].encode("utf-8"))
    except json.JSONDecodeError as error:
        raise Undecodable(
            f"the document is not valid JSON ({error.msg.lower()})",
            "Fix it, or deliver one record a line (`format: jsonl`), so that an error affects one line only",
            error.lineno,
        ) from None
    except (_Flawed, RecursionError) as error:
        raise Undecodable(
            f"the document is JSON that cannot be stored ({_reason(error)})",
            "Fix it, or deliver one record a line (`format: jsonl`)",
        ) from None


def _elements(text: str) -> Iterator[tuple[Any, int, int]]:
    """The elements of an array one by one, or the one value that is not valid, each with where it
    stands.

    Raises: JSONDecodeError.
    """
    at = _after_space(text, 0)
    if text[at] != "[":
        value, end = _DECODER.raw_decode(text, at)
        yield value, at, end
        at = end
    else:
        at = _after_space(text, at + 1)
        if text[at : at + 1] == "]":
            at += 1
        else:
            while True:
                value, end = _DECODER.raw_decode(text, at)
                yield value, at, end
                at = _after_space(text, end)
                mark = text[at : at + 1]
                if mark not in (",", "]") or not mark:
                    raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
                at += 1
                if mark == "]":
                    break
                at = _after_space(text, at)
    at = _after_space(text, at)
    if at != len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing at least


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON: {error.msg.lower()} (column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return "invalid encoding"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


# -- values -> text -----------------------------------------------------------------------


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    record = dict(pairs)
    return record if len(record) == len(pairs) else _Twice()


def _constant(name: str) -> Any:
    raise _Flawed(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_constant
)


def _cells(value: Any) -> Cells:
    """A record's cells as text. Raises: _Flawed: it cannot be kept as it is."""
    if isinstance(value, _Twice):
        raise _Flawed("a key stands twice")
    return (
        {_plain(key): _cell(inner) for key, inner in value.items()}
        if isinstance(value, dict)
        else {VALUE: _cell(value)}
    )


def _cell(value: Any) -> str | None:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _plain(value)
    return None if value is None else _text(value, 1)


def _plain(text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _Flawed("half a surrogate pair") from None
    return text


def _text(value: Any, depth: int) -> str:
    """JSON text of a value, numbers as they came."""
    if depth > _DEPTH:
        raise _Flawed("nested too deep")
    if isinstance(value, _Twice):
        raise _Flawed("a key stands twice")
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(
                f"{json.dumps(_plain(key), ensure_ascii=False)}:{_text(inner, depth + 1)}"
                for key, inner in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_text(inner, depth + 1) for inner in value) + "]"
    return (
        str(value)
        if isinstance(value, _Number)
        else json.dumps(_plain(value) if isinstance(value, str) else value, ensure_ascii=False)
    )


# -- records -> Parquet -------------------------------------------------------------------


class _Table:
    """Rows whose columns are known only at the end: a file for as long as none is added, then all
    of them in one.
    """

    def __init__(self, folder: Path, null_values: frozenset[str]) -> None:
        self._folder, self._null_values = folder, null_values
        self._columns: dict[str, None] = {}
        self._parts: list[Path] = []
        self._writer: Any = None
        self.rows = 0

    def add(self, records: list[Cells]) -> None:
        """Write a batch."""
        import pyarrow as pa

        new = {key: None for record in records for key in record if key not in self._columns}
        if new or self._writer is None:
            self._columns |= new
            self._next_part()
        columns = {
            name: pa.array([self._given(record.get(name)) for record in records], pa.string())
            for name in self._named()
        }
        self._writer.write_table(pa.table(columns))
        self.rows += len(records)

    def finish(self) -> tuple[str, ...]:
        """Bring the parts together. Returns: the columns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self._next_part()
        self._writer.close()
        names, target = self._named(), self._folder / ROWS
        if len(self._parts) == 1:
            self._parts[0].rename(target)
            return names
        with pq.ParquetWriter(
            target, _schema(names), compression="lz4", write_statistics=False
        ) as writer:
            for part in self._parts:
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches(_BATCH):
                        given = dict(zip(batch.schema.names, batch.columns, strict=True))
                        writer.write_table(
                            pa.table(
                                {
                                    name: given.get(name, pa.nulls(batch.num_rows, pa.string()))
                                    for name in names
                                },
                                _schema(names),
                            )
                        )
                part.unlink()
        return names

    def _next_part(self) -> None:
        import pyarrow.parquet as pq

        names = self._named()
        twice = repeated_name(names)
        if twice is not None:
            raise Undecodable(
                f"among the keys of the records, {twice}", "Rename one of these keys in the source"
            )
        if len(names) > _COLUMNS:
            raise Undecodable(
                f"the records have more than {_COLUMNS:,} different keys",
                "Deliver varying keys as pairs of key and value",
            )
        if self._writer is not None:
            self._writer.close()
        self._parts.append(self._folder / f"part-{len(self._parts)}.parquet")
        self._writer = pq.ParquetWriter(
            self._parts[-1], _schema(names), compression="lz4", write_statistics=False
        )

    def _named(self) -> tuple[str, ...]:
        return tuple(self._columns) or (VALUE,)

    def _given(self, text: str | None) -> str | None:
        return None if text in self._null_values else text


def _schema(names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in names])
