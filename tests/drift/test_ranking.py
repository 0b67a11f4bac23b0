"""Metrics of drawn rows, and intervals from them, are those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from assay.pipelines.drift.ranking import rank_metric
from assay.pipelines.drift.scores import METRICS, Metric, difference, interval, metric_of

REFERENCE: dict[Metric, Callable[[Any, Any], float]] = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "accuracy": lambda labels, scores: accuracy_score(labels, scores >= 0.5),
}
HOW: dict[str, Any] = {"resamples": 30, "confidence": 0.9, "seed": 11}
# few distinct scores, so that many rows have the same one
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, np.nextafter(0.5, 1), 0.75, 1.0])


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40), st.integers(0, 99))
def test_a_metric_of_drawn_rows_is_that_of_scikit_learn(
    rows: list[tuple[bool, float]], seed: int
) -> None:
    labels = np.array([label for label, _ in rows], np.int8)
    scores = np.array([score for _, score in rows])
    drawn = np.random.default_rng(seed).integers(0, len(rows), len(rows))
    for metric in ("roc_auc", "average_precision"):
        measured = rank_metric(metric, labels, scores)(drawn)
        if labels[drawn].min() == labels[drawn].max():
            assert np.isnan(measured)
        else:
            expected = REFERENCE[metric](labels[drawn], scores[drawn])
            assert measured == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("decimals", [1, 9])
def test_intervals_are_those_of_scikit_learns_metrics_on_the_same_draws(
    metric: Metric, decimals: int
) -> None:
    chance = np.random.default_rng(5)
    labels = (chance.random(300) < 0.3).astype(np.int8)
    first, second = ((0.3 * labels + 0.7 * chance.random(300)).round(decimals) for _ in range(2))
    of = REFERENCE[metric]

    def expected(measure: Callable[[Any], float]) -> list[float]:
        draws = np.random.default_rng(HOW["seed"])
        measured = [measure(draws.integers(0, 300, 300)) for _ in range(HOW["resamples"])]
        return [measure(np.arange(300)), *np.quantile(measured, [0.05, 0.95])]

    alone = interval(metric, labels, first, **HOW)
    assert [alone.value, alone.low, alone.high] == pytest.approx(
        expected(lambda rows: of(labels[rows], first[rows])), rel=1e-12
    )
    paired = difference(metric, labels, first, second, **HOW)
    assert [paired.value, paired.low, paired.high] == pytest.approx(
        expected(lambda rows: of(labels[rows], first[rows]) - of(labels[rows], second[rows])),
        rel=1e-9,
        abs=1e-12,
    )


@pytest.mark.parametrize("metric", METRICS)
def test_no_rows_have_no_metric(metric: Metric) -> None:
    assert np.isnan(metric_of(metric)(np.array([], np.int8), np.array([])))


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        rank_metric("roc_auc", np.array([0, 1]), np.array([0.5, np.nan]))
