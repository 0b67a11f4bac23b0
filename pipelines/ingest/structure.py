"""Bytes of delimited text -> proof that they are well formed, or each record with what is wrong
with it.

Belongs here: counting and classifying bytes, vectorised. Stays out: reading files, decoding cells.
Imports no frames: the process that decodes starts with it.

Source: RFC 4180, section 2; a quote inside an unquoted cell is taken as it stands, as most writers
mean it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.pipelines.ingest.not_rows import commented_lines, same_lines

LF, CR = 10, 13
MAX_RECORD = 16 * 2**20
"""Bytes of the longest record; a quote that is not closed within them never is."""
MISSING = "missing columns"
TOO_MANY = "too many columns"
BROKEN_QUOTE = "unquoted value"
UNCLOSED = "unclosed quote"
ENCODING = "invalid encoding"
REPEATED = "the header again"
TOO_LONG = f"longer than {MAX_RECORD:,} bytes"

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Marks:
    """The characters that delimited text is made with, one byte each; `quote` and `escape` may be
    none. Unless an escape is said, a quote is escaped by another.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None


# -- proof over a whole file ------------------------------------------------------------


@dataclass(frozen=True)
class WellFormed:
    """What a well-formed file holds: its records, the delimiters between their cells, whether any
    cell is in quotes, and all bytes that are no line end.
    """

    records: int
    delimiters: int
    quoted: bool
    line_bytes: int

    def has(self, columns: int) -> bool:
        """Whether each record has this many cells, if none has more."""
        return self.delimiters == self.records * (columns - 1)

    @property
    def cell_bytes(self) -> int | None:
        """The bytes of all cells; None if quotes stand about some."""
        return None if self.quoted else self.line_bytes - self.delimiters


def well_formed(chunks: Iterable[bytes], marks: Marks) -> WellFormed | None:
    """Count a whole file; None if it is not plainly well formed."""
    if marks.escape is not None or ord(marks.delimiter) > 127:
        return None
    delimiter, quote = ord(marks.delimiter), ord(marks.quote) if marks.quote else None
    records = delimiters = line_bytes = 0
    inside = quoted = False
    before = LF  # the byte before the chunk; a file starts like a line
    for chunk, following in _with_next(chunks):
        data = np.frombuffer(chunk, np.uint8)
        returns = _returns(data, before, following)
        if returns is None:
            return None
        feeds = int(np.count_nonzero(data == LF))
        line_bytes += len(chunk) - feeds - returns
        if quote is None or (not inside and quote not in chunk):
            records += feeds
            delimiters += int(np.count_nonzero(data == delimiter))
        else:
            quoted = True
            quotes = data == quote
            state = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(
                bool
            )  # whether each byte is inside quotes, an opening one counted in
            state = ~state if inside else state
            separators = (data == delimiter) | (data == LF)
            if not _quotes_in_place(
                data, quotes, state, separators, before, following, delimiter, quote
            ):
                return None
            records += int(np.count_nonzero((data == LF) & ~state))
            delimiters += int(np.count_nonzero((data == delimiter) & ~state))
            inside = bool(state[-1])
        before = chunk[-1]
    return None if inside else WellFormed(records + (before != LF), delimiters, quoted, line_bytes)


def _with_next(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int | None]]:
    """Each chunk with the first byte after it."""
    held = b""
    for chunk in chunks:
        if held:
            yield held, chunk[0]
        held = chunk
    if held:
        yield held, None


def _returns(data: Bytes, before: int, following: int | None) -> int | None:
    """How many carriage returns there are, if each is before a line feed."""
    returns = int(np.count_nonzero(data == CR))
    if before == CR and data[0] != LF:
        return None
    if not returns:
        return 0
    pairs = int(np.count_nonzero((data[:-1] == CR) & (data[1:] == LF)))
    return (
        returns if returns == pairs + (data[-1] == CR and following is not None) else None
    )  # one at a chunk's end is looked at with the next


