"""A candidate is measured beside the champion, and refused where it is worse in anything that the contract asks for."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.errors import ActionError
from assay.contracts.settings import Canary, Method, Performance, Retrain, Trainer
from assay.contracts.trainers import TrainerName, parameters_of
from assay.pipelines.act.card import card, numbers
from assay.pipelines.act.judge import judge_canary, judge_model
from assay.pipelines.act.retrain import Evaluation, estimator, evaluate, train
from assay.pipelines.drift.scores import (
    Interval,
    at_any_time,
    calibration_error,
    difference,
    interval,
    performance,
    prediction_drift,
    unpaired,
)

CHANCE = np.random.default_rng(7)
ROWS = 1_000
LABELS = (CHANCE.random(ROWS) < 0.4).astype(np.int8)
GROUPS = pl.DataFrame({"site": ["north", "south"] * (ROWS // 2), "size": np.arange(ROWS)})


def scores(noise: float, seed: int = 1) -> Any:
    """Chances that say more about the label the less noise there is."""
    return (LABELS + np.random.default_rng(seed).normal(0, noise, ROWS)).clip(-1, 2) / 3 + 1 / 3


def policy(**changes: Any) -> Retrain:
    return Retrain.model_validate(
        {"model": "m", "holdout": 0.2, "tolerance": 0.01, "resamples": 100, **changes}
    )


def judged(candidate: Any, champion: Any, **changes: Any) -> tuple[bool, str]:
    wanted = policy(**changes)
    judgement = judge_model(evaluate(LABELS, candidate, champion, GROUPS, policy=wanted), wanted)
    return judgement.accepted, judgement.reason


def test_the_first_model_is_accepted_and_a_worse_one_is_not() -> None:
    assert judged(scores(0.5), None)[0]
    assert judged(scores(0.5), scores(0.5, 2))[0]
    accepted, reason = judged(scores(2.0), scores(0.5))
    assert not accepted
    assert "worse by more than 0.01" in reason


def test_a_difference_on_the_same_rows_is_surer_than_each_number() -> None:
    found = evaluate(LABELS, scores(0.5), scores(0.52), GROUPS, policy=policy())
    assert found.better is not None
    assert found.better.low < found.better.value < found.better.high
    alone = found.candidate.high - found.candidate.low
    assert found.better.high - found.better.low < alone


def test_better_as_a_whole_and_worse_in_a_slice_is_refused() -> None:
    broken = np.where(GROUPS["site"] == "north", CHANCE.random(ROWS), scores(0.1))
    whole = {"tolerance": 0.5}
    assert judged(broken, scores(0.8), **whole)[0]
    accepted, reason = judged(
        broken, scores(0.8), slices=[{"column": "site", "equals": "north"}], **whole
    )
    assert not accepted
    assert "in the slice site = north" in reason
    assert judged(broken, scores(0.8), slices=[{"column": "size", "above": 960}], **whole)[
        0
    ]  # too few rows to say


def test_groups_that_are_treated_differently_refuse_a_model_unless_the_champion_was_no_better() -> (
    None
):
    unfair = scores(0.5) + np.where(GROUPS["site"] == "north", 1.0, 0.0)
    allowed = {"fairness": {"groups": ["site"], "selection": 0.2}, "tolerance": 1}
    accepted, reason = judged(unfair, scores(0.5), **allowed)
    assert not accepted
    assert "selection differs by" in reason
    assert judged(unfair, unfair, **allowed)[0]
    assert judged(scores(0.5), unfair, **allowed)[0]


def test_chances_that_say_too_much_refuse_a_model() -> None:
    honest = np.where(LABELS == 1, 0.9, 0.1)
    accepted, reason = judged(honest**4, None, calibration=0.05)
    assert not accepted
    assert "calibration error" in reason


def test_labels_of_one_class_judge_nothing() -> None:
    wanted = policy()
    found = evaluate(np.ones(ROWS, np.int8), scores(0.5), None, GROUPS, policy=wanted)
    assert judge_model(found, wanted).accepted is False
    assert found.as_json()["candidate"]["value"] is None


def test_the_card_says_what_it_was_made_from_and_how_it_did() -> None:
    wanted = policy(slices=[{"column": "site", "equals": "north"}], fairness={"groups": ["site"]})
    found = evaluate(LABELS, scores(0.5), scores(0.6), GROUPS, policy=wanted)
    text = card(
        {"dataset": "d", "dataset_version": "1.0.0", "license": "CC0-1.0"},
        policy=wanted,
        features=["x", "z"],
        evaluation=found,
        judgement=judge_model(found, wanted),
    )
    assert all(
        said in text
        for said in (
            ": m, of d@1.0.0",
            "| license | CC0-1.0 |",
            "site = north",
            "Calibration error",
            "2 groups of site",
            "2 features: x, z",
        )
    )
    assert {
        "roc_auc",
        "better_by",
        "calibration_error",
        "slice_0_roc_auc",
        "selection_gap_site",
    } <= set(numbers(found))


def test_parameters_that_a_trainer_does_not_take_are_refused() -> None:
    with pytest.raises(
        ValueError,
        match="gradient_boosting has no parameter 'leaves': choose categorical_features, ",
    ):
        Trainer(parameters={"leaves": 3})
    frame = pl.DataFrame({"x": np.arange(200.0), "y": [0, 1] * 100})
    with pytest.raises(ActionError, match="cannot be fitted"):
        train(
            frame, columns=["x"], target="y", seed=1, trainer=Trainer(parameters={"max_iter": -1})
        )


@pytest.mark.parametrize("name", get_args(TrainerName))
def test_the_names_of_parameters_are_scikit_learns(name: TrainerName) -> None:
    made = estimator(Trainer(name=name), 0)
    model = made[-1] if hasattr(made, "steps") else made
    assert set(model.get_params()) - {"random_state"} == parameters_of(name)


def test_a_seed_reaches_the_trainer_and_a_parameter_too() -> None:
    made = estimator(Trainer(name="random_forest", parameters={"n_estimators": 7}), 13)
    assert (made.random_state, made.n_estimators) == (13, 7)


# -- numbers -------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
def test_calibration_is_no_error_where_all_that_was_said_came_true(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 2, 200)
    assert calibration_error(labels, labels.astype(float)) == pytest.approx(0)
    assert (
        calibration_error(labels, 1.0 - labels) >= 0.9
    )  # the group that holds both is right and wrong at once


def test_an_interval_of_many_rows_is_that_of_fewer_drawn_ones_scaled() -> None:
    chance = np.random.default_rng(1)
    labels = (chance.random(60_000) < 0.5).astype(np.int8)
    said = labels + chance.normal(0, 1, 60_000)
    wide, narrow = (
        interval("roc_auc", labels[:rows], said[:rows], resamples=100, confidence=0.95, seed=1)
        for rows in (15_000, 60_000)
    )
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, rel=0.3)


def test_the_same_model_is_no_better_than_itself() -> None:
    apart = difference(
        "average_precision",
        LABELS,
        scores(0.5),
        scores(0.5),
        resamples=100,
        confidence=0.95,
        seed=1,
    )
    assert apart == Interval(0.0, 0.0, 0.0)
    assert unpaired(Interval(0.8, 0.75, 0.85), Interval(0.8, 0.7, 0.9))[2] == 1.0
    assert unpaired(Interval(0.9, 0.89, 0.91), Interval(0.8, 0.79, 0.81))[2] < 1e-6


# -- in canary ------------------------------------------------------------------------------

TRIED, CANARY = Retrain(model="m", holdout=0.2, tolerance=0.005), Canary(share=0.5, outcomes=500)


def of_width(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)


@pytest.mark.parametrize(
    ("challenger", "champion", "outcomes", "verdict", "said"),
    [
        (of_width(0.91, 0.01), of_width(0.85, 0.01), (4000, 4000), "promoted", "roc_auc 0.9100 over 4,000 outcomes, 0.8500 of the champion over 4,000: +0.0600 (+0.0367 to +0.0833)"),
        (of_width(0.80, 0.01), of_width(0.85, 0.01), (4000, 4000), "rolled back", "(-0.0733 to -0.0267), worse by more than 0.005"),
        (of_width(0.85, 0.03), of_width(0.85, 0.03), (500, 500), "undecided", "+0.0000 (-0.0657 to +0.0657), undecided yet"),
        (of_width(0.85, 0.01), of_width(0.853, 0.01), (5000, 5000), "promoted", "undecided by 5,000 outcomes and itself not worse by more than 0.005"),
        (of_width(0.85, 0.01), of_width(0.857, 0.01), (5000, 5000), "rolled back", "undecided by 5,000 outcomes and itself worse by more than 0.005"),
        (Interval(np.nan, np.nan, np.nan), of_width(0.85, 0.01), (500, 500), "undecided", "roc_auc nan over 500 outcomes, 0.8500 of the champion over 500, undecided yet"),
        (Interval(np.nan, np.nan, np.nan), of_width(0.85, 0.01), (5000, 500), "rolled back", "undecided by 5,000 outcomes and itself no number"),
        (of_width(1.0, 0.0), of_width(1.0, 0.0), (500, 500), "promoted", "+0.0000 (+0.0000 to +0.0000)"),
    ],
)  # fmt: skip
def test_a_challenger_is_tried_until_its_outcomes_decide(
    challenger: Interval, champion: Interval, outcomes: tuple[int, int], verdict: str, said: str
) -> None:
    standing = judge_canary(challenger, champion, outcomes, TRIED, CANARY)
    assert standing.verdict == verdict
    assert said in standing.reason


def test_who_looks_at_every_delivery_is_not_misled_more_often_than_stated() -> None:
    """Of 400 canaries of two equal models, looked at after every outcome from 100 to 5,000: how many intervals ever leave out that they are equal."""
    chance = np.random.default_rng(3)
    seen = np.arange(100, 5001)
    apart = chance.normal(0, 1, (400, 5000)).cumsum(axis=1)[:, 99:] / seen
    reach = np.array([at_any_time(1 / n**0.5, n, 100, 0.95) for n in seen])
    assert (np.abs(apart) > reach).any(axis=1).mean() <= 0.05
    assert (np.abs(apart) > 1.96 / seen**0.5).any(
        axis=1
    ).mean() > 0.3  # what an interval for one look would do


def test_a_limit_below_the_first_look_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`most` .100. is less than `outcomes` .200."):
        Canary(share=0.5, outcomes=200, most=100)


def test_a_fall_is_told_once_it_is_sure_and_enough_outcomes_have_come() -> None:
    bounds = Performance(drop=0.05, least=200)
    few = performance(
        LABELS[:100], scores(2.0)[:100], metric="roc_auc", judged_at=0.9, policy=bounds, seed=1
    )
    assert (few.beyond, few.measurement.note) == (None, "100 outcomes have arrived, 200 are needed")
    assert (
        performance(
            LABELS, scores(2.0), metric="roc_auc", judged_at=0.9, policy=bounds, seed=1
        ).beyond
        is True
    )
    assert (
        performance(
            LABELS, scores(0.3), metric="roc_auc", judged_at=0.9, policy=bounds, seed=1
        ).beyond
        is False
    )
    assert (
        performance(
            LABELS, scores(2.0), metric="roc_auc", judged_at=None, policy=bounds, seed=1
        ).beyond
        is False
    )


def test_an_order_that_holds_while_everything_became_likelier_is_seen_by_accuracy_alone() -> None:
    likelier = scores(0.1) + 0.5
    for metric, seen in (("roc_auc", False), ("accuracy", True)):
        assert (
            performance(
                LABELS, likelier, metric=metric, judged_at=0.95, policy=Performance(), seed=1
            ).beyond
            is seen
        )  # type: ignore[arg-type]  # a metric


def test_predictions_that_moved_are_told() -> None:
    method = Method(method="wasserstein", threshold=0.2)
    assert prediction_drift(scores(0.5), scores(0.5, 2), method).beyond is False
    moved = prediction_drift(scores(0.5), scores(0.5) + 0.3, method)
    assert moved.beyond
    assert moved.p_value is not None
    assert moved.p_value < 1e-6


def test_an_evaluation_is_kept_as_json() -> None:
    found = evaluate(LABELS, scores(0.5), None, GROUPS, policy=policy())
    assert isinstance(found, Evaluation)
    assert found.as_json()["champion"] is None
