"""How delimited text is written: what the contract states, and what it leaves to the file.

Belongs here: delimiter, quote, escape, where the table starts and ends, its header. Stays out: the
encoding (encoding.py), comparing dialects (pipelines/ingest), reading the rows. What the file shows
is reported.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.assets.io.decode.encoding import AUTO
from assay.assets.io.decode.task import Undecodable
from assay.pipelines.ingest.guess_delimiters import (
    DELIMITERS,
    QUOTES,
    Fit,
    Unclear,
    guess_delimiters,
)
from assay.pipelines.ingest.split_lines import Record, lines_of, records_of
from assay.pipelines.ingest.structure import Marks
from assay.pipelines.ingest.table_shape import (
    Shape,
    UnclearHeader,
    footer_records,
    second_table,
    shape_of,
    stated_delimiter,
)

_SAMPLE, _TAIL = 2**20, 2**16
_LINES = 300
_FOOTER_LINES = 60  # lines at the end that are searched for a footer


@dataclass(frozen=True)
class Dialect:
    """How a file is written, with nothing left open; `findings` is what was not stated but shown by
    the file.
    """

    delimiter: str
    quote: str | None
    escape: str | None
    header: bool
    header_is_open: bool = False
    columns: int | None = None
    """Where the header is left open: the cells that most records have."""
    first_line: int = 0
    """Lines before the table."""
    header_lines: int = 1
    comment: str | None = None
    """The mark of lines that are no records."""
    footer: int = 0
    """Records at the end that are no rows."""
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> Marks:
        """Its characters."""
        return Marks(self.delimiter, self.quote, self.escape)

    @property
    def lines_before_rows(self) -> int:
        """Lines before the first row, its header among them; blank lines in between are none."""
        return self.first_line + (self.header_lines if self.header else 0)

    def as_csv(self) -> dict[str, Any]:
        """For Python's csv module."""
        quoting = csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "quoting": quoting,
            "doublequote": self.quote is not None,
        }


def dialect_of(file: Path, options: dict[str, Any]) -> Dialect:
    """What is stated, and the rest as the file shows it.

    Args:
        file: in UTF-8.
    Raises: Undecodable: several dialects fit equally well, or the file holds several tables.
    """
    findings: dict[str, str] = {}
    lines, first = _sample(file), options.get("header_row", 1) - 1
    separator = _separator_line(lines, first, options.get("delimiter", ","))
    if separator is not None:
        first, delimiter = separator
        findings |= {"delimiter": delimiter} if options.get("delimiter") == AUTO else {}
        options = options | {"delimiter": delimiter}
    marks, records = _marks(lines[first:], options, findings)
    stated = Dialect(
        marks.delimiter,
        marks.quote,
        None if marks.escape == marks.quote else marks.escape,
        bool(options.get("header", True)),
        first_line=first,
        header_lines=options.get("header_lines", 1),
        comment=options.get("comment"),
        footer=options.get("footer", 0),
        findings=findings,
    )
    if options.get("header", True) != AUTO:
        return stated
    return _shaped(stated, file, records or records_of(lines[first:], marks))


def _separator_line(lines: Sequence[str], first: int, delimiter: str) -> tuple[int, str] | None:
    """A first line `sep=;` that agrees with what is stated: the line after it, and the
    delimiter.
    """
    place = next((at for at in range(first, len(lines)) if lines[at].strip()), None)
    separator = stated_delimiter(lines[place]) if place is not None else None
    if place is None or separator is None or delimiter not in (AUTO, separator):
        return None
    return place + 1, separator


def _sample(file: Path) -> list[str]:
    """The first lines, whole unless one is very long."""
    with file.open("rb") as stream:
        head = stream.read(_SAMPLE)
        whole = not stream.read(1)
    lines = lines_of(head.decode("utf-8", "replace").removeprefix("\ufeff"))[: _LINES + 1]
    return lines if whole and len(lines) <= _LINES else lines[:-1] or lines


# -- delimiter, quote, escape ---------------------------------------------------------------


