"""Categories -> points that are close where they occur with the same categories of another column.

Counts are exact aggregates of all training rows; the decomposition is scikit-learn's randomised
one, seeded.
Source: Levy and Goldberg (2014), NIPS 27, 2177: the singular value decomposition of the positive
pointwise mutual information, each dimension by the root of its value.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from assay.contracts.transforms import Embedding
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.features.categories import value_counts
from assay.pipelines.features.transform_spec import Context, Kind, Made, looked_up


def _fit(transform: Embedding, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    names = (transform.column, transform.beside)
    found = yield {name: value_counts(rows, name) for name in names}
    most = [
        found[name]
        .sort(["rows", "value"], descending=[True, False])
        .head(transform.most)["value"]
        .sort()
        for name in names
    ]
    pairs = rows.select(
        pl.col(transform.column).alias("_a"), pl.col(transform.beside).alias("_b")
    ).drop_nulls()
    pairs = pairs.filter(
        pl.col("_a").is_in(most[0].implode()) & pl.col("_b").is_in(most[1].implode())
    )
    seen = (
        yield {
            "pairs": pairs.group_by("_a", "_b")
            .agg(pl.len().cast(pl.Float64).alias("rows"))
            .sort("_a", "_b")
        }
    )["pairs"]
    points = np.zeros((len(most[0]), transform.dimensions))
    if seen.height:
        points[:, : min(transform.dimensions, *map(len, most))] = _decomposed(seen, most, transform)
    return Fitted(
        {},
        {
            "points": pl.DataFrame(
                {"value": most[0], **{f"d{n}": points[:, n] for n in range(transform.dimensions)}}
            )
        },
    )


def _decomposed(
    seen: pl.DataFrame, most: list[pl.Series], transform: Embedding
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd

    places = [
        seen[name]
        .replace_strict(values, pl.int_range(len(values), eager=True), return_dtype=pl.Int64)
        .to_numpy()
        for name, values in zip(["_a", "_b"], most, strict=True)
    ]
    counts = seen["rows"].to_numpy()
    of_a, of_b = (
        np.bincount(place, weights=counts, minlength=len(values))
        for place, values in zip(places, most, strict=True)
    )
    shared = (
        np.log(counts) + np.log(counts.sum()) - np.log(of_a[places[0]]) - np.log(of_b[places[1]])
    )
    matrix = csr_array(
        (np.maximum(shared, 0.0), (places[0], places[1])), shape=(len(most[0]), len(most[1]))
    )
    wide = min(transform.dimensions, *map(len, most))
    left, values, _ = randomized_svd(matrix, n_components=wide, random_state=transform.seed)
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]] = left * np.sqrt(values)
    return points


def _transform(transform: Embedding, fitted: Fitted, context: Context) -> Made:
    points = fitted.tables["points"]
    made = {
        name: looked_up(pl.col(transform.column), points, f"d{number}", context, 0.0)
        for number, name in enumerate(transform.makes)
    }
    return Made(made, dict.fromkeys(made, transform.reads))


EMBEDDING = Kind(_fit, _transform)
