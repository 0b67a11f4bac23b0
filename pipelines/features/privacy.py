"""Features of columns that are more than internal: the class they inherit, for which purposes they may be
made, and which of them give a protected column away.

Belongs here: deciding. Stays out: refusing to open (assets/stages).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.features import Features
from assay.contracts.model import Contract
from assay.contracts.settings import SENSITIVITIES
from assay.pipelines.features.selection import filled

_MOST_VALUES, _LEAST_ROWS, _FOLDS, _DEPTH = 20, 50, 3, 4


def feature_classes(
    inputs: Mapping[str, Iterable[str]], classes: Mapping[str, str]
) -> dict[str, str]:
    """Feature -> the most sensitive class among what it is derived from; those only that have one."""
    found = {
        name: [classes[column] for column in columns if column in classes]
        for name, columns in inputs.items()
    }
    return {name: _most_sensitive(carried) for name, carried in found.items() if carried}


def refused(
    classes: Mapping[str, str], allows: Mapping[Any, Sequence[str]], purpose: str
) -> dict[str, str]:
    """The features, with their class, that must not be used for a purpose."""
    return {name: each for name, each in classes.items() if purpose not in allows.get(each, ())}


def protected_columns(contract: Contract, features: Features) -> tuple[str, ...]:
    """What no feature should give away: what the contract states, the groups of assay.bias, and
    published columns of a class.
    """
    classed = [
        column.name for column in contract.published_columns if column.name in contract.classes
    ]
    return tuple(
        dict.fromkeys(
            [*features.protected, *(contract.bias.groups if contract.bias else ()), *classed]
        )
    )


def _most_sensitive(classes: Sequence[str]) -> str:
    return max(classes, key=SENSITIVITIES.index)


@dataclass(frozen=True)
class Proxy:
    """How well a feature alone predicts a protected column: 0 is as good as guessing, 1 is knowing.

    `made_from_it` where it is no surprise.
    """

    feature: str
    column: str
    skill: float
    made_from_it: bool


def proxies(
    frame: pl.DataFrame, inputs: Mapping[str, Sequence[str]], protected: Sequence[str], seed: int
) -> tuple[Proxy, ...]:
    """Every feature against every protected column, the strongest first.

    Args:
        frame: features and protected columns of sampled training rows.
        inputs: feature -> the columns it is derived from.
    Method: balanced accuracy of a decision tree of depth 4 on one feature, on held-out thirds,
    brought to 0 for guessing; columns of more than 20 values by their 20 most frequent ones. A
    column with too few rows of a second value cannot be evaluated, and has no entry.
    """
    found = []
    for column in protected:
        labelled = frame.select(pl.col(column).cast(pl.String).alias("of"), *inputs)
        frequent = (
            labelled["of"]
            .drop_nulls()
            .value_counts(sort=True)
            .filter(pl.col("count") >= _LEAST_ROWS / 10)
            .sort(["count", "of"], descending=[True, False])
        )
        labelled = labelled.filter(pl.col("of").is_in(frequent["of"].head(_MOST_VALUES).implode()))
        if frequent.height < 2 or labelled.height < _LEAST_ROWS:
            continue
        labels, values = (
            np.unique(labelled["of"].to_numpy(), return_inverse=True)[1],
            filled(labelled.select(list(inputs))),
        )
        found += [
            Proxy(name, column, _skill(values[:, [place]], labels, seed), column in inputs[name])
            for place, name in enumerate(inputs)
        ]
    return tuple(sorted(found, key=lambda proxy: (-proxy.skill, proxy.column, proxy.feature)))


def _skill(
    values: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    labels: np.ndarray[tuple[int], np.dtype[np.int64]],
    seed: int,
) -> float:
    """Source: scikit-learn's DecisionTreeClassifier and balanced_accuracy_score with `adjusted`."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=_DEPTH, class_weight="balanced", random_state=seed)
    guessed = cross_val_predict(
        tree, values, labels, cv=StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    )
    return round(max(0.0, float(balanced_accuracy_score(labels, guessed, adjusted=True))), 4)
