"""A version's rows -> a sketch: counts of all rows, and seeded samples, small enough to be kept beside the version and compared for years.

Belongs here: the one pass over the rows, in batches, so that memory does not grow with them; several sketches as one. Stays out: comparing (measure.py), files.
Source of the summary of numbers: Munro and Paterson (1980), Selection and sorting with limited storage, Theoretical Computer Science 12.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from assay.contracts.features import Target
from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.engine import run

Kind = Literal["numerical", "categorical", "personal"]
"""How a column is compared; of a personal one only how often it is missing."""
BATCH = 262_144
POINTS = 4_096
"""A number's summary holds every value with its rows up to so many different ones, else so many of equal weight: ranks are then off by at most about 0.1 %."""
CATEGORIES = 20_000
"""A column of more different texts is counted in buckets by hash; which of them are new cannot be told then."""
BUCKETS = 4_096
KEY = "_key"
NUMBERS = {"value": pl.Float64, "rows": pl.Float64}
CATEGORY = {"value": pl.String, "rows": pl.Int64}


@dataclass(frozen=True)
class Sketch:
    """What is kept of a version, or of several taken together.

    `numbers` and `categories`: column -> (`value`, `rows`), numbers in order. `sample`: rows with the key they were drawn by; `texts`: column -> (key, `vector`).
    `schema`: every column of the version with its type. `label`: (rows whose target is known, rows where it is true). `newest`: the newest time, ISO 8601.
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
        frame: the rows. Columns of `kinds` that it lacks, and numerical ones that are no numbers, are left out; whoever compares tells.
        kinds: how to read the policy's columns.
        target: what a model learns, whose share is watched.
    Returns: the same for the same rows in the same order, seed and Polars version. Memory: one batch, the samples, CATEGORIES texts a column.
    """
    schema = frame.collect_schema()
    numerical = [
        name
        for name, kind in kinds.items()
        if kind == "numerical" and name in schema and schema[name].is_numeric()
    ]
    categorical = [name for name, kind in kinds.items() if kind == "categorical" and name in schema]
    watched = [
        *numerical,
        *categorical,
        *(name for name, kind in kinds.items() if kind == "personal" and name in schema),
    ]
    texts = [name for name in (policy.texts.columns if policy.texts else ()) if name in schema]
    sliced = [each.column for each in policy.slices if each.column in schema]
    label = [target.column] if target and target.column in schema else []
    time = [policy.newest.column] if policy.newest and policy.newest.column in schema else []

    numbers, categories = (
        {name: _Numbers() for name in numerical},
        {name: _Categories() for name in categorical},
    )
    total = int(run(frame.select(pl.len())).item())
    rows, missing, known, true = 0, dict.fromkeys([*watched, *texts], 0), 0, 0
    newest: date | None = None
    sampled = [
        pl.col(name).cast(pl.Float64)
        if name in numerical
        else pl.col(name)
        if schema[name].is_numeric()
        else pl.col(name).cast(pl.String)
        for name in dict.fromkeys([*numerical, *categorical, *sliced])
    ]
    sample, read = (
        _Sample(policy.sample_rows, policy.seed, sampled),
        {
            name: _Sample(
                policy.texts.sample_rows if policy.texts else 0, policy.seed, [pl.col(name)]
            )
            for name in texts
        },
    )
    wanted = list(dict.fromkeys([*watched, *texts, *sliced, *label, *time]))
    for batch in _batches(frame.select(wanted), total if wanted else 0):
        gone = (
            batch.select(
                [_is_missing(name, schema[name]).sum().alias(name) for name in missing]
            ).row(0, named=True)
            if missing
            else {}
        )
        missing = {name: count + gone[name] for name, count in missing.items()}
        for name, values in _imploded(
            batch,
            [
                pl.col(name).cast(pl.Float64).filter(~_is_missing(name, schema[name])).sort()
                for name in numerical
            ],
            numerical,
        ):
            numbers[name].add(values.to_numpy())
        for name, values in _imploded(
            batch,
            [
                pl.col(name)
                .cast(pl.String)
                .drop_nulls()
                .value_counts(name="rows")
                .struct.rename_fields(["value", "rows"])
                for name in categorical
            ],
            categorical,
        ):
            categories[name].add(values.struct.unnest())
        sample.add(batch, rows)
        for name, texts_of in read.items():
            texts_of.add(batch.filter(pl.col(name).is_not_null()), rows)
        if label and target:
            known, true = (
                known + batch[target.column].count(),
                true + int((batch[target.column] > target.above).sum()),
            )
        latest = batch[time[0]].max() if time else None
        if isinstance(latest, date):  # a time of day and all, too
            newest = latest if newest is None else max(newest, latest)
        rows += batch.height
    dimensions = policy.texts.dimensions if policy.texts else 0
    return Sketch(
        total, {name: str(kind) for name, kind in schema.items()}, missing,
        {name: each.summary() for name, each in numbers.items()}, {name: each.counts() for name, each in categories.items()}, sample.drawn(),
        {name: vectors(each.drawn(), name, dimensions) for name, each in read.items()}, frozenset(name for name, each in categories.items() if each.bucketed),
        (known, true) if label else None, newest.isoformat() if newest is not None else None,
    )  # fmt: skip


