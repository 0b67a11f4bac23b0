"""Runs, shown while they happen.

Belongs here: progress and the line that closes each data set. Stays out: the running (assets/dagster/instance.py).
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assay.contracts.extras import require

if TYPE_CHECKING:
    from assay.assets.dagster.instance import Happening
    from assay.assets.io.installation import Installation

console = Console()
err = Console(stderr=True)


def run_all(names: list[str], window: str | None, engine: str | None = None) -> bool:
    """Run the data sets one after the other, all by default; one that fails does not stop the others.

    Returns: whether all of them succeeded.
    """
    require("orchestration", "`assay run`")
    from assay.assets.services.opening import open_installation

    installation = open_installation()
    wanted = _wanted(installation, names)
    installation.deliver_outbox()
    with console.status("starting Dagster…"), _without_notices():
        from assay.assets.dagster.instance import instance

        opened = instance(installation.home)
    try:
        _end_lost(installation, opened)
        with installation.registry.session():
            results = [
                (name, _run_data_set(installation, opened, name, window, engine)) for name in wanted
            ]
    finally:
        opened.dispose()
    _show_late(installation, wanted)
    if len(wanted) > 1:
        _show_summary(results)
    return all(succeeded for _, succeeded in results)


def _wanted(installation: Installation, names: list[str]) -> list[str]:
    """The data sets to run: those that are named, or all, each after its source; last come those whose contract cannot be read.

    Raises: ConfigurationError: no contract has a name, or there is no contract.
    """
    from assay.assets.io.contract_folder import check_name, readable
    from assay.contracts.upstream import in_order

    contracts = installation.contracts
    if names:
        return [check_name(contracts, name) for name in names]
    if not contracts:
        installation.home.contract_paths()  # raises an error if it is missing
    return list(dict.fromkeys([*in_order(readable(contracts)), *contracts]))


@contextmanager
def _without_notices() -> Iterator[None]:
    """Keep Dagster's notices about its own previews and replaced parts off the terminal; other warnings are shown."""
    from dagster import BetaWarning, PreviewWarning, SupersessionWarning

    with warnings.catch_warnings():
        for category in (BetaWarning, PreviewWarning, SupersessionWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", module=r"dagster(\.|$)")
        yield


def _end_lost(installation: Installation, opened: Any) -> None:
    """End runs that were lost before; what goes wrong with that stops no run."""
    with _without_notices():
        from assay.assets.dagster.sensors import end_lost

    try:
        end_lost(installation, opened)
    except BaseException as error:
        _refuse(installation, error, None, "ending lost runs")


def _run_data_set(
    installation: Installation, opened: Any, name: str, window: str | None, engine: str | None
) -> bool:
    """Run what is due of one data set. Returns: whether all of it succeeded."""
    try:
        windows = _windows(installation, name, window)
        if not windows:
            return True
        with _without_notices():
            from assay.assets.dagster.definitions import definitions_of

            definitions = definitions_of(installation.contract(name))
    except BaseException as error:
        console.print(f"[bold]{name}[/]")
        _refuse(installation, error, name, "preparing the run")
        return False
    results = [
        _run_window(installation, opened, definitions, name, part, engine) for part in windows
    ]
    return all(results)


def _run_window(
    installation: Installation,
    opened: Any,
    definitions: Any,
    name: str,
    window: str | None,
    engine: str | None,
) -> bool:
    try:
        return run_one(installation, opened, definitions, name, window, engine)
    except BaseException as error:
        _refuse(installation, error, name, "the run")
        return False


def _refuse(installation: Installation, error: BaseException, name: str | None, place: str) -> None:
    """Show a failure in one sentence; what must stop the process goes through."""
    from assay.assets.io.failures import must_stop, unexpected

    if must_stop(error):
        raise error
    failure = unexpected(installation.home.root, error, name, place)
    err.print(f"  [red]✗[/] assay: {escape(str(failure))}", highlight=False, soft_wrap=True)


def _show_late(installation: Installation, wanted: list[str]) -> None:
    """What these data sets still owe others: it goes out later, and `assay status` shows it."""
    late = [
        entry
        for entry in installation.registry.outbox.pending()
        if entry.tries and entry.dataset in wanted
    ]
    for entry in late:
        text = f"{entry.dataset}: {entry.kind} is not delivered yet: {entry.reason}"
        err.print(f"  [yellow]![/] {escape(text)}", highlight=False, soft_wrap=True)


def _show_summary(results: list[tuple[str, bool]]) -> None:
    failed = [name for name, succeeded in results if not succeeded]
    text = f"{len(results) - len(failed)} of {len(results)} data sets succeeded"
    console.print(f"{text}; failed: {', '.join(failed)}" if failed else f"{text}.", highlight=False)


def _windows(installation: Installation, name: str, window: str | None) -> list[str | None]:
    """What to run: the window as it was named, or, of a partitioned data set, each partition that is named or due, or all of them together."""
    from assay.assets.stages.partition_runs import parts
    from assay.assets.stages.run import Run
    from assay.pipelines.publish.partitions import describe_partitions

    contract = installation.contract(name)
    wanted = contract.source.partitions
    if wanted is None:
        return [window]
    taken = [
        str(part.window) for part in parts(Run(installation, contract, str(uuid.uuid4()), window))
    ]
    if not taken:
        console.print(f"[bold]{name}[/]\n  nothing is due")
    return [describe_partitions(taken)] if taken and wanted.backfill == "together" else [*taken]


def run_one(
    installation: Installation,
    opened: Any,
    definitions: Any,
    name: str,
    window: str | None,
    engine: str | None = None,
) -> bool:
    """Run one data set with a line for each stage. Returns: whether it succeeded; if not, the reason was printed."""
    from assay.assets.dagster.instance import execute
    from assay.assets.io.work_progress import progress_shown_by
    from assay.contracts.errors import AssayError

    console.print(f"[bold]{name}[/]")
    with Progress(
        SpinnerColumn(),
        TextColumn("  {task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        lines = _StageLines(progress, installation, name)
        try:
            with _without_notices(), progress_shown_by(lines.show_work):
                execute(opened, definitions, name, window, engine, lines.show_event)
        except AssayError as error:
            err.print(f"  [red]✗[/] assay: {escape(str(error))}", highlight=False, soft_wrap=True)
            installation.deliver_outbox()  # lineage hears of the failure now, not with the next publication
            return False
    return True


class _StageLines:
    """The line of the stage that runs, and one for each stage that has ended."""

    def __init__(self, progress: Progress, installation: Installation, name: str) -> None:
        self._progress, self._installation, self._name = progress, installation, name
        self._task = progress.add_task("starting")
        self._stage, self._since_s = "starting", time.monotonic()

    def show_work(self, doing: str) -> None:
        """Show what the stage is doing."""
        self._progress.update(self._task, description=f"{self._stage}: {escape(doing)}")

    def show_event(self, happening: Happening) -> None:
        """Show that a stage has started, or has ended."""
        if happening.what == "started":
            stage = happening.asset.replace("__", " → ")
            self._stage = stage.replace("publish", "cleaned, published")
            self._progress.update(self._task, description=self._stage)
        elif happening.what == "made":
            self._show_made(happening.asset.split("/")[-1], happening.details)
            self._since_s = time.monotonic()

    def _show_made(self, stage: str, details: dict[str, Any]) -> None:
        took = f"[dim]{time.monotonic() - self._since_s:5.1f} s[/]"
        lines = [f"  [green]✓[/] {stage:<10} {took}  {escape(summary(stage, details))}"]
        if details.get("undeclared_columns"):
            lines.append(f"  [yellow]![/] {escape(self._undeclared(details))}")
        if details.get("far_years"):
            lines.append(f"  [yellow]![/] {escape(details['far_years'])}")
        if details.get("not_expired"):
            lines.append(f"  [yellow]![/] {escape(details['not_expired'])}; see `assay clock`")
        for line in lines:
            self._progress.console.print(line, highlight=False, soft_wrap=True)

    def _undeclared(self, details: dict[str, Any]) -> str:
        """The columns that the contract does not declare, by name where the terminal may have it."""
        from assay.assets.services.undeclared import undeclared_columns

        columns = undeclared_columns(self._installation, self._name, details.get("sha256", "none"))
        if not columns:
            return str(details["undeclared_columns"])
        return f"not published, since the contract does not declare them: {', '.join(columns)}"


def summary(stage: str, details: dict[str, Any]) -> str:
    """What one stage did, in one line."""
    match stage:
        case "landed":
            files = f" of {details['files']:,} files" if details.get("files", 1) > 1 else ""
            again = " — unchanged, not landed again" if details["unchanged"] else ""
            return f"{details['dagster/row_count']:,} rows{files}, {details['unreadable_lines']} unreadable records{again}{_describe_late(details)}"
        case "admitted":
            window = f" of {details['window']}" if details["window"] != "all" else ""
            held = details["verdict"] == "held"  # a run that is not approved stops
            outcome = "approved by two stewards" if held else details["verdict"]
            return f"{outcome}: {details['license']} {details['license_verdict']}, {details['rows']:,} rows{window}"
        case "cleaned":
            return f"{details['rows_in']:,} in = {details['dagster/row_count']:,} kept + {details['quarantined']:,} quarantined + {details['removed']:,} removed; {details['checks_passed_pct']:.0f} % of checks passed"
        case "published":
            return _publication(details)
        case "features":
            fallen = f", {details['fallbacks']} of them on polars" if details["fallbacks"] else ""
            before = "" if details["new"] else " — made before"
            return f"{details['features']} features of {details['version']} on {details['engine']}{fallen}{before}"
        case "drift":
            return f"{details['verdict']} against {details['reference']} → {details['decision']}"
        case "model" | "index":
            return f"{details['outcome']}: {details['reason']}"
    return ""


def _describe_late(details: dict[str, Any]) -> str:
    """Rows near a watermark that came late, and those that came too late to be read."""
    late, missed = details.get("late_rows", 0), details.get("missed_rows", 0)
    text = f"; {late:,} late rows were read" if late else ""
    if missed:
        text += f"; {missed:,} rows are older than the watermark's overlap and were not read: raise `overlap`, or load them with a `query`"
    return text


def _publication(details: dict[str, Any]) -> str:
    from assay.assets.io.registry.references import AGAIN

    version = details["version"]
    if details["new"]:
        return f"{version}: {details['note']}"
    latest = ""
    if details["latest"] != version:
        latest = f" (latest is {details['latest']})"
    elif details["latest_because"] == AGAIN:
        latest = " (latest points to it again)"
    return f"nothing new: already published as {version}{latest}"
