"""The installation as a Dagster resource, and errors as Dagster shows them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import (
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

from assay.assets.dagster.run_config import ACTOR_TAG
from assay.assets.io.failures import must_stop, unexpected
from assay.assets.io.home import SERVICE, home
from assay.assets.io.installation import Installation
from assay.assets.stages.partition_runs import none_due, parts
from assay.assets.stages.run import Run
from assay.contracts.errors import AssayError
from assay.contracts.model import Contract


class InstallationResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # takes no configuration: everything is in ASSAY_*
    """Opens the installation that ASSAY_HOME names."""

    def run(self, contract: Contract, started: dg.DagsterRun, window: str | None = None) -> Run:
        """A run over one data set, with the installation opened for the person who started it."""
        installation = opened_for(started)
        installation.home.check_writable()
        installation.keys.check()  # before any work: without its keys nothing can be published
        return Run(installation, contract, started.run_id, window)

    def parts(
        self, contract: Contract, started: dg.DagsterRun, window: str | None = None
    ) -> tuple[Run, list[Run]]:
        """The same, and a run for each partition it takes; itself where the data set has none.

        Raises: ConfigurationError: nothing is due.
        """
        run = self.run(contract, started, window)
        due = parts(run)
        if not due:
            raise none_due(run)
        return run, due


def opened_for(started: dg.DagsterRun) -> Installation:
    """The installation, in which what the run does is recorded under who started it."""
    return Installation.open(actor=actor_of(started.tags))


def actor_of(tags: Mapping[str, str]) -> str | None:
    """Who started a run: the person that the web UI names, or a schedule or sensor.

    None: it was started on the command line, by the user of the operating system.
    """
    if ACTOR_TAG in tags:
        return tags[ACTOR_TAG]
    for kind, tag in (("schedule", SCHEDULE_NAME_TAG), ("sensor", SENSOR_NAME_TAG)):
        if tag in tags:
            return f"{SERVICE}{kind} {tags[tag]}"
    return (
        f"{SERVICE}daemon" if BACKFILL_ID_TAG in tags or AUTOMATION_CONDITION_TAG in tags else None
    )


@contextmanager
def failures_told() -> Iterator[None]:
    """Any error becomes a Dagster failure that states what and what to do; it is an answer, so it is
    not retried.

    An exception that no one foresaw is described without its own text, which may quote values.
    """
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except BaseException as error:
        if must_stop(error):
            raise
        failure = unexpected(_root(), error)
        metadata = {
            "problem": failure.problem,
            "remedy": failure.remedy,
            "where": str(failure.where),
        }
        raise dg.Failure(description=str(failure), metadata=metadata, allow_retries=False) from None


def _root() -> Path | None:
    try:
        return home().root
    except AssayError:
        return None
