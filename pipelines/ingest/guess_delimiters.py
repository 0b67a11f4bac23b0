"""Lines of delimited text -> the delimiter, quote and escape that make a table of them, or a
question where two do equally well.

Belongs here: comparing dialects on a sample of lines. Stays out: where the table starts and ends
(table_shape.py), reading files.
Source: the share of regular records and of cells of a known kind, after van den Burg, Nazábal and
Sutton, "Wrangling messy CSV files by detecting row and type patterns" (2019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from assay.pipelines.ingest.cell_kinds import EMPTY, VALUES, WORD, cell_kind
from assay.pipelines.ingest.split_lines import Record, records_of
from assay.pipelines.ingest.structure import Marks
from assay.pipelines.ingest.table_shape import leading_lines

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01", "\x1f", ":", " ")
"""In the order of preference."""
IN_PROSE = (":", " ")
"""Delimiters that also are in texts and in times of day."""
QUOTES = ('"', "'")
_ENOUGH = 0.3  # score of a dialect that makes a table
_UNFIT = 0.15  # score of a dialect whose rows are a table without the first line
_REGULAR = 0.8  # score of a table whose delimiter also is in prose
_EQUAL = 0.9  # a score of at least this share of the best one is no worse
_CLEARLY = 0.1  # difference of shares that decides
_BROKEN = 3  # records that the usual quote breaks, before none is tried
_CELLS = 2_000  # cells whose kinds are looked at


class Unclear(ValueError):
    """Several delimiters make a table of the lines: those; or one of them, or none."""

    def __init__(self, delimiters: Sequence[str], *, or_one_column: bool = False) -> None:
        super().__init__(*delimiters)
        self.delimiters, self.or_one_column = tuple(delimiters), or_one_column


@dataclass(frozen=True)
class Fit:
    """How well a dialect's records of a sample make a table."""

    marks: Marks
    records: Sequence[Record]

    @cached_property
    def columns(self) -> int:
        """The cells that most records have, if several; else 1."""
        counts = Counter(len(record.cells) for record in self.records if not record.broken)
        counts.pop(1, None)
        return max(counts, key=lambda cells: (counts[cells], cells), default=1)

    @cached_property
    def lead(self) -> int | None:
        """Records before the table; None if its first one has not as many cells as the rows."""
        return leading_lines(self.records, self.columns)

    @cached_property
    def score(self) -> float:
        """From 0 to 1: the share of regular records, squared, less for a header that does not fit
        and for quotes that are in cells.
        """
        if self.columns == 1:
            return 0.0
        rows = self.records[self.lead or 0 :]
        regular = sum(len(record.cells) == self.columns for record in rows if not record.broken)
        first = self.records[0].cells
        nearly = len(first) > 1 and abs(len(first) - self.columns) <= max(1, self.columns // 4)
        header = 1.0 if self.lead is not None else 0.95 if nearly else 0.5
        return float((regular / len(rows)) ** 2 * header * (1 - self.stray))

    @property
    def header_fits(self) -> bool:
        """Whether the table starts with a record of as many cells, or nearly."""
        return self.lead is not None or len(self.records[0].cells) > 1

    @cached_property
    def stray(self) -> float:
        """The share of cells with a quote, or an escape, that seems to be a mark of another
        dialect.
        """
        whole = [record for record in self.records if not record.broken]
        cells = [cell for record in whole for cell in record.cells if cell]
        escape, quote = self.marks.escape, self.marks.quote
        count = 0
        for cell in cells:
            count += cell[0] in QUOTES or cell[-1] in QUOTES
            count += escape is None and ("\\" in cell) and (cell[-1] == "\\" or '\\"' in cell)
        broken = sum(len(record.cells) for record in self.records if record.broken)
        unused = 0.001 * (escape is not None) + 0.002 * (quote is None)
        return min(1.0, (count + broken) / max(1, len(cells) + broken) + unused)

    @cached_property
    def typed(self) -> float:
        """The share of cells below the header that are of a known kind; a word counts less."""
        rows = self.records[(self.lead or 0) + 1 :] or self.records
        kinds = Counter(cell_kind(cell) for row in rows for cell in row.cells[:_CELLS])
        kinds.pop(EMPTY, None)
        weight = sum(kinds[kind] for kind in VALUES) + 0.6 * kinds[WORD]
        return float(weight / kinds.total()) if kinds else 0.0

    @cached_property
    def values(self) -> bool:
        """Whether some column below the header holds values, such as numbers, in most records."""
        rows = [record.cells for record in self.records[(self.lead or 0) + 1 :]]
        return any(
            sum(cell_kind(cell) in VALUES for cell in column) >= 0.8 * len(rows)
            for column in zip(*(row for row in rows if len(row) == self.columns), strict=True)
        )

    @cached_property
    def spaced(self) -> bool:
        """Whether a blank follows nearly every delimiter, as it follows a comma in a text."""
        later = [cell for record in self.records for cell in record.cells[1:] if cell]
        return bool(later) and sum(cell[0] == " " for cell in later) >= 0.9 * len(later)


def guess_delimiters(
    lines: Sequence[str],
    delimiters: Sequence[str],
    quotes: Sequence[str | None],
    escapes: Sequence[str | None],
) -> Fit:
    """The dialect that makes the best table of the lines; of one column where none does.

    Args:
        lines: the sample, without line ends; at least one is not blank.
        delimiters, quotes, escapes: what is to be tried; a single one is stated.
    Raises: Unclear: several delimiters fit equally well.
    """
    fits = list(_best_of_each(lines, delimiters, quotes, escapes))
    if len(delimiters) == 1:
        return fits[0]
    usual = [fit for fit in fits if fit.marks.delimiter not in IN_PROSE]
    tables = [fit for fit in usual if fit.score >= _ENOUGH and fit.header_fits]
    if tables:
        return _decide(tables)
    return _unusual(fits, usual, lines)


def _best_of_each(
    lines: Sequence[str],
    delimiters: Sequence[str],
    quotes: Sequence[str | None],
    escapes: Sequence[str | None],
) -> Iterator[Fit]:
    """For each delimiter that the lines hold, or the only one, its best quote and escape."""
    for delimiter in delimiters:
        if len(delimiters) > 1 and not any(delimiter in line for line in lines):
            continue
        pairs = [Marks(delimiter, *pair) for pair in product(quotes, escapes)]
        tried = [Fit(marks, records_of(lines, marks)) for marks in pairs]
        usable = [fit for fit in tried if len(quotes) == 1 or _is_quote_used(fit, tried)]
        yield max(usable, key=lambda fit: (round(fit.score, 6), -fit.stray))


def _is_quote_used(fit: Fit, tried: Sequence[Fit]) -> bool:
    """Whether the quote is around cells, or is the usual one; none is where the usual one
    breaks many records.
    """
    if fit.marks.quote is None:
        usual = [other for other in tried if other.marks.quote == QUOTES[0]]
        broken = min(sum(record.broken for record in other.records) for other in usual)
        return broken >= _BROKEN and broken > 0.1 * len(fit.records)
    return fit.marks.quote == QUOTES[0] or any(record.quoted for record in fit.records)


def _decide(tables: Sequence[Fit]) -> Fit:
    """The best of several that make tables. Raises: Unclear: two are equally good."""
    best = max(fit.score for fit in tables)
    rivals = [fit for fit in tables if fit.score >= _EQUAL * best]
    if len(rivals) > 1 and not all(fit.spaced for fit in rivals):
        rivals = [fit for fit in rivals if not fit.spaced]
    if len(rivals) > 1:
        typed = max(fit.typed for fit in rivals)
        rivals = [fit for fit in rivals if fit.typed > typed - _CLEARLY]
    if len(rivals) > 1:
        most = max(fit.columns for fit in rivals)
        rivals = [fit for fit in rivals if fit.columns > most - 3]
    if len(rivals) > 1:
        raise Unclear([fit.marks.delimiter for fit in rivals])
    return rivals[0]


def _unusual(fits: Sequence[Fit], usual: Sequence[Fit], lines: Sequence[str]) -> Fit:
    """Delimiters that are in prose, one column, or rows to which no header fits.

    Raises: Unclear: the lines may be one column, or more.
    """
    column = _single_column(lines)
    in_prose = [fit for fit in fits if fit.marks.delimiter in IN_PROSE and fit.lead is not None]
    good = [fit for fit in in_prose if fit.score >= _REGULAR and fit.values]
    if good and not column.values:
        best = max(good, key=lambda fit: fit.score)
        if best.columns == 2 and best.marks.delimiter == " ":
            raise Unclear([best.marks.delimiter], or_one_column=True)
        return best
    other_header = next((fit for fit in usual if _has_other_header(fit, lines)), None)
    if other_header is not None:
        return other_header
    unfit = [fit for fit in usual if fit.score >= _UNFIT and fit.values and not fit.spaced]
    if unfit and not column.values:
        raise Unclear([fit.marks.delimiter for fit in unfit], or_one_column=True)
    rough = [fit for fit in usual if fit.columns > 2 and fit.score > 0.2 and fit.header_fits]
    if rough and not column.values:
        return max(rough, key=lambda fit: fit.score)
    return next((fit for fit in usual if _names_several(fit)), column)


def _has_other_header(fit: Fit, lines: Sequence[str]) -> bool:
    """Whether the first line is split at another delimiter, into as many names as the rows have
    cells.
    """
    is_table = fit.columns > 2 and fit.score >= _UNFIT and len(fit.records[0].cells) == 1
    return is_table and other_names(lines[fit.records[0].line], fit.columns) is not None


def other_names(line: str, columns: int) -> tuple[str, ...] | None:
    """A header line split into so many names, at the delimiter that does so; None if none or
    several do.
    """
    marks = [Marks(delimiter) for delimiter in DELIMITERS if delimiter in line]
    splits = [records_of([line], mark)[0].cells for mark in marks]
    fitting = [cells for cells in splits if len(cells) == columns and all(cells)]
    return fitting[0] if len(fitting) == 1 else None


def _names_several(fit: Fit) -> bool:
    """Whether the first line names several columns, though few of the rows have as many cells: one
    name with a comma or a tab would be in quotes.
    """
    first = fit.records[0]
    if fit.marks.delimiter not in (",", "\t") or first.broken or len(first.cells) < 2:
        return False
    return all(cell_kind(cell) == WORD and cell == cell.strip() for cell in first.cells)


def _single_column(lines: Sequence[str]) -> Fit:
    """The lines as one column, under the first usual delimiter that is between no two cells."""
    for delimiter in (*DELIMITERS[:4], *DELIMITERS[6:8]):
        marks = Marks(delimiter, QUOTES[0], None)
        fit = Fit(marks, records_of(lines, marks))
        if all(len(record.cells) == 1 for record in fit.records):
            return fit
    marks = Marks(DELIMITERS[7], None, None)
    return Fit(marks, records_of(lines, marks))
