"""Runs that sleep past their lease, die in the middle, or keep another clock; readers while versions come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assay.assets.dagster.sensors import end_lost
from assay.assets.io.registry.liveness import MAX_RUNTIME, SILENCE, process, why_lost
from assay.assets.services.lost_runs import reap
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.expire import expire
from assay.assets.stages.ingest import land
from assay.assets.stages.publish import publish
from assay.contracts.errors import EvidenceError, PublicationError
from tests.conftest import GOOD, SampleHome
from tests.forked import ROOT, Forked, forked

PUBLISH = "tests.assets.driver:publish_readings"


@contextmanager
def start(installation: SampleHome, **more: str) -> Iterator[Forked]:
    with forked(PUBLISH, {**installation.environment, **more}) as process:
        try:
            yield process
        finally:
            process.kill()  # also one that is stopped, which nobody could wait for


@contextmanager
def start_with_clock(
    installation: SampleHome, *prefix: str, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Start the process anew: libfaketime has to be loaded before it."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "tests.assets.driver"],
        env={**installation.environment, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_stopped(process: subprocess.Popen[str] | Forked) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


# -- a zombie ---------------------------------------------------------------------------------------


def test_a_run_that_slept_past_its_lease_is_refused_when_it_wakes(
    either_registry: SampleHome,
) -> None:
    registry = either_registry.open().registry
    with start(either_registry, ASSAY_STOP_AT="before the commit") as sleeper:
        until(lambda: is_stopped(sleeper))
        assert reap(either_registry.open()) == []  # it is there, and may wake
        either_registry.deliver("meter,energy_kwh,tariff\nM1,1.5,day\nM2,2.5,night\n")
        assert either_registry.published().row.version == "1.0.0"
        sleeper.send_signal(signal.SIGCONT)
        _, said = sleeper.communicate()
        assert sleeper.returncode == 1
        assert "a newer run of this data set has started" in said
    assert [row.rows for row in registry.versions.all("readings")] == [2]
    assert registry.runs.newest("readings")[-1].outcome == "failed"


# -- a run that is gone ---------------------------------------------------------------------------------


def test_a_killed_run_is_ended_its_lease_freed_and_its_staging_swept(
    either_registry: SampleHome,
) -> None:
    either_registry.deliver(GOOD + "".join(f"M{n},{n},day\n" for n in range(10, 200_000)))
    opened_home = either_registry.open()
    with start(either_registry) as victim:
        until(lambda: any(row.stage for row in opened_home.registry.runs.newest("readings")))
        victim.kill()
    (row,) = opened_home.registry.runs.newest("readings")
    staging = opened_home.lake.folder("readings", "staging") / row.run_id
    assert [each.run_id for each in reap(opened_home)] == [row.run_id]
    (ended,) = opened_home.registry.runs.newest("readings")
    assert (ended.outcome, ended.details["error"]) == (
        "failed",
        "the run was lost: its process has ended",
    )
    assert not staging.exists()
    assert reap(opened_home) == []
    assert opened_home.registry.runs.begin("readings", str(uuid.uuid4())).token == row.token + 2
    opened_home.registry.ledger.check()


def test_a_run_that_ends_while_another_sweeps_does_not_fail_that_one(
    installation: SampleHome,
) -> None:
    installation.published()
    staging = installation.open().lake.folder("readings", "staging")
    (staging / "just-ended").symlink_to(
        staging / "gone"
    )  # listed, and not there any more when it is looked at
    installation.deliver(GOOD + "M9,9,day\n")
    assert installation.published().row.version == "1.1.0"


def test_a_run_that_was_ended_for_lost_cannot_publish_after_all(
    either_registry: SampleHome,
) -> None:
    run = either_registry.run()
    admission = admit(run)
    refined = refine(run, admission)
    (row,) = run.installation.registry.runs.newest("readings")
    assert run.installation.registry.runs.lose(row, "it has not reported")
    with pytest.raises(PublicationError, match="newer run"):
        publish(run, admission, refined)
    assert run.installation.registry.versions.all("readings") == []


def test_a_run_that_landed_and_went_no_further_has_not_failed(installation: SampleHome) -> None:
    land(installation.run())
    opened_home = installation.open()
    (row,) = opened_home.registry.runs.newest("readings")
    assert row.stage is None
    assert opened_home.registry.runs.lose(row, "its process has ended")
    assert opened_home.registry.runs.newest("readings")[0].outcome == "stopped"


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "later", "why"),
    [
        ({}, timedelta(hours=1), None),
        ({}, MAX_RUNTIME + timedelta(seconds=1), "more than 6 hours"),
        ({"process": "999999999 1"}, timedelta(0), "its process has ended"),
        (
            {"process": process().split(" ")[0] + " 1"},
            timedelta(0),
            "its process has ended",
        ),  # the number has come again
        ({"process": "999999999 1", "stage": None}, timedelta(0), None),  # between two stages
        ({"host": "elsewhere"}, SILENCE - timedelta(seconds=1), None),
        ({"host": "elsewhere"}, SILENCE + timedelta(seconds=1), "it has not reported"),
        (
            {"host": None, "process": None, "heartbeat_at": None},
            timedelta(hours=1),
            None,
        ),  # began under an earlier Assay
    ],
)
def test_when_a_run_is_lost(
    installation: SampleHome, changed: dict[str, Any], later: timedelta, why: str | None
) -> None:
    run = installation.run()
    run.lease()
    (row,) = run.installation.registry.runs.newest("readings")
    now = NOW.isoformat()
    worker = replace(row.worker, started_at=now, heartbeat_at=now, stage="cleaned")
    found = why_lost(replace(worker, **changed), NOW + later)
    assert found == why if why is None else why in str(found)


def test_dagster_is_told_of_a_run_whose_process_is_gone(installation: SampleHome) -> None:
    run = installation.run()
    run.lease()
    import sqlalchemy as sa

    from assay.assets.io.registry.runs import runs

    with dg.DagsterInstance.ephemeral() as instance:

        @dg.job(name="readings")
        def job() -> None:
            pass

        gone = instance.create_run_for_job(
            job, run_id=run.run_id, status=dg.DagsterRunStatus.STARTED
        )
        stranger = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert end_lost(run.installation, instance) == []
        with run.installation.registry.database.engine.begin() as connection:
            connection.execute(sa.update(runs).values(process="999999999 1", stage="published"))
        assert end_lost(run.installation, instance) == [gone.run_id]
        statuses = [instance.get_run_by_id(each.run_id).status for each in (gone, stranger)]  # type: ignore[union-attr]  # both are there
        assert statuses == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]


# -- readers, clocks --------------------------------------------------------------------------------------


def test_a_reader_keeps_its_version_while_others_are_published_and_expire(
    installation: SampleHome,
) -> None:
    """Each version holds its own number in every row: a mixture would show."""
    head = "meter,energy_kwh,tariff\n"
    installation.deliver(head + "".join(f"M{row},0,day\n" for row in range(1000)))
    installation.published()
    done, seen, odd = threading.Event(), set(), []

    def read() -> None:
        opened_home = installation.open()
        while not done.is_set():
            for row in opened_home.registry.versions.all("readings"):
                try:
                    rows = opened_home.scan(row).collect()
                except EvidenceError as error:
                    if "expired" not in str(error):
                        odd.append(str(error))
                    continue
                seen.add(row.sequence)
                if (
                    rows["energy_kwh"].unique().to_list() != [row.sequence - 1.0]
                    or rows.height != 1000
                ):
                    odd.append(row.version)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 6):
        installation.later(timedelta(days=200 * number))
        installation.deliver(head + "".join(f"M{row},{number},day\n" for row in range(1000)))
        installation.published()
        expire(installation.open(), "readings")
    done.set()
    reader.join()
    assert odd == []
    assert len(seen) >= 2
    expired = [
        row.version
        for row in installation.open().registry.versions.all("readings")
        if row.expired_at
    ]
    assert expired == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]


@pytest.mark.parametrize("days", [-365, 365])
def test_order_is_by_sequence_whatever_the_clock_says(installation: SampleHome, days: int) -> None:
    installation.published()
    installation.clock = lambda: datetime.now(UTC) + timedelta(days=days)
    installation.deliver(GOOD + "M4,4,day\n")
    installation.published()
    installation.clock = lambda: datetime.now(UTC)
    installation.deliver(GOOD + "M4,4,day\nM5,5,day\n")
    installation.published()
    opened_home = installation.open()
    assert [row.version for row in opened_home.registry.versions.all("readings")] == [
        "1.0.0",
        "1.1.0",
        "1.2.0",
    ]
    assert opened_home.version("readings").version == "1.2.0"


CLOCKS = {
    "a year back": ("-365d", "UTC"),
    "a year ahead": ("+365d", "UTC"),
    "standing still": ("2026-03-01 12:00:00", "UTC"),
    "an hour back, from summer to winter": ("@2026-10-25 02:59:59", "Europe/Berlin"),
    "an hour ahead, from winter to summer": ("@2026-03-29 01:59:59", "Europe/Berlin"),
    "a leap second": ("@2016-12-31 23:59:59", "right/UTC"),
}


@pytest.fixture(params=list(CLOCKS))
def clock(request: pytest.FixtureRequest) -> tuple[str, str]:
    """What libfaketime is told, and the zone of the process; skipped, saying so, where it is not installed."""
    if not any((Path(folder) / "faketime").exists() for folder in os.get_exec_path()):
        pytest.skip("libfaketime is not installed")
    return CLOCKS[request.param]


def holds(installation: SampleHome, versions: list[str]) -> None:
    """The versions are there in this order, and the last one serves."""
    opened_home = installation.open()
    assert [row.version for row in opened_home.registry.versions.all("readings")] == versions
    assert opened_home.scan(opened_home.version("readings")).select(
        pl.len()
    ).collect().item() == 2 + len(versions)
    opened_home.registry.ledger.check()


def test_a_process_with_another_clock_publishes_after_the_others_and_before_the_next(
    installation: SampleHome, clock: tuple[str, str]
) -> None:
    told, zone = clock
    installation.published()
    installation.deliver(GOOD + "M4,4,day\n")
    with start_with_clock(installation, "faketime", "-f", told, TZ=zone) as process_:
        said, errors = process_.communicate()
    assert process_.returncode == 0, errors
    assert said.split()[-1] == "1.1.0"
    holds(installation, ["1.0.0", "1.1.0"])
    installation.deliver(GOOD + "M4,4,day\nM5,5,day\n")
    installation.published()
    holds(installation, ["1.0.0", "1.1.0", "1.2.0"])


@pytest.mark.parametrize("clock", ["a year back"], indirect=True)
def test_a_clock_that_jumps_back_in_the_middle_of_a_run_stops_nothing(
    installation: SampleHome, clock: tuple[str, str], tmp_path: Path
) -> None:
    installation.published()
    installation.deliver(GOOD + "M4,4,day\n")
    said = tmp_path / "clock"
    said.write_text("+0")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    follows = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(said),
        "FAKETIME_NO_CACHE": "1",
        "ASSAY_STOP_AT": "before the commit",
    }
    with start_with_clock(installation, **follows) as process_:
        until(lambda: is_stopped(process_))
        said.write_text(clock[0])
        process_.send_signal(signal.SIGCONT)
        _, errors = process_.communicate()
    assert process_.returncode == 0, errors
    holds(installation, ["1.0.0", "1.1.0"])
