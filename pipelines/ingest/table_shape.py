"""Records of a sample -> where the table is in them: what is before it, its header, what
stands after it.

Belongs here: preambles, comment lines, headers of several lines, footers. Stays out: choosing the
marks (guess_delimiters.py), reading files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.pipelines.core.package_data import read_lines
from assay.pipelines.ingest.cell_kinds import EMPTY, TEXT, VALUES, WORD, cell_kind, column_kinds
from assay.pipelines.ingest.split_lines import Record

COMMENT = "#"
_BODY = 200  # records that show the kinds of the columns
_MOST_LEADING, _MOST_HEADERS, _MOST_FOOTERS = 60, 3, 10
_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t ]*', re.IGNORECASE)


class UnclearHeader(ValueError):
    """Whether the line of this number, counted from 1, names the columns cannot be decided."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Shape:
    """Where the table starts (a line, counted from 0), whether it has a header, and of how many
    lines; the mark of comment lines, if there are any.
    """

    line: int
    header: bool
    header_lines: int = 1
    comment: str | None = None


def stated_delimiter(line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` states, as spreadsheets write it."""
    match = _SEPARATOR.fullmatch(line.strip("\r\n\ufeff"))
    return match[1] if match else None


# -- before the table -----------------------------------------------------------------------


def leading_lines(records: Sequence[Record], columns: int) -> int | None:
    """How many records are before the table; None if the first record has another number of
    cells than the rows and is no preamble.
    """
    if columns < 2:
        titles = (place for place, record in enumerate(records) if not _is_remark_line(record))
        return next(titles, 0)
    for place, record in enumerate(records[: _MOST_LEADING + 1]):
        if _is_row(record, columns) and not _is_padded_title(records, place, columns):
            return place if place == 0 or _is_preamble(records, place, columns) else None
        if not _has_little(record, columns):
            return None
    return None


def _is_row(record: Record, columns: int) -> bool:
    return len(record.cells) == columns and not record.broken


def _has_little(record: Record, columns: int) -> bool:
    """Whether a record is too short for a broken header: a title, a comment, a key and value."""
    return _is_comment(record) or record.filled <= _little(columns)


def _little(columns: int) -> int:
    """Cells of a title, or of a key and its value, above a table of so many columns."""
    return max(1, (columns + 1) // 2)


def _is_padded_title(records: Sequence[Record], place: int, columns: int) -> bool:
    """Whether a record of as many cells holds something in the first ones alone, above a fuller
    one: `Report;;;`.
    """
    record = records[place]
    following = records[place + 1 : place + 1 + _MOST_LEADING]
    if _is_comment(record) and _is_comment_above_names(records, place, columns):
        return True
    if not _looks_like_title(record, columns):
        return False
    fuller = [
        row for row in following if _is_row(row, columns) and not _looks_like_title(row, columns)
    ]
    return bool(fuller) and _votes(fuller[0], fuller[1:], columns) > 0


def _is_comment_above_names(records: Sequence[Record], place: int, columns: int) -> bool:
    """Whether a comment that splits like a row is no header, but stands above one."""
    following = records[place + 1 : place + 1 + _BODY]
    rows = [record for record in following if _is_row(record, columns) and not _is_comment(record)]
    if not rows:
        return False
    votes = _votes(rows[0], rows[1:], columns)
    is_prose = records[place].cells[0].startswith(f"{COMMENT} ")
    return votes > 0 or (is_prose and is_header(rows[0], rows[1:], columns) is True)


def _looks_like_title(record: Record, columns: int) -> bool:
    """Whether a record of several cells is filled in its first ones alone."""
    filled = record.filled
    if columns < 3 or filled > min(_little(columns), columns - 1):
        return False
    return all(cell.strip() for cell in record.cells[:filled])


def _is_comment(record: Record) -> bool:
    return record.cells[0].startswith(COMMENT)


def _is_remark_line(record: Record) -> bool:
    return record.cells[0].startswith(f"{COMMENT} ")


def _is_preamble(records: Sequence[Record], place: int, columns: int) -> bool:
    """Whether short records before the table are no broken header: comments, a gap below them, or
    names in the table's first record.
    """
    lead = records[:place]
    if all(_is_comment(record) for record in lead):
        return True
    if records[place].line > lead[-1].after:
        return True
    return _votes(records[place], records[place + 1 :], columns) > 0


# -- the header -----------------------------------------------------------------------------


def shape_of(records: Sequence[Record], columns: int) -> Shape:
    """Where the table starts and what its header is.

    Raises: UnclearHeader: the first record may be names or values.
    """
    start = leading_lines(records, columns) or 0
    commented = columns > 1 and any(_is_comment(record) for record in records[:start])
    comment = COMMENT if commented else None
    rest = [record for record in records[start:] if not (commented and _is_comment(record))]
    if not rest:
        return Shape(0, True)
    lines = header_lines(rest, columns)
    if lines > 1:
        return Shape(rest[0].line, True, lines, comment)
    header = is_header(rest[0], rest[1:], columns)
    if header is None or _may_be_title(rest, columns):
        raise UnclearHeader(rest[0].line + 1)
    return Shape(rest[0].line, header, 1, comment)


def _may_be_title(records: Sequence[Record], columns: int) -> bool:
    """Whether the first record has one cell alone, above a fuller one that may name columns."""
    first, rows = records[0], records[1:]
    if columns < 2 or len(rows) < 2 or first.filled != 1 or not first.cells[0].strip():
        return False
    are_fuller = all(row.filled > 1 for row in rows[:_BODY])
    return are_fuller and is_header(rows[0], rows[1:], columns) is not False


def is_header(first: Record, rows: Sequence[Record], columns: int) -> bool | None:
    """Whether the first record names columns, compared with the records below it; None if one
    column states it and another the contrary.
    """
    given = [cell.strip() for cell in first.cells]
    same_width = [row.cells for row in rows[:_BODY] if len(row.cells) == columns]
    body = [cells for cells in same_width if cells != first.cells]  # the header again is no row
    values = [cell for cell in given if cell_kind(cell) in VALUES]
    if not any(given):
        return False
    if first.broken or len(given) != columns:
        return True
    kinds = column_kinds(body, columns)
    if not any(kind in VALUES for kind in kinds):
        recurs = len(body) > 1 and any(
            given[place] and any(row[place].strip() == given[place] for row in body)
            for place in range(columns)
        )
        is_repeated = len(body) < len(same_width)
        return not recurs and (is_repeated or not values or _is_series(values))
    names, same = _compare(given, kinds)
    if names and same:
        if _is_series([given[place] for place in same]) or len(names) > len(same):
            return True
        return None
    is_numbered = _is_series([given[place] for place in same]) and (len(same) > 1 or not given[0])
    return bool(names) or not same or is_numbered


def _compare(given: Sequence[str], kinds: Sequence[str]) -> tuple[list[int], list[int]]:
    """Columns of values over which a name stands, and those over which a value of their kind
    stands.
    """
    typed = [place for place, kind in enumerate(kinds) if kind in VALUES]
    names = [place for place in typed if cell_kind(given[place]) in (WORD, TEXT)]
    return names, [place for place in typed if cell_kind(given[place]) == kinds[place]]


def _votes(first: Record, rows: Sequence[Record], columns: int) -> int:
    """Columns of values with a name over them, less those with a value."""
    same_width = [row.cells for row in rows[:_BODY] if len(row.cells) == columns]
    body = [cells for cells in same_width if cells != first.cells]
    if len(first.cells) != columns or not body:
        return 0
    names, same = _compare([cell.strip() for cell in first.cells], column_kinds(body, columns))
    return len(names) - len(same)


def _is_series(cells: Sequence[str]) -> bool:
    """Whether the cells are years, or whole numbers that count up, as names of columns may be."""
    if not all(re.fullmatch("[0-9]{1,4}", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    if len(set(numbers)) < len(numbers):
        return False
    if all(1900 <= number <= 2099 for number in numbers):
        return True
    return numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def header_lines(records: Sequence[Record], columns: int) -> int:
    """How many records the header has: more where names, or units, are on several
    lines.
    """
    for lines in range(min(_MOST_HEADERS, len(records) - 1), 1, -1):
        body = [row.cells for row in records[lines : lines + _BODY] if len(row.cells) == columns]
        typed = [p for p, kind in enumerate(column_kinds(body, columns)) if kind in VALUES]
        heads = records[:lines]
        if not body or not typed or any(len(head.cells) != columns for head in heads):
            continue
        if all(_names_only(head, typed) for head in heads[1:]) and _names_or_groups(heads, typed):
            return lines
    return 1


def _names_only(head: Record, typed: Sequence[int]) -> bool:
    """Whether a record has names, and no value, in the columns of values; more than one bad value
    would be.
    """
    kinds = [cell_kind(head.cells[place]) for place in typed]
    names = sum(kind in (WORD, TEXT) for kind in kinds)
    others = [cell for place, cell in enumerate(head.cells) if place not in typed]
    if any(kind in VALUES for kind in kinds) or not names:
        return False
    alone = not any(cell.strip() for cell in others)
    return (names >= 2 and names * 2 > len(typed)) or (names == len(typed) and alone)


def _names_or_groups(heads: Sequence[Record], typed: Sequence[int]) -> bool:
    """Whether the first record of several has names too, or what several columns have in common."""
    first = heads[0]
    kinds = [cell_kind(first.cells[place]) for place in typed]
    if not any(kind in VALUES for kind in kinds):
        return first.filled > 0
    values = [first.cells[place].strip() for place in typed if first.cells[place].strip()]
    years = all(re.fullmatch("(?:19|20)[0-9]{2}", value) for value in values)
    return years and any(kind == EMPTY for kind in kinds)


def joined_names(heads: Sequence[Sequence[str]]) -> list[str]:
    """One name a column of a header of several lines: what stands above several columns goes to
    each of them.
    """
    columns = max(len(head) for head in heads)
    parts: list[list[str]] = [[] for _ in range(columns)]
    for number, head in enumerate(heads):
        above = ""
        is_last = number == len(heads) - 1
        for place in range(columns):
            cell = head[place].strip() if place < len(head) else ""
            above = cell or ("" if is_last else above)
            if above.strip("-=:") and above not in parts[place]:
                parts[place].append(above)
    return [" ".join(part) for part in parts]


# -- after the table ------------------------------------------------------------------------


def second_table(records: Sequence[Record], columns: int, header_lines: int) -> int | None:
    """The line, counted from 1, in which a header of other columns stands below a gap; None if
    there is none.

    Args:
        records: those of the file.
        header_lines: the records of the table's header.
    """
    above = _table_above(records, columns)
    if above is not None:
        return above
    records = records[leading_lines(records, columns) or 0 :]
    for place in range(header_lines + 1, len(records) - 1):
        record, width = records[place], len(records[place].cells)
        if record.line == records[place - 1].after or width < 2:
            continue
        if record.cells == records[0].cells or record.filled < width:
            continue
        below = [row for row in records[place + 1 :] if len(row.cells) == width]
        if width == columns:
            before = [row.cells for row in records[header_lines:place] if len(row.cells) == width]
            names, same = _compare(record.cells, column_kinds(before, width))
            is_other = len(names) > len(same)
        else:
            is_other = len(below) > 1 and _votes(record, below, width) > 0
        if is_other and _votes(record, below, width) >= 0:
            return record.line + 1
    return None


def footer_records(records: Sequence[Record], columns: int) -> int:
    """How many records at the end sum the table up, or comment on it.

    Args:
        records: the last ones of the file, at least one row of the table among them.
    """
    if columns < 2:
        return 0
    count = 0
    for place in range(len(records) - 1, max(0, len(records) - 1 - _MOST_FOOTERS), -1):
        gap = records[place].line > records[place - 1].after
        if _is_footer(records[place], columns):
            count = len(records) - place
        elif not _is_remark(records[place], columns):
            break
        elif gap:
            count = len(records) - place
    return count


def _table_above(records: Sequence[Record], columns: int) -> int | None:
    """The line, counted from 1, in which the table starts, where one of fewer columns stands above
    it that a preamble does not look like.
    """
    start = leading_lines(records, columns) or 0
    lead = [record for record in records[:start] if not _is_comment(record)]
    if len(lead) < 3 or len(lead[0].cells) < 2:
        return None
    rows = [record for record in lead[1:] if len(record.cells) == len(lead[0].cells)]
    is_table = len(rows) > 1 and _votes(lead[0], rows, len(lead[0].cells)) > 0
    return records[start].line + 1 if is_table else None


def _is_footer(record: Record, columns: int) -> bool:
    """Whether a record begins with a word such as `Total`, or `Source:`, or counts rows."""
    first = next((cell.strip() for cell in record.cells if cell.strip()), "")
    plain = first.casefold().rstrip(":. ")
    words = read_lines("ingest/footer_words.txt")
    if plain in words:
        return True
    starts = tuple(word[1:] for word in words if word.startswith("~"))
    is_short = record.filled <= max(1, columns // 2)
    counted = re.fullmatch(r"\(?[0-9,.]+ (?:rows?|records?)(?: .{0,20})?\)?", plain)
    return is_short and (first.casefold().startswith(starts) or counted is not None)


def _is_remark(record: Record, columns: int) -> bool:
    """Whether a record is a text in its first cell alone."""
    return (
        record.filled <= max(1, columns // 2)
        and bool(record.cells[0].strip())
        and cell_kind(record.cells[0]) in (WORD, TEXT)
    )
