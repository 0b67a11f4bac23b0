"""A published version -> what its columns hold: counted over all rows, and their shape in a sample
of them.

Belongs here: measuring for people. Stays out: evaluating (metrics.py), what a draft consists of
(draft/profile.py), comparing versions (drift/).
Of columns that may be personal nothing is reported but how many values are missing and how many are
different.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

BINS, MOST = 10, 5
SAMPLE_ROWS = 100_000
# columns with at most about so many different values have them counted, others estimated: it would
# take memory
EXACT = 50_000
REPEATED = 0.5  # a column of more different values than this share of the sample has no top values
_RUNS = ((r"\p{Lu}+", "A"), (r"\p{Ll}+", "a"), (r"[0-9]+", "9"), (r"\s+", " "))
Share = tuple[str, float]


@dataclass(frozen=True)
class Described:
    """One column. `missing`, `low`, `high`, `mean`, `std` and the lengths (in characters) are of
    all rows, and so is `different`, which is off by some 1 % beyond EXACT;

    `quartiles`, `histogram` (BINS bins of equal width from the sample's lowest to its highest),
    `top` and `patterns` (letters as A and a, digits as 9, runs as one) are shares of the sample.
    What a column of its type has not, or may not show, is None or empty.
    """

    name: str
    type: str
    missing: int
    different: int | None
    low: Any = None
    high: Any = None
    mean: float | None = None
    std: float | None = None
    lengths: tuple[int, float, int] | None = None
    quartiles: tuple[Any, ...] = ()
    histogram: tuple[float, ...] = ()
    top: tuple[Share, ...] = ()
    patterns: tuple[Share, ...] = ()


def counting(frame: pl.LazyFrame, hidden: Collection[str]) -> pl.LazyFrame:
    """Plan the pass over all rows: one row, a struct for each column.

    Args:
        hidden: columns of which no value may be reported.
    """
    return frame.select(
        _frequencies(name, kind, name not in hidden)
        for name, kind in frame.collect_schema().items()
    )


def _frequencies(name: str, kind: pl.DataType, shown: bool) -> pl.Expr:
    value, measures = pl.col(name), {"missing": pl.col(name).null_count()}
    if not kind.is_nested():
        measures["different"] = value.drop_nulls().approx_n_unique()
    if shown and kind.is_numeric():
        measures |= {
            "low": value.min(),
            "high": value.max(),
            "mean": value.mean(),
            "std": value.std(),
        }
    elif shown and kind.is_temporal():
        measures |= {"low": value.min(), "high": value.max()}
    elif shown and kind == pl.Boolean:
        measures |= {"mean": value.mean()}
    elif shown and kind == pl.String:
        length = value.str.len_chars()
        measures |= {"shortest": length.min(), "usual": length.mean(), "longest": length.max()}
    return pl.struct(expression.alias(key) for key, expression in measures.items()).alias(name)


def sampled(frame: pl.LazyFrame, rows: int, seed: int = 0) -> pl.LazyFrame:
    """Plan to draw about SAMPLE_ROWS of the rows, each with the same chance, whatever the order;
    all of them where there are no more.
    """
    if rows <= SAMPLE_ROWS:
        return frame
    numbered = frame.with_row_index("_number")
    return numbered.filter(pl.col("_number").hash(seed) % rows < SAMPLE_ROWS).drop("_number")


def recounting(frame: pl.LazyFrame, counts: pl.DataFrame) -> pl.LazyFrame:
    """Plan to count the different values where `counting` estimated few: one row, a column for each
    such.
    """
    few = [name for name in counts.columns if counts[name][0].get("different", EXACT + 1) <= EXACT]
    return frame.select(pl.col(name).drop_nulls().n_unique() for name in few)


def described(
    counts: pl.DataFrame, recounted: pl.DataFrame, sample: pl.DataFrame, hidden: Collection[str]
) -> tuple[Described, ...]:
    """Put what `counting` and `recounting` gave together with a sample of the rows."""
    exact = recounted.row(0, named=True) if recounted.width else {}
    measured = {
        name: counts[name][0] | ({"different": exact[name]} if name in exact else {})
        for name in sample.columns
    }
    return tuple(
        _described(name, sample[name], measured[name], name not in hidden)
        for name in sample.columns
    )


def _described(name: str, values: pl.Series, counted: Mapping[str, Any], shown: bool) -> Described:
    kind = values.dtype
    of_all = {key: _plain(counted.get(key)) for key in ("low", "high", "mean", "std")}
    lengths = (
        (counted["shortest"], round(counted["usual"], 1), counted["longest"])
        if counted.get("shortest") is not None
        else None
    )
    description = Described(
        name,
        _type(kind),
        counted["missing"],
        counted.get("different"),
        **of_all,
        lengths=lengths,
    )
    given = values.drop_nulls()
    if not shown or given.is_empty() or kind.is_nested():
        return description
    ordered = kind.is_numeric() or kind.is_temporal()
    few = given.n_unique() <= REPEATED * len(given)
    return replace(
        description,
        quartiles=_quartiles(given) if ordered else (),
        histogram=_histogram(given) if ordered else (),
        top=_shares(given.cast(pl.String)) if few else (),
        patterns=_shares(_shape(given)) if kind == pl.String else (),
    )


def _quartiles(given: pl.Series) -> tuple[Any, ...]:
    in_order = given.sort()
    last = len(in_order) - 1
    return tuple(_plain(in_order[round(share * last)]) for share in (0.25, 0.5, 0.75))


def _type(kind: pl.DataType) -> str:
    return (
        f"Datetime({kind.time_zone or 'no zone'})" if isinstance(kind, pl.Datetime) else str(kind)
    )


def _plain(value: Any) -> Any:
    """As JSON holds it: times as ISO 8601, and no number that is not valid."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return (
        value
        if value is None or isinstance(value, int | str)
        else value.isoformat().replace("+00:00", "Z")
        if hasattr(value, "isoformat")
        else str(value)
    )


def _histogram(known: pl.Series) -> tuple[float, ...]:
    numbers = (
        (known.to_physical() if known.dtype.is_temporal() else known).cast(pl.Float64).to_numpy()
    )
    numbers = numbers[np.isfinite(numbers)]
    return tuple(
        round(float(share), 4) for share in np.histogram(numbers, BINS)[0] / max(len(numbers), 1)
    )


def _shares(texts: pl.Series) -> tuple[Share, ...]:
    """The most frequent texts with their share, ties in order of the text."""
    counted = (
        texts.alias("text")
        .value_counts(name="rows")
        .sort("rows", "text", descending=[True, False])
        .head(MOST)
    )
    return tuple((text, round(rows / len(texts), 4)) for text, rows in counted.iter_rows())


def _shape(texts: pl.Series) -> pl.Series:
    for run, letter in _RUNS:
        texts = texts.str.replace_all(run, letter)
    return texts.str.slice(0, 40)
