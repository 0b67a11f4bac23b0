"""Labels and scores -> how well the scores rank the rows, for many draws of the same rows.

Belongs here: the area under the ROC curve and the average precision. The scores are ranked once, so
that each draw of a bootstrap sorts small integers. scikit-learn measures the same, and takes a
millisecond for each draw, however few rows it has. Stays out: resampling (scores.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

RankMetric = Literal["roc_auc", "average_precision"]


@dataclass(frozen=True)
class _Curve:
    """Counts of rows at each distinct score and above it, the highest score first.

    Both arrays have one entry for each distinct score.
    """

    positives: np.ndarray
    rows: np.ndarray

    def roc_auc(self) -> float:
        """The share of pairs of a positive and a negative row in which the positive one scores
        higher; equal scores count as half.
        """
        negatives = self.rows - self.positives
        before = np.append(0, self.positives[:-1])
        half_pairs = np.sum(np.diff(negatives, prepend=0) * (before + self.positives))
        return float(half_pairs / (2 * self.positives[-1] * negatives[-1]))

    def average_precision(self) -> float:
        """The precision at each distinct score, weighted by the positive rows that have it."""
        share = np.diff(self.positives, prepend=0) / self.positives[-1]
        return float(np.sum(share * self.positives / self.rows))


def rank_metric(
    metric: RankMetric, labels: np.ndarray, scores: np.ndarray
) -> Callable[[np.ndarray], float]:
    """Prepare a metric of some rows.

    Args:
        labels: (n,) 0 or 1. scores: (n,) numeric, the higher the likelier 1.
    Returns: row numbers, each as often as it is drawn -> the metric; NaN where no row is drawn, or
        rows of one class only.
    Raises: ValueError: a score is NaN.
    Source: Fawcett (2006), An introduction to ROC analysis, Pattern Recognition Letters 27(8);
        average precision as scikit-learn 1.7 defines it.
    """
    if np.isnan(scores).any():
        raise ValueError("a score of the model is NaN, not a number")
    _, places = np.unique(-np.asarray(scores), return_inverse=True)
    codes = 2 * places + (np.asarray(labels) == 1)

    def measure(rows: np.ndarray) -> float:
        drawn = np.sort(codes[rows])
        positives = np.cumsum(drawn & 1)
        if not len(drawn) or positives[-1] in (0, len(drawn)):
            return float("nan")
        at_score = drawn >> 1
        last = np.append(np.flatnonzero(at_score[1:] != at_score[:-1]), len(drawn) - 1)
        curve = _Curve(positives[last], last + 1)
        return curve.roc_auc() if metric == "roc_auc" else curve.average_precision()

    return measure
