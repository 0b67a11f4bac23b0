"""`assay verify`. The walk over everything signed is in assay/verifying.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.options import AsJson, split_name
from assay.cli.render import console, escape, print_result


def verify(
    name: Annotated[
        str | None, typer.Argument(help="NAME@VERSION, or NAME for all its versions")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every version, and the audit log.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="A copy of another installation's evidence and lake.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The public key that must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold versions against their signed evidence, offline. Examples: `assay verify flights@1.0.0`, `assay verify --all`"""
    from assay.verifying import verify as verify_signed

    if (name is None) != all_:
        raise typer.BadParameter("give NAME@VERSION, or --all")
    results = verify_signed(split_name(name) if name else None, home, key)
    print_result(results, as_json, show_verified)
    problems = [entry["problem"] for entry in results if "problem" in entry]
    for problem in problems:
        print(f"assay: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


def show_verified(data: list[dict[str, Any]]) -> None:
    """Print what was checked of each version, and what is not as signed."""
    for entry in data:
        mark = "[bold red]✗[/]" if "problem" in entry else "[bold green]✓[/]"
        version = f"@{entry['version']}" if entry["version"] else ""
        console().print(f"{mark} [bold]{entry['dataset']}{version}[/]")
        for line in entry["checked"]:
            console().print(f"    {escape(line)}")
    good = [entry for entry in data if "problem" not in entry]
    if len(good) == len(data):
        console().print(f"{len(data)} verified, nothing differs from its evidence.")
    else:
        console().print(f"{len(good)} verified, {len(data) - len(good)} are not as signed.")
