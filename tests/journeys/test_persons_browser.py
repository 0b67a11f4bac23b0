"""Three persons in Chromium: each signs in at the provider, one materializes a data set, two approve it, and the audit log names each of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.storage.tags import SENSOR_NAME_TAG

from assay.assets.dagster.run_config import ACTOR_TAG
from assay.assets.io.home import account
from assay.assets.io.registry.ledger import ledger
from assay.assets.services import review
from tests.chromium import chromium, needs_chromium, photograph
from tests.conftest import SampleHome
from tests.journeys.held_delivery import held_delivery
from tests.web_ui import WebUi, wait_for

pytestmark = [
    needs_chromium,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the mock provider
]


@pytest.fixture
def ui(installation: SampleHome) -> Iterator[WebUi]:
    with held_delivery(installation) as started:
        yield started


@contextmanager
def person(browser: Any, ui: WebUi, name: str) -> Iterator[Any]:
    """A page of the web UI for somebody who has signed in with the provider."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(ui.url)
    photograph(page, f"{name}-0-not-signed-in")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_placeholder("sub").fill(name)
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(lambda url: url.startswith(ui.url) and "/sign-in" not in url)
    yield page
    context.close()


def newest_run(ui: WebUi) -> Any:
    """The run that was started last and by no sensor: its id, status and tags."""
    query = (
        "{ runsOrError(limit: 20) { ... on Runs { results { runId status tags { key value } } } } }"
    )
    runs = ui.graphql(query).data["data"]["runsOrError"]["results"]
    return next((run for run in runs if SENSOR_NAME_TAG not in names_of_tags(run)), None)


def names_of_tags(run: Any) -> set[str]:
    return {tag["key"] for tag in run["tags"]}


def ended(ui: WebUi, before: str | None) -> Any:
    """The run that came after `before`, once it has ended."""

    def end() -> Any:
        run = newest_run(ui)
        is_new = run is not None and run["runId"] != before
        return run if is_new and run["status"] in ("SUCCESS", "FAILURE") else None

    return wait_for(end, 120)


def materialize(ui: WebUi, page: Any, name: str) -> Any:
    """Press the button on the page of the data set's job."""
    before = newest_run(ui)
    page.goto(f"{ui.url}/locations/assay/jobs/readings")
    button = page.get_by_role("button", name="Materialize all")
    button.wait_for()
    photograph(page, f"{name}-job")
    button.click()
    run = ended(ui, before and before["runId"])
    page.goto(f"{ui.url}/runs/{run['runId']}")
    page.get_by_text(
        "STEP_FAILURE" if run["status"] == "FAILURE" else "RUN_SUCCESS"
    ).first.wait_for()
    photograph(page, f"{name}-run")
    return run


def decide(ui: WebUi, page: Any, name: str, number: int) -> Any:
    """Paste a signed approval into the launchpad of the job `review`, and launch it."""
    home = ui.installation.open()
    key = ui.installation.contracts.parent / f"{name}@example.com.pem"
    signed = review.sign(home, number, "approve", "a mailbox of the company", key)
    config = {"ops": {"decide": {"config": {"review": number, "signed": signed}}}}
    before = newest_run(ui)
    page.goto(f"{ui.url}/locations/assay/jobs/review")
    page.get_by_text("Launchpad").click()
    editor = page.locator(".CodeMirror").first
    editor.wait_for()
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(json.dumps(config))
    launch = page.get_by_role("button", name="Launch Run")
    wait_for(lambda: launch.is_enabled() or page.wait_for_timeout(200), 60)
    photograph(page, f"{name}-launchpad")
    launch.click()
    run = ended(ui, before["runId"])
    photograph(page, f"{name}-decided")
    return run


def actor(run: Any) -> str:
    return next(tag["value"] for tag in run["tags"] if tag["key"] == ACTOR_TAG)


def test_one_materializes_and_two_others_approve_in_their_browsers(
    ui: WebUi, installation: SampleHome
) -> None:
    with chromium() as browser:
        with person(browser, ui, "ann") as ann, person(browser, ui, "bob") as bob:
            held = materialize(ui, ann, "ann-1")
            assert (held["status"], actor(held)) == ("FAILURE", "ann@example.com")
            assert "held for review" in ann.content()

            bob.goto(f"{ui.url}/locations/assay/jobs/readings")
            button = bob.get_by_role("button", name="Materialize all")
            button.wait_for()
            assert not button.is_enabled()  # the data set is ann's
            photograph(bob, "bob-1-not-the-owner")
            decided = decide(ui, bob, "bob", 1)
            assert (decided["status"], actor(decided)) == ("SUCCESS", "bob@example.com")
        with person(browser, ui, "cy") as cy, person(browser, ui, "ann") as ann:
            assert decide(ui, cy, "cy", 1)["status"] == "SUCCESS"
            again = materialize(ui, ann, "ann-2")
            assert (again["status"], actor(again)) == ("SUCCESS", "ann@example.com")
            ann.goto(f"{ui.url}/sign-out")
            photograph(ann, "ann-3-sign-out")
            ann.get_by_role("button", name="Sign out").click()
            ann.get_by_text("You are signed out").wait_for()
            assert ann.goto(f"{ui.url}/assets").status == 401

    entries = installation.rows(sa.select(ledger).order_by(ledger.c.sequence))
    published = [entry["actor"] for entry in entries if entry["action"] == "published"]
    assert published == ["ann@example.com"]
    asked = [entry["actor"] for entry in entries if entry["action"] == "requested in the web UI"]
    assert asked == [f"{name}@example.com" for name in ("ann", "bob", "cy", "ann")]
    first = next(n for n, entry in enumerate(entries) if entry["actor"] == "ann@example.com")
    assert account() not in {entry["actor"] for entry in entries[first:]}
    assert DagsterRunStatus.SUCCESS.value == again["status"]
