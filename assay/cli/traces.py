"""`assay why` and `assay used-by`: what a trace led to, and who used a version for what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, DatasetOrVersion, split_name
from assay.cli.render import ABSENT, console, escape, print_result, table


def why(
    trace: Annotated[str, typer.Argument(help="A W3C traceparent, a trace id, or a run's id.")],
    as_json: AsJson = False,
) -> None:
    """What a trace led to: reads, trainings, predictions, versions, with data versions, filter rules and purposes. Example: `assay why 4bf92f3577b34da6a3ce929d0e0e4736`"""
    from assay.assets.services import trace as traces

    print_result(traces.why(open_installation(), trace), as_json, show_trace)


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


def used_by(name: DatasetOrVersion, as_json: AsJson = False) -> None:
    """What was made from a version, and who used it for what. Example: `assay used-by flights@1.0.0`"""
    from assay.assets.services import trace as traces

    print_result(traces.used_by(open_installation(), *split_name(name)), as_json, show_users)


def show_users(data: dict[str, Any]) -> None:
    """Print what was made from a version, and every use of it."""
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
    console().print(uses if data["uses"] else "Nobody has used it.")