def _quotes_in_place(
    data: Bytes,
    quotes: Flags,
    state: Flags,
    separators: Flags,
    before: int,
    following: int | None,
    delimiter: int,
    quote: int,
) -> bool:
    """Whether each opening quote starts a cell and each closing one ends it; two together are one
    that is escaped.
    """
    neighbours = separators | quotes
    opens, closes = quotes & state, quotes & ~state
    ends = neighbours | (data == CR)
    if (opens[1:] & ~neighbours[:-1]).any() or (closes[:-1] & ~ends[1:]).any():
        return False
    allowed = {delimiter, quote, LF}
    return (not opens[0] or before in allowed) and (
        not closes[-1] or following is None or following in allowed | {CR}
    )


# -- records one by one -----------------------------------------------------------------


@dataclass(frozen=True)
class Flaw:
    """A record that cannot be read: its place among the chunk's records, why, and its bytes."""

    record: int
    reason: str
    text: bytes


@dataclass(frozen=True)
class Sorted:
    """A chunk, sorted: the readable records joined by line feeds, how many, the flaws, and how many
    bytes were used; the rest belongs to the next chunk.
    """

    good: bytes
    rows: int
    flaws: tuple[Flaw, ...]
    used: int


class Sorter:
    """Tells readable records from others, chunk by chunk."""

    def __init__(
        self,
        marks: Marks,
        columns: int,
        header: bytes | None = None,
        comment: bytes | None = None,
    ) -> None:
        self.columns, self._header, self._comment = columns, header, comment
        self.delimiter = ord(marks.delimiter)
        self.quote = ord(marks.quote) if marks.quote else -1
        self.escape = ord(marks.escape) if marks.escape else -1
        delimiter, quote, escape = (
            re.escape(mark.encode()) if mark else b""
            for mark in (marks.delimiter, marks.quote, marks.escape)
        )
        self._plain = re.compile(
            (b"(?:[^" + delimiter + rb"\r\n" + escape + b"]|" + escape + b"[\\s\\S])*+")
            if escape
            else b"[^" + delimiter + rb"\r\n]*+"
        )
        body = (
            b"(?:[^"
            + quote
            + escape
            + b"]|"
            + (escape + rb"[\s\S]|" if escape else b"")
            + quote
            + quote
            + b")*+"
        )
        self._quoted = re.compile(quote + body + quote) if quote else None

    def sort(self, chunk: bytes, *, last: bool) -> Sorted:
        """Sort a chunk that starts at a record.

        Unless it is the last, what may go on after it is left to the next.
        """
        data = np.frombuffer(chunk, np.uint8)
        starts, ends, nexts = _lines(data, last=last)
        if not len(starts):
            return Sorted(b"", 0, (), 0)
        data = data[: nexts[-1]]
        good, wrong = self._by_line(chunk, data, starts, ends)
        flaws: dict[int, str] = {}
        joined: list[
            tuple[int, int, int]
        ] = []  # first line, line after, end of bytes: records of several lines
        line = done = 0
        for at in np.flatnonzero(wrong == _LOOK):
            if at < line:
                continue
            found = self._record(chunk, int(starts[at]), last=last)
            if found is not None and not last and found[0] is None and found[1] > ends[-1]:
                # it ends at a carriage return whose line feed may come with the next chunk
                found = None
            if found is None:
                if len(chunk) - int(starts[at]) <= MAX_RECORD:
                    done = int(at)
                    break
                found = (UNCLOSED, int(ends[at]))
            reason, end = found
            line = int(np.searchsorted(starts, end, side="left")) if end > ends[at] else int(at) + 1
            line = max(line, int(at) + 1)
            if reason is None:
                joined.append((int(at), line, end))
            else:
                flaws[int(at)] = reason
                line = int(at) + 1
        else:
            done = len(starts)
        return self._gathered(chunk, (starts, ends, nexts), good, wrong, joined, flaws, done)

    def _by_line(
        self, chunk: bytes, data: Bytes, starts: Positions, ends: Positions
    ) -> tuple[Flags, npt.NDArray[np.uint8]]:
        """Judge lines that are a record each: good ones, and what is wrong with the others; those
        with a quote or an escape are looked at one by one.
        """
        cells = _counts(data == self.delimiter, starts, ends) + 1
        special = np.zeros(len(starts), bool)
        for mark in (self.quote, self.escape):
            if mark >= 0 and mark in chunk:
                special |= _counts(data == mark, starts, ends) > 0
        plain = (
            self._well_quoted(data, starts, ends, cells)
            if self.escape < 0 and special.any()
            else ~special
        )
        wrong = np.zeros(len(starts), np.uint8)
        wrong[cells < self.columns] = _FEW
        wrong[cells > self.columns] = _MANY
        wrong[~plain] = _LOOK
        wrong[(ends - starts) > MAX_RECORD] = _LONG
        if self.columns > 1:
            wrong[ends == starts] = _BLANK
        if not chunk.isascii():
            for at in _badly_encoded(memoryview(chunk)[: len(data)], starts):
                wrong[at] = _ENCODING
        wrong[same_lines(chunk, self._header, starts, ends)] = _AGAIN
        if self._comment is not None:
            wrong[commented_lines(chunk, self._comment, starts)] = _COMMENT
        return wrong == 0, wrong

    def _well_quoted(
        self, data: Bytes, starts: Positions, ends: Positions, cells: npt.NDArray[np.int64]
    ) -> Flags:
        """Lines whose quotes are all in place, taken each for itself; `cells` is fixed for
        delimiters inside quotes.
        """
        quotes = np.flatnonzero(data == self.quote)
        line = np.searchsorted(starts, quotes, side="right") - 1
        per_line = np.bincount(line, minlength=len(starts))
        first = np.concatenate(([0], np.cumsum(per_line)[:-1]))
        odd = (np.arange(len(quotes)) - first[line]) % 2 == 1
        previous = np.where(quotes > starts[line], data[np.maximum(quotes - 1, 0)], LF)
        following = np.where(
            quotes + 1 < ends[line], data[np.minimum(quotes + 1, len(data) - 1)], LF
        )
        opens = (previous == self.delimiter) | (previous == LF) | (previous == self.quote)
        closes = (following == self.delimiter) | (following == LF) | (following == self.quote)
        in_place = np.where(odd, closes, opens)
        well: Flags = (per_line % 2 == 0) & (
            np.bincount(line[~in_place], minlength=len(starts)) == 0
        )
        delimiters = np.flatnonzero(data == self.delimiter)
        behind = np.searchsorted(quotes, delimiters)
        at = np.searchsorted(starts, delimiters, side="right") - 1
        hidden = at[(behind - first[at]) % 2 == 1]
        cells -= np.bincount(hidden, minlength=len(starts))
        return well

    def _record(self, chunk: bytes, start: int, *, last: bool) -> tuple[str | None, int] | None:
        """What is wrong with the record that starts here, and where it ends; None if the chunk
        ends first. A flawed record is one line long.
        """
        at, cells, size = start, 1, len(chunk)
        while True:
            if self._quoted is not None and at < size and chunk[at] == self.quote:
                match = self._quoted.match(chunk, at, min(size, start + MAX_RECORD))
                if match is None:
                    return (
                        (UNCLOSED, _line_end(chunk, start))
                        if last or size - start > MAX_RECORD
                        else None
                    )
                at = match.end()
                if at < size and chunk[at] not in (self.delimiter, LF, CR):
                    return BROKEN_QUOTE, _line_end(chunk, start)
            else:
                at = self._plain.match(chunk, at).end()  # type: ignore[union-attr]  # it matches nothing at least
            if not last and (at >= size or (at == size - 1 and chunk[at] == self.escape)):
                return None
            if at >= size or chunk[at] in (LF, CR):
                flaw = (
                    MISSING if cells < self.columns else TOO_MANY if cells > self.columns else None
                )
                if flaw is None and not _is_utf8(chunk[start:at]):
                    flaw = ENCODING
                return flaw, at if flaw is None else _line_end(chunk, start)
            if chunk[at] != self.delimiter:  # an escape with nothing behind it
                return BROKEN_QUOTE, _line_end(chunk, start)
            cells, at = cells + 1, at + 1

    def _gathered(
        self,
        chunk: bytes,
        lines: tuple[Positions, Positions, Positions],
        good: Flags,
        wrong: npt.NDArray[np.uint8],
        joined: list[tuple[int, int, int]],
        flaws: dict[int, str],
        done: int,
    ) -> Sorted:
        """Number the records and join the readable ones."""
        starts, ends, nexts = lines
        is_record = (wrong[:done] != _BLANK) & (wrong[:done] != _COMMENT)
        end_of = ends.copy()
        keep = good[:done].copy()
        for first, after, end in joined:
            keep[first:after], is_record[first + 1 : after], end_of[first] = False, False, end
            keep[first] = True
        number = np.cumsum(is_record) - 1
        found = [
            (int(at), flaws.get(int(at)) or _REASONS[int(wrong[at])])
            for at in np.flatnonzero(is_record & ~keep)
        ]
        kept = np.flatnonzero(keep)
        used = int(nexts[done - 1]) if done else 0
        return Sorted(
            _joined(chunk, starts[kept], end_of[kept], nexts[kept]),
            len(kept),
            tuple(
                Flaw(int(number[at]), reason, chunk[int(starts[at]) : int(ends[at])])
                for at, reason in found
            ),
            used,
        )


