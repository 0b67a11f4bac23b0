"""Lines of delimited text -> records of cells, as the marks of a dialect split them.

Belongs here: splitting a sample of lines. Stays out: whole files (structure.py), choosing the
marks (guess_delimiters.py). A quote that is not closed costs its own line, as in structure.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from assay.pipelines.ingest.structure import Marks

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_LONGEST = 50
"""Lines of the longest record that a sample's quotes may span."""


@dataclass(frozen=True)
class Record:
    """One record: its first line and the line after it (counted from 0), and its cells.

    `broken`: its quotes are out of place, and the cells are a plain split of its one line.
    `quoted`: how many cells are in quotes.
    """

    line: int
    after: int
    cells: tuple[str, ...]
    broken: bool = False
    quoted: int = 0

    @property
    def filled(self) -> int:
        """How many cells hold something."""
        return sum(1 for cell in self.cells if cell.strip())


def lines_of(text: str) -> list[str]:
    """The lines without their ends."""
    return [match.rstrip("\r\n") for match in LINE.findall(text)]


def records_of(lines: Sequence[str], marks: Marks) -> list[Record]:
    """The records; blank lines are none."""
    return list(_records(lines, marks))


def _records(lines: Sequence[str], marks: Marks) -> Iterator[Record]:
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        record = _record(lines, at, marks)
        yield record
        at = record.after


def _record(lines: Sequence[str], at: int, marks: Marks) -> Record:
    line = lines[at]
    if not any(mark and mark in line for mark in (marks.quote, marks.escape)):
        return Record(at, at + 1, tuple(line.split(marks.delimiter)))
    text = line
    for after in range(at + 1, min(len(lines), at + _LONGEST) + 1):
        split = _split(text, marks)
        if isinstance(split, tuple):
            return Record(at, after, *split)
        if split == _OUT_OF_PLACE or after == len(lines):
            break
        text = f"{text}\n{lines[after]}"
    return Record(at, at + 1, tuple(line.split(marks.delimiter)), broken=True)


_OUT_OF_PLACE, _UNCLOSED = "out of place", "unclosed"


def _split(text: str, marks: Marks) -> tuple[tuple[str, ...], bool, int] | str:
    """Cells, that they are not broken, and how many are quoted; else what is wrong."""
    quoted_cell, plain_cell = _patterns(marks)
    cells: list[str] = []
    at = quoted = 0
    while True:
        match = quoted_cell.match(text, at) if quoted_cell else None
        if match is not None:
            cells.append(match[1])
            quoted += 1
        elif marks.quote is not None and text.startswith(marks.quote, at):
            return _UNCLOSED
        else:
            match = plain_cell.match(text, at)
            if match is None:
                return _OUT_OF_PLACE
            cells.append(match[0])
        at = match.end()
        if at >= len(text):
            return tuple(cells), False, quoted
        if text[at] != marks.delimiter:
            return _OUT_OF_PLACE
        at += 1


@cache
def _patterns(marks: Marks) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    delimiter, escape = re.escape(marks.delimiter), re.escape(marks.escape or "")
    escaped = rf"{escape}[\s\S]|" if escape else ""
    plain = re.compile(rf"(?:{escaped}[^{delimiter}{escape}])*+")
    if marks.quote is None:
        return None, plain
    quote = re.escape(marks.quote)
    body = rf"(?:[^{quote}{escape}]|{escaped}{quote}{quote})*+"
    return re.compile(rf"{quote}({body}){quote}"), plain
