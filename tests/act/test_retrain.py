"""A model learns from the past, is judged on what came after, and only a candidate that is not worse goes into service."""

from __future__ import annotations

import math

import polars as pl
import pytest

from assay.contracts.errors import ActionError
from assay.pipelines.act.judge import judge
from assay.pipelines.act.retrain import score, split_in_time, train


def learnable(rows: int = 400) -> pl.DataFrame:
    return pl.DataFrame({"at": range(rows), "x": [n * 37 % 100 for n in range(rows)]}).with_columns(
        y=(pl.col("x") > 50).cast(pl.Int8)
    )


def test_moments_are_never_cut_in_two() -> None:
    frame = pl.DataFrame({"at": [1, 2, 2, 2, 3]})
    early, late = split_in_time(frame, "at", 0.4)
    assert (early["at"].to_list(), late["at"].to_list()) == ([1], [2, 2, 2, 3])


@pytest.mark.parametrize("times", [[], [1], [1, 1, 1]])
def test_what_cannot_be_split_is_refused(times: list[int]) -> None:
    with pytest.raises(ActionError, match="cannot be split"):
        split_in_time(pl.DataFrame({"at": times}, schema={"at": pl.Int64}), "at", 0.2)


def test_a_model_learns_what_there_is_to_learn_the_same_each_time() -> None:
    early, late = split_in_time(learnable(), "at", 0.25)
    scores = [
        score(
            train(early, columns=["x"], target="y", seed=1),
            late,
            columns=["x"],
            target="y",
            metric="roc_auc",
        )
        for _ in range(2)
    ]
    assert scores[0] == scores[1] > 0.99


def test_unknown_labels_teach_nothing_and_one_class_is_refused() -> None:
    with pytest.raises(ActionError, match="too few to train on"):
        train(learnable().with_columns(y=pl.lit(None, pl.Int8)), columns=["x"], target="y", seed=1)
    with pytest.raises(ActionError, match="1 class"):
        train(learnable().with_columns(y=pl.lit(1, pl.Int8)), columns=["x"], target="y", seed=1)


@pytest.mark.parametrize(
    ("candidate", "in_service", "floor", "accepted"),
    [
        (0.9, None, None, True),
        (0.9, 0.9, None, True),
        (0.896, 0.9, None, True),
        (0.894, 0.9, None, False),
        (math.nan, None, None, False),
        (0.6, None, 0.7, False),
        (0.8, 0.7, 0.7, True),
    ],
)
def test_the_one_in_service_stays_unless_the_candidate_is_not_worse(
    candidate: float, in_service: float | None, floor: float | None, accepted: bool
) -> None:
    judgement = judge("roc_auc", candidate, in_service, tolerance=0.005, floor=floor)
    assert judgement.accepted is accepted
    assert "roc_auc" in judgement.reason
