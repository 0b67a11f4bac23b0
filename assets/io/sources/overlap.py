"""Rows near a watermark: which of them were read before.

Belongs here: where an overlap begins, digests of CSV records. Stays out: asking a database
(extracts.py).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

Value = str | int | float
SECONDS, NUMBERS = 3_600.0, 1_000
"""How far back rows are read again unless the contract states otherwise."""
_DIGEST_BYTES = 16
_DAY_S = 86_400
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?P<mark>[ T])(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<rest>.*))?"
)
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_NUMBER = re.compile(r"[1-9][0-9]*(\.[0-9]+)?")


def overlap_start(value: Value, overlap: float | None) -> Value:
    """The value from which rows are read again, spelled as the mark is.

    Text that is neither a time nor a number has no distances: only rows with the same value
    are read again.
    """
    if not isinstance(value, str):
        return value - (NUMBERS if overlap is None else _whole(overlap))
    if moment := _MOMENT.fullmatch(value):
        return _earlier(moment, SECONDS if overlap is None else overlap) or value
    if _NUMBER.fullmatch(value):
        whole, point, fraction = value.partition(".")
        # with as many digits, so that text compares as numbers do
        shortest = 10 ** (len(whole) - 1)
        earlier = int(whole) - math.ceil(NUMBERS if overlap is None else overlap)
        return f"{max(earlier, shortest)}{point}{fraction}"
    return value


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _earlier(moment: re.Match[str], seconds: float) -> str | None:
    """A time so much earlier, with the fraction and the zone that it has; None before year 1."""
    day, mark, time, rest = moment.group("day", "mark", "time", "rest")
    with suppress(ValueError, OverflowError):
        if time is None:
            days = math.ceil(seconds / _DAY_S)
            return (datetime.fromisoformat(day) - timedelta(days=days)).date().isoformat()
        earlier = datetime.fromisoformat(f"{day}T{time}") - timedelta(seconds=math.ceil(seconds))
        return earlier.isoformat(sep=mark) + rest
    return None


class Records:
    """A target for CSV: its header, and its records that were not seen before.

    Args:
        salt: makes the digests the installation's own.
        seen: digest -> how often the record was read before.
        keeps: whether the records themselves are kept, or their digests alone.
    """

    def __init__(self, salt: bytes, seen: dict[str, int], *, keeps: bool) -> None:
        self.header = b""
        self.new: list[bytes] = []
        self.digests: Counter[str] = Counter()
        self._salt, self._left, self._keeps = salt[:64], Counter(seen), keeps
        self._started: list[bytes] = []
        self._quotes = 0

    def write(self, chunks: Iterable[bytes]) -> None:
        """Take in CSV as it comes; a record ends at a line break outside of quotes."""
        for chunk in chunks:
            for line in _LINE.findall(chunk):
                self._started.append(line)
                self._quotes += line.count(b'"')
                if line.endswith(b"\n") and self._quotes % 2 == 0:
                    self._take(b"".join(self._started))
                    self._started, self._quotes = [], 0

    def _take(self, record: bytes) -> None:
        if not self.header:
            self.header = record
            return
        digest = hashlib.blake2b(record, key=self._salt, digest_size=_DIGEST_BYTES).hexdigest()
        self.digests[digest] += 1
        if self._left[digest]:
            self._left[digest] -= 1
        elif self._keeps:
            self.new.append(record)
