"""What is held waits for two persons; each signs for the digests it has seen, for a time, and nobody can stand in for another."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.assets.dagster.metadata.deliveries import reviewed
from assay.assets.io.home import account
from assay.assets.io.registry.reviews import approvals
from assay.assets.io.signing_keys import public_of, read_private
from assay.assets.services import review
from assay.assets.stages import review_state
from assay.assets.stages.ingest import landed_in
from assay.assets.stages.review_state import describe_review
from assay.assets.stages.run_inputs import inputs_of_window, next_window
from assay.contracts.errors import AdmissionError, AssayError, ConfigurationError, EvidenceError
from assay.contracts.policy import license_policy
from assay.lineage.approval import opened, signed
from assay.pipelines.core.frames import Approval, Decision
from tests.conftest import Edit, SampleHome, columns, setting

EMAILS = "meter\nask ann@example.com\nM2\n"
NOTED = columns({"name": "meter", "logicalType": "string"})
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def held(either_registry: SampleHome) -> SampleHome:
    """A version that is held, and a clock that stands."""
    either_registry.clock = staticmethod(lambda: NOW)
    either_registry.promise(NOTED)
    either_registry.deliver(EMAILS)
    with pytest.raises(AdmissionError, match="held for review"):
        either_registry.published()
    return either_registry


def decide(
    installation: SampleHome, key: Path, decision: Decision = "approve", number: int = 1
) -> str:
    opened_home = installation.open()
    return review.submit(
        opened_home,
        number,
        review.sign(opened_home, number, decision, "a mailbox of the company", key),
    ).decision


def test_a_review_shows_replacements_by_the_shapes_of_the_cells(installation: SampleHome) -> None:
    note = {"name": "note", "logicalType": "string"}
    masked = {"note": {"kind": "other", "treatment": "redact"}}
    installation.promise(
        columns({"name": "meter", "logicalType": "string"}, note),
        setting("privacy", sensitivity="personal", lawful_basis="consent", columns=masked),
    )
    rows = [f"ask ann{n}@example.com,ring +49 30 90182{n} now" for n in range(5)]
    installation.deliver("\n".join(["meter,note", *rows, ""]))
    for _ in range(2):
        with pytest.raises(AdmissionError, match="held for review"):
            installation.published()
    home = installation.open()
    (row,) = home.registry.reviews.all()
    shown = describe_review(home, row)
    assert shown["samples"] == [
        *[{"column": "meter", "before": "xxx xxx9@xxxxxxx.xxx", "after": "xxx <EMAIL>"}] * 3,
        *[{"column": "note", "before": "xxxx +99 99 999999 xxx", "after": "xxxx <PHONE> xxx"}] * 3,
    ]
    page = str(reviewed(shown)["replacements"])
    assert "`xxx <EMAIL>`" in page


@pytest.mark.parametrize(
    "edit",
    [
        setting("privacy", lawful_basis="unknown"),
        setting("privacy", sensitivity="unknown"),
        setting("privacy", confirmed_by="TODO"),
        setting("license", holder="TODO"),
    ],
    ids=["lawful basis", "sensitivity", "confirmation", "holder"],
)
@pytest.mark.parametrize("delivery", [EMAILS, "meter\nM1\n"], ids=["found", "nothing found"])
def test_no_approval_stands_in_for_what_a_person_has_to_state(
    installation: SampleHome, edit: Edit, delivery: str
) -> None:
    installation.promise(NOTED, edit)
    installation.deliver(delivery)
    ann, bob = installation.appoint("ann", "first"), installation.appoint("bob", "second")
    with pytest.raises(AdmissionError, match=r"not (stated|confirmed).*stewards cannot approve"):
        installation.published()
    assert installation.open().registry.reviews.all() == []
    run = installation.run()
    digest = landed_in(run).digest
    inputs = inputs_of_window(run, digest, next_window(run, digest))
    run.installation.registry.reviews.request("readings", inputs.key, ["as asked for before"])
    assert [decide(installation, key) for key in (ann, bob)] == ["open", "approved"]
    with pytest.raises(AdmissionError, match=r"not (stated|confirmed).*stewards cannot approve"):
        installation.published()
    assert installation.open().registry.versions.all("readings") == []


def test_two_persons_publish_and_the_evidence_holds_what_they_signed(held: SampleHome) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "first", "second")
    assert decide(held, ann) == "open"
    with pytest.raises(AdmissionError, match="held for review"):
        held.published()
    assert decide(held, bob) == "approved"
    admission = held.predicate(held.published())["admission"]
    assert admission["decided_by"] == "ann: a mailbox of the company; bob: a mailbox of the company"
    key = next(s.key for s in held.open().stewards.stewards if s.name == "ann")
    said = opened(
        admission["approvals"][0], public_of(key)
    )  # no registry, no service: her public key alone
    assert (said.approver, said.decision, said.input_key) == (
        "ann",
        "approve",
        held.open().registry.reviews.all()[0].input_key,
    )


def test_a_reason_that_holds_personal_data_is_neither_signed_nor_taken(held: SampleHome) -> None:
    ann = held.appoint("ann", "first")
    opened_home = held.open()
    with pytest.raises(ConfigurationError, match=r"\(email\) in characters 5 to 23"):
        review.sign(opened_home, 1, "approve", "ask zora@canary.example", ann)
    row, now = review.review_of(opened_home, 1), opened_home.clock()
    elsewhere = Approval(
        row.dataset, row.input_key, "approve", "ask zora@canary.example", "ann", now, now
    )
    with pytest.raises(ConfigurationError, match="email"):
        review.submit(opened_home, 1, signed(elsewhere, read_private(ann)))
    assert opened_home.registry.reviews.approvals(1) == []


def test_one_rejection_is_enough(held: SampleHome) -> None:
    assert decide(held, held.appoint("ann", "second"), "reject") == "rejected"
    with pytest.raises(AdmissionError, match="rejected by ann"):
        held.published()


def test_nobody_decides_twice_or_on_what_they_asked_for(held: SampleHome) -> None:
    ann, author = (
        held.appoint("ann", "first", "second"),
        held.appoint("carl", "first", "second", accounts=(account(),)),
    )
    decide(held, ann)
    with pytest.raises(AdmissionError, match="ann has decided already"):
        decide(held, ann)
    with pytest.raises(
        AdmissionError, match="the person who requested a version cannot approve it"
    ):
        decide(held, author)
    assert [entry.decision for entry in held.open().registry.reviews.approvals(1)] == ["approve"]


def test_two_of_the_same_level_are_not_both_levels(held: SampleHome) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "first")
    assert (decide(held, ann), decide(held, bob)) == ("open", "open")


def test_a_contract_says_who_approves_it(held: SampleHome) -> None:
    roles = [{"role": "reader", "firstLevelApprovers": "ann, dora", "secondLevelApprovers": "bob"}]
    held.promise(NOTED, lambda data: data.update(roles=roles))
    with pytest.raises(AdmissionError):
        held.published()  # another contract is another version, with a review of its own
    ann, bob, eve = (
        held.appoint("ann", "first", "second"),
        held.appoint("bob", "second"),
        held.appoint("eve", "first", "second"),
    )
    with pytest.raises(AdmissionError, match="eve is not an approver of this data set"):
        decide(held, eve, number=2)
    assert (decide(held, ann, number=2), decide(held, bob, number=2)) == ("open", "approved")


def test_new_data_needs_a_new_approval_and_the_old_one_does_not_fit(held: SampleHome) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "second")
    replayed = review.sign(held.open(), 1, "approve", "fine", ann)
    decide(held, ann)
    decide(held, bob)
    held.deliver(EMAILS + "ask bob@example.com\n")
    with pytest.raises(AdmissionError, match="held for review"):
        held.published()
    with pytest.raises(AdmissionError, match="it belongs to other data"):
        review.submit(held.open(), 2, replayed)


def test_an_approval_ends(held: SampleHome) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "second")
    late = review.sign(held.open(), 1, "approve", "fine", ann)
    decide(held, ann)
    decide(held, bob)
    held.clock = staticmethod(lambda: NOW + timedelta(days=31))
    with pytest.raises(AdmissionError, match="held for review"):
        held.published()
    with pytest.raises(AdmissionError, match="it has expired"):
        review.submit(held.open(), 1, late)


def test_what_a_key_signs_for_longer_for_another_or_ahead_of_time_does_not_count(
    held: SampleHome,
) -> None:
    from assay.assets.io.signing_keys import read_private

    ann = read_private(held.appoint("ann", "first"))
    held.appoint("bob", "second")
    digest = held.open().registry.reviews.all()[0].input_key

    def told(approver: str, at: datetime, days: int) -> str:
        return signed(
            Approval("readings", digest, "approve", "x", approver, at, at + timedelta(days=days)),
            ann,
        )

    for text, says in (
        (told("bob", NOW, 30), "it names bob, but is signed with the key of ann"),
        (told("ann", NOW, 300), "it would be valid for longer than 30 days"),
        (told("ann", NOW + timedelta(days=1), 30), "signed in the future"),
    ):
        with pytest.raises(AdmissionError, match=says):
            review.submit(held.open(), 1, text)
    assert held.open().registry.reviews.approvals(1) == []


def test_forged_approvals_are_refused_and_noted(held: SampleHome) -> None:
    ann = held.appoint("ann", "first")
    stranger = SampleHome(held.contracts.parent / "elsewhere").appoint("ann", "first")
    text = review.sign(held.open(), 1, "approve", "fine", ann)
    envelope = json.loads(text)
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["predicate"]["why"] = "something else"
    changed = json.dumps(
        {
            **envelope,
            "payload": base64.b64encode(
                json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
            ).decode(),
        },
        sort_keys=True,
    )
    for forged in (changed, "{}", "no json", text[:-5], json.dumps({**envelope, "signatures": []})):
        with pytest.raises(EvidenceError):
            review.submit(held.open(), 1, forged)
    with pytest.raises(ConfigurationError, match="this key belongs to no steward"):
        review.sign(held.open(), 1, "approve", "fine", stranger)
    assert held.open().registry.ledger.check()[0] > 1


def test_an_approval_written_into_the_registry_by_hand_is_not_there(held: SampleHome) -> None:
    held.appoint("ann", "first")
    held.appoint("bob", "second")
    registry = held.open().registry
    with registry.database.engine.begin() as connection:
        for name in ("ann", "bob"):
            connection.execute(
                sa.insert(approvals).values(
                    review_id=1,
                    approver=name,
                    decision="approve",
                    at="now",
                    envelope='{"signatures": [{"keyid": "x"}]}',
                )
            )
    with pytest.raises(AssayError, match="held for review"):
        held.published()


def test_who_is_no_steward_any_more_has_not_approved(held: SampleHome) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "second")
    decide(held, ann)
    decide(held, bob)
    held.appoint("carl", "second")
    held._appointed = [each for each in held._appointed if each["name"] != "bob"]
    held.appoint()
    with pytest.raises(AdmissionError, match="the stewards' file has changed"):
        held.published()
    assert [decide(held, key, number=2) for key in (ann, bob)] == [
        "open",
        "approved",
    ]  # by those who were
    with pytest.raises(AdmissionError, match="held for review"):
        held.published()


def test_a_changed_stewards_file_makes_nobody_a_steward_until_two_of_the_old_one_approve_it(
    held: SampleHome,
) -> None:
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "second")
    decide(held, ann)  # the first file that names two who can decide is adopted as it is used
    old = held.open().stewards.digest
    mallory, eve = (
        held.appoint("mallory", "first", "second"),
        held.appoint("eve", "first", "second"),
    )
    for key in (mallory, eve):
        with pytest.raises(ConfigurationError, match="this key belongs to no steward"):
            review.sign(held.open(), 1, "approve", "fine", key)
    with pytest.raises(
        AdmissionError,
        match="the stewards' file has changed, and two stewards have not approved the change yet",
    ):
        held.published()
    asked = held.open().registry.reviews.all()[1]
    assert (asked.dataset, asked.input_key) == ("stewards", held.open().stewards.digest)
    assert [decide(held, key, number=2) for key in (ann, bob)] == ["open", "approved"]
    with pytest.raises(AdmissionError, match="held for review"):
        held.published()  # the file is adopted, and the version still waits
    adopted = held.open().registry.ledger.adopted(review_state.STEWARDS)
    assert adopted is not None
    assert (adopted["digest"] != old, adopted["by"]) == (True, "ann, bob")
    assert decide(held, eve) == "approved"
    assert held.published().new


def test_a_stewards_file_by_which_nobody_could_decide_is_refused(held: SampleHome) -> None:
    decide(held, held.appoint("ann", "first")), decide(held, held.appoint("bob", "second"))
    held._appointed.pop()
    held.appoint()
    with pytest.raises(AdmissionError, match="no longer names two stewards who can decide"):
        held.published()


def test_comments_and_order_in_the_stewards_file_are_no_change(held: SampleHome) -> None:
    decide(held, held.appoint("ann", "first")), decide(held, held.appoint("bob", "second"))
    held.stewards.write_text("# read by the board\n" + held.stewards.read_text())
    assert held.published().new


def test_the_job_of_the_web_ui_takes_what_was_signed(
    held: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from assay.assets.dagster.jobs import review as job

    ann = held.appoint("ann", "first")
    opened_home = held.open()
    text = review.sign(opened_home, 1, "approve", "fine", ann)
    monkeypatch.setattr("assay.assets.dagster.jobs.opened_for", lambda _run: opened_home)
    config = {"ops": {"decide": {"config": {"review": 1, "signed": text}}}}
    assert job.execute_in_process(
        run_config=config, instance=dg.DagsterInstance.ephemeral()
    ).success
    again = job.execute_in_process(
        run_config=config, instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
    )
    assert not again.success
    assert len(opened_home.registry.reviews.approvals(1)) == 1


def test_the_asset_s_page_shows_its_review(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from assay.assets.dagster.definitions import build_definitions
    from assay.assets.dagster.instance import instance

    held = installation
    held.promise(NOTED)
    held.deliver(EMAILS)
    for name, value in held.environment.items():
        if name.startswith("ASSAY_"):
            monkeypatch.setenv(name, value)
    ann, bob = held.appoint("ann", "first"), held.appoint("bob", "second")
    admitted = dg.AssetKey(["readings", "admitted"])

    def page(fetched: dg.EventRecordsResult) -> dict[str, str]:
        event = fetched.records[0].asset_observation or fetched.records[0].asset_materialization
        assert event is not None
        return {name: str(value.value) for name, value in event.metadata.items()}

    with instance(held.open().home) as store:
        run = build_definitions().resolve_job_def("readings").execute_in_process
        assert not run(
            instance=store,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(["readings", "landed"]), admitted],
        ).success
        shown = page(store.fetch_observations(admitted, limit=1))
        assert (shown["state"], shown["review"], shown["decisions"]) == (
            "held",
            "1",
            "| who | decision | why | holds until |\n| --- | --- | --- | --- |",
        )
        assert (
            shown["reasons"]
            == "| reason |\n| --- |\n| column 'meter' holds email in 1 rows, undeclared |"
        )
        assert "first and of the second level" in shown["what_to_do"]
        assert "assay review sign 1 approve --key KEYFILE" in shown["what_to_do"]
        decide(held, ann)
        assert not run(
            instance=store,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(["readings", "landed"]), admitted],
        ).success
        shown = page(store.fetch_observations(admitted, limit=1))
        assert "| ann | approve | a mailbox of the company | 20" in shown["decisions"]
        assert "It needs a decision of the second level" in shown["what_to_do"]
        decide(held, bob)
        run(
            instance=store,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(["readings", "landed"]), admitted],
        )
        shown = page(store.fetch_materializations(admitted, limit=1))
        assert (shown["state"], shown["verdict"]) == ("approved", "held")
        assert "| bob | approve | a mailbox of the company | 20" in shown["decisions"]


def test_a_changed_policy_decides_nothing_until_two_persons_approve_it(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = installation.appoint("ann", "first"), installation.appoint("bob", "second")
    installation.published()
    shipped = license_policy()
    names = {**shipped.names, "house licence": "CC0-1.0"}
    changed = shipped.model_copy(update={"digest": "f" * 64, "names": names})
    monkeypatch.setattr("assay.assets.io.installation.license_policy", lambda: changed)
    with pytest.raises(
        AdmissionError,
        match="the licence policy has changed, and two stewards have not approved the change yet",
    ):
        installation.published()
    (waiting,) = installation.open().registry.reviews.all()
    lines = review_state.describe_review(installation.open(), waiting)["changes"]
    assert [line for line in lines if line[0] in "+-"] == [
        "--- adopted",
        "+++ changed",
        "+  house licence: CC0-1.0",
    ]
    assert [decide(installation, key) for key in (ann, bob)] == ["open", "approved"]
    assert installation.published().new
    assert installation.open().registry.ledger.adopted(review_state.POLICIES) == {
        "digest": "f" * 64,
        "by": "ann, bob",
        "text": changed.text,
    }
    monkeypatch.undo()
    installation.deliver("meter,energy_kwh,tariff\nM1,1,day\nM2,2,day\n")
    with pytest.raises(AdmissionError, match="two stewards have not approved the change"):
        installation.published()  # the old one is a change again
