"""Releases, discards, promotions, roll-backs and moves of `prod` are requested by one person, signed by as many as it takes, and happen exactly once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assay.assets.io.home import account
from assay.assets.io.registry.acts import ActRecord, acts
from assay.assets.io.registry.ledger import ledger
from assay.assets.services import act_kinds, quarantine, review
from assay.assets.services.acts import is_signed_for, request, settle
from assay.assets.stages.review_state import describe_review, stands
from assay.contracts.errors import (
    AdmissionError,
    AssayError,
    ConfigurationError,
    EvidenceError,
    QualityError,
)
from assay.lineage import handling
from assay.pipelines.admit.acts import ActKind
from tests.conftest import GOOD, Edit, SampleHome, setting
from tests.forked import forked

BROKEN = GOOD + "M3,3.5,day\nx5,5,day\nx6,6,day\nM7,-7,night\n"
SET_ASIDE = setting("cleaning", _=[{"step": "deduplicate", "action": "set_aside"}])
RELEASE = {"run_id": None, "rule": "meter_pattern", "chosen": []}
RELEASE_CLEANED = {"run_id": None, "rule": None, "chosen": [5]}
PROD = {"reference": "prod", "to": "1.0.0"}
LEVELS = {"ann": ("first",), "bob": ("second",), "cy": ("first", "second"), "dora": ("first",)}


def opened(installation: SampleHome, *edits: Edit) -> SampleHome:
    """A version, and rows in quarantine: one by a cleaning step, three by rules."""
    installation.promise(SET_ASIDE, *edits)
    installation.deliver(BROKEN)
    installation.published()
    for name, levels in LEVELS.items():
        installation.appoint(name, *levels)
    return installation


def requested(
    installation: SampleHome, kind: ActKind, wish: dict[str, Any], why: str = "seen on site"
) -> ActRecord:
    return request(installation.open(), "readings", kind, wish, why)


def key_of(installation: SampleHome, name: str) -> Path:
    return installation.contracts.parent / f"{name}.pem"


def signed_by(
    installation: SampleHome, name: str, number: int = 1, decision: Any = "approve"
) -> str:
    key = key_of(installation, name)
    return review.sign(installation.open(), number, decision, "looked at it", key)


def signs(installation: SampleHome, name: str, number: int = 1, decision: Any = "approve") -> str:
    """The state of the request once that person has signed."""
    text = signed_by(installation, name, number, decision)
    return review.submit(installation.open(), number, text).decision


def logged(installation: SampleHome, action: str) -> list[dict[str, Any]]:
    query = sa.select(ledger).where(ledger.c.action == action).order_by(ledger.c.sequence)
    return [json.loads(row["details"]) for row in installation.rows(query)]


def effects(installation: SampleHome) -> dict[str, int]:
    """How often each kind of effect happened, by what the registry has."""
    registry = installation.open().registry
    decisions = [each.action for each in registry.quarantine.handlings("readings")]
    return {
        "release rows": decisions.count("release"),
        "discard rows": decisions.count("discard"),
        "move reference": len(logged(installation, "reference moved")),
    }


# -- who may do what, with how many signatures ---------------------------------------------------

ONE, TWO = [("ann", "done")], [("ann", "open"), ("bob", "done")]
NAMED = setting("approvals", two_persons=["release", "references"], references=["stable"])
STABLE = {"reference": "stable", "to": "1.0.0"}
SPECIFICATION: list[tuple[ActKind, dict[str, Any], Edit | None, list[tuple[str, str]]]] = [
    # what, which, the contract's setting, who signs in turn and what follows
    ("release rows", RELEASE, None, TWO),
    ("release rows", RELEASE, None, [("bob", "open"), ("ann", "done")]),
    ("release rows", RELEASE, None, [("ann", "open"), ("dora", "open"), ("bob", "done")]),
    ("release rows", RELEASE, None, [("ann", "open"), ("ann", "refused"), ("cy", "done")]),
    ("release rows", RELEASE, None, [("cy", "open"), ("cy", "refused"), ("dora", "done")]),
    ("release rows", RELEASE, None, [("ann", "open"), ("a service", "refused"), ("bob", "done")]),
    ("release rows", RELEASE, None, [("ann", "open"), ("a stranger", "refused")]),
    ("release rows", RELEASE_CLEANED, None, ONE),
    ("release rows", RELEASE_CLEANED, None, [("bob", "done"), ("ann", "refused")]),
    ("release rows", RELEASE_CLEANED, None, [("a service", "refused"), ("cy", "done")]),
    ("release rows", RELEASE_CLEANED, NAMED, TWO),
    ("discard rows", RELEASE, None, TWO),
    ("discard rows", RELEASE_CLEANED, None, TWO),
    ("discard rows", RELEASE_CLEANED, None, [("ann", "open"), ("dora", "open")]),
    ("move reference", PROD, None, ONE),
    ("move reference", PROD, NAMED, TWO),
    ("move reference", STABLE, NAMED, TWO),
    ("move reference", PROD, NAMED, [("ann", "open"), ("ann", "refused"), ("bob", "done")]),
]


@pytest.mark.parametrize(("kind", "wish", "edit", "signatures"), SPECIFICATION)
def test_an_act_happens_with_the_last_signature_that_it_needs(
    installation: SampleHome,
    kind: ActKind,
    wish: dict[str, Any],
    edit: Edit | None,
    signatures: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(installation, *([edit] if edit else []))
    requested(installation, kind, wish)
    stranger = SampleHome(installation.contracts.parent / "elsewhere").appoint("eve", "first")

    def state_after(name: str) -> str:
        try:
            if name == "a stranger":
                return review.submit(
                    installation.open(), 1, _signed_with(installation, stranger)
                ).decision
            if name == "a service":
                text = signed_by(installation, "bob")
                service = installation.open()
                monkeypatch.setattr(service.registry, "actor", "service nightly")
                return review.submit(service, 1, text).decision
            return signs(installation, name)
        except AssayError:
            return "refused"

    done = 0
    for name, expected in signatures:
        assert (name, state_after(name)) == (name, expected)
        done += expected == "done"
        assert effects(installation)[kind] == done


def _signed_with(installation: SampleHome, key: Path) -> str:
    """A signature that fits in everything but the key."""
    from assay.assets.io.signing_keys import read_private
    from assay.lineage.approval import signed
    from assay.pipelines.core.frames import Approval

    (row,) = installation.open().registry.reviews.all()
    now = datetime.now(UTC)
    until = now + timedelta(days=1)
    approval = Approval("readings", row.input_key, "approve", "x", "bob", now, until)
    return signed(approval, read_private(key))


def test_the_person_who_requested_counts_by_signing_and_only_so(installation: SampleHome) -> None:
    opened(installation)
    installation.appoint("me", "first", accounts=(account(),))
    assert requested(installation, "release rows", RELEASE).outcome is None
    (row,) = installation.open().registry.reviews.all()
    assert row.asked_by == "me"
    assert signs(installation, "bob") == "open"
    assert signs(installation, "me") == "done"
    (entry,) = logged(installation, "act done")
    assert (entry["requested_by"], sorted(entry["by"])) == ("me", ["bob", "me"])


def test_a_service_requests_and_never_signs(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(installation)
    monkeypatch.setattr(
        "assay.assets.io.home.Home.actor_name", property(lambda _: "service nightly")
    )
    requested(installation, "move reference", PROD)
    (row,) = installation.open().registry.reviews.all()
    assert row.asked_by == "service nightly"
    with pytest.raises(AdmissionError, match="only a person can sign"):
        signed_by(installation, "ann")
    monkeypatch.undo()
    assert signs(installation, "ann") == "done"


def test_approvers_are_those_whom_the_contract_names(installation: SampleHome) -> None:
    roles = [{"role": "reader", "firstLevelApprovers": "dora", "secondLevelApprovers": "bob"}]
    opened(installation, lambda data: data.update(roles=roles))
    requested(installation, "move reference", PROD)
    with pytest.raises(AdmissionError, match="ann is not an approver"):
        signs(installation, "ann")
    assert signs(installation, "dora") == "done"


def test_without_a_steward_a_request_waits(installation: SampleHome) -> None:
    installation.published()
    requested(installation, "move reference", PROD)
    (row,) = installation.open().registry.reviews.all()
    assert stands(installation.open(), row).decision == "open"
    settle(installation.open())
    assert "prod" not in installation.open().registry.references.all("readings")


def test_a_reason_is_needed_and_holds_no_personal_data(installation: SampleHome) -> None:
    opened(installation)
    for why in ("", "ask zora@canary.example"):
        with pytest.raises(ConfigurationError, match="reason"):
            requested(installation, "move reference", PROD, why)
    assert installation.open().registry.acts.waiting() == []


# -- what is kept ------------------------------------------------------------------------------


def test_the_audit_log_and_the_evidence_name_each_person(either_registry: SampleHome) -> None:
    installation = opened(either_registry)
    kept = requested(installation, "release rows", RELEASE)
    again = requested(installation, "release rows", RELEASE, "asked for twice")
    assert (again.review_id, again.why) == (kept.review_id, "seen on site")
    assert (signs(installation, "ann"), signs(installation, "bob")) == ("open", "done")
    opened_home = installation.open()
    (row,) = opened_home.registry.reviews.all()
    (entry,) = logged(installation, "act done")
    assert (entry["digest"], entry["requested_by"]) == (row.input_key, account())
    assert entry["by"] == ["ann", "bob"]
    (decision,) = opened_home.registry.quarantine.handlings("readings")
    assert (decision.by, decision.why, decision.rows) == ("ann, bob", "seen on site", 2)
    document = handling.opened(decision.envelope, opened_home.keys.public())
    assert len(document["predicate"]["approvals"]) == 2
    shown = describe_review(opened_home, row)
    assert shown["decision"] == "done"
    assert [each["approver"] for each in shown["by"]] == ["ann", "bob"]
    assert shown["reasons"][0].startswith("release 2 quarantined rows of readings (rule meter_")
    done = installation.published()
    assert installation.predicate(done)["accounting"]["published"] == 5
    opened_home.registry.ledger.check()


def test_a_rejection_ends_a_request_and_it_can_be_made_again(installation: SampleHome) -> None:
    opened(installation)
    requested(installation, "release rows", RELEASE)
    assert signs(installation, "ann") == "open"
    assert signs(installation, "bob", decision="reject") == "rejected"
    with pytest.raises(AdmissionError, match="request 1 is rejected: rejected by bob"):
        signs(installation, "cy")
    assert requested(installation, "release rows", RELEASE).review_id == 2
    assert (signs(installation, "ann", 2), signs(installation, "bob", 2)) == ("open", "done")
    assert effects(installation)["release rows"] == 1


def test_signatures_that_have_expired_do_not_count(installation: SampleHome) -> None:
    opened(installation)
    requested(installation, "release rows", RELEASE)
    assert signs(installation, "ann") == "open"
    installation.later(timedelta(days=29, hours=23))
    assert signs(installation, "bob") == "done"


# -- void, replayed, changed -------------------------------------------------------------------


def _move_prod(installation: SampleHome) -> None:
    installation.open().registry.references.point("readings", "prod", "1.0.0", "by hand")


def _decide_other(installation: SampleHome) -> None:
    from tests.assets.decided_rows import decide_rows

    decide_rows(installation.open(), "discard", rows=[6])


def _run_again(installation: SampleHome) -> None:
    """The same delivery under other rules that change no row's reasons."""
    installation.promise(SET_ASIDE, lambda data: data.update(version="1.0.1"))
    installation.published()