def merged(sketches: Sequence[Sketch], *, policy: DriftPolicy) -> Sketch:
    """Several versions as one, as if their rows had been read together. Columns that not all of them have are left out. Raises: ValueError: there is none."""
    first, *others = sketches
    if not others:
        return first

    def shared(part: str) -> list[str]:
        return [
            name
            for name in getattr(first, part)
            if all(name in getattr(each, part) for each in others)
        ]

    numbers = {}
    for name in shared("numbers"):
        summary = _Numbers()
        for each in sketches:
            summary.merge(
                each.numbers[name]["value"].to_numpy(), each.numbers[name]["rows"].to_numpy()
            )
        numbers[name] = summary.summary()
    categories, bucketed = {}, set[str]()
    for name in shared("categories"):
        counts = _Categories()
        for each in sketches:
            counts.bucketed |= name in each.bucketed
            counts.add(each.categories[name])
        categories[name] = counts.counts()
        if counts.bucketed:
            bucketed.add(name)
    columns = [
        KEY,
        *(
            name
            for name in first.sample.columns
            if name != KEY and all(name in each.sample.columns for each in others)
        ),
    ]
    # a version of fewer rows than the sample holds has keys up to the largest there is: the smallest keys of all are drawn from all alike
    sample = (
        pl.concat([each.sample.select(columns) for each in sketches], how="vertical_relaxed")
        .bottom_k(policy.sample_rows, by=KEY)
        .sort(KEY)
    )
    texts = {
        name: pl.concat([each.texts[name] for each in sketches])
        .bottom_k(policy.texts.sample_rows if policy.texts else 0, by=KEY)
        .sort(KEY)
        for name in shared("texts")
    }
    labels = [each.label for each in sketches if each.label]
    return Sketch(
        sum(each.rows for each in sketches), sketches[-1].schema, {name: sum(each.missing[name] for each in sketches) for name in shared("missing")}, numbers, categories, sample, texts,
        frozenset(bucketed), (sum(known for known, _ in labels), sum(true for _, true in labels)) if labels else None, max((each.newest for each in sketches if each.newest), default=None),
    )  # fmt: skip


def vectors(drawn: pl.DataFrame, column: str, dimensions: int) -> pl.DataFrame:
    """Texts as vectors of hashed words, which need neither a model nor a vocabulary; the texts themselves are not kept.

    Returns: the key, `vector` (dimensions, float32, of length 1). Source: Weinberger et al. (2009), Feature hashing for large scale multitask learning, ICML.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(n_features=dimensions, ngram_range=(1, 2), dtype=np.float32)
    made = (
        hashed.transform(drawn[column].to_list()).toarray()
        if drawn.height
        else np.zeros((0, dimensions), np.float32)
    )
    return pl.DataFrame(
        {KEY: drawn[KEY], "vector": pl.Series(made, dtype=pl.Array(pl.Float32, dimensions))}
    )


def summary_of(values: pl.Series) -> pl.DataFrame:
    """The summary of one column that is at hand."""
    numbers = _Numbers()
    numbers.add(
        values.cast(pl.Float64).filter(values.cast(pl.Float64).is_finite()).sort().to_numpy()
    )
    return numbers.summary()


def _is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    # what is not finite has no place among the others, so it counts as missing
    value = pl.col(column)
    return ~value.is_finite().fill_null(False) if dtype.is_float() else value.is_null()


def _batches(frame: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Batches of exactly BATCH rows, each read by a plan of its own.

    `LazyFrame.collect_batches` reads ahead without end (Polars 1.44: 3.5 GB of 10 million rows by 50 columns), and a slice reads its row groups alone.
    """
    for start in range(0, rows, BATCH):
        yield run(frame.slice(start, BATCH))


def _imploded(
    batch: pl.DataFrame, expressions: Sequence[pl.Expr], names: Sequence[str]
) -> Iterator[tuple[str, pl.Series]]:
    """Several columns worked out side by side, each of its own length."""
    if names:
        row = batch.select(
            expression.implode().alias(name)
            for name, expression in zip(names, expressions, strict=True)
        )
        yield from ((name, row[name].item()) for name in names)


class _Numbers:
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
    """At most POINTS values, each standing for as many rows: those in the middle of equal stretches of the order."""
    if len(values) <= POINTS:
        return values, weights
    reached = np.cumsum(weights)
    middles = (np.arange(POINTS) + 0.5) * (reached[-1] / POINTS)
    return values[np.minimum(np.searchsorted(reached, middles), len(values) - 1)], np.full(
        POINTS, reached[-1] / POINTS
    )


class _Categories:
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


class _Sample:
    """The rows with the smallest keys, a key being the seeded hash of the row's number: the same rows each time."""

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