_FEW, _MANY, _LOOK, _BLANK, _ENCODING, _LONG, _AGAIN, _COMMENT = 1, 2, 3, 4, 5, 6, 7, 8
_REASONS = {
    _FEW: MISSING,
    _MANY: TOO_MANY,
    _ENCODING: ENCODING,
    _LONG: TOO_LONG,
    _AGAIN: REPEATED,
}


def _lines(data: Bytes, *, last: bool) -> tuple[Positions, Positions, Positions]:
    """Where each line starts, where its content ends, and where the next starts.

    A line ends with LF, CR LF or CR alone.
    """
    feeds = np.flatnonzero(data == LF)
    returns = np.flatnonzero(data == CR)
    if len(returns):
        paired = np.isin(returns + 1, feeds, assume_unique=True)
        alone = returns[~paired]
        if not last and len(alone) and alone[-1] == len(data) - 1:
            alone = alone[:-1]  # its line feed may come with the next chunk
        before = np.zeros(len(data) + 1, bool)
        before[returns[paired] + 1] = True
        stops = np.sort(np.concatenate([feeds, alone]))
        ends = stops - before[stops]
    else:
        stops = ends = feeds
    nexts = stops + 1
    starts = np.concatenate(([0], nexts))[: len(nexts) + 1].astype(np.int64)
    rest = int(starts[-1])
    if last and rest < len(data):
        return starts, np.append(ends, len(data)), np.append(nexts, len(data))
    return starts[:-1], ends, nexts


