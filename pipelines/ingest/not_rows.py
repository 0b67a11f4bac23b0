"""Lines of a table that are no rows: the header again, and comments.

Belongs here: finding them in bytes. Stays out: what is done with them (structure.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


class NotRows:
    """The chunks of a file as they are, and whether a line among them is the header again, or a
    comment.
    """

    def __init__(
        self, chunks: Iterable[bytes], header: bytes | None, comment: bytes | None
    ) -> None:
        self.seen = False
        self._chunks, self._comment = chunks, comment
        self._header = header

    def __iter__(self) -> Iterator[bytes]:
        before = b"\n"
        for chunk in self._chunks:
            self._look(before + chunk)
            yield chunk
            before = (before + chunk)[-len(self._header or b"") - 2 :]
        self._look(before + b"\n")

    def _look(self, text: bytes) -> None:
        starts = (b"\n", b"\r")
        if self._comment is not None:
            self.seen |= any(start + self._comment in text for start in starts)
        if self._header is not None:
            self.seen |= any(
                start + self._header + end in text for start in starts for end in starts
            )


def same_lines(chunk: bytes, line: bytes | None, starts: Positions, ends: Positions) -> list[int]:
    """The lines that are these bytes."""
    lines: list[int] = []
    at = chunk.find(line) if line else -1
    while line and at >= 0:
        place = int(np.searchsorted(starts, at))
        if place < len(starts) and starts[place] == at and ends[place] == at + len(line):
            lines.append(place)
        at = chunk.find(line, at + 1)
    return lines


def commented_lines(chunk: bytes, mark: bytes, starts: Positions) -> Positions:
    """The lines that begin with a mark."""
    data = np.frombuffer(chunk + b"\n", np.uint8)
    return np.flatnonzero(data[starts] == mark[0])