def _deliver(installation: SampleHome) -> None:
    installation.deliver(GOOD + "x9,9,day\n")
    installation.published()


def _expire(installation: SampleHome) -> None:
    from assay.assets.stages import quarantine_record

    installation.later(timedelta(days=31))
    quarantine_record.expire(installation.open(), ["readings"])


CHANGES: list[tuple[ActKind, dict[str, Any], Callable[[SampleHome], None], str]] = [
    ("move reference", PROD, _move_prod, "it was nothing, and is now 1.0.0"),
    ("release rows", RELEASE, _decide_other, "what it was about has changed"),
    ("discard rows", RELEASE, _decide_other, "what it was about has changed"),
    ("release rows", RELEASE, _run_again, "the contract has changed"),
    ("discard rows", RELEASE, _run_again, "what it was about has changed"),
    ("release rows", RELEASE, _deliver, "newer data were delivered"),
    ("release rows", RELEASE, _expire, "expired on"),
    ("discard rows", RELEASE, _expire, "expired on"),
]


@pytest.mark.parametrize(("kind", "wish", "change", "problem"), CHANGES)
@pytest.mark.parametrize("is_noticed_by", ["who signs", "the next command"])
def test_an_act_is_void_once_what_it_is_about_has_changed(
    installation: SampleHome,
    kind: ActKind,
    wish: dict[str, Any],
    change: Callable[[SampleHome], None],
    problem: str,
    is_noticed_by: str,
) -> None:
    opened(installation, setting("approvals", two_persons=["references"]))
    installation.promise(SET_ASIDE)
    installation.published()
    requested(installation, kind, wish)
    if kind != "move reference":
        assert signs(installation, "ann") == "open"
    change(installation)
    before = effects(installation)
    if is_noticed_by == "the next command":
        settle(installation.open())
    with pytest.raises(AdmissionError, match=f"request 1 is void: .*{problem}"):
        signs(installation, "bob")
    assert effects(installation) == before
    (entry,) = logged(installation, "act void")
    assert problem in entry["note"]
    settle(installation.open())
    assert effects(installation) == before


