"""A feature table -> a model trained on its earlier part, and its score on the later one.

Belongs here: splitting in time, training, scoring, with scikit-learn. Stays out: who is champion (judge.py), where models are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from contracts.errors import ActionError
from pipelines.features.training import beginning_of_holdout, is_training

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_ROWS = 100


def split_in_time(frame: pl.DataFrame, order_by: str, holdout: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut the frame at the time before which `1 - holdout` of the rows lie: train on the earlier, judge on the later rows.

    Rows of one moment stay together, so that the model never learns from the moment it is judged on. Rows without a time are
    in neither part: nobody can say whether they were known before.
    Raises: ActionError: one of the two would be empty.
    """
    cut = frame.select(beginning_of_holdout(order_by, holdout))[order_by]  # as features were fitted; null for no rows, which splits into nothing
    train, held_back = frame.filter(is_training(order_by, pl.lit(cut.item(), cut.dtype))), frame.filter(pl.col(order_by) >= pl.lit(cut.item(), cut.dtype))
    if not train.height or not held_back.height:
        raise ActionError(f"{frame.height:,} rows cannot be split in time by '{order_by}'", "Publish more rows, or another `holdout`")
    return train, held_back


def train(frame: pl.DataFrame, *, columns: Sequence[str], target: str, seed: int) -> Any:
    """Fit gradient-boosted trees; rows whose target is unknown are left out.

    Raises: ActionError: fewer than 100 labelled rows, or all of one class.
    Source: scikit-learn, HistGradientBoostingClassifier (Friedman 2001; Ke et al. 2017 for the histograms).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    values, labels = _arrays(frame, columns, target)
    if len(labels) < MIN_ROWS or len(set(labels.tolist())) < 2:
        raise ActionError(
            f"{len(labels):,} labelled rows of {len(set(labels.tolist()))} class(es) teach nothing",
            f"Publish a version with at least {MIN_ROWS} rows and both classes of '{target}'",
        )
    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False).fit(values, labels)


def score(model: Any, frame: pl.DataFrame, *, columns: Sequence[str], target: str, metric: Literal["roc_auc", "average_precision"]) -> float:
    """How well the model orders the rows whose target is known; NaN where they are all of one class."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    values, labels = _arrays(frame, columns, target)
    if len(set(labels.tolist())) < 2:
        return float("nan")
    chances = model.predict_proba(values)[:, 1]
    return float(roc_auc_score(labels, chances) if metric == "roc_auc" else average_precision_score(labels, chances))


def _arrays(frame: pl.DataFrame, columns: Sequence[str], target: str) -> tuple[NDArray[Any], NDArray[Any]]:
    labelled = frame.filter(pl.col(target).is_not_null())
    return labelled.select(pl.col(columns).cast(pl.Float64)).to_numpy(), labelled[target].to_numpy()
