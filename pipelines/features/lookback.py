"""Rows by key and time -> what is before each: sums and extremes over a span, values some moments
back.

Belongs here: arithmetic on sorted arrays, on any library of the array API standard: NumPy, and CuPy
on a GPU. Stays out: what is asked of it (windows.py), numbers as whole steps (exact_sums.py).
One sort serves every column and function of a transform; on a CPU it cuts the rows into parts of
whole keys, small enough for its caches, which its cores work on side by side. In a part, key and
time become one number, in which different keys lie further apart than the window reaches; then a
window is two places in the sorted rows, and a sum over it the difference of two running sums.
Running sums of whole numbers may go round the end of 64 bits: their difference is right all the
same. Extremes are taken of windows of 1, 2, 4, … rows, two of which cover a window of any length (a
sparse table, Bender and Farach-Colton 2000).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

Array = np.ndarray[Any, Any]
Library = Any
"""The module of an array library that keeps to the array API standard."""
Values = Any
"""An array of that library."""
_ROOM = 2**62
_CODES = 2**31
_FEW = 2**16
PART_ROWS = 2**16
"""A part is cut after so many rows, where a key ends: its arrays are then half a megabyte each."""


@dataclass(frozen=True)
class Past:
    """Rows that have a key and a time, sorted by both.

    Args:
        on: the library that computes.
        rows: their places in the frame, (n,); a slice of all of them where none is left out.
        order: which of `rows` comes n-th, (n,); None if `rows` are sorted already.
        back: the inverse of `order`.
        key: of each sorted row, the number of its key, (n,).
        begins: where the rows of each key and moment begin, (m,).
        moment: of each sorted row, which of these is its own, (n,).
        since, until: of each sorted row, the sorted rows [since, until) are its window.
    """

    on: Library
    rows: Array | slice
    order: Values | None
    back: Values | None
    key: Values
    begins: Values
    moment: Values
    since: Values
    until: Values

    def sorted(self, values: Array) -> Values:
        """A column of the frame, as this library has it, by key and time."""
        given = self.on.asarray(values[self.rows])
        return given if self.order is None else self.on.take(given, self.order)

    def in_row_order(self, values: Values) -> Array:
        """What was computed of the sorted rows, in the order of `rows`, for Polars."""
        return on_host(values if self.back is None else self.on.take(values, self.back))

    @property
    def counts(self) -> Values:
        """How many rows each row's window has."""
        return self.until - self.since

    def sums(self, values: Values) -> Values:
        """The sum over each row's window. `values`: whole numbers of 64 bits, of the sorted
        rows.
        """
        running = self.on.cumulative_sum(values, include_initial=True)
        return self.on.take(running, self.until) - self.on.take(running, self.since)

    def greatest(self, values: Values) -> Values:
        """The greatest value in each row's window; minus infinity if there is none."""
        return _greatest(self.on, values, self.since, self.until)

    def lags(self, values: Values, moments: Sequence[int]) -> list[Values]:
        """The value some moments before, minus infinity if there is none; of several rows of one
        moment the greatest.
        """
        on, begins = self.on, self.begins
        value = _greatest(
            on,
            values,
            begins,
            on.concat([begins[1:], on.asarray([self.key.shape[0]], dtype=begins.dtype)]),
        )
        key, made = on.take(self.key, begins), []
        for back in moments:
            nothing = on.full(min(back, begins.shape[0]), -math.inf)
            earlier = on.where(key[back:] == key[:-back], value[:-back], -math.inf)
            made.append(on.take(on.concat([nothing, earlier]), self.moment))
        return made


def _greatest(on: Library, values: Values, since: Values, until: Values) -> Values:
    """The greatest of values[since:until], minus infinity of none."""
    made = on.full(since.shape[0], -math.inf)
    rows = until - since
    width, most = 1, int(on.max(rows))
    while width <= most:  # `values` are the greatest of `width` rows from each on
        covered = (rows >= width) & (rows < 2 * width)
        made[covered] = on.maximum(
            on.take(values, since[covered]), on.take(values, until[covered] - width)
        )
        values = on.maximum(values[:-width], values[width:]) if 2 * width <= most else values
        width *= 2
    return made


