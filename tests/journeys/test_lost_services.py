"""Dagster's daemon, code server, web server, worker and step killed together in the middle of a run: the reaper ends it, and the next run publishes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from dagster import DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

from tests.conftest import Installation

ROOT = Path(__file__).parents[2]
WITHIN_S = 120
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def of(home: Path) -> list[int]:
    """Every process of this installation: what a machine that goes down takes with it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"ASSAY_HOME={home}\0".encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def kill_all(home: Path) -> None:
    while alive := of(home):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


@contextmanager
def services(installation: Installation, **more: str) -> Iterator[DagsterGraphQLClient]:
    """`assay ui`, answering; killed with everything that it has started."""
    port = free_port()
    command = [sys.executable, "-m", "assay.cli", "ui", "--port", str(port)]
    with subprocess.Popen(command, env={**installation.environment, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            yield DagsterGraphQLClient("127.0.0.1", port_number=port)
        finally:
            kill_all(installation.root)
            process.wait()


def submitted(dagster: DagsterGraphQLClient) -> str | None:
    """The id of a new run; None while Dagster has not read the definitions."""
    with contextlib.suppress(DagsterGraphQLClientError):
        return dagster.submit_job_execution("readings")
    return None


def status(dagster: DagsterGraphQLClient, run_id: str) -> DagsterRunStatus | None:
    with contextlib.suppress(DagsterGraphQLClientError):  # it does not answer yet
        return dagster.get_run_status(run_id)
    return None


def until(told: Callable[[], T | None]) -> T:
    end = time.monotonic() + WITHIN_S
    while not (found := told()):
        assert time.monotonic() < end, f"it did not happen within {WITHIN_S} s"
        time.sleep(0.5)
    return found


def is_stopped(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:Using variable_values:DeprecationWarning")  # Dagster's client speaks to gql in its old way
def test_all_services_killed_in_the_middle_of_a_run(installation: Installation) -> None:
    with services(installation, ASSAY_STOP_AT="before the commit") as dagster:
        lost = until(lambda: submitted(dagster))
        until(lambda: any(is_stopped(pid) for pid in of(installation.root)))  # everything is written, nothing is published
        assert status(dagster, lost) == DagsterRunStatus.STARTED
    office = installation.office()
    (row,) = office.registry.runs("readings")
    assert (row["run_id"], row["outcome"]) == (lost, None)
    with services(installation) as dagster:
        until(lambda: status(dagster, lost) == DagsterRunStatus.FAILURE)
        (row,) = office.registry.runs("readings")
        assert (row["outcome"], row["details"]["error"]) == ("failed", "the run was lost: its process is gone")
        assert office.registry.versions("readings") == []
        following = until(lambda: submitted(dagster))  # two runs of a data set never run at once: it waits for nobody that is gone
        until(lambda: status(dagster, following) == DagsterRunStatus.SUCCESS)
    # Dagster tries the lost run again by itself: whichever of the two came first published
    (version,) = office.registry.versions("readings")
    outcomes = {row["run_id"]: row["outcome"] for row in office.registry.runs("readings")}
    assert outcomes[lost] == "failed"
    assert outcomes[version["run_id"]] == "published"
    assert outcomes[following] in ("published", "already published")
    office.registry.check_log()
