"""Two persons at the command line: one requests and signs, the other sees it and signs, and it happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assay.assets.io.registry.ledger import ledger
from tests.conftest import GOOD, SampleHome
from tests.journeys.conftest import Assay

RULE = ("readings", "--rule", "meter_pattern", "--why", "test meters")


@pytest.fixture
def keys(installation: SampleHome) -> dict[str, str]:
    """A version, two rows in quarantine, and two stewards. Returns: the key files."""
    installation.deliver(GOOD + "x5,5,day\nx6,6,day\n")
    installation.published()
    levels = {"ann": ["first"], "bob": ["second"]}
    return {name: str(installation.appoint(name, *level)) for name, level in levels.items()}


def listed(assay: Assay) -> list[dict[str, Any]]:
    return list(json.loads(assay("review", "list", "--json")[1]))


def test_one_person_requests_a_discard_and_another_completes_it(
    assay: Assay, installation: SampleHome, keys: dict[str, str]
) -> None:
    code, out, _ = assay("quarantine", "discard", *RULE)
    assert code == 0
    assert out.startswith("request 1: discard the values of 2 quarantined rows of readings (rule")
    assert "It needs an approval of the first and of the second level" in out
    assert "assay review approve 1 --key" in out
    (waiting,) = listed(assay)
    assert (waiting["decision"], waiting["missing"]) == ("open", ["first", "second"])
    assert "discard the values" in assay("review", "show", "1")[1]
    (counts,) = json.loads(assay("quarantine", "list", "--json")[1])
    assert (counts["open"], counts["discarded"]) == (2, 0)

    code, out, _ = assay("review", "approve", "1", "--key", keys["ann"], "--why", "checked")
    assert (code, out) == (
        0,
        "request 1 of readings: recorded; it still needs an approval of the second level\n",
    )
    code, _, err = assay("review", "approve", "1", "--key", keys["ann"], "--why", "once more")
    assert (code, "ann has decided already" in err) == (1, True)
    code, out, _ = assay("review", "approve", "1", "--key", keys["bob"], "--why", "checked too")
    assert code == 0
    assert out.startswith("request 1 of readings: done. decision 1: 2 rows of readings discarded")
    (counts,) = json.loads(assay("quarantine", "list", "--json")[1])
    assert (counts["open"], counts["discarded"]) == (0, 2)
    (done,) = listed(assay)
    assert [each["approver"] for each in done["by"]] == ["ann", "bob"]
    entries = installation.rows(sa.select(ledger).where(ledger.c.action == "act done"))
    assert [json.loads(entry["details"])["by"] for entry in entries] == [["ann", "bob"]]
    code, _, err = assay("review", "approve", "1", "--key", keys["bob"], "--why", "again")
    assert (code, "request 1 is done" in err) == (1, True)


def test_the_one_who_requests_may_sign_at_once_and_the_other_elsewhere(
    assay: Assay, keys: dict[str, str], tmp_path: Path
) -> None:
    code, out, _ = assay("quarantine", "release", *RULE, "--key", keys["ann"])
    assert (code, "still needs an approval of the second level" in out) == (0, True)
    signed = assay("review", "sign", "1", "approve", "--key", keys["bob"], "--why", "seen")[1]
    (tmp_path / "bob.dsse.json").write_text(signed)
    code, out, _ = assay("review", "submit", "1", str(tmp_path / "bob.dsse.json"))
    assert (code, "decision 1: 2 rows of readings released" in out) == (0, True)


def test_prod_moves_with_one_signature_and_other_references_without(
    assay: Assay, keys: dict[str, str]
) -> None:
    def at(reference: str) -> str | None:
        entries = json.loads(assay("refs", "list", "readings", "--json")[1])
        return next((e["version"] for e in entries if e["reference"] == reference), None)

    why = ("--why", "checked")
    assert "now points to 1.0.0" in assay("refs", "set", "readings@1.0.0", "canary", *why)[1]
    code, out, _ = assay("refs", "set", "readings@1.0.0", "prod", *why)
    assert (code, at("prod")) == (0, None)
    assert "request 1: move prod of readings to 1.0.0. It needs an approval" in out
    code, out, _ = assay("refs", "set", "readings@1.0.0", "prod", *why, "--key", keys["ann"])
    assert (code, at("prod")) == (0, "1.0.0")
    assert "request 1 of readings: done. prod of readings now points to 1.0.0" in out
    code, out, _ = assay("refs", "delete", "readings", "prod", *why)
    assert (code, at("prod"), "request 2" in out) == (0, "1.0.0", True)
    assert assay("review", "reject", "2", "--key", keys["bob"], "--why", "it is used")[0] == 0
    assert at("prod") == "1.0.0"
    code, _, err = assay("refs", "set", "readings@1.0.0", "canary", *why, "--key", keys["ann"])
    assert (code, "moves without a signature" in err) == (1, True)


def test_a_request_that_was_overtaken_is_void(assay: Assay, keys: dict[str, str]) -> None:
    assay("quarantine", "release", *RULE)
    for name in ("ann", "bob"):
        assay("quarantine", "discard", *RULE, "--key", keys[name])
    states = {each["id"]: each["decision"] for each in listed(assay)}
    assert states == {1: "void", 2: "done"}
    code, _, err = assay("review", "approve", "1", "--key", keys["ann"], "--why", "seen")
    assert (code, err.count("\n")) == (1, 1)
    assert "request 1 is void: every row that broke this rule has been decided already" in err


def test_without_a_steward_the_message_names_the_first_step(
    assay: Assay, installation: SampleHome
) -> None:
    installation.published()
    code, out, _ = assay("refs", "set", "readings@1.0.0", "prod", "--why", "checked")
    assert code == 0
    assert "No steward is named yet: see `assay review key --help`." in out


def test_a_service_requests_but_does_not_sign(
    assay: Assay, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ACTOR", "nightly")
    assert assay("quarantine", "discard", *RULE)[0] == 0
    code, _, err = assay("review", "approve", "1", "--key", keys["ann"], "--why", "checked")
    assert (code, "only a person can sign or submit one" in err) == (1, True)
    (waiting,) = listed(assay)
    assert (waiting["asked_by"], waiting["by"]) == ("service nightly", [])
