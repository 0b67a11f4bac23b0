"""The Dagster instance of this installation, and runs inside this process.

Belongs here: making the instance once, running a job. Stays out: printing.
"""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from assay.assets.dagster.storage_engines import reuse_engines
from assay.assets.io.disk import alone, room_on_disk, write_atomically
from assay.assets.io.home import Home
from assay.contracts.errors import AssayError, ConfigurationError, UnexpectedError, Where
from assay.pipelines.publish.partitions import TO

_PACKAGE = Path(__file__).parents[2]

_OLDER_COORDINATORS = (
    "module: dagster.core.run_coordinator\n  class: QueuedRunCoordinator",
    "module: assay.assets.coordinator",
)
_MODULE = "module: assay.assets.dagster.run_config"
_OUR_COORDINATORS = (f"{_MODULE}\n  class: CheckedRunCoordinator", _MODULE)


def shipped(name: str) -> Path:
    """One of the Dagster files that ship with Assay."""
    file = _PACKAGE / name
    if not file.is_file():
        raise ConfigurationError(f"{name} is missing from the installation", "Install Assay again")
    return file


def instance(home: Home) -> dg.DagsterInstance:
    """Open the instance below the home; a new one is created by one process while others wait, since Dagster's own migration races."""
    home.check_layout()
    home.check_writable()
    reuse_engines()
    folder = home.root / "dagster"
    with room_on_disk():
        os.environ["DAGSTER_HOME"] = str(folder)
        with alone(folder):
            if not (folder / "dagster.yaml").exists():
                shutil.copyfile(shipped("dagster.yaml"), folder / "dagster.yaml")
            _check_runs_of_older_homes(folder / "dagster.yaml")
            # Dagster greets a new instance by asking for an e-mail address; a steward's first view is not the place
            (folder / ".nux").mkdir(exist_ok=True)
            (folder / ".nux" / "nux.yaml").write_text("seen: 1\n")
            opened = dg.DagsterInstance.get()
            opened.get_runs_count()  # the first query makes the tables
            opened.all_instigator_state()
    return opened


def _check_runs_of_older_homes(settings: Path) -> None:
    """Replace the run coordinators that earlier releases wrote; one that the operator chose stays."""
    text = before = settings.read_text(encoding="utf-8")
    for older, ours in zip(_OLDER_COORDINATORS, _OUR_COORDINATORS, strict=True):
        text = text.replace(older, ours)
    if text != before:
        write_atomically(settings, text)


class RunFailed(AssayError):
    """A run ended without success; its words are the failure's own."""

    def __str__(self) -> str:
        return self.problem


def execute(
    opened: dg.DagsterInstance,
    definitions: dg.Definitions,
    dataset: str,
    window: str | None,
    engine: str | None = None,
    on_event: "OnEvent | None" = None,
) -> None:
    """Run the whole way of one data set in this process, recorded in the same instance that the web UI shows.

    Args:
        on_event: is called for each stage that starts, makes its asset or fails; of this run alone.
    Raises: RunFailed: in the failing stage's own words. UnexpectedError: it failed outside of a stage.
    """
    logging.getLogger("dagster").setLevel(logging.ERROR)
    job = definitions.resolve_job_def(dataset)
    job = job.with_logger_defs({**job.loggers, PROGRESS: progress_logger(on_event)})
    config: dict[str, Any] = {"loggers": {PROGRESS: {}}}
    tags, partition = {"assay/dataset": dataset}, None
    if window and job.partitions_def:
        first, _, last = window.partition(TO)
        partition = first if not last else None
        tags |= _range_tags(first, last) if last else {}
    elif window:
        config["ops"] = {
            step: {"config": {"window": window}}
            for step in (f"{dataset}__admitted", f"{dataset}__publish")
        }
    if engine and f"{dataset}__features" in job.graph.node_names():
        config.setdefault("ops", {})[f"{dataset}__features"] = {"config": {"engine": engine}}
    result = job.execute_in_process(
        instance=opened, raise_on_error=False, run_config=config, tags=tags, partition_key=partition
    )
    if not result.success:
        raise _failure_of(result, dataset)


def _range_tags(first: str, last: str) -> dict[str, str]:
    """The tags by which Dagster knows a run over several partitions."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def _failure_of(result: dg.ExecuteInProcessResult, dataset: str) -> AssayError:
    """Why a run failed: the stage's own words, or else the class of what ended it."""
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    descriptions = [
        failure.user_failure_data.description for failure in failures if failure.user_failure_data
    ]
    if descriptions:
        return RunFailed(descriptions[0] or "", "")
    cause = failures[0].error if failures else None
    while cause is not None and cause.cause is not None:
        cause = cause.cause
    problem = (
        f"an unexpected {cause.cls_name}" if cause else "the run failed before its first stage"
    )
    remedy = f"Run again; if it happens again, report run {result.run_id}"
    return UnexpectedError(problem, remedy, Where(dataset=dataset))


What = Literal["started", "made", "checked", "failed"]


@dataclass(frozen=True)
class Happening:
    """One event of a run. `details` are the metadata of what was created, as plain values."""

    what: What
    asset: str
    details: dict[str, Any] = field(default_factory=dict)


OnEvent = Callable[[Happening], None]
PROGRESS = "progress"
"""The name of the logger by which a run reports its events; run configurations hold it."""


class _Forward(logging.Handler):
    """Passes the events of one run on, and shows nothing."""

    def __init__(self, on_event: OnEvent) -> None:
        super().__init__()
        self._on_event = on_event

    def emit(self, record: logging.LogRecord) -> None:
        event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
        happening = _happening(event) if event is not None else None
        if happening is not None:
            self._on_event(happening)


def _happening(event: Any) -> Happening | None:
    step = str(event.step_key or "")
    match event.event_type_value:
        case "STEP_START":
            return Happening("started", step)
        case "ASSET_MATERIALIZATION":
            materialization = event.event_specific_data.materialization
            return Happening(
                "made",
                materialization.asset_key.to_user_string(),
                {
                    name: getattr(value, "value", None)
                    for name, value in materialization.metadata.items()
                },
            )
        case "STEP_FAILURE":
            return Happening("failed", step)
    return None


def progress_logger(on_event: OnEvent | None = None) -> dg.LoggerDefinition:
    """A logger that prints nothing, and passes a run's events to `on_event` where it is given."""

    @dg.logger
    def _progress(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("assay.progress")
        logger.addHandler(logging.NullHandler() if on_event is None else _Forward(on_event))
        return logger

    return _progress