def test_a_signature_fits_one_request_only(installation: SampleHome) -> None:
    opened(installation)
    requested(installation, "discard rows", RELEASE)
    of_discard = [signed_by(installation, name) for name in ("ann", "bob")]
    requested(installation, "move reference", PROD)
    requested(installation, "release rows", RELEASE)
    for number in (2, 3):
        for text in of_discard:
            with pytest.raises(AdmissionError, match="it belongs to other data"):
                review.submit(installation.open(), number, text)
    assert signs(installation, "bob", 1, "reject") == "rejected"
    requested(installation, "discard rows", RELEASE)  # the same once more
    with pytest.raises(AdmissionError, match="it belongs to other data"):
        review.submit(installation.open(), 4, of_discard[0])
    assert effects(installation) == dict.fromkeys(effects(installation), 0)


TAMPERED = [
    {"kind": "discard rows"},
    {"effect": {**RELEASE, "rule": "energy_kwh_minimum"}},
    {"why": "another reason"},
    {"nonce": "0" * 32},
    {"dataset": "meters"},
]


@pytest.mark.parametrize("change", TAMPERED, ids=[next(iter(each)) for each in TAMPERED])
@pytest.mark.parametrize("signatures", [0, 1])
def test_a_request_that_was_changed_in_the_registry_is_void(
    installation: SampleHome, change: dict[str, Any], signatures: int
) -> None:
    opened(installation)
    requested(installation, "release rows", RELEASE)
    text = signed_by(installation, "bob")
    for name in ["ann"][:signatures]:
        assert signs(installation, name) == "open"
    with installation.open().registry.database.write() as connection:
        connection.execute(sa.update(acts).values(**change))
    (row,) = installation.open().registry.reviews.all()
    assert "was changed in the registry" in describe_review(installation.open(), row)["reasons"][0]
    with pytest.raises(AdmissionError, match="request 1 is void: the request was changed"):
        review.submit(installation.open(), 1, text)
    assert effects(installation)["release rows"] == effects(installation)["discard rows"] == 0


