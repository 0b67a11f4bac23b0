"""Two persons are two persons: whoever has two accounts is one, and an approval counts once, for what it was signed for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assay.assets.dagster.only_daemon import be_the_only_daemon
from assay.assets.io import home as home_module
from assay.assets.io.installation import Installation
from assay.assets.services import review
from assay.assets.stages.admit import admit
from assay.assets.stages.run import Run
from assay.contracts.errors import AdmissionError, ConfigurationError
from tests.conftest import SampleHome, columns
from tests.web_ui import ROOT

ANN, BOB = "ann@example.com", "bob@example.com"
FIRST, SECOND = "ann-at-the-desk", "ann-on-call"
IDENTITIES = ["her first account", "her second account", "the web UI"]


def opened_as(installation: SampleHome, patch: pytest.MonkeyPatch, identity: str) -> Installation:
    """The installation as ann opens it: on the command line by an account, or by her session."""
    account = {"her first account": FIRST, "her second account": SECOND}.get(identity, "service")
    patch.setattr(home_module, "account", lambda: account)
    opened = installation.open()
    if identity == "the web UI":
        return Installation.open(opened.home, installation.clock, actor=ANN)
    return opened


@pytest.fixture
def keys(installation: SampleHome) -> dict[str, Path]:
    installation.promise(columns({"name": "meter", "logicalType": "string"}))
    installation.deliver("meter\nask dan@example.com\nM2\n")
    levels = ("first", "second")
    return {
        ANN: installation.appoint(ANN, *levels, accounts=(FIRST, SECOND)),
        BOB: installation.appoint(BOB, *levels, accounts=("bob",)),
    }


def request(opened: Installation) -> None:
    """Have a delivery held."""
    with pytest.raises(AdmissionError, match="held for review"):
        admit(Run(opened, opened.contract("readings"), "a run"))


@pytest.mark.parametrize("approves_as", IDENTITIES)
@pytest.mark.parametrize("requests_as", IDENTITIES)
def test_nobody_approves_what_they_requested_under_another_account(
    installation: SampleHome,
    keys: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    requests_as: str,
    approves_as: str,
) -> None:
    request(opened_as(installation, monkeypatch, requests_as))
    opened = opened_as(installation, monkeypatch, approves_as)
    (held,) = opened.registry.reviews.all()
    assert held.asked_by == ANN
    signed = review.sign(opened, held.id, "approve", "a mailbox of the company", keys[ANN])
    with pytest.raises(AdmissionError, match="the person who requested a version cannot approve"):
        review.submit(opened, held.id, signed)
    assert opened.registry.reviews.approvals(held.id) == []


@pytest.mark.parametrize("again_as", IDENTITIES)
def test_one_person_is_not_two_approvers(
    installation: SampleHome, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch, again_as: str
) -> None:
    """Though ann has both levels, and comes by another account."""
    monkeypatch.setattr(home_module, "account", lambda: "bob")
    request(installation.open())
    opened = opened_as(installation, monkeypatch, "her first account")
    signed = review.sign(opened, 1, "approve", "a mailbox of the company", keys[ANN])
    assert review.submit(opened, 1, signed).decision == "open"
    opened = opened_as(installation, monkeypatch, again_as)
    for text in (signed, review.sign(opened, 1, "approve", "once more", keys[ANN])):  # a replay too
        with pytest.raises(AdmissionError, match="has decided already"):
            review.submit(opened, 1, text)
    assert len(opened.registry.reviews.approvals(1)) == 1


def test_an_approval_is_of_no_use_for_another_delivery(
    installation: SampleHome, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module, "account", lambda: "bob")
    request(installation.open())
    opened = opened_as(installation, monkeypatch, "her first account")
    signed = review.sign(opened, 1, "approve", "a mailbox of the company", keys[ANN])
    review.submit(opened, 1, signed)
    installation.deliver("meter\nask eve@example.com\nM3\n")
    monkeypatch.setattr(home_module, "account", lambda: "bob")
    request(installation.open())
    with pytest.raises(AdmissionError, match="it belongs to other data"):
        review.submit(installation.open(), 2, signed)


def test_a_service_is_no_person(
    installation: SampleHome, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs a service cannot request as the service and approve as themselves."""
    monkeypatch.setattr(home_module, "account", lambda: FIRST)
    monkeypatch.setenv("ASSAY_ACTOR", "nightly")
    with pytest.raises(ConfigurationError, match="ASSAY_ACTOR names a service"):
        installation.open()


# -- one daemon --------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from assay.assets.dagster.only_daemon import be_the_only_daemon
be_the_only_daemon(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_an_instance_has_one_daemon_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError, match="a daemon already runs"):
            be_the_only_daemon(tmp_path)
        be_the_only_daemon(tmp_path / "another")
        first.kill()
        first.wait()
        be_the_only_daemon(tmp_path)
        be_the_only_daemon(tmp_path)  # this process has it
