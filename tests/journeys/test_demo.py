"""The demo and the README's session, as a newcomer types them, on real data."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.named_stewards import name_stewards
from tests.docs.page_blocks import run_page
from tests.forked_commands import assay_command

ROOT = Path(__file__).parents[2]
MODELS = ("mlflow.sklearn", "sklearn.ensemble", "skops.io")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An empty home, and this environment's commands first on the path."""
    home = tmp_path_factory.mktemp("home")
    return {
        **os.environ,
        "ASSAY_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }


@pytest.fixture(scope="module")
def session(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The same home, for a document's commands: many short processes, which are forked."""
    with assay_command(tmp_path_factory.mktemp("bin"), environment, MODELS) as folder:
        path = f"{folder}{os.pathsep}{environment['PATH']}"
        yield {**environment, **name_stewards(tmp_path_factory.mktemp("reader")), "PATH": path}


def bash(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_takes_three_data_sets_from_source_to_action(environment: dict[str, str]) -> None:
    done = bash("assay demo", environment)
    assert done.returncode == 0, done.stdout + done.stderr
    account = done.stdout[done.stdout.index("What happened") :]
    for version, rows_in in (
        ("flights@1.0.0", "80,687"),
        ("flights@1.1.0", "87,040"),
        ("python_docs@1.0.0", ""),
        ("support_tickets@1.0.0", "50,007"),
    ):
        section = account[account.index(version) :]
        counted = re.search(
            r"rows +([\d,]+) in = ([\d,]+) published \+ ([\d,]+) quarantined \+ ([\d,]+) removed",
            section,
        )
        assert counted, section[:500]
        numbers = [int(number.replace(",", "")) for number in counted.groups()]
        assert numbers[0] == sum(numbers[1:])
        assert counted[1].startswith(rows_in)
    for kind in ("card", "email", "iban"):
        found = re.findall(
            rf"^{kind} +(?:its own column|free text) +([\d,]+) +([\d,]+)  \(100\.00 %\) +0 *$",
            account,
            re.M,
        )
        assert len(found) == 2, account
    assert re.search(r"^name +free text +[\d,]+ +[\d,]+  \([\d.]+ %\) +\d+ *$", account, re.M)
    assert re.search(r"^drift +drifted: ", account, re.M)
    assert account.count("in service: roc_auc") == 2
    assert "in service: recall@10" in account
    assert "4 new version(s) published." in account
    assert "5,753 rows of flights: arrival_known" in account
    assert "assay new" in account


def test_the_demos_published_files_are_byte_for_byte_those_of_earlier_releases(
    environment: dict[str, str],
) -> None:
    """Without a key of the installation in them: the tickets' tokens differ from home to home."""
    golden = json.loads((ROOT / "tests" / "golden" / "demo.json").read_text())
    lake = Path(environment["ASSAY_HOME"]) / "lake" / "flights" / "versions"
    files = {name: digest for version in golden.values() for name, digest in version.items()}
    today = {name: hashlib.sha256((lake / name).read_bytes()).hexdigest() for name in files}
    assert today == files


def test_a_second_demo_publishes_nothing_new_and_says_so(session: dict[str, str]) -> None:
    done = bash("assay demo", session)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing new was published" in done.stdout
    entries = json.loads(bash("assay status --json", session).stdout)
    assert {entry["dataset"]: entry["versions"] for entry in entries} == {
        "flights": ["1.0.0", "1.1.0"],
        "python_docs": ["1.0.0"],
        "support_tickets": ["1.0.0"],
    }


# pages whose commands need the demo's home, with what they print
PAGES = {
    "README.md": ["already published as 1.1.0", "carrier", "verified; nothing differs"],
    "docs/how-to/features.md": ["(75911, 32)", "dep_delay_lag1_by_tailnum", "gpu"],
    "docs/how-to/gpu.md": ["gpu"],
    "docs/how-to/retrieval.md": [
        "python_docs@1.0.0, ",
        "in service",
        "Python Software Foundation",
    ],
    "docs/how-to/cleaning.md": [],
    "docs/how-to/pull-requests.md": ["0 errors"],
    "docs/how-to/drift.md": ["drifted", "retrain"],
    "docs/how-to/models.md": ["champion", "traceparent"],
    "docs/how-to/web-ui.md": [],
    "docs/reference/python-api.md": ["carrier"],
    "docs/tutorials/drift-to-model.md": ["champion", "16,691"],
    "docs/how-to/publishing.md": [
        "prod of flights now points to 1.0.0",
        "flights: none would expire",
    ],
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_written(page: str, session: dict[str, str]) -> None:
    printed = run_page(page, session, ROOT)
    assert [text for text in PAGES[page] if text not in printed] == []


def test_delta_readers_see_the_flights_without_us(environment: dict[str, str]) -> None:
    import polars as pl

    table = Path(environment["ASSAY_HOME"]) / "lake" / "flights" / "versions"
    assert pl.scan_delta(str(table)).select(pl.len()).collect().item() == 83_383
    assert pl.scan_delta(str(table), version=0).select(pl.len()).collect().item() == 75_911


def test_every_stage_left_its_lineage(environment: dict[str, str]) -> None:
    lines = (Path(environment["ASSAY_HOME"]) / "lineage" / "events.ndjson").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    ended = {event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"}
    stages = ["landed", "admitted", "cleaned", "published", "features", "drift", "model"]
    assert {f"flights.{stage}" for stage in stages} <= ended
    features = next(
        e for e in events if e["job"]["name"] == "flights.features" and e["eventType"] == "COMPLETE"
    )
    fields = features["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [source["field"] for source in fields["dest_frequency"]["inputFields"]] == ["dest"]
