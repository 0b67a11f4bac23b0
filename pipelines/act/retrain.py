"""A feature table -> a model trained on its earlier part, and how good it is on the later one.

Belongs here: splitting in time, training, scoring, with scikit-learn. Stays out: who is champion
(judge.py), where models are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.contracts.errors import ActionError
from assay.contracts.settings import Fairness, Retrain, Slice, Trainer
from assay.pipelines.core.threads import threads_for
from assay.pipelines.drift.sample_claims import of_slice
from assay.pipelines.drift.scores import (
    Interval,
    Metric,
    calibration_error,
    difference,
    interval,
    metric_of,
)
from assay.pipelines.features.training import beginning_of_holdout, is_training

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_ROWS = 100
FEWEST = 50  # evaluated rows of a slice from which on it says something


def split_in_time(
    frame: pl.DataFrame, order_by: str, holdout: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut the frame at the time before which `1 - holdout` of the rows lie: train on the earlier,
    evaluate on the later rows.

    Rows of one moment stay together, so that the model never learns from the moment it is evaluated
    on. Rows without a time are
    in neither part: it is unknown when they became known.
    Raises: ActionError: one of the two would be empty.
    """
    cut = frame.select(beginning_of_holdout(order_by, holdout))[
        order_by
    ]  # as features were fitted; null for no rows, which splits into nothing
    train, held_back = (
        frame.filter(is_training(order_by, pl.lit(cut.item(), cut.dtype))),
        frame.filter(pl.col(order_by) >= pl.lit(cut.item(), cut.dtype)),
    )
    if not train.height or not held_back.height:
        raise ActionError(
            f"{frame.height:,} rows cannot be split in time by '{order_by}'",
            "Publish more rows, or choose another `holdout`",
        )
    return train, held_back


def estimator(trainer: Trainer, seed: int) -> Any:
    """The model that a contract names, untrained: one of the list, so that a contract can name no
    code.

    Those that cannot learn from a missing value get the column's median for it, and logistic
    regression columns of one scale.
    """
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    trainers = {
        "gradient_boosting": lambda: HistGradientBoostingClassifier(early_stopping=False),
        "random_forest": RandomForestClassifier,
        "extra_trees": ExtraTreesClassifier,
        "logistic_regression": LogisticRegression,
        "decision_tree": DecisionTreeClassifier,
        "naive_bayes": GaussianNB,
    }
    made = trainers[trainer.name]()
    made.set_params(
        **trainer.parameters,
        **({"random_state": seed} if "random_state" in made.get_params() else {}),
    )
    before = {
        "logistic_regression": [SimpleImputer(strategy="median"), StandardScaler()],
        "naive_bayes": [SimpleImputer(strategy="median")],
    }.get(trainer.name, [])
    return make_pipeline(*before, made) if before else made


def train(
    frame: pl.DataFrame,
    *,
    columns: Sequence[str],
    target: str,
    seed: int,
    trainer: Trainer | None = None,
) -> Any:
    """Fit the contract's trainer; rows whose target is unknown are left out.

    Raises: ActionError: fewer than 100 labelled rows, or all of one class; a parameter that the
    trainer refuses.
    """
    values, labels = _arrays(frame, columns, target)
    if len(labels) < MIN_ROWS or len(set(labels.tolist())) < 2:
        raise ActionError(
            f"{len(labels):,} labelled rows of {len(set(labels.tolist()))} class(es) are too few to train on",
            f"Publish a version with at least {MIN_ROWS} rows and both classes of '{target}'",
        )
    trainer = trainer or Trainer()
    model = estimator(trainer, seed)
    try:
        with threads_for(values.size):
            return model.fit(values, labels)
    # scikit-learn names the parameter and its range; what else it says could hold values
    except ValueError as error:
        message = (
            str(error).partition(". Got")[0]
            if "parameter of" in str(error)
            else type(error).__name__
        )
        raise ActionError(
            f"the trainer {trainer.name} cannot be fitted: {message}",
            "Correct `trainer` in assay.retrain",
        ) from None


def chances(model: Any, frame: pl.DataFrame, columns: Sequence[str]) -> NDArray[Any]:
    """(n,) how probable the target is, by the model, for each row of features."""
    values = frame.select(pl.col(columns).cast(pl.Float64)).to_numpy()
    with threads_for(values.size):
        scored: NDArray[Any] = model.predict_proba(values)[:, 1]
    return scored


def score(
    model: Any, frame: pl.DataFrame, *, columns: Sequence[str], target: str, metric: Metric
) -> float:
    """How well the model orders the rows whose target is known; NaN where they are all of one
    class.
    """
    labelled = frame.filter(pl.col(target).is_not_null())
    return metric_of(metric)(labelled[target].to_numpy(), chances(model, labelled, columns))


