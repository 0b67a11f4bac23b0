"""Act: a situation in, a decision out, the same one each time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipelines.act.decide import ACTIONS, ACTS, Override, Situation, decide, rebuild_due

NOW = "2026-03-15T12:00:00+00:00"
BASE: dict[str, Any] = {
    "dataset": "flights", "version": "1.1.0", "verdict": "drifted", "reasons": ("3 of 8 columns moved.", "dest: 7 new ones."), "critical": (), "earlier": (), "keeps": "model",
    "in_service": True, "acted_at": (), "now": NOW, "policy": {}, "evidence": "e",
}  # fmt: skip


def situation(**changes: Any) -> Situation:
    return Situation(**(BASE | changes))


def decided(**changes: Any) -> tuple[str, str]:
    made = decide(situation(**changes))
    return made.action, made.rule


@pytest.mark.parametrize("verdict", ["drifted", "stable", "unknown"])
def test_the_first_model_is_trained_whatever_drift_says(verdict: str) -> None:
    assert decided(verdict=verdict, in_service=False) == ("retrain", "first")


def test_drifted_data_retrain_the_model_for_the_reasons_of_drift() -> None:
    made = decide(situation())
    assert (made.action, made.rule) == ("retrain", "drift")
    assert made.reason == "The data have drifted: 3 of 8 columns moved; dest: 7 new ones."


def test_stable_data_are_left_alone_and_what_could_not_be_compared_is_held() -> None:
    assert decided(verdict="stable") == ("ignore", "stable")
    assert decided(verdict="unknown") == ("hold", "nothing compared")


def test_where_nothing_is_made_of_the_data_people_are_told() -> None:
    assert decided(keeps=None) == ("alert", "nothing kept")
    assert decided(keeps="index") == ("rebuild", "drift")
    assert decided(policy={"do": "alert"}) == ("alert", "alert only")


@pytest.mark.parametrize(
    ("earlier", "action"),
    [
        ((), "hold"),
        (("stable", "stable"), "hold"),
        (("stable", "drifted"), "retrain"),
        (("drifted",), "retrain"),
        (("stable", "stable", "drifted"), "hold"),
    ],
)
def test_drift_counts_once_two_of_the_last_three_versions_have_it(
    earlier: tuple[str, ...], action: str
) -> None:
    assert decided(earlier=earlier, policy={"k": 2, "of": 3})[0] == action


def test_a_critical_column_does_not_wait_for_others() -> None:
    made = decide(situation(critical=("fare",), policy={"k": 2, "of": 3}))
    assert made.action == "retrain"
    assert "critical column(s) fare" in made.reason


@pytest.mark.parametrize(
    ("acted", "action"),
    [("2026-03-08T12:00:01+00:00", "hold"), ("2026-03-08T12:00:00+00:00", "retrain")],
)
def test_after_an_action_there_is_rest_to_the_second(acted: str, action: str) -> None:
    assert decided(acted_at=(acted,), policy={"cool_down": "P7D"})[0] == action


def test_a_month_has_a_budget_and_the_next_month_another() -> None:
    acted = ("2026-03-10T00:00:00+00:00", "2026-03-01T00:00:00+00:00", "2026-02-28T00:00:00+00:00")
    assert decided(acted_at=acted, policy={"monthly_budget": 2}) == ("alert", "budget")
    assert decided(acted_at=acted, policy={"monthly_budget": 3}) == ("retrain", "drift")
    assert decided(
        acted_at=acted, policy={"monthly_budget": 2}, now="2026-04-01T00:00:00+00:00"
    ) == ("retrain", "drift")


def test_a_stewards_word_stands_before_everything() -> None:
    made = decide(
        situation(
            verdict="stable",
            override=Override("retrain", "ann", "the label changed"),
            policy={"monthly_budget": 0},
        )
    )
    assert (made.action, made.rule, made.reason) == (
        "retrain",
        "override",
        "ann decided so: the label changed.",
    )


situations = st.builds(
    Situation, dataset=st.just("d"), version=st.just("1.0.0"), verdict=st.sampled_from(["drifted", "stable", "unknown"]), reasons=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    critical=st.lists(st.sampled_from("abc"), max_size=2).map(tuple), earlier=st.lists(st.sampled_from(["drifted", "stable", "unknown"]), max_size=5).map(tuple),
    keeps=st.sampled_from(["model", "index", None]), in_service=st.booleans(), acted_at=st.lists(st.datetimes().map(lambda at: at.isoformat() + "+00:00"), max_size=3).map(tuple),
    now=st.datetimes().map(lambda at: at.isoformat() + "+00:00"), policy=st.fixed_dictionaries({"k": st.integers(1, 2), "of": st.integers(2, 5), "monthly_budget": st.none() | st.integers(0, 3)}),
    evidence=st.just("e"), override=st.none() | st.builds(Override, action=st.sampled_from(ACTIONS), by=st.just("ann"), reason=st.text(min_size=1, max_size=5)),
)  # fmt: skip


@given(situations)
def test_a_situation_that_was_kept_is_decided_the_same(kept: Situation) -> None:
    again = Situation.from_json(json.loads(json.dumps(kept.as_json())))
    assert again == kept
    assert decide(again) == decide(kept)


@given(situations)
def test_nothing_is_done_without_drift_a_first_model_or_a_stewards_word(
    any_situation: Situation,
) -> None:
    made = decide(any_situation)
    if made.action in ACTS:
        assert (
            any_situation.override
            or any_situation.verdict == "drifted"
            or not any_situation.in_service
        )


@pytest.mark.parametrize(
    ("in_service", "changed", "action", "said"),
    [
        (False, None, "rebuild", "No index is in service"),
        (False, 0, "rebuild", "No index is in service"),
        (True, 1_200, "rebuild", "1,200 documents"),
        (True, 0, "none", "No document has changed"),
        (True, None, "none", "could not be compared"),
    ],
)
def test_an_index_is_built_first_and_rebuilt_when_documents_changed(
    in_service: bool, changed: int | None, action: str, said: str
) -> None:
    intent = rebuild_due(changed, in_service=in_service)
    assert intent.action == action
    assert said in intent.reason
