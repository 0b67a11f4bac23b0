"""Vectors of the texts of two sketches -> claims of drift.

Belongs here: how well a classifier tells the sides apart. Stays out: making the vectors
(sketch.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay.contracts.settings import Texts
from assay.pipelines.core.frames import ColumnDrift
from assay.pipelines.drift import significance
from assay.pipelines.drift.claims import FEWEST, TEXT, Claim, unmeasured
from assay.pipelines.drift.sketch import Sketch

Vectors = np.ndarray[Any, Any]


def text_claims(before: Sketch, now: Sketch, texts: Texts | None, seed: int) -> Iterator[Claim]:
    """How well a classifier tells the texts of the two sides apart, on texts that it has not seen.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, ICLR; the p-value is
    that of Mann and Whitney (1947).
    """
    if texts is None:
        return
    for column in texts.columns:
        if column not in before.texts or column not in now.texts:
            continue
        old, young = (side.texts[column]["vector"].to_numpy() for side in (before, now))
        if min(len(old), len(young)) < FEWEST:
            note = f"too few texts ({len(old):,} before, {len(young):,} now)"
            yield unmeasured(column, TEXT, texts.threshold, note)
            continue
        area = _area_between(old, young, seed)
        note = "how well the texts of the two sides can be distinguished"
        yield Claim(
            ColumnDrift(column, TEXT, area, texts.threshold, None, note),
            area >= texts.threshold,
            significance.of_area(area, len(old), len(young)),
        )


def _area_between(old: Vectors, young: Vectors, seed: int) -> float:
    """The area under the curve of a classifier of the two sides, cross-validated.

    Args:
        old, young: (n, dimensions) and (m, dimensions).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    sides = np.repeat([0, 1], [len(old), len(young)])
    # the same text on both sides must not be learned from one and asked of the other as if it were
    # new: the folds are of sides alone, so it only blunts the test
    scores = cross_val_predict(
        LogisticRegression(),
        np.concatenate([old, young]),
        sides,
        cv=StratifiedKFold(5, shuffle=True, random_state=seed),
        method="decision_function",
    )
    return float(roc_auc_score(sides, scores))