def _arrays(
    frame: pl.DataFrame, columns: Sequence[str], target: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    labelled = frame.filter(pl.col(target).is_not_null())
    return labelled.select(pl.col(columns).cast(pl.Float64)).to_numpy(), labelled[target].to_numpy()


# -- evaluating on held-back rows -----------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One slice: rows, the candidate's metric, the champion's, None if no one serves."""

    name: str
    rows: int
    candidate: float
    champion: float | None


@dataclass(frozen=True)
class Gap:
    """How differently a model treats the groups of one column: the largest differences between two
    of them, as shares.

    `champion_selection` and `champion_opportunity` are those of the model in service, on the same
    rows.
    """

    column: str
    groups: int
    selection: float | None
    opportunity: float | None
    champion_selection: float | None = None
    champion_opportunity: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """A candidate next to the champion, on the same held-back rows.

    `better`: candidate less champion; None if no one serves.
    """

    metric: Metric
    rows: int
    candidate: Interval
    champion: Interval | None
    better: Interval | None
    slices: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    calibration: float
    champion_calibration: float | None

    def as_json(self) -> dict[str, Any]:
        """As the registry keeps it; what is no number is null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def evaluate(
    labels: NDArray[Any],
    candidate: NDArray[Any],
    champion: NDArray[Any] | None,
    rows: pl.DataFrame,
    *,
    policy: Retrain,
) -> Evaluation:
    """Measure a candidate, and what is in service next to it.

    Args:
        labels: (n,) 0 or 1. candidate, champion: (n,) the models' chances for the same rows.
        rows: n rows with the columns of the policy's slices and groups.
    """
    metric, of = policy.metric, metric_of(policy.metric)
    how: dict[str, Any] = {
        "resamples": policy.resamples,
        "confidence": policy.confidence,
        "seed": policy.seed,
    }
    groups = policy.fairness.groups if policy.fairness else ()
    return Evaluation(
        metric,
        len(labels),
        interval(metric, labels, candidate, **how),
        interval(metric, labels, champion, **how) if champion is not None else None,
        difference(metric, labels, candidate, champion, **how) if champion is not None else None,
        tuple(_part(part, rows, labels, candidate, champion, of) for part in policy.slices),
        tuple(
            _gap(column, rows[column], labels, candidate, champion, policy.fairness)
            for column in groups
            if policy.fairness
        ),
        calibration_error(labels, candidate),
        calibration_error(labels, champion) if champion is not None else None,
    )


def _part(
    part: Slice,
    rows: pl.DataFrame,
    labels: NDArray[Any],
    candidate: NDArray[Any],
    champion: NDArray[Any] | None,
    of: Callable[[NDArray[Any], NDArray[Any]], float],
) -> Part:
    """The metric within a slice."""
    inside = rows.select(of_slice(part, rows.schema[part.column])).to_series().to_numpy()
    theirs = of(labels[inside], champion[inside]) if champion is not None else None
    return Part(part.name, int(inside.sum()), of(labels[inside], candidate[inside]), theirs)


def _gap(
    column: str,
    groups: pl.Series,
    labels: NDArray[Any],
    candidate: NDArray[Any],
    champion: NDArray[Any] | None,
    fairness: Fairness,
) -> Gap:
    selection, opportunity, count = _apart(groups, labels, candidate, fairness.smallest)
    theirs = (
        _apart(groups, labels, champion, fairness.smallest)[:2]
        if champion is not None
        else (None, None)
    )
    return Gap(column, count, selection, opportunity, *theirs)


def _apart(
    groups: pl.Series, labels: NDArray[Any], scores: NDArray[Any], smallest: int
) -> tuple[float | None, float | None, int]:
    """Largest less smallest share of a group that the model answers yes to, of all and of the
    positive. Yes is what is above the share of the positive.

    A model that gives an order has no threshold of its own: the one taken here answers yes as
    often as it is true.
    """
    frame = pl.DataFrame({"group": groups.cast(pl.String), "label": labels, "score": scores})
    cut = float(np.quantile(scores, 1 - labels.mean(), method="higher"))
    yes = pl.col("score") >= cut
    of = (
        frame.drop_nulls("group")
        .group_by("group")
        .agg(
            rows=pl.len(),
            selected=yes.mean(),
            positive=(pl.col("label") == 1).sum(),
            found=yes.filter(pl.col("label") == 1).mean(),
        )
    )
    enough, found = of.filter(pl.col("rows") >= smallest), of.filter(pl.col("positive") >= smallest)

    def spread(shares: pl.Series) -> float | None:
        return float(np.ptp(shares.to_numpy())) if len(shares) > 1 else None

    return spread(enough["selected"]), spread(found["found"]), enough.height


def _plain(value: Any) -> Any:
    match value:
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