def test_an_outcome_that_was_taken_back_in_the_registry_doubles_nothing(
    installation: SampleHome,
) -> None:
    opened(installation)
    requested(installation, "discard rows", RELEASE)
    assert (signs(installation, "ann"), signs(installation, "bob")) == ("open", "done")
    with installation.open().registry.database.write() as connection:
        connection.execute(sa.update(acts).values(ended_at=None, outcome=None, note=None))
    settle(installation.open())
    assert effects(installation)["discard rows"] == 1


def test_an_act_that_cannot_be_done_now_is_not_requested(installation: SampleHome) -> None:
    opened(installation)
    for kind, wish, error in (
        ("move reference", {"reference": "prod", "to": "9.9.9"}, EvidenceError),
        ("move reference", {"reference": "prod", "to": None}, EvidenceError),
        ("move reference", {"reference": "Prod!", "to": "1.0.0"}, EvidenceError),
        ("release rows", {**RELEASE, "rule": "no_such_rule"}, QualityError),
        ("release rows", {**RELEASE, "chosen": [1]}, ConfigurationError),
    ):
        with pytest.raises(error):
            requested(installation, kind, wish)  # type: ignore[arg-type]  # of the table above
    assert installation.open().registry.acts.waiting() == []


def test_every_reference_is_signed_for_while_the_contract_cannot_be_read(
    installation: SampleHome,
) -> None:
    opened(installation, NAMED)
    names = ("prod", "stable", "canary", "latest")
    assert [is_signed_for(installation.open(), "readings", n) for n in names] == [1, 1, 0, 0]
    (installation.contracts / "readings.odcs.yaml").write_text("name: [")
    assert [is_signed_for(installation.open(), "readings", n) for n in names] == [1, 1, 1, 0]


