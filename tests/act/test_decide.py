"""Act: drift, changed documents and what is in service in, an intent out."""

from __future__ import annotations

from typing import Literal

import pytest

from pipelines.act.decide import decide
from pipelines.frames import Drift, Intent

Word = Literal["drifted", "stable", "unknown"]


def drift(verdict: Word, *reasons: str) -> Drift:
    return Drift(verdict, (), reasons or (f"It is {verdict}.",))


@pytest.mark.parametrize("verdict", ["drifted", "stable", "unknown"])
def test_the_first_model_is_trained_whatever_drift_says(verdict: Word) -> None:
    intent = decide(drift(verdict), retrain=True, rebuild=False, in_service=False, documents_changed=None)
    assert intent == Intent("retrain", "No model is in service, so this is the first.")


def test_drifted_data_retrain_the_model_for_the_reasons_of_drift() -> None:
    intent = decide(drift("drifted", "3 of 8 columns moved.", "dest: 7 new ones."), retrain=True, rebuild=False, in_service=True, documents_changed=None)
    assert intent == Intent("retrain", "The data have drifted: 3 of 8 columns moved; dest: 7 new ones.")


def test_stable_data_leave_the_model() -> None:
    assert decide(drift("stable"), retrain=True, rebuild=False, in_service=True, documents_changed=None).action == "none"


def test_what_could_not_be_compared_leaves_the_model_and_says_so() -> None:
    intent = decide(drift("unknown"), retrain=True, rebuild=False, in_service=True, documents_changed=None)
    assert intent.action == "none"
    assert intent.reason.startswith("Nothing could be compared")


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
def test_an_index_is_built_first_and_rebuilt_when_documents_changed(in_service: bool, changed: int | None, action: str, said: str) -> None:
    intent = decide(drift("unknown"), retrain=False, rebuild=True, in_service=in_service, documents_changed=changed)
    assert intent.action == action
    assert said in intent.reason


def test_with_both_a_stable_model_does_not_hide_changed_documents() -> None:
    assert decide(drift("stable"), retrain=True, rebuild=True, in_service=True, documents_changed=3).action == "rebuild"
    assert decide(drift("drifted"), retrain=True, rebuild=True, in_service=True, documents_changed=3).action == "retrain"


def test_a_contract_that_keeps_neither_asks_for_nothing() -> None:
    assert decide(drift("drifted"), retrain=False, rebuild=False, in_service=False, documents_changed=5).action == "none"