def _marks(
    lines: Sequence[str], options: dict[str, Any], findings: dict[str, str]
) -> tuple[Marks, Sequence[Record]]:
    """The stated marks, or those that make the best table of the sample, and its records then."""
    delimiter, quote = options.get("delimiter", ","), options.get("quote", '"')
    escape = options.get("escape") or None
    stated_quote = None if quote == "none" else quote
    if AUTO not in (delimiter, quote, escape) or not any(line.strip() for line in lines):
        kept = [None if mark == AUTO else mark for mark in (delimiter, stated_quote, escape)]
        return Marks(kept[0] or ",", kept[1], kept[2]), ()
    has_escapes = escape == AUTO and any("\\" in line for line in lines)
    try:
        fit = guess_delimiters(
            lines,
            DELIMITERS if delimiter == AUTO else (delimiter,),
            (*QUOTES, None) if quote == AUTO else (stated_quote,),
            (None, "\\") if has_escapes else (None if escape == AUTO else escape,),
        )
    except Unclear as error:
        raise _unclear(error) from None
    marks = fit.marks
    if delimiter == AUTO:
        findings["delimiter"] = marks.delimiter
    if quote == AUTO:
        findings["quote"] = marks.quote or "none"
    if escape == AUTO and marks.escape:
        findings["escape"] = marks.escape
    return marks, fit.records


def _unclear(error: Unclear) -> Undecodable:
    shown = " and ".join(repr(mark) for mark in error.delimiters)
    example = f"`assay new FILE --delimiter {error.delimiters[0]!r}`"
    if error.or_one_column:
        return Undecodable(
            f"it is unclear whether the lines are a single column, or are split at {shown}",
            f"Write `delimiter` under `options`, or run {example};"
            " for a single column, write a character that is not in the file",
        )
    return Undecodable(
        f"the delimiter is unclear: {shown} fit the lines equally well",
        f"Write `delimiter` under `options`, or run {example}",
    )


# -- the table in the file ------------------------------------------------------------------


def _shaped(stated: Dialect, file: Path, records: Sequence[Record]) -> Dialect:
    """The dialect with the place of the table, its header and footer as the file shows them."""
    fit = Fit(stated.marks, records)
    columns = fit.columns if records else 1
    try:
        shape = shape_of(records, columns) if records else Shape(0, True)
    except UnclearHeader as error:
        line = stated.first_line + error.line
        raise Undecodable(
            f"line {line} may be names of columns or values",
            "Write `header: true` or `header: false` under `options`,"
            " or run `assay new FILE --header` or `--no-header`",
        ) from None
    found = stated.findings | {"header": "first line" if shape.header else "none"}
    first = stated.first_line + shape.line
    if any(record.line < shape.line for record in records) or stated.first_line:
        found["header_row"] = str(first + 1)
    lines = stated.header_lines if stated.header_lines > 1 else shape.header_lines
    if lines > 1:
        found["header_lines"] = str(lines)
    comment = stated.comment or shape.comment
    if comment:
        found["comment"] = comment
    _check_single(records, columns, stated, lines)
    footer = stated.footer or _footer(file, stated.marks, columns, len(records))
    if footer:
        found["footer"] = str(footer)
    return Dialect(
        stated.delimiter,
        stated.quote,
        stated.escape,
        shape.header,
        True,
        _commonest(fit),
        first if "header_row" in found else stated.first_line,
        lines if shape.header else 1,
        comment,
        footer,
        found,
    )


def _commonest(fit: Fit) -> int | None:
    """The cells that more than half of the records have, if there are several of both; those before
    the table do not count.
    """
    if not fit.records or fit.columns == 1:
        return None
    rows = fit.records[fit.lead or 0 :]
    often = sum(len(record.cells) == fit.columns for record in rows)
    return fit.columns if len(rows) > 2 and often * 2 > len(rows) else None


def _check_single(
    records: Sequence[Record], columns: int, stated: Dialect, header_lines: int
) -> None:
    """Raises: Undecodable: below the table there is another one, of other columns."""
    line = second_table(records, columns, header_lines)
    if line is not None:
        raise Undecodable(
            f"the file contains several tables: another one starts on line {stated.first_line + line}",
            "Deliver each table in its own file, or write `header_row` and `header` under "
            "`options` for the table to read",
        )


def _footer(file: Path, marks: Marks, columns: int, records: int) -> int:
    """How many records at the end of the file are no rows."""
    if columns < 2 or records < 3:
        return 0
    size = file.stat().st_size
    with file.open("rb") as stream:
        stream.seek(max(0, size - _TAIL))
        lines = lines_of(stream.read().decode("utf-8", "replace"))
    if size > _TAIL:
        lines = lines[1:]
    tail = records_of(lines[-_FOOTER_LINES:], marks)
    return footer_records(tail, columns) if len(tail) > 1 else 0
