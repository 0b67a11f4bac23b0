"""Batches of a column -> what a sketch keeps of it: a summary of numbers, counts of texts, a seeded
sample.

Belongs here: taking batches one after the other in bounded memory. Stays out: which columns
(sketch.py), comparing (measure.py).
Source of the summary of numbers: Munro and Paterson (1980), Selection and sorting with limited
storage, Theoretical Computer Science 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

POINTS = 4_096
"""A number's summary holds every value with its rows up to so many different ones, else so many of
equal weight: ranks are then off by at most about 0.1 %.
"""

CATEGORIES = 20_000
"""A column of more different texts is counted in buckets by hash; which of them are new is
then unknown.
"""

BUCKETS = 4_096

KEY = "_key"

NUMBERS = {"value": pl.Float64, "rows": pl.Float64}

CATEGORY = {"value": pl.String, "rows": pl.Int64}


def summary_of(values: pl.Series) -> pl.DataFrame:
    """The summary of one column that is at hand."""
    numbers = NumberSummary()
    numbers.add(
        values.cast(pl.Float64).filter(values.cast(pl.Float64).is_finite()).sort().to_numpy()
    )
    return numbers.summary()


class NumberSummary:
    """Every value with its rows while there are few; then, of each part, values of equal weight."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._held = 0

    def add(self, ordered: np.ndarray) -> None:
        """Take a batch of finite values in order."""
        if not len(ordered):
            return
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self.merge(
            *_thinned(ordered[starts], np.diff(np.append(starts, len(ordered))).astype(np.float64))
        )

    def merge(self, values: np.ndarray, weights: np.ndarray) -> None:
        """Take another summary."""
        self._parts.append((values, weights))
        self._held += len(values)
        if self._held > 32 * POINTS:
            self._reduce()

    def _reduce(self) -> None:
        values, weights = (np.concatenate([part[side] for part in self._parts]) for side in (0, 1))
        values, back = np.unique(values, return_inverse=True)
        self._parts = [_thinned(values, np.bincount(back, weights))]
        self._held = len(self._parts[0][0])

    def summary(self) -> pl.DataFrame:
        """`value` in order, `rows`."""
        if not self._parts:
            return pl.DataFrame(schema=NUMBERS)
        self._reduce()
        return pl.DataFrame(dict(zip(NUMBERS, self._parts[0], strict=True)), schema=NUMBERS)


def _thinned(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most POINTS values, each standing for as many rows: those in the middle of equal stretches
    of the order.
    """
    if len(values) <= POINTS:
        return values, weights
    reached = np.cumsum(weights)
    middles = (np.arange(POINTS) + 0.5) * (reached[-1] / POINTS)
    return values[np.minimum(np.searchsorted(reached, middles), len(values) - 1)], np.full(
        POINTS, reached[-1] / POINTS
    )


class CategoryCounts:
    """Every text with its rows, or buckets of them where they are too many."""

    def __init__(self) -> None:
        self._counts = pl.DataFrame(schema=CATEGORY)
        self.bucketed = False

    def add(self, counts: pl.DataFrame) -> None:
        """Take the counts of a batch, or of another sketch."""
        self._counts = self._summed(pl.concat([self._counts, self._bucket(counts.cast(CATEGORY))]))  # type: ignore[arg-type]  # names and types
        if not self.bucketed and self._counts.height > CATEGORIES:
            self.bucketed = True
            self._counts = self._summed(self._bucket(self._counts))

    def _bucket(self, counts: pl.DataFrame) -> pl.DataFrame:
        if not self.bucketed:
            return counts
        bucket = (
            pl.when(pl.col("value").str.starts_with("#\x00"))
            .then("value")
            .otherwise("#\x00" + (pl.col("value").hash(0) % BUCKETS).cast(pl.String))
        )
        return counts.with_columns(bucket.alias("value"))

    def _summed(self, counts: pl.DataFrame) -> pl.DataFrame:
        return counts.group_by("value").agg(pl.col("rows").sum())

    def counts(self) -> pl.DataFrame:
        """`value` in order, `rows`."""
        return self._counts.sort("value")


class SeededSample:
    """The rows with the smallest keys, a key being the seeded hash of the row's number: the same
    rows each time.
    """

    def __init__(self, most: int, seed: int, columns: Sequence[pl.Expr]) -> None:
        self._most, self._seed, self._columns = most, seed, columns
        self._drawn: list[pl.DataFrame] = []
        self._held, self._limit = 0, 2**64 - 1

    def add(self, batch: pl.DataFrame, before: int) -> None:
        """Look at a batch that `before` rows came before."""
        number = pl.int_range(before, before + pl.len(), dtype=pl.UInt64)
        mine = (
            batch.lazy()
            .with_columns(number.hash(self._seed).alias(KEY))
            .filter(pl.col(KEY) <= pl.lit(self._limit, pl.UInt64))
            .select(KEY, *self._columns)
            .collect()
        )
        self._drawn.append(mine)
        self._held += mine.height
        if self._held > 2 * self._most:
            self._drawn = [pl.concat(self._drawn).bottom_k(self._most, by=KEY)]
            self._held, self._limit = self._most, int(self._drawn[0][KEY].max())  # type: ignore[arg-type]  # there are `most` keys

    def drawn(self) -> pl.DataFrame:
        """The key and the columns, ordered by key."""
        whole = pl.concat(self._drawn) if self._drawn else pl.DataFrame(schema={KEY: pl.UInt64})
        return (
            whole.bottom_k(self._most, by=KEY).sort(KEY)
            if whole.width > 1 or whole.height
            else whole
        )
