"""Columns of text -> those that hold whole numbers, and proof that the numbers tell how they were
written.

Belongs here: guessing from a sample, measuring the text that numbers represent. Stays out: reading
files.
A whole number can be written in many ways (`7`, `007`, `+7`), and the plain one is the shortest. So
where the cells of a file are together as long as the plain texts of what was read from them, each
of them is plain, and numbers can be kept in place of text: they take less time to read, to write
and to compare.
"""

from __future__ import annotations

import threading

import polars as pl

PLAIN = r"^(?:0|-?[1-9][0-9]{0,17})$"
_AT_ONCE = 100_000  # rows
_POWERS = [10**digits for digits in range(1, 19)]


def likely_whole(sample: pl.DataFrame) -> list[str]:
    """The columns of text in which the sample has whole numbers, plainly written, and nothing
    else.
    """
    are_whole = sample.select(
        pl.all().str.contains(PLAIN).all() & pl.all().is_not_null().any()
    ).row(0, named=True)
    return [column for column, whole in are_whole.items() if whole]


def text_bytes(rows: pl.DataFrame) -> int:
    """The bytes of the cells as text: a whole number in its plain form, and nothing if there is
    none.
    """
    return sum(
        _digits(cells) if cells.dtype.is_integer() else int(cells.str.len_bytes().sum())
        for cells in rows.get_columns()
    )


def _digits(cells: pl.Series) -> int:
    """Digits and minus signs of Int64 numbers; a comparison for each power of ten that only some of
    them reach.
    """
    given, low, high = cells.count(), cells.min(), cells.max()
    if not isinstance(low, int) or not isinstance(high, int):
        return 0
    count = given + (int((cells < 0).sum()) if low < 0 else 0)
    for power in _POWERS:
        if high < power and low > -power:
            break
        count += (
            given
            if low >= power
            else (int((cells >= power).sum()) if high >= power else 0)
            + (int((cells <= -power).sum()) if low <= -power else 0)
        )
    return count


class Measured:
    """The bytes of cells that go by as batches, reported at the end; several batches are measured at
    once, as they are small.
    """

    def __init__(self) -> None:
        self._lock, self._waiting, self._rows, self._bytes = (
            threading.Lock(),
            list[pl.DataFrame](),
            0,
            0,
        )

    def add(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Let a batch go by."""
        with self._lock:
            self._waiting.append(batch)
            self._rows += batch.height
            if self._rows >= _AT_ONCE:
                self.finish()
        return batch

    def finish(self) -> int:
        """Measure what waits. Returns: all bytes so far."""
        if self._waiting:
            self._bytes += text_bytes(pl.concat(self._waiting))
            self._waiting, self._rows = [], 0
        return self._bytes
