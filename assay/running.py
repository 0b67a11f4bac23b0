"""Runs, shown while they happen.

Belongs here: progress and the line that closes each data set. Stays out: the running (assets/dagster/instance.py).
"""

from __future__ import annotations

import time
import uuid
import warnings
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation

console = Console()
err = Console(stderr=True)


def run_all(names: list[str], window: str | None, engine: str | None = None) -> bool:
    """Run the data sets one after the other, all of them if none is named; one that fails does not stop the others.

    Returns: whether all of them succeeded.
    """
    from assay.assets.io.installation import Installation
    from assay.contracts.upstream import in_order

    installation = Installation.open()
    wanted = [installation.contract(name).name for name in names] or in_order(
        installation.contracts
    )
    installation.settle()
    with console.status("starting Dagster…"), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Dagster's own previews and deprecations are not the user's concern
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


def _end_lost(installation: Installation, opened: Any) -> None:
    """End runs that were lost before; what goes wrong with that stops no run."""
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
        return run_one(opened, definitions, name, window, engine)
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
    opened: Any, definitions: Any, name: str, window: str | None, engine: str | None = None
) -> bool:
    """Run one data set with a line for each stage. Returns: whether it succeeded; if not, the reason was printed."""
    from assay.assets.dagster.instance import LISTENERS, Happening, execute
    from assay.assets.io import work_progress
    from assay.contracts.errors import AssayError

    console.print(f"[bold]{name}[/]")
    with Progress(
        SpinnerColumn(),
        TextColumn("  {task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("starting")
        since = time.monotonic()

        stage = "starting"

        def at(doing: str) -> None:
            progress.update(task, description=f"{stage}: {escape(doing)}")

        def on_event(happening: Happening) -> None:
            nonlocal since, stage
            if happening.what == "started":
                stage = happening.asset.replace("__", " → ").replace(
                    "publish", "cleaned, published"
                )
                progress.update(task, description=stage)
            elif happening.what == "made":
                made = happening.asset.split("/")[-1]
                took = f"[dim]{time.monotonic() - since:5.1f} s[/]"
                progress.console.print(
                    f"  [green]✓[/] {made:<10} {took}  {escape(summary(made, happening.details))}",
                    highlight=False,
                    soft_wrap=True,
                )
                if happening.details.get("not_expired"):
                    progress.console.print(
                        f"  [yellow]![/] {escape(happening.details['not_expired'])}; see `assay clock`",
                        highlight=False,
                        soft_wrap=True,
                    )
                since = time.monotonic()

        LISTENERS.append(on_event)
        work_progress.LISTENERS.append(at)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                execute(opened, definitions, name, window, engine)
        except AssayError as error:
            err.print(f"  [red]✗[/] assay: {escape(str(error))}", highlight=False, soft_wrap=True)
            return False
        finally:
            LISTENERS.remove(on_event)
            work_progress.LISTENERS.remove(at)
    return True


def summary(stage: str, made: dict[str, Any]) -> str:
    """What one stage did, in one line."""
    from assay.assets.io.registry.references import AGAIN

    match stage:
        case "landed":
            files = f" of {made['files']:,} files" if made.get("files", 1) > 1 else ""
            return (
                f"{made['dagster/row_count']:,} rows{files}, {made['unreadable_lines']} unreadable lines"
                + (" — unchanged, not landed again" if made["unchanged"] else "")
            )
        case "admitted":
            return (
                f"{made['verdict']}: {made['license']} {made['license_verdict']}, {made['rows']:,} rows"
                + (f" of {made['window']}" if made["window"] != "all" else "")
            )
        case "cleaned":
            return f"{made['rows_in']:,} in = {made['dagster/row_count']:,} kept + {made['quarantined']:,} quarantined + {made['removed']:,} removed; {made['checks_passed_pct']:.0f} % of checks passed"
        case "published":
            if made["new"]:
                return f"{made['version']}: {made['note']}"
            latest = (
                f"latest is {made['latest']}"
                if made["latest"] != made["version"]
                else "latest is there again"
                if made["latest_because"] == AGAIN
                else ""
            )
            return f"nothing new: already published as {made['version']}" + (
                f" ({latest})" if latest else ""
            )
        case "features":
            fallen = f", {made['fallbacks']} of them on polars" if made["fallbacks"] else ""
            return (
                f"{made['features']} features of {made['version']} on {made['engine']}{fallen}"
                + ("" if made["new"] else " — made before")
            )
        case "drift":
            return f"{made['verdict']} against {made['reference']} → {made['decision']}"
        case "model" | "index":
            return f"{made['outcome']}: {made['reason']}"
    return ""