def on_host(values: Values) -> Array:
    """For NumPy, from wherever it is."""
    return values.get() if hasattr(values, "get") else np.asarray(values)


def over_parts(
    do: Callable[[Past], None],
    frame: pl.DataFrame,
    keys: Sequence[str],
    span: int | None,
    gap: int,
    on: Library = np,
) -> None:
    """Sort the rows, and do something with each part of them, several at a time on a CPU.

    Together the parts are all rows that have a time and every key.

    Args:
        do: must leave Polars alone, whose threads may all be waiting for it.
        frame: `at` (Int64, under 2^59 either way) and the keys; rows without one of them are in no
            part.
        span, gap: the window is [time - gap - span, time - gap); without a span it is everything
            before.
    """
    whole, frame = _with_all(frame, keys)
    rows: Array | slice = slice(None) if whole.all() else np.flatnonzero(whole.to_numpy())
    if not frame.height:
        return
    at = frame["at"].to_numpy()
    low = int(at.min())
    reach = int(at.max()) - low
    code, every = _codes([frame[key] for key in keys], frame.height)

    unit, back, wait, apart = _time_units(at, low, reach, span, gap, every)
    cut = _by_key if on is np else _by_number

    def done(part: tuple[Array | slice, Array]) -> None:
        mine, key = part
        whose = mine if isinstance(rows, slice) else rows[mine]
        moments = (on.asarray(at[mine]) - low) // unit
        do(_lookback(on, whose, on.asarray(key), moments, apart, back, wait))

    with ThreadPoolExecutor(pl.thread_pool_size() if on is np else 1) as cores:
        for _ in cores.map(done, cut(code, every, max(_ROOM // apart, 1))):
            pass  # raises what a part raised


def _time_units(
    at: Array, low: int, reach: int, span: int | None, gap: int, keys: int
) -> tuple[int, int, int, int]:
    """The unit in which times are counted; in it, the window's span and gap, and how far apart the
    numbers of two keys are.
    """

    def counted_in(unit: int) -> tuple[int, int, int, int]:
        back = (reach if span is None else min(span, reach + unit)) // unit
        wait = min(gap, reach + unit) // unit
        return unit, back, wait, reach // unit + back + wait + 2

    *_, apart = smallest = counted_in(1)
    if keys * apart <= _ROOM:
        return smallest
    # times of whole hours need no microseconds
    return counted_in(math.gcd(int(np.gcd.reduce(at - low)), span or 0, gap) or 1)


def _by_key(code: Array, every: int, at_once: int) -> Iterator[tuple[Array | slice, Array]]:
    """Parts of whole keys, the rows of each key together in the order of the frame: (their places,
    the numbers of their keys from 0).
    """
    rows = np.argsort(
        code.astype(np.uint16) if every <= _FEW else code, kind="stable"
    )  # 16 bits are sorted many times faster
    code = code[rows]
    first = np.concatenate([[True], code[1:] != code[:-1]])
    del code  # a number for each row of the table
    begins = np.flatnonzero(first)
    full = begins[np.searchsorted(begins, np.arange(0, len(rows), PART_ROWS), side="right") - 1]
    cuts = np.unique(np.concatenate([begins[::at_once], full, [len(rows)]]))
    for start, end in pairwise(cuts):
        yield rows[start:end], np.cumsum(first[start:end]) - 1


def _by_number(code: Array, every: int, at_once: int) -> Iterator[tuple[Array | slice, Array]]:
    """All rows as they come; several parts only where keys and times are too many for one
    number.
    """
    for first in range(0, every, at_once):
        part: Array | slice = slice(None)
        if every > at_once:
            part = np.flatnonzero((code >= first) & (code < first + at_once))
            if not len(part):
                continue
        yield part, code[part] - first


def last_before(
    ours: pl.DataFrame,
    theirs: pl.DataFrame,
    keys: Sequence[str],
    within: int | None,
    on: Library = np,
) -> pl.Series:
    """Of each of our rows, the place of their last row of its key from before its moment; null
    if there is none.

    Args:
        ours: `at` (Int64) and the keys; rows without one of them have no such place.
        theirs: the same, without nulls and sorted by `at`; of several rows of one moment it is the
            last.
        within: how old it may be, in units of `at`.
    """
    whole, ours = _with_all(ours, keys)
    places = np.full(len(whole), -1)
    if ours.height and theirs.height:
        places[whole.to_numpy()] = on_host(_last_before(on, ours, theirs, keys, within))
    indexes = pl.Series(places)
    return indexes.set(indexes < 0, None)


def _last_before(
    on: Library, ours: pl.DataFrame, theirs: pl.DataFrame, keys: Sequence[str], within: int | None
) -> Values:
    every = pl.concat([theirs.select("at", *keys), ours])
    code = on.asarray(_codes([every[key] for key in keys], every.height)[0]) * (theirs.height + 1)
    then, now = on.asarray(theirs["at"].to_numpy()), on.asarray(ours["at"].to_numpy())
    # instead of times, how many of their rows lie before: key and time are one number that cannot
    # grow too great
    place = code[: theirs.height] + on.searchsorted(then, then, side="left")
    order = on.argsort(place, stable=True)
    place = on.take(place, order)
    own = code[theirs.height :]
    before = on.searchsorted(place, own + on.searchsorted(then, now, side="left"), side="left") - 1
    last = on.where(before >= 0, before, 0)
    found = on.take(order, last)
    there = (before >= 0) & (on.take(place, last) >= own)
    if within is not None:
        there = there & (now - on.take(then, found) <= within)
    return on.where(there, found, -1)


def _lookback(
    on: Library, rows: Array | slice, key: Values, at: Values, apart: int, back: int, wait: int
) -> Past:
    place = key * apart + at
    order = None
    if not bool(on.all(place[1:] >= place[:-1])):
        order = on.argsort(place, stable=True)
        place, key = on.take(place, order), on.take(key, order)
    first = on.concat([on.ones(1, dtype=on.bool), place[1:] != place[:-1]])
    begins, moment = on.nonzero(first)[0], on.cumulative_sum(on.astype(first, on.int64)) - 1
    since = on.searchsorted(place, place - (wait + back), side="left")
    until = on.searchsorted(place, place - wait, side="left") if wait else on.take(begins, moment)
    return Past(
        on,
        rows,
        order,
        None if order is None else on.argsort(order),
        key,
        begins,
        moment,
        since,
        until,
    )


def _with_all(frame: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.Series, pl.DataFrame]:
    """Which rows have a time and every key, and the times and keys of those."""
    named = frame.select("at", *keys)
    whole = named.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
    return whole, named if whole.all() else named.filter(whole)


def _codes(keys: Sequence[pl.Series], rows: int) -> tuple[Array, int]:
    """A number for each combination of keys, and one more than the greatest; which one states
    nothing.
    """
    code, every = np.zeros(rows, dtype=np.int64), 1
    for key in keys:
        if key.dtype == pl.String:
            key = key.cast(pl.Categorical(pl.Categories.random())).to_physical()
        if key.dtype == pl.UInt32:
            own = key.to_numpy().astype(np.int64)
            most = int(own.max()) + 1
        else:
            different = key.unique()
            own, most = (
                key.replace_strict(
                    different, pl.int_range(len(different), eager=True), return_dtype=pl.Int64
                ).to_numpy(),
                len(different),
            )
        code, every = code * most + own, every * most
        if every >= _CODES:
            different_, code = np.unique(code, return_inverse=True)
            every = len(different_)
    return code, every
