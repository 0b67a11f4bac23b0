"""Two versions' columns -> how far each has moved between them.

Belongs here: the population stability index on samples. Stays out: whether that is drift, and what
to do about it (drift/, act/).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from assay.pipelines.core.engine import run

STABLE = 0.1
"""Under this index a column counts as stable. Source: Siddiqi (2006), Credit Risk Scorecards,
137.
"""
BINS, CATEGORIES = 10, 20
SLICES, SAMPLE_ROWS = 5, 100_000


def sample(rows: pl.LazyFrame, total: int, columns: Sequence[str]) -> pl.DataFrame:
    """All rows up to SAMPLE_ROWS, else that many from evenly spaced stretches: whole row groups
    stay unread, and the same rows come every time.
    """
    named = rows.select(columns)
    if total <= SAMPLE_ROWS:
        return run(named)
    length = SAMPLE_ROWS // SLICES
    starts = [round(part * (total - length) / (SLICES - 1)) for part in range(SLICES)]
    # one plan a stretch: in a plan of several, the row groups before a stretch are read too (Polars
    # 1.44)
    return pl.concat([run(named.slice(start, length)) for start in starts])


def comparable(kind: pl.DataType) -> bool:
    """Whether a column of this type has values that can be counted in bins."""
    return not kind.is_nested()


def stability(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, float]:
    """The index of each column that both have, with one type. Empty where one of them has no
    rows.
    """
    if not reference.height or not current.height:
        return {}
    shared = [
        name
        for name in current.columns
        if name in reference.columns
        and reference.schema[name] == current.schema[name]
        and comparable(current.schema[name])
    ]
    return {name: round(index(reference[name], current[name]), 6) for name in shared}


def index(reference: pl.Series, current: pl.Series) -> float:
    """Measure how far a column has moved.

    Args:
        reference: (n,) n >= 1; nulls are a bin of their own. Numbers and times are cut into at most
            BINS bins of equal count, anything else into its CATEGORIES most frequent values and the
            rest: both from `reference` alone.
        current: (m,) m >= 1, of the same type.
    Returns: the population stability index in nats, >= 0; 0 for equal shares. An empty bin counts
    half a value.
    Source: Jeffreys (1946), Proc. R. Soc. A 186, 453; the index is his divergence, on bin shares.
    """
    ordered = reference.dtype.is_numeric() or reference.dtype.is_temporal()
    before, now = _ordered(reference, current) if ordered else _categories(reference, current)
    p, q = (np.maximum(counts, 0.5) / counts.sum() for counts in (before, now))
    filled = (before > 0) | (now > 0)  # a bin that is empty on both sides gives no information
    return float(np.sum((q[filled] - p[filled]) * np.log(q[filled] / p[filled])))


def _ordered(reference: pl.Series, current: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    numbers = [
        (values.to_physical() if values.dtype.is_temporal() else values).cast(pl.Float64)
        for values in (reference, current)
    ]
    known = numbers[0].drop_nulls().drop_nans()
    edges = (
        np.unique(np.quantile(known.to_numpy(), np.linspace(0, 1, BINS + 1)[1:-1]))
        if len(known)
        else np.empty(0)
    )
    return _binned(numbers[0], edges), _binned(numbers[1], edges)


def _binned(values: pl.Series, edges: np.ndarray) -> np.ndarray:
    known = values.drop_nulls().to_numpy()  # NaN sorts above every edge
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, values.null_count()).astype(float)


def _categories(reference: pl.Series, current: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    texts = [values.cast(pl.String) for values in (reference, current)]
    most = (
        texts[0]
        .drop_nulls()
        .value_counts(name="rows")
        .sort(["rows", texts[0].name], descending=[True, False])
        .head(CATEGORIES)
    )
    return _category_counts(texts[0], most.to_series(0)), _category_counts(
        texts[1], most.to_series(0)
    )


def _category_counts(values: pl.Series, categories: pl.Series) -> np.ndarray:
    seen = values.drop_nulls().value_counts(name="rows")
    found = (
        categories.to_frame("value")
        .join(
            seen.rename({seen.columns[0]: "value"}), on="value", how="left", maintain_order="left"
        )["rows"]
        .fill_null(0)
        .to_numpy()
        .astype(float)
    )
    return np.append(found, [len(values) - values.null_count() - found.sum(), values.null_count()])