def _counts(hits: Flags, starts: Positions, ends: Positions) -> npt.NDArray[np.int64]:
    """How many hits are in each line."""
    at = np.flatnonzero(hits)
    return np.searchsorted(at, ends) - np.searchsorted(at, starts)


def _badly_encoded(chunk: memoryview, starts: Positions) -> list[int]:
    """Lines that are no UTF-8: decoding goes on at the line after each."""
    lines: list[int] = []
    at, size = 0, len(chunk)
    while at < size:
        try:
            str(chunk[at:], "utf-8")
        except UnicodeDecodeError as error:
            line = int(np.searchsorted(starts, at + error.start, side="right")) - 1
            lines.append(line)
            if line + 1 >= len(starts):
                break
            at = int(starts[line + 1])
        else:
            break
    return lines


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line_end(chunk: bytes, start: int) -> int:
    ends = [at for mark in (b"\n", b"\r") if (at := chunk.find(mark, start)) >= 0]
    return min(ends, default=len(chunk))


def _joined(chunk: bytes, starts: Positions, ends: Positions, nexts: Positions) -> bytes:
    """The records, a line feed behind each; neighbours that already are so are copied together."""
    if not len(starts):
        return b""
    whole = (nexts == ends + 1) & (nexts <= len(chunk))
    data = np.frombuffer(chunk, np.uint8)
    whole &= data[np.minimum(ends, len(chunk) - 1)] == LF
    breaks = np.flatnonzero(~(whole[:-1] & (starts[1:] == nexts[:-1]))) + 1
    first = np.concatenate(([0], breaks))
    after = np.concatenate((breaks, [len(starts)]))
    return b"".join(
        piece
        for low, high in zip(starts[first], ends[after - 1], strict=True)
        for piece in (chunk[low:high], b"\n")
    )
