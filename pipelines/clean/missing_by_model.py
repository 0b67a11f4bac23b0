"""Nulls in columns of numbers -> what the columns predict of each other, by chained linear
regressions.

Belongs here: learning the regressions on a seeded sample, and using them. Stays out: one value for
all (missing.py).
What is learned are coefficients, so that no later library changes what they say. Source: van Buuren
and Groothuis-Oudshoorn (2011), J. Stat. Softw. 45(3); scikit-learn's IterativeImputer with Bayesian
ridge regression fits them.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.steps import FillMissing
from assay.pipelines.clean.json_values import in_type
from assay.pipelines.clean.step_spec import Columns, Effect
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn

_FEWEST = 10  # values of a column; fewer say nothing of how it goes with the others
_ROUNDS = 10


def fit(step: FillMissing, rows: pl.LazyFrame) -> Learning:
    """Two rounds: how many rows there are, and a sample of them."""
    names = list(dict.fromkeys((*step.columns, *step.using)))
    count = (yield {"count": rows.select(pl.len())})["count"].item()
    sample = (
        yield {
            "sample": drawn(
                rows.select(ROW, *(number(name).alias(name) for name in names)),
                step.sample_rows,
                count,
                step.seed,
            ).select(names)
        }
    )["sample"]
    values = sample.to_numpy().astype(np.float64)
    used = [index for index in range(len(names)) if np.isfinite(values[:, index]).sum() >= _FEWEST]
    if not used:
        return Fitted({"columns": [], "start": [], "low": [], "high": [], "chain": []})
    values = values[:, used]
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    scale = np.where(high > low, high / 2 - low / 2, 1.0)
    middle = low / 2 + high / 2
    start, chain = _chained((values - middle) / scale, step.seed)
    return Fitted(
        {
            "columns": [names[index] for index in used],
            "middle": middle.tolist(),
            "scale": scale.tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
            "start": start,
            "chain": chain,
        }
    )


def _chained(values: np.ndarray[Any, Any], seed: int) -> tuple[list[float], list[dict[str, Any]]]:
    """What a null starts as, and each regression in turn: the column it predicts, from which, with
    what coefficients.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # how scikit-learn lets it be imported
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last round is as good as there is
        # every column has its regression, though the sample happens to be whole: later rows need
        # not be
        holed = np.vstack([values, np.full((1, values.shape[1]), np.nan)])
        imputer = IterativeImputer(
            random_state=seed, max_iter=_ROUNDS, keep_empty_features=True
        ).fit(holed)
    chain = [
        {
            "column": int(one.feat_idx),
            "from": [int(i) for i in one.neighbor_feat_idx],
            "weights": one.estimator.coef_.tolist(),
            "intercept": float(one.estimator.intercept_),
        }
        for one in imputer.imputation_sequence_
    ]
    return imputer.initial_imputer_.statistics_.tolist(), chain


def effect(step: FillMissing, fitted: Fitted, columns: Columns) -> Effect:
    """Predictions, within what was seen of the column."""
    known = fitted.values["columns"]
    return Effect(
        {
            column: _predicted(fitted.values, known.index(column), columns)
            for column in step.columns
            if column in known
        }
    )


def _predicted(values: dict[str, Any] | Any, index: int, columns: Columns) -> pl.Expr:
    names: list[str] = values["columns"]

    def predict(given: pl.Series) -> pl.Series:
        cells = given.struct.unnest()
        missing = cells[names[index]].is_null()
        holes = (
            _through(values, cells.filter(missing).to_numpy().astype(np.float64))[:, index]
            if missing.any()
            else np.array([])
        )
        filled = np.full(given.len(), np.nan)
        filled[missing.to_numpy()] = holes
        return pl.Series(given.name, filled).fill_nan(None)

    seen = pl.struct(number(name).alias(name) for name in names).map_batches(
        predict, return_dtype=pl.Float64, is_elementwise=True
    )
    return pl.coalesce(pl.col(names[index]), in_type(seen, columns[names[index]]))


def _through(values: dict[str, Any] | Any, cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The chain of regressions, as it was fitted."""
    middle, scale = np.array(values["middle"]), np.array(values["scale"])
    low, high = np.array(values["low"]), np.array(values["high"])
    unknown = np.isnan(cells)
    now = np.where(unknown, np.array(values["start"]), (cells - middle) / scale)
    for link in values["chain"]:
        column = link["column"]
        # summed column by column: a product of matrices may differ in its last digits with the
        # number of rows
        predicted = np.full(now.shape[0], link["intercept"])
        for source, weight in zip(link["from"], link["weights"], strict=True):
            predicted += now[:, source] * weight
        now[:, column] = np.where(unknown[:, column], predicted, now[:, column])
    out: np.ndarray[Any, Any] = np.clip(now * scale + middle, low, high)
    return out
