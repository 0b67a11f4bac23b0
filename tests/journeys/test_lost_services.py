"""Dagster's daemon, code server, web server, worker and step killed together in the middle of a run: the reaper ends it, and the next run publishes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from dagster import DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

from tests.conftest import SampleHome
from tests.web_ui import is_stopped, processes_of, wait_for, web_ui

WITHIN_S = 120
T = TypeVar("T")


@contextmanager
def services(installation: SampleHome, **more: str) -> Iterator[DagsterGraphQLClient]:
    """`assay ui`, answering a steward who has signed in; killed with everything that it has started."""
    with web_ui(installation, **more) as ui:
        yield DagsterGraphQLClient("127.0.0.1", port_number=ui.port, headers=ui.headers)


def submitted(dagster: DagsterGraphQLClient) -> str | None:
    """The id of a new run; None while Dagster has not read the definitions."""
    with contextlib.suppress(DagsterGraphQLClientError):
        return dagster.submit_job_execution("readings")
    return None


def status(dagster: DagsterGraphQLClient, run_id: str) -> DagsterRunStatus | None:
    with contextlib.suppress(DagsterGraphQLClientError):  # it does not answer yet
        return dagster.get_run_status(run_id)
    return None


def until(condition: Callable[[], T | None]) -> T:
    return wait_for(condition, WITHIN_S)


@pytest.mark.soak
@pytest.mark.filterwarnings(
    "ignore:Using variable_values:DeprecationWarning"
)  # Dagster's client speaks to gql in its old way
def test_all_services_killed_in_the_middle_of_a_run(installation: SampleHome) -> None:
    with services(installation, ASSAY_STOP_AT="before the commit") as dagster:
        lost = until(lambda: submitted(dagster))
        until(
            lambda: any(is_stopped(pid) for pid in processes_of(installation.root))
        )  # everything is written, nothing is published
        assert status(dagster, lost) == DagsterRunStatus.STARTED
    opened_home = installation.open()
    (row,) = opened_home.registry.runs.newest("readings")
    assert (row.run_id, row.outcome) == (lost, None)
    with services(installation) as dagster:
        until(lambda: status(dagster, lost) == DagsterRunStatus.FAILURE)
        (row,) = opened_home.registry.runs.newest("readings")
        assert (row.outcome, row.details["error"]) == (
            "failed",
            "the run was lost: its process has ended",
        )
        assert opened_home.registry.versions.all("readings") == []
        following = until(
            lambda: submitted(dagster)
        )  # two runs of a data set never run at once: it waits for nobody that is gone
        until(lambda: status(dagster, following) == DagsterRunStatus.SUCCESS)
    # Dagster tries the lost run again by itself: whichever of the two came first published
    (version,) = opened_home.registry.versions.all("readings")
    outcomes = {row.run_id: row.outcome for row in opened_home.registry.runs.newest("readings")}
    assert outcomes[lost] == "failed"
    assert outcomes[version.run_id] == "published"
    assert outcomes[following] in ("published", "already published")
    opened_home.registry.ledger.check()
