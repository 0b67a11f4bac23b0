"""Persons in the web UI, really: a provider signs them in, one requests, two others approve, and the audit log names each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from assay.assets.io.home import account
from assay.assets.io.registry.ledger import ledger
from assay.assets.services import review
from tests.conftest import SampleHome
from tests.journeys.held_delivery import PERSONS, held_delivery
from tests.web_ui import WebUi, environment_of, processes_of, wait_for

LAUNCH = """mutation($job: String!, $config: RunConfigData!, $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "assay", repositoryName: "__repository__", jobName: $job}
    runConfigData: $config
    executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } }
}"""
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the mock
]


@pytest.fixture
def ui(installation: SampleHome) -> Iterator[WebUi]:
    with held_delivery(installation) as started:
        yield started


def signed_in(ui: WebUi, subject: str) -> WebUi:
    """The web UI as a person sees it who came by the provider."""
    with httpx2.Client(base_url=ui.url) as browser:
        at_provider = browser.get("/sign-in").headers["location"]
        back = httpx2.post(at_provider, data={"sub": subject}).headers["location"]
        answer = browser.get(back)
        assert answer.status_code == 303, answer.text
        name = f"assay_session_{ui.port}"
        return replace(ui, cookie=f"{name}={browser.cookies[name]}")


def launch(visitor: WebUi, job: str, config: dict[str, Any] | None = None) -> str:
    """Start a job, with a tag that names somebody else. Returns: how the run ended, or why it was not started."""
    forged = [{"key": "assay/actor", "value": "eve@example.com"}]
    answer = visitor.graphql(LAUNCH, {"job": job, "config": config or {}, "tags": forged})
    launched = answer.data["data"]["launchRun"]
    if launched["__typename"] != "LaunchRunSuccess":
        return str(launched["__typename"])

    def end() -> str | None:
        found = visitor.graphql(STATUS, {"run": launched["run"]["runId"]}).data
        status = str(found["data"]["runOrError"]["status"])
        return status if status in ("SUCCESS", "FAILURE") else None

    return wait_for(end)


def test_one_requests_and_two_others_approve(ui: WebUi, installation: SampleHome) -> None:
    ann, bob, cy = (signed_in(ui, name) for name in PERSONS)
    assert launch(bob, "readings") == "UnauthorizedError"  # bob does not own it
    assert launch(ann, "readings") == "FAILURE"  # held
    opened_home = installation.open()
    (held,) = opened_home.registry.reviews.all()
    assert held.asked_by == "ann@example.com"

    def decide(visitor: WebUi, name: str) -> str:
        key = installation.contracts.parent / f"{name}@example.com.pem"
        signed = review.sign(opened_home, held.id, "approve", "a mailbox of the company", key)
        config = {"ops": {"decide": {"config": {"review": held.id, "signed": signed}}}}
        return launch(visitor, "review", config)

    assert decide(ann, "ann") == "FAILURE"  # who requested it
    assert (decide(bob, "bob"), decide(cy, "cy")) == ("SUCCESS", "SUCCESS")
    assert launch(ann, "readings") == "SUCCESS"
    entries = installation.rows(sa.select(ledger).order_by(ledger.c.sequence))
    assert [e["actor"] for e in entries if e["action"] == "published"] == ["ann@example.com"]
    secret = b"ASSAY_OIDC_CLIENT_SECRET="
    assert sum(secret in environment_of(pid) for pid in processes_of(installation.root)) == 3
    requested = [each["actor"] for each in entries if each["action"] == "requested in the web UI"]
    assert requested == [
        f"{name}@example.com" for name in ("bob", "ann", "ann", "bob", "cy", "ann")
    ]
    later = entries[
        next(n for n, each in enumerate(entries) if each["actor"] == "bob@example.com") :
    ]
    assert account() not in {each["actor"] for each in later}
    assert "eve@example.com" not in {each["actor"] for each in entries}
