"""Rows -> those unlike the others in several columns of numbers together: isolation forest, local
outlier factor.

Belongs here: fitting on a seeded sample, scoring one row. Stays out: fences around one column
(outliers.py).
What is learned is plain data, so that no later library changes what it says: the forest's trees, or
the sample that densities are compared with.
A row with a null or an infinite value in one of the columns cannot be placed and is no outlier.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.steps import Outliers
from assay.pipelines.clean.effects import leaving
from assay.pipelines.clean.step_spec import Effect
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn

METHODS = ("isolation_forest", "local_outlier_factor")
_ISOLATED = 0.5  # Liu, Ting and Zhou: scores well above it are anomalies; scikit-learn's `auto`
_SPARSE = 1.5  # Breunig et al.: how much less dense than its neighbours; scikit-learn's `auto`
_A_TREE = 256  # rows, as in the paper
_FARTHEST = 1e30  # in units of a column's scale
_AT_ONCE = 10_000  # rows scored together, so that memory stays flat
Array = np.ndarray[Any, Any]


def fit(step: Outliers, rows: pl.LazyFrame) -> Learning:
    """Two rounds: how many rows are whole, and a sample of them. Fewer than two teach nothing."""
    whole = rows.filter(
        pl.all_horizontal(number(column).is_not_null() for column in step.columns)
    ).select(ROW, *(number(column).alias(column) for column in step.columns))
    count = (yield {"count": whole.select(pl.len())})["count"].item()
    sample = (
        yield {"sample": drawn(whole, step.sample_rows, count, step.seed).select(step.columns)}
    )["sample"]
    values = sample.to_numpy().astype(np.float64)
    if len(values) < 2 or bool((values.min(axis=0) == values.max(axis=0)).all()):
        return Fitted({"threshold": None})
    middle, scale = _middle_and_scale(values)
    placed = _placed(values, middle, scale)
    held: dict[str, Any] = {"middle": middle.tolist(), "scale": scale.tolist()}
    if step.method == "isolation_forest":
        held |= {"threshold": _ISOLATED, "rows": min(_A_TREE, len(placed))}
        model = _forest(placed, step)
    else:
        different = np.unique(placed, axis=0)  # equal rows would be endlessly dense
        held |= {"threshold": _SPARSE, "neighbours": min(step.neighbours, len(different) - 1)}
        model = pl.DataFrame(
            different, schema=[f"x{number}" for number in range(different.shape[1])]
        )
    if step.share is not None:
        held["threshold"] = float(
            np.quantile(
                _scores(step, Fitted(held, {"model": model}))(placed),
                1 - step.share,
                method="higher",
            )
        )
    return Fitted(held, {"model": model})


def _placed(values: Array, middle: Array, scale: Array) -> Array:
    """How far from the middle, in units of the scale, as far as distances can be squared and trees
    have digits.
    """
    with np.errstate(over="ignore"):
        out: Array = np.clip(
            (values / 4 - middle) / scale, -_FARTHEST, _FARTHEST
        )  # a quarter, so that no distance is beyond a float
    return out


def _middle_and_scale(values: Array) -> tuple[Array, Array]:
    """The median of each column and the width of its middle half, so that a far value does not
    press all others together; of its whole range where that is nothing.
    """
    low, middle, high = np.percentile(values / 4, [25, 50, 75], axis=0)
    reach = np.abs(values / 4 - middle).max(axis=0)
    return middle, np.where(high > low, high - low, np.where(reach > 0, reach, 1.0))


def effect(step: Outliers, fitted: Fitted) -> Effect:
    """Where the score is above the threshold."""
    threshold = fitted.values["threshold"]
    if step.action == "cap":
        raise ValueError(
            "an outlier model has no limit, so `action: cap` is not possible: run `assay check`"
        )
    if threshold is None:
        return leaving(step.action, None)
    middle, scale, scores = (
        np.array(fitted.values["middle"]),
        np.array(fitted.values["scale"]),
        _scores(step, fitted),
    )

    def unlike(given: pl.Series) -> pl.Series:
        cells = given.struct.unnest().to_numpy().astype(np.float64)
        whole = np.isfinite(cells).all(axis=1)
        out = np.zeros(len(cells), dtype=bool)
        out[whole] = scores(_placed(cells[whole], middle, scale)) > threshold
        return pl.Series(given.name, out)

    return leaving(
        step.action,
        pl.struct(number(c).alias(c) for c in step.columns).map_batches(
            unlike, return_dtype=pl.Boolean, is_elementwise=True
        ),
    )


def _scores(step: Outliers, fitted: Fitted) -> Callable[[Array], Array]:
    score = _isolation(fitted) if step.method == "isolation_forest" else _density(fitted)

    def at_once(values: Array) -> Array:
        parts = [
            score(values[start : start + _AT_ONCE]) for start in range(0, len(values), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    return at_once


def _forest(values: Array, step: Outliers) -> pl.DataFrame:
    """Every node of every tree: the column and value it splits at (-1: none), its children, and for
    a leaf how deep a row in it counts.
    """
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(
        n_estimators=step.trees, max_samples=min(_A_TREE, len(values)), random_state=step.seed
    ).fit(values)
    tables = []
    for tree, features in zip(
        (one.tree_ for one in forest.estimators_), forest.estimators_features_, strict=True
    ):
        depth = np.zeros(tree.node_count)
        for node in range(tree.node_count):  # parents come before their children
            if tree.children_left[node] >= 0:
                depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
        depth += np.array([_average_path(int(rows)) for rows in tree.n_node_samples])
        split = np.where(tree.children_left >= 0, features[np.maximum(tree.feature, 0)], -1)
        tables.append(
            pl.DataFrame(
                {
                    "column": split,
                    "at": tree.threshold,
                    "left": tree.children_left,
                    "right": tree.children_right,
                    "depth": depth,
                }
            )
        )
    return pl.concat(
        one.with_columns(pl.lit(index, pl.Int32).alias("tree")) for index, one in enumerate(tables)
    )


def _average_path(rows: int) -> float:
    """How deep a search that fails goes in a tree of so many rows.

    Source: Liu, Ting and Zhou (2012), ACM TKDD 6(1), equation 1.
    """
    if rows <= 2:
        return float(rows == 2)
    return 2.0 * (math.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows


def _isolation(fitted: Fitted) -> Callable[[Array], Array]:
    """The anomaly score, in (0, 1]: 2 to the power of minus the mean depth over what it is on
    average. Source: the same, equation 2.
    """
    trees = [
        {name: one[name].to_numpy() for name in one.columns}
        for one in fitted.tables["model"].partition_by("tree", maintain_order=True)
    ]
    usual = len(trees) * _average_path(fitted.values["rows"])

    def score(values: Array) -> Array:
        single, depth, every = (
            values.astype(np.float32),
            np.zeros(len(values)),
            np.arange(len(values)),
        )  # trees were split on 32 bits
        for tree in trees:
            node = np.zeros(len(values), dtype=np.int64)
            while (inner := tree["left"][node] >= 0).any():
                goes_left = single[every, np.maximum(tree["column"][node], 0)] <= tree["at"][node]
                node = np.where(
                    inner, np.where(goes_left, tree["left"][node], tree["right"][node]), node
                )
            depth += tree["depth"][node]
        out: Array = 2.0 ** (-depth / usual)
        return out

    return score


def _density(fitted: Fitted) -> Callable[[Array], Array]:
    """How much denser it is around a row's neighbours than around itself.

    Source: Breunig, Kriegel, Ng and Sander (2000), SIGMOD, 93; scikit-learn, for new rows.
    """
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(
        n_neighbors=fitted.values["neighbours"], novelty=True, algorithm="kd_tree"
    ).fit(fitted.tables["model"].to_numpy())

    def score(values: Array) -> Array:
        out: Array = -model.score_samples(values)
        return out

    return score
