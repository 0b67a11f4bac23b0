"""Rows by key and time -> what lies before each: sums and extremes over a span, values some moments back.

Belongs here: arithmetic on sorted arrays. Stays out: what is asked of it (windows.py), numbers as whole steps (exact.py).
One sort serves every column and function of a transform. Key and time become one number, in which different keys lie further apart than the window reaches; then a
window is two places in the sorted rows, and a sum over it the difference of two running sums. Running sums of whole numbers may go round the end of 64 bits: their
difference is right all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

Array = np.ndarray[Any, Any]
_ROOM = 2**62
_CODES = 2**31
_FEW = 2**16


@dataclass(frozen=True)
class Past:
    """Rows that have a key and a time, sorted by both.

    Args:
        rows: their places in the frame, (n,).
        place: key and time as one number, (n,), ascending.
        since, until: of each row, the sorted rows [since, until) are its window.
        span: how far the window reaches back, in units of `place`.
    """

    rows: Array
    place: Array
    since: Array
    until: Array
    span: int

    def sums(self, values: Array) -> Array:
        """The sum over each row's window. `values`: whole numbers of 64 bits, of the sorted rows."""
        running = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(values, out=running[1:])
        return running[self.until] - running[self.since]

    def extremes(self, values: pl.Series, function: str) -> pl.Series:
        """The smallest (`min`) or greatest (`max`) value in each row's window, which has no gap."""
        frame = pl.DataFrame({"place": self.place, "value": values[self.rows]}).with_columns(pl.col("place").set_sorted())
        rolled: pl.Expr = getattr(pl.col("value"), f"rolling_{function}_by")("place", window_size=f"{max(self.span, 1)}i", closed="left")
        return frame.select(rolled).to_series()

    def lags(self, values: pl.Series, moments: Sequence[int], apart: Array) -> list[Array]:
        """The value some moments before, NaN where there is none; of several rows of one moment the greatest.

        Args:
            apart: of each sorted row the key's number, so that no moment of another key is taken.
        """
        begins = np.flatnonzero(np.diff(self.place, prepend=self.place[0] - 1))
        value = np.fmax.reduceat(values[self.rows].cast(pl.Float64).fill_null(float("nan")).to_numpy(), begins)
        moment = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(self.place)))
        key, made = apart[begins], []
        for back in moments:
            earlier = np.full(len(begins), np.nan)
            same = key[back:] == key[:-back]
            earlier[back:][same] = value[:-back][same]
            made.append(earlier[moment])
        return made


def by_key_and_time(frame: pl.DataFrame, keys: Sequence[str], span: int | None, gap: int) -> Iterator[tuple[Past, Array]]:
    """Sort the rows: in one part, or in several where keys and times are too many for one number. Each with the number of its rows' keys.

    Args:
        frame: `at` (Int64, under 2^59 either way) and the keys; rows without one of them are in no part.
        span, gap: the window is [time - gap - span, time - gap); without a span it is everything before.
    """
    whole = frame.select(pl.all_horizontal(pl.col(name).is_not_null() for name in ("at", *keys))).to_series().to_numpy()
    rows = np.flatnonzero(whole)
    if not len(rows):
        return
    at = frame["at"].to_numpy()[rows] if len(rows) == frame.height else frame["at"].gather(rows).to_numpy()
    low = int(at.min())
    reach = int(at.max()) - low
    unit = math.gcd(int(np.gcd.reduce(at - low)), span or 0, gap) or 1  # times of whole hours need no microseconds
    back, wait = (reach if span is None else min(span, reach + unit)) // unit, min(gap, reach + unit) // unit
    apart = reach // unit + back + wait + 2
    code, every = _codes([frame[key] if len(rows) == frame.height else frame[key].gather(rows) for key in keys], len(rows))
    in_time = bool((at[1:] >= at[:-1]).all())
    at_once = max(_ROOM // apart, 1)
    for first in range(0, every, at_once):
        part = np.flatnonzero((code >= first) & (code < first + at_once)) if every > at_once else slice(None)
        place = (code[part] - first) * apart + (at[part] - low) // unit
        # rows that are in time already need sorting by key only, and NumPy sorts 16 bits many times faster
        order = np.argsort(code[part].astype(np.uint16) if in_time and every <= _FEW else place, kind="stable")
        sorted_ = place[order]
        since = np.searchsorted(sorted_, sorted_ - wait - back, side="left")
        until = np.searchsorted(sorted_, sorted_ - wait, side="left") if wait else _first_of_moment(sorted_)
        yield Past(rows[part][order], sorted_, since, until, back), code[part][order]


def _first_of_moment(place: Array) -> Array:
    """Of each row, where the rows of its key and moment begin."""
    begins = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    return np.repeat(begins, np.diff(begins, append=len(place)))


def _codes(keys: Sequence[pl.Series], rows: int) -> tuple[Array, int]:
    """A number for each combination of keys, and one more than the greatest; which one says nothing."""
    code, every = np.zeros(rows, dtype=np.int64), 1
    for key in keys:
        if key.dtype == pl.String:
            key = key.cast(pl.Categorical(pl.Categories.random())).to_physical()  # the fastest way to different numbers
            own = key.to_numpy().astype(np.int64)
            most = int(own.max()) + 1
        else:
            different = key.unique()
            own, most = key.replace_strict(different, pl.int_range(len(different), eager=True), return_dtype=pl.Int64).to_numpy(), len(different)
        code, every = code * most + own, every * most
        if every >= _CODES:
            different_, code = np.unique(code, return_inverse=True)
            every = len(different_)
    return code, every
