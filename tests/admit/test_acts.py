"""How many persons sign an act, and what they sign."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from assay.contracts.model import Severity
from assay.contracts.settings import Approvals, ApprovedAct
from assay.pipelines.admit.acts import (
    Act,
    ActKind,
    describe_act,
    persons_needed,
    persons_of,
    severities_of,
)
from tests.conftest import contract, setting

KINDS: tuple[ActKind, ...] = get_args(ActKind)
WORDS: tuple[ApprovedAct, ...] = get_args(ApprovedAct)
OF_WORD: dict[ApprovedAct, set[ActKind]] = {
    "release": {"release rows"},
    "models": {"promote model", "roll back model"},
    "indexes": {"roll back index"},
    "references": {"move reference"},
}
ROWS = {"run_id": "a1b2c3d4e5", "rule": "meter_pattern", "chosen": [], "covers": {}, "rows": 1200}
MOVE = {"reference": "prod", "from": "1.0.0", "to": "1.1.0"}


def act(kind: ActKind, **effect: Any) -> Act:
    return Act("readings", kind, effect, "seen on site", "0" * 32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", [None, *get_args(Severity)])
@pytest.mark.parametrize("word", [None, *WORDS])
def test_two_persons_sign_where_data_are_lost_an_error_is_overruled_or_the_contract_says_so(
    kind: ActKind, severity: Severity | None, word: ApprovedAct | None
) -> None:
    approvals = Approvals(two_persons=(word,) if word else ())
    severities = {severity} if severity else set()
    is_requested = word is not None and kind in OF_WORD[word]
    expected = 2 if kind == "discard rows" or severity == "error" or is_requested else 1
    assert persons_needed(kind, severities, approvals) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_two_persons_sign_where_there_is_no_contract(kind: ActKind) -> None:
    assert persons_of(act(kind), None) == 2


@pytest.mark.parametrize(
    ("reasons", "severities"),
    [
        (["meter_pattern"], {"error"}),
        (["cleaning: 1 deduplicate"], set()),
        (["cleaning: 1 deduplicate", "meter_pattern"], {"error"}),
        (["a rule that is no longer there"], {"error"}),
    ],
)
def test_a_release_has_the_severities_of_the_rules_that_it_overrules(
    reasons: list[str], severities: set[Severity]
) -> None:
    released = act("release rows", covers=dict.fromkeys(reasons, "digest"))
    assert severities_of(released, contract()) == severities


def test_a_rule_that_only_warns_needs_one_person() -> None:
    warned = contract(setting("approvals", two_persons=["models"]))
    rules = tuple(rule.model_copy(update={"severity": "warning"}) for rule in warned.rules)
    released = act("release rows", covers={"meter_pattern": "digest"})
    assert persons_of(released, warned.model_copy(update={"rules": rules})) == 1
    assert persons_of(released, warned) == 2


def test_each_part_of_an_act_changes_what_is_signed() -> None:
    first = act("move reference", **MOVE)
    others = [
        replace(first, dataset="meters"),
        replace(first, kind="promote model"),
        replace(first, effect={**MOVE, "to": "1.2.0"}),
        replace(first, effect={**MOVE, "from": None}),
        replace(first, why="another reason"),
        replace(first, nonce="1" * 32),
    ]
    assert len({each.digest for each in [first, *others]}) == len(others) + 1
    assert replace(first).digest == first.digest


@pytest.mark.parametrize(
    ("kind", "effect", "sentence"),
    [
        (
            "release rows",
            {**ROWS, "covers": {"meter_pattern": "d"}},
            "release 1,200 quarantined rows of readings (rule meter_pattern, run a1b2c3d4) although they broke meter_pattern",
        ),
        (
            "discard rows",
            {**ROWS, "rule": None, "chosen": [7, 9], "rows": 2},
            "discard the values of 2 quarantined rows of readings (row 7, 9, run a1b2c3d4)",
        ),
        (
            "promote model",
            {"model": "high", "from": "1", "to": "2"},
            "put version 2 of high in service in place of version 1",
        ),
        (
            "promote model",
            {"model": "high", "from": None, "to": "2"},
            "put version 2 of high in service",
        ),
        (
            "roll back index",
            {"from": "b2", "to": "b1"},
            "put build b1 of the index of readings in service in place of build b2",
        ),
        ("move reference", MOVE, "move prod of readings from 1.0.0 to 1.1.0"),
        ("move reference", {**MOVE, "from": None}, "move prod of readings to 1.1.0"),
        (
            "move reference",
            {**MOVE, "to": None},
            "delete prod of readings, which points to 1.0.0",
        ),
    ],
)
def test_an_act_is_described_in_one_sentence(
    kind: ActKind, effect: dict[str, Any], sentence: str
) -> None:
    assert describe_act(act(kind, **effect)) == sentence


@pytest.mark.parametrize(
    ("settings", "references"),
    [({}, {"prod"}), ({"references": ["stable"]}, {"prod", "stable"})],
)
def test_prod_and_what_the_contract_names_move_with_a_signature(
    settings: dict[str, Any], references: set[str]
) -> None:
    approvals = contract(setting("approvals", **settings)).approvals
    assert approvals.signed_references == references


def test_latest_cannot_be_signed_for() -> None:
    with pytest.raises(Exception, match="follows publication"):
        contract(setting("approvals", references=["latest"]))