# -- interrupted, and at once ------------------------------------------------------------------

POINTS = ["act signed", "act prepared", "act carried out"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("kind", "wish"),
    [("release rows", RELEASE), ("discard rows", RELEASE), ("move reference", PROD)],
)
def test_kill_9_at_each_point_and_the_next_command_finishes_it_once(
    installation: SampleHome, kind: ActKind, wish: dict[str, Any], point: str
) -> None:
    opened(installation, setting("approvals", two_persons=["references"]))
    requested(installation, kind, wish)
    assert signs(installation, "ann") == "open"
    file = installation.contracts.parent / "bob.dsse.json"
    file.write_text(signed_by(installation, "bob"))
    environment = {**installation.environment, "ASSAY_TEST_SIGNATURE": str(file)}
    driver = "tests.assets.signed_act_driver"
    with forked(f"{driver}:submit_last", {**environment, "ASSAY_CRASH_AT": point}) as process:
        assert process.wait(120) == -signal.SIGKILL
    assert effects(installation)[kind] == (point == "act carried out")
    for _ in range(2):
        with forked(f"{driver}:next_command", environment) as process:
            assert process.wait(120) == 0, process.communicate()
        assert effects(installation)[kind] == 1
        assert [entry["by"] for entry in logged(installation, "act done")] == [["ann", "bob"]]
    opened_home = installation.open()
    opened_home.deliver_outbox()
    assert opened_home.registry.outbox.pending() == []
    (row,) = opened_home.registry.reviews.all()
    assert stands(opened_home, row).decision == "done"
    if kind == "discard rows":
        shown = quarantine.shown(opened_home, "readings", None, "meter_pattern", 10)
        assert {each["meter"] for each in shown["first_rows"]} == {None}


@pytest.mark.parametrize(
    ("kind", "wish", "module"),
    [
        ("release rows", RELEASE, "quarantine_decisions"),
        ("discard rows", RELEASE, "quarantine_decisions"),
        ("move reference", PROD, "act_kinds"),
    ],
)
def test_two_processes_that_carry_out_the_same_act_do_it_once(
    either_registry: SampleHome,
    kind: ActKind,
    wish: dict[str, Any],
    module: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installation = opened(either_registry, setting("approvals", two_persons=["references"]))
    requested(installation, kind, wish)
    assert signs(installation, "ann") == "open"
    others: list[str] = []

    def reached(point: str) -> None:
        if point == "act prepared" and not others:
            others.append(point)
            settle(installation.open())  # the other process is faster

    monkeypatch.setattr(f"assay.assets.services.{module}.reached", reached)
    assert signs(installation, "bob") == "done"
    assert others == ["act prepared"]
    assert effects(installation)[kind] == 1
    assert len(logged(installation, "act done")) == 1


def test_an_act_that_fails_keeps_none_from_the_others(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(installation)
    requested(installation, "discard rows", RELEASE)
    requested(installation, "move reference", PROD)
    texts = [signed_by(installation, "ann", number) for number in (1, 2)]
    rows = {row.id: row for row in installation.open().registry.reviews.all()}
    for number, text in enumerate(texts, start=1):  # signed, and interrupted
        installation.open().registry.reviews.approve(rows[number], "ann", "approve", text)
    installation.open().registry.reviews.approve(
        rows[1], "bob", "approve", signed_by(installation, "bob", 1)
    )

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    procedure = act_kinds.PROCEDURES["discard rows"]
    broken = act_kinds.Procedure(procedure.plan, full)
    monkeypatch.setitem(act_kinds.PROCEDURES, "discard rows", broken)
    settle(installation.open())
    assert effects(installation) == {"release rows": 0, "discard rows": 0, "move reference": 1}
    monkeypatch.undo()
    settle(installation.open())
    assert effects(installation)["discard rows"] == 1
