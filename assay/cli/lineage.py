"""`assay lineage`: who used a version for what, and what a trace led to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, DatasetOrVersion, command_group, examples, split_name
from assay.cli.render import ABSENT, console, escape, print_result, show_progress, table

lineage_app = command_group(
    "lineage",
    "Show who used a version, and what a trace led to.",
    "assay lineage used-by flights@1.0.0",
    "assay lineage trace 4bf92f3577b34da6a3ce929d0e0e4736",
)


@lineage_app.command(
    "trace", epilog=examples("assay lineage trace 4bf92f3577b34da6a3ce929d0e0e4736")
)
def trace(
    trace: Annotated[str, typer.Argument(help="A W3C traceparent, a trace id, or a run's id.")],
    as_json: AsJson = False,
) -> None:
    """Show what a trace or a run led to: reads, trainings, predictions, versions."""
    from assay.assets.services import trace as traces

    with show_progress("following the trace"):
        events = traces.why(open_installation(), trace)
    print_result(events, as_json, show_trace)


def show_trace(data: dict[str, Any]) -> None:
    """Print what a trace led to."""
    grid = table(f"Trace {data['trace_id']}", "at", "what", "data set", "")
    for entry in data["entries"]:
        details = (
            f"{key.replace('_', ' ')}: {_render_detail(value)}"
            for key, value in entry["told"].items()
            if value not in (None, [], "")
        )
        grid.add_row(
            (entry["at"] or ABSENT)[:19],
            entry["kind"],
            f"{entry['dataset']}@{entry['version']}",
            escape("; ".join(details)),
        )
    console().print(grid)


def _render_detail(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@lineage_app.command("used-by", epilog=examples("assay lineage used-by flights@1.0.0"))
def used_by(name: DatasetOrVersion, as_json: AsJson = False) -> None:
    """Show what was built from a version, and who used it for what."""
    from assay.assets.services import trace as traces

    print_result(traces.used_by(open_installation(), *split_name(name)), as_json, show_users)


def show_users(data: dict[str, Any]) -> None:
    """Print what was built from a version, and every use of it."""
    products = table(f"{data['dataset']}@{data['version']}", "", "")
    for kind, description in data["made"].items():
        products.add_row(kind, escape(description))
    for role, version in data["serving"].items():
        products.add_row(f"serving as {role}", f"version {version}")
    if data["data_sets"]:
        products.add_row("data sets derived from it", ", ".join(data["data_sets"]))
    console().print(products)
    uses = table("Uses", "at", "kind", "purpose", "by", "trace", "")
    for use in data["uses"]:
        details = (
            f"{key.replace('_', ' ')} {use[key]}"
            for key in ("model", "model_version", "rows")
            if key in use
        )
        uses.add_row(
            use["at"][:19],
            use["kind"],
            use["purpose"] + ("" if use["allowed"] else " (refused)"),
            use["by"],
            use["trace_id"] or ABSENT,
            ", ".join(details),
        )
    console().print(uses if data["uses"] else "No use is recorded.")
