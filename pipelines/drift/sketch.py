"""A version's rows -> a sketch: counts of all rows, and seeded samples, small enough to be kept
next to the version and compared for years.

Belongs here: the one pass over the rows, in batches, so that memory does not grow with them;
several sketches as one. Stays out: what is kept of a column (summaries.py), comparing (measure.py),
files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Literal

import numpy as np
import polars as pl

from assay.contracts.features import Target
from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.engine import run
from assay.pipelines.drift.summaries import KEY, CategoryCounts, NumberSummary, SeededSample

Kind = Literal["numerical", "categorical", "personal"]
"""How a column is compared; of a personal one only how often it is missing."""
BATCH = 262_144


@dataclass(frozen=True)
class Sketch:
    """What is kept of a version, or of several taken together.

    `numbers` and `categories`: column -> (`value`, `rows`), numbers in order. `sample`: rows with
    the key they were drawn by; `texts`: column -> (key, `vector`).
    `schema`: every column of the version with its type. `label`: (rows whose target is known, rows
    where it is true). `newest`: the newest time, ISO 8601.
    """

    rows: int
    schema: Mapping[str, str]
    missing: Mapping[str, int]
    numbers: Mapping[str, pl.DataFrame]
    categories: Mapping[str, pl.DataFrame]
    sample: pl.DataFrame
    texts: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    bucketed: frozenset[str] = frozenset()
    label: tuple[int, int] | None = None
    newest: str | None = None

    def missing_pct(self, column: str) -> float:
        """Of all rows."""
        return 100 * self.missing[column] / self.rows

    def different(self, column: str) -> int:
        """How many different values a column has; of many numbers, at least."""
        return (self.numbers if column in self.numbers else self.categories)[column].height


def sketch(
    frame: pl.LazyFrame,
    *,
    policy: DriftPolicy,
    kinds: Mapping[str, Kind],
    target: Target | None = None,
) -> Sketch:
    """Sketch a version in one streaming pass.

    Args:
        frame: the rows. Columns of `kinds` that it lacks, and numerical ones that are no numbers,
            are left out; whoever compares tells.
        kinds: how to read the policy's columns.
        target: what a model learns, whose share is watched.
    Returns: the same for the same rows in the same order, seed and Polars version. Memory: one
    batch, the samples, CATEGORIES texts a column.
    """
    reading = _Reading.of(frame.collect_schema(), policy, kinds, target)
    rows = int(run(frame.select(pl.len())).item())
    counting = _Counting(reading, policy, target)
    for batch in _batches(frame.select(reading.columns), rows if reading.columns else 0):
        counting.add(batch)
    return counting.finish(rows)


@dataclass(frozen=True)
class _Reading:
    """Which columns of a frame are read, and as what."""

    schema: pl.Schema
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    personal: tuple[str, ...]
    texts: tuple[str, ...]
    slices: tuple[str, ...]
    label: str | None
    time: str | None

    @classmethod
    def of(
        cls,
        schema: pl.Schema,
        policy: DriftPolicy,
        kinds: Mapping[str, Kind],
        target: Target | None,
    ) -> _Reading:
        """The columns of a policy that the frame has."""

        def of_kind(wanted: Kind) -> tuple[str, ...]:
            return tuple(name for name, kind in kinds.items() if kind == wanted and name in schema)

        texts = policy.texts.columns if policy.texts else ()
        time = policy.newest.column if policy.newest else None
        return cls(
            schema,
            tuple(name for name in of_kind("numerical") if schema[name].is_numeric()),
            of_kind("categorical"),
            of_kind("personal"),
            tuple(name for name in texts if name in schema),
            tuple(part.column for part in policy.slices if part.column in schema),
            target.column if target and target.column in schema else None,
            time if time in schema else None,
        )

    @property
    def counted_missing(self) -> list[str]:
        """The columns whose missing values are counted."""
        groups = (self.numerical, self.categorical, self.personal, self.texts)
        return list(dict.fromkeys(chain.from_iterable(groups)))

    @property
    def columns(self) -> list[str]:
        """Every column that is read, once."""
        others = (name for name in (self.label, self.time) if name is not None)
        return list(dict.fromkeys([*self.counted_missing, *self.slices, *others]))

    @property
    def sampled(self) -> list[pl.Expr]:
        """The columns of the sample: numbers as numbers, all else as text."""
        names = dict.fromkeys([*self.numerical, *self.categorical, *self.slices])
        return [self._as_sampled(name) for name in names]

    def _as_sampled(self, name: str) -> pl.Expr:
        if name in self.numerical:
            return pl.col(name).cast(pl.Float64)
        return pl.col(name) if self.schema[name].is_numeric() else self.as_text(name)

    def as_text(self, name: str) -> pl.Expr:
        """A column as text; of bytes, their hexadecimal digits."""
        if isinstance(self.schema[name], pl.Binary):
            return pl.col(name).bin.encode("hex")
        return pl.col(name).cast(pl.String)


class _Counting:
    """What has been seen of the batches so far."""

    def __init__(self, reading: _Reading, policy: DriftPolicy, target: Target | None) -> None:
        self._reading, self._target = reading, target
        self._rows = 0
        self._missing = dict.fromkeys(reading.counted_missing, 0)
        self._numbers = {name: NumberSummary() for name in reading.numerical}
        self._categories = {name: CategoryCounts() for name in reading.categorical}
        self._sample = SeededSample(policy.sample_rows, policy.seed, reading.sampled)
        most_texts = policy.texts.sample_rows if policy.texts else 0
        self._dimensions = policy.texts.dimensions if policy.texts else 0
        self._texts = {
            name: SeededSample(most_texts, policy.seed, [pl.col(name)]) for name in reading.texts
        }
        self._labelled, self._true = 0, 0
        self._newest: date | None = None

    def add(self, batch: pl.DataFrame) -> None:
        """Take a batch."""
        self._add_missing(batch)
        self._add_numbers(batch)
        self._add_categories(batch)
        self._sample.add(batch, self._rows)
        for name, texts in self._texts.items():
            texts.add(batch.filter(pl.col(name).is_not_null()), self._rows)
        self._add_label(batch)
        self._add_time(batch)
        self._rows += batch.height

    def _is_missing(self, column: str) -> pl.Expr:
        # what is not finite has no place among the others, so it counts as missing
        value = pl.col(column)
        is_float = self._reading.schema[column].is_float()
        return ~value.is_finite().fill_null(False) if is_float else value.is_null()

    def _add_missing(self, batch: pl.DataFrame) -> None:
        if not self._missing:
            return
        counts = batch.select(self._is_missing(name).sum().alias(name) for name in self._missing)
        for name, count in counts.row(0, named=True).items():
            self._missing[name] += count

    def _add_numbers(self, batch: pl.DataFrame) -> None:
        ordered = {
            name: pl.col(name).cast(pl.Float64).filter(~self._is_missing(name)).sort()
            for name in self._reading.numerical
        }
        for name, values in _imploded(batch, ordered):
            self._numbers[name].add(values.to_numpy())

    def _add_categories(self, batch: pl.DataFrame) -> None:
        counts = {
            name: self._reading.as_text(name)
            .drop_nulls()
            .value_counts(name="rows")
            .struct.rename_fields(["value", "rows"])
            for name in self._reading.categorical
        }
        for name, values in _imploded(batch, counts):
            self._categories[name].add(values.struct.unnest())

    def _add_label(self, batch: pl.DataFrame) -> None:
        if self._reading.label and self._target:
            values = batch[self._reading.label]
            self._labelled += values.count()
            self._true += int((values > self._target.above).sum())

    def _add_time(self, batch: pl.DataFrame) -> None:
        latest = batch[self._reading.time].max() if self._reading.time else None
        if isinstance(latest, date):  # a time of day and all, too
            self._newest = latest if self._newest is None else max(self._newest, latest)

    def finish(self, rows: int) -> Sketch:
        """The sketch of so many rows."""
        return Sketch(
            rows,
            {name: str(dtype) for name, dtype in self._reading.schema.items()},
            self._missing,
            {name: numbers.summary() for name, numbers in self._numbers.items()},
            {name: categories.counts() for name, categories in self._categories.items()},
            self._sample.drawn(),
            {
                name: vectors(texts.drawn(), name, self._dimensions)
                for name, texts in self._texts.items()
            },
            frozenset(name for name, texts in self._categories.items() if texts.bucketed),
            (self._labelled, self._true) if self._reading.label else None,
            self._newest.isoformat() if self._newest is not None else None,
        )


# -- several as one --------------------------------------------------------------------------


def merged(sketches: Sequence[Sketch], *, policy: DriftPolicy) -> Sketch:
    """Several versions as one, as if their rows had been read together.

    Columns that not all of them have are left out. Raises: ValueError: there is none.
    """
    first, *others = sketches
    if not others:
        return first
    categories = {
        name: _merged_categories(sketches, name) for name in _shared(sketches, "categories")
    }
    labels = [sketch.label for sketch in sketches if sketch.label]
    label = (sum(known for known, _ in labels), sum(true for _, true in labels))
    return Sketch(
        sum(sketch.rows for sketch in sketches),
        sketches[-1].schema,
        {
            name: sum(sketch.missing[name] for sketch in sketches)
            for name in _shared(sketches, "missing")
        },
        {name: _merged_numbers(sketches, name) for name in _shared(sketches, "numbers")},
        {name: counts.counts() for name, counts in categories.items()},
        _merged_sample(sketches, policy.sample_rows),
        _merged_texts(sketches, policy.texts.sample_rows if policy.texts else 0),
        frozenset(name for name, counts in categories.items() if counts.bucketed),
        label if labels else None,
        max((sketch.newest for sketch in sketches if sketch.newest), default=None),
    )


def _shared(sketches: Sequence[Sketch], part: str) -> list[str]:
    """The columns that this part of every sketch has."""
    first, *others = (getattr(sketch, part) for sketch in sketches)
    return [name for name in first if all(name in other for other in others)]


def _merged_numbers(sketches: Sequence[Sketch], name: str) -> pl.DataFrame:
    summary = NumberSummary()
    for sketch in sketches:
        values = sketch.numbers[name]
        summary.merge(values["value"].to_numpy(), values["rows"].to_numpy())
    return summary.summary()


def _merged_categories(sketches: Sequence[Sketch], name: str) -> CategoryCounts:
    counts = CategoryCounts()
    for sketch in sketches:
        counts.bucketed |= name in sketch.bucketed
        counts.add(sketch.categories[name])
    return counts


def _merged_sample(sketches: Sequence[Sketch], most: int) -> pl.DataFrame:
    """The rows with the smallest keys of all: a version of fewer rows than the sample holds has
    keys up to the largest there is, so they are drawn from all alike.
    """
    first, *others = (sketch.sample for sketch in sketches)
    names = [name for name in first.columns if all(name in other.columns for other in others)]
    columns = [KEY, *(name for name in names if name != KEY)]
    rows = [sample.select(columns) for sample in (first, *others)]
    return pl.concat(rows, how="vertical_relaxed").bottom_k(most, by=KEY).sort(KEY)


def _merged_texts(sketches: Sequence[Sketch], most: int) -> dict[str, pl.DataFrame]:
    return {
        name: pl.concat([sketch.texts[name] for sketch in sketches])
        .bottom_k(most, by=KEY)
        .sort(KEY)
        for name in _shared(sketches, "texts")
    }


# -- reading ---------------------------------------------------------------------------------


def vectors(drawn: pl.DataFrame, column: str, dimensions: int) -> pl.DataFrame:
    """Texts as vectors of hashed words, which need neither a model nor a vocabulary; the texts
    themselves are not kept.

    Returns: the key, `vector` (dimensions, float32, of length 1). Source: Weinberger et al. (2009),
    Feature hashing for large scale multitask learning, ICML.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(n_features=dimensions, ngram_range=(1, 2), dtype=np.float32)
    rows = np.zeros((0, dimensions), np.float32)
    if drawn.height:
        rows = hashed.transform(drawn[column].to_list()).toarray()
    vector = pl.Series(rows, dtype=pl.Array(pl.Float32, dimensions))
    return pl.DataFrame({KEY: drawn[KEY], "vector": vector})


def _batches(frame: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Batches of exactly BATCH rows, each read by a plan of its own.

    `LazyFrame.collect_batches` reads ahead without end (Polars 1.44: 3.5 GB of 10 million rows by
    50 columns), and a slice reads its row groups alone.
    """
    for start in range(0, rows, BATCH):
        yield run(frame.slice(start, BATCH))


def _imploded(
    batch: pl.DataFrame, expressions: Mapping[str, pl.Expr]
) -> Iterator[tuple[str, pl.Series]]:
    """Several columns worked out side by side, each of its own length."""
    if expressions:
        row = batch.select(
            expression.implode().alias(name) for name, expression in expressions.items()
        )
        yield from ((name, row[name].item()) for name in expressions)
