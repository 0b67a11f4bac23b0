"""`assay verify`. The comparison of everything signed is in assay/verifying.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.options import AsJson, split_name
from assay.cli.render import console, escape, print_result, show_progress

EXAMPLES = ("assay verify flights@1.0.0", "assay verify flights", "assay verify --all")


def verify(
    name: Annotated[
        str | None, typer.Argument(help="NAME@VERSION, or NAME for all its versions.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every version, and the audit log.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="A copy of another installation's evidence and lake.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The public key that must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare versions with their signed evidence, offline."""
    from assay.verifying import verify as verify_signed

    if (name is None) != all_:
        raise typer.BadParameter("give NAME@VERSION, or --all")
    with show_progress("comparing with the evidence"):
        results = verify_signed(split_name(name) if name else None, home, key)
    print_result(results, as_json, show_verified)
    problems = [entry["problem"] for entry in results if "problem" in entry]
    for problem in problems:
        print(f"assay: {problem}", file=sys.stderr)
    if problems or any(_is_unknown(entry) for entry in results):
        raise typer.Exit(1)


def _is_unknown(entry: dict[str, Any]) -> bool:
    """Whether nothing of a part could be evaluated: an extra is missing."""
    return "problem" not in entry and not entry["checked"] and bool(entry.get("unknown"))


def show_verified(data: list[dict[str, Any]]) -> None:
    """Print what was verified of each version, and what differs from its evidence."""
    for entry in data:
        mark = "[bold red]✗[/]" if "problem" in entry else "[bold green]✓[/]"
        if _is_unknown(entry):
            mark = "[bold yellow]?[/]"
        version = f"@{entry['version']}" if entry["version"] else ""
        console().print(f"{mark} [bold]{entry['dataset']}{version}[/]")
        for line in entry["checked"]:
            console().print(f"    {escape(line)}")
        for line in entry.get("unknown", ()):
            console().print(f"    not evaluated: {escape(line)}", style="yellow", soft_wrap=True)
    console().print(_closing_line(data))


def _closing_line(data: list[dict[str, Any]]) -> str:
    problems = sum("problem" in entry for entry in data)
    good = sum("problem" not in entry and not _is_unknown(entry) for entry in data)
    unknown = sum(len(entry.get("unknown", ())) for entry in data)
    rest = f" {unknown} checks were not evaluated." if unknown else ""
    if problems:
        return f"{good} verified; {problems} differ from their evidence.{rest}"
    return f"{good} verified; nothing differs from its evidence.{rest}"
