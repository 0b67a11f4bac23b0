"""Predictions and what came true -> how good they were, and how sure that is.

Belongs here: metrics of two classes, their intervals by resampling, calibration, the measurements
that drift makes of them. Stays out: models (act/), where outcomes lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.contracts.settings import Method, Performance
from assay.pipelines.core.frames import ColumnDrift
from assay.pipelines.drift import significance
from assay.pipelines.drift.claims import Claim, unmeasured
from assay.pipelines.drift.evidently_tests import obstacle, tested
from assay.pipelines.drift.ranking import rank_metric
from assay.pipelines.drift.summaries import summary_of

Metric = Literal["roc_auc", "average_precision", "accuracy"]
METRICS: tuple[Metric, ...] = ("roc_auc", "average_precision", "accuracy")
PREDICTIONS, PERFORMANCE = "predictions", "performance"
_BINS = 10


@dataclass(frozen=True)
class Interval:
    """A number, and the interval it is in with the confidence that was requested."""

    value: float
    low: float
    high: float


def metric_of(metric: Metric) -> Callable[[np.ndarray, np.ndarray], float]:
    """(labels, scores) -> the metric; NaN where there are none, and for those of order where the
    labels are all of one class.
    """

    def measure(labels: np.ndarray, scores: np.ndarray) -> float:
        return _metric_of_rows(metric, labels, scores)(np.arange(len(labels)))

    return measure


def _metric_of_rows(
    metric: Metric, labels: np.ndarray, scores: np.ndarray
) -> Callable[[np.ndarray], float]:
    """Row numbers, each as often as it is drawn -> the metric of those rows."""
    if metric != "accuracy":
        return rank_metric(metric, labels, scores)
    right = (scores >= 0.5) == (labels == 1)
    return lambda rows: float(right[rows].mean()) if len(rows) else float("nan")


def interval(
    metric: Metric,
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """A metric with its bootstrap interval.

    Source: Efron (1979), Annals of Statistics 7, 1; percentiles.
    """
    of_rows = _metric_of_rows(metric, labels, scores)
    return _bootstrapped(len(labels), of_rows, resamples, confidence, seed)


def difference(
    metric: Metric,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """How much better `first` is than `second` on the same rows, which are drawn together, so that
    what makes rows hard is no noise.
    """
    of_first, of_second = (_metric_of_rows(metric, labels, scores) for scores in (first, second))

    def better_by(rows: np.ndarray) -> float:
        return of_first(rows) - of_second(rows)

    return _bootstrapped(len(labels), better_by, resamples, confidence, seed)


MOST_RESAMPLED = 20_000
"""Rows that are drawn at a time: with more, the interval is that of so many, scaled by the square
root of the numbers.
"""


def _bootstrapped(
    rows: int, of: Callable[[np.ndarray], float], resamples: int, confidence: float, seed: int
) -> Interval:
    value = of(np.arange(rows))
    chance = np.random.default_rng(seed)
    drawn = min(rows, MOST_RESAMPLED)
    measured = np.array([of(chance.integers(0, rows, drawn)) for _ in range(resamples)])
    measured = measured[np.isfinite(measured)]
    if not len(measured) or np.isnan(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(measured, [(1 - confidence) / 2, (1 + confidence) / 2])
    narrower = float(np.sqrt(drawn / rows))
    return Interval(
        value, value + (float(low) - value) * narrower, value + (float(high) - value) * narrower
    )


def unpaired(first: Interval, second: Interval) -> tuple[float, float, float]:
    """Two metrics on rows of their own, with 95 % intervals: their difference, its standard error,
    and its p-value (two normal errors).
    """
    from math import erfc, sqrt

    apart = first.value - second.value
    error = sqrt(((first.high - first.low) / 3.92) ** 2 + ((second.high - second.low) / 3.92) ** 2)
    return apart, error, erfc(abs(apart) / error / sqrt(2)) if error else float(apart == 0)


def at_any_time(error: float, outcomes: int, first_look: int, confidence: float) -> float:
    """Half the width of an interval that may be looked at with each delivery, as often as one
    likes, and still misses the truth at most 1 - confidence of the time.

    Args:
        error: the standard error at so many outcomes. first_look: of outcomes, where it is about
            the narrowest.
    Source: Robbins (1970), Annals of Mathematical Statistics 41(5), his mixture; for estimates that
    are normal in large samples Waudby-Smith et al. (2024), Annals of Statistics 52(6), Theorem 2.2,
    with the choice of rho made there.
    """
    from math import log, sqrt

    alpha = 1 - confidence
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / first_look
    weight = outcomes * rho2
    return error * sqrt(2 * (weight + 1) / weight * log(sqrt(weight + 1) / alpha))


def calibration_error(labels: np.ndarray, scores: np.ndarray) -> float:
    """How far what was said lies from what came true, on average over ten groups of equally many
    rows.

    Source: Naeini et al. (2015), Obtaining well calibrated probabilities using Bayesian binning,
    AAAI; with groups of equal count.
    """
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    return (
        float(
            sum(len(part) * abs(scores[part].mean() - labels[part].mean()) for part in parts)
            / len(order)
        )
        if len(order)
        else float("nan")
    )


# -- as measurements of drift ------------------------------------------------------------


def prediction_drift(before: np.ndarray, now: np.ndarray, method: Method) -> Claim:
    """How far a model's scores have moved from those it was evaluated on."""
    import polars as pl

    old, young = pl.Series("score", before, pl.Float64), pl.Series("score", now, pl.Float64)
    if reason := obstacle(old, young):
        return unmeasured(PREDICTIONS, method.method, method.threshold, reason)
    score, beyond = tested(old, young, "numerical", method)
    note = f"{len(old):,} predictions at its evaluation, {len(young):,} since"
    drift = ColumnDrift(PREDICTIONS, method.method, score, method.threshold, None, note)
    if method.gives_p_value:
        return Claim(drift, True, score, method.threshold)
    return Claim(drift, beyond, significance.of_numbers(summary_of(old), summary_of(young)))


def performance(
    labels: np.ndarray,
    scores: np.ndarray,
    *,
    metric: Metric,
    judged_at: float | None,
    policy: Performance,
    seed: int,
) -> Claim:
    """Whether a model has fallen below what it must still reach, as far as outcomes have arrived.

    Args:
        judged_at: the metric when it went into service; None if no one knows, so that only
            `floor` counts.
    """
    least = _lower_bound(judged_at, policy)
    if len(labels) < policy.least:
        note = f"{len(labels):,} outcomes have arrived, {policy.least:,} are needed"
        return unmeasured(PERFORMANCE, metric, least, note)
    reached = interval(metric, labels, scores, resamples=200, confidence=0.95, seed=seed)
    if np.isnan(reached.value) or np.isnan(reached.high):
        return unmeasured(PERFORMANCE, metric, least, "all outcomes are of one class")
    before = "" if judged_at is None else f"; {judged_at:.4f} at its evaluation"
    note = (
        f"{metric} {reached.value:.4f} ({reached.low:.4f} to {reached.high:.4f})"
        f" over {len(labels):,} outcomes{before}"
    )
    drift = ColumnDrift(PERFORMANCE, metric, reached.value, least, None, note)
    return Claim(drift, reached.high < least)


def _lower_bound(judged_at: float | None, policy: Performance) -> float:
    """What a model must still reach."""
    bounds = [policy.floor, None if judged_at is None else judged_at - policy.drop]
    return max((bound for bound in bounds if bound is not None), default=0.0)
