"""The header of delimited text: names of columns, and where the first row starts.

Belongs here: headers of one line or several, names that are missing or taken, broken headers. Stays
out: finding the header (dialect.py), reading rows (delimited.py).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.assets.io.decode.dialect import Dialect
from assay.assets.io.decode.task import Undecodable, named_apart, repeated_name
from assay.pipelines.ingest.guess_delimiters import other_names
from assay.pipelines.ingest.split_lines import LINE
from assay.pipelines.ingest.structure import MAX_RECORD
from assay.pipelines.ingest.table_shape import joined_names

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Header:
    """The columns' names, the places of those that had to be changed, and where the first row
    starts.

    `line` is the header's line without its end, where it is one line of several names.
    """

    names: list[str]
    renamed: list[str]
    body: int
    line: bytes | None = None


def read_header(file: Path, dialect: Dialect) -> Header:
    """Read the header, or number the columns if there is none.

    Raises: Undecodable: it cannot be read, or its names cannot name columns.
    """
    with file.open("rb") as stream:
        head = stream.read(MAX_RECORD)
    start = _start_of_table(head, dialect.first_line)
    text = head[start:].decode("utf-8", "surrogateescape")
    try:
        first, used = first_record(text, dialect, strict=True)
        if dialect.columns not in (None, len(first)):
            raise csv.Error("it has another number of cells than the records")
    except csv.Error as error:
        return _broken_header(text, dialect, start, error)
    if not any(first):
        raise Undecodable(
            "the file is empty or starts without a header",
            "Give it a first line with the column names, or write `header: false`",
        )
    if not dialect.header:
        return Header(_numbered(len(first)), [], start)
    if dialect.header_lines > 1:
        first, used = _several_lines(text, dialect)
    _check_encoding(first)
    if dialect.header_is_open:
        names, renamed = named_apart(first)
    else:
        _check_names(first)
        names, renamed = first, []
    return Header(names, renamed, start + used, _single_line(head[start : start + used], first))


def _start_of_table(head: bytes, lines: int) -> int:
    """Where the first line that is not blank begins, behind so many lines."""
    start = len(_BOM) if head.startswith(_BOM) else 0
    for _ in range(lines):
        match = _FIRST_LINE.match(head, start)
        start = match.end() if match else start
    rest = head[start:]
    return start + len(rest) - len(rest.lstrip(b"\r\n"))


def _single_line(record: bytes, names: list[str]) -> bytes | None:
    line = record.rstrip(b"\r\n")
    return line if len(names) > 1 and b"\n" not in line and b"\r" not in line else None


def _several_lines(text: str, dialect: Dialect) -> tuple[list[str], int]:
    """The names of a header of several records, and the bytes that it takes."""
    heads: list[list[str]] = []
    used = at = 0
    for _ in range(dialect.header_lines):
        blank = len(text[at:]) - len(text[at:].lstrip("\r\n"))
        head, size = first_record(text[at + blank :], dialect, strict=True)
        at += blank + len(
            text[at + blank :]
            .encode("utf-8", "surrogateescape")[:size]
            .decode("utf-8", "surrogateescape")
        )
        used += blank + size
        heads.append(head)
    return joined_names(heads), used


def _broken_header(text: str, dialect: Dialect, start: int, error: csv.Error) -> Header:
    """A header whose quotes or cells are out of place. Raises: Undecodable: it is stated."""
    if dialect.columns is None:
        raise Undecodable(
            f"the header cannot be read ({error})",
            "Check `options` under assay.source: delimiter, quote, escape, header_row",
        ) from None
    if not dialect.header:
        return Header(_numbered(dialect.columns), [], start)
    line = next((match[0] for match in LINE.finditer(text)), "")
    cells, _ = first_record(line, dialect, strict=False)
    _check_encoding(cells)
    change = f"an incomplete first line of {len(cells)} names"
    if others := other_names(line.rstrip("\r\n"), dialect.columns):
        cells, change = list(others), "a first line with another delimiter than the rows"
    names, renamed = named_apart([*cells, *[""] * dialect.columns][: dialect.columns])
    changes = [change, *renamed]
    return Header(names, changes, start + len(line.encode("utf-8", "surrogateescape")))


def _check_names(names: list[str]) -> None:
    """Raises: Undecodable: a name that the contract takes as it is occurs twice, or is missing."""
    twice = repeated_name(names, by_case=True)
    if twice:
        remedy = "Check that the file has a header; rename the column, or write `header: auto` to rename it automatically"
        raise Undecodable(f"in the header, {twice}", remedy)
    if "" in names:
        raise Undecodable(
            f"the header has no name for column {names.index('') + 1}",
            "Add one, or write `header: auto` to name it automatically",
        )


def _numbered(columns: int) -> list[str]:
    return [f"column_{place}" for place in range(1, columns + 1)]


def _check_encoding(names: list[str]) -> None:
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise Undecodable(
            "the header is not UTF-8",
            "Write the file's `encoding`, or `encoding: auto`, under `options`",
        )


def first_record(text: str, dialect: Dialect, *, strict: bool) -> tuple[list[str], int]:
    """The cells of the first record, and the bytes it takes with its line end."""
    lines = (match[0] for match in LINE.finditer(text))
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    csv.field_size_limit(MAX_RECORD)
    cells = next(csv.reader(remembered(), strict=strict, **dialect.as_csv()), [])
    return cells, len("".join(taken).encode("utf-8", "surrogateescape"))
