"""Features of a sample of the training rows -> which of them stay, with every score.

Belongs here: scoring by scikit-learn. Stays out: making the features (table.py).
Missing numbers are filled with the mean of their feature; a feature without any number is 0
everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError
from assay.contracts.transforms import (
    AnySelection,
    ByChiSquared,
    ByCorrelation,
    ByMutualInformation,
    ByVariance,
    Recursive,
)
from assay.pipelines.core.required import required

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Score:
    """How one selection rated one feature: the greater the better, but for a correlation, which
    is the strongest with one that stays.
    """

    select: str
    feature: str
    score: float | None
    kept: bool
    because: str = ""


def select(
    frame: pl.DataFrame,
    features: Sequence[str],
    target: pl.Series | None,
    selections: Sequence[AnySelection],
    seed: int,
) -> tuple[tuple[str, ...], tuple[Score, ...]]:
    """The features that every selection keeps, in their order, and all scores.

    Args:
        frame: the features of sampled training rows.
        target: 0, 1 or null of the same rows.
    Raises: FeatureError: nothing is left, or the sample has only one class.
    """
    left, scores = list(features), []
    for selection in selections:
        values, labels = filled(frame.select(left)), None
        if selection.by_target:
            outcomes = required(target, "target")
            values = values[outcomes.is_not_null().to_numpy()]
            labels = outcomes.drop_nulls().to_numpy()
            if len(np.unique(labels)) < 2:
                raise FeatureError(
                    f"`{selection.select}` needs both classes of the target, but the training rows have {len(np.unique(labels))}",
                    "Publish rows of both classes",
                )
        scored = _scored(selection, values, labels, left, seed)
        scores += scored
        left = [score.feature for score in scored if score.kept]
        if not left:
            raise FeatureError(
                f"`{selection.select}` keeps no feature",
                "Relax it, or remove it from assay.features",
            )
    return tuple(left), tuple(scores)


def filled(frame: pl.DataFrame) -> NDArray[Any]:
    """(rows, features) Float64 without holes."""
    return frame.select(
        pl.all().cast(pl.Float64).fill_null(pl.all().cast(pl.Float64).mean()).fill_null(0.0)
    ).to_numpy()


def _scored(
    selection: AnySelection,
    values: NDArray[Any],
    labels: NDArray[Any] | None,
    names: list[str],
    seed: int,
) -> list[Score]:
    match selection:
        case ByVariance():
            return _by_variance(selection, values, names)
        case ByCorrelation():
            return _uncorrelated(selection, values, names)
        case ByMutualInformation():
            from sklearn.feature_selection import mutual_info_classif

            return _most(selection, names, mutual_info_classif(values, labels, random_state=seed))
        case ByChiSquared():
            from sklearn.feature_selection import chi2
            from sklearn.preprocessing import MinMaxScaler

            return _most(
                selection,
                names,
                np.nan_to_num(chi2(MinMaxScaler().fit_transform(values), labels)[0]),
            )
        case Recursive():
            return _recursively(selection, values, labels, names, seed)


def _by_variance(selection: ByVariance, values: NDArray[Any], names: list[str]) -> list[Score]:
    """As scikit-learn's VarianceThreshold, which would refuse in words of its own.

    For no variance at all the range is compared, too, since what is constant can vary in its last
    digit.
    """
    variances = values.var(axis=0)
    if selection.above == 0:
        variances = np.minimum(variances, np.ptp(values, axis=0))
    enough = variances > selection.above
    return _report(selection, names, variances, enough, f"not above {selection.above:g}")


def _recursively(
    selection: Recursive,
    values: NDArray[Any],
    labels: NDArray[Any] | None,
    names: list[str],
    seed: int,
) -> list[Score]:
    """The features that are left when the least important are taken out, step by step."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_selection import RFE

    trees = ExtraTreesClassifier(n_estimators=selection.trees, random_state=seed)
    most = min(selection.most, len(names))
    fitted = RFE(trees, n_features_to_select=most, step=selection.step).fit(values, labels)
    return [
        Score(selection.select, name, 1.0 / int(rank), bool(stays), f"rank {rank}")
        for name, rank, stays in zip(names, fitted.ranking_, fitted.support_, strict=True)
    ]


def _report(
    selection: AnySelection,
    names: Sequence[str],
    scores: NDArray[Any],
    kept: NDArray[Any],
    why_not: str,
) -> list[Score]:
    return [
        Score(selection.select, name, _number(score), bool(stays), "" if stays else why_not)
        for name, score, stays in zip(names, scores, kept, strict=True)
    ]


def _most(
    selection: ByMutualInformation | ByChiSquared, names: Sequence[str], scores: NDArray[Any]
) -> list[Score]:
    """The highest scores; of equal ones the first."""
    order = np.argsort(-scores, kind="stable")[: selection.most]
    return _report(
        selection,
        names,
        scores,
        np.isin(np.arange(len(names)), order),
        f"not among the {selection.most} highest",
    )


def _uncorrelated(
    selection: ByCorrelation, values: NDArray[Any], names: Sequence[str]
) -> list[Score]:
    """Pearson's correlation; a constant feature is correlated with nothing."""
    away = values - values.mean(axis=0) if len(values) else values
    lengths = np.sqrt((away**2).sum(axis=0))
    unit = away / np.where(lengths > 0, lengths, 1.0)
    strength = np.abs(unit.T @ unit)
    kept: list[int] = []
    scores = []
    for place, name in enumerate(names):
        strongest = max(kept, key=lambda other: strength[place, other], default=None)
        score = float(strength[place, strongest]) if strongest is not None else 0.0
        stays = score <= selection.at_most
        scores.append(
            Score(
                selection.select,
                name,
                score,
                stays,
                "" if stays or strongest is None else f"like {names[strongest]}",
            )
        )
        kept += [place] if stays else []
    return scores


def _number(score: float) -> float | None:
    return float(score) if math.isfinite(score) else None
