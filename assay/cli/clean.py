"""`assay clean suggest` and `assay explain`: cleaning steps proposed, and what they did to a row.

Trying steps is in assets/services/suggest.py, recomputing a row in assets/services/explain.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, DatasetOrVersion, split_name
from assay.cli.render import ABSENT, console, escape, print_line, print_result, show_progress, table

if TYPE_CHECKING:
    from assay.contracts.model import Contract

clean_app = typer.Typer(
    name="clean",
    help="Cleaning steps, proposed from the data.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@clean_app.command("suggest")
def clean_suggest(
    name: Annotated[str, typer.Argument(help="A data set of this installation.")],
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Put the steps into the contract; without it they are printed."
        ),
    ] = False,
    ask: Annotated[
        Path | None,
        typer.Option(
            "--ask",
            help="Write the 20 rows that show most of how values are written to this CSV file, for you to put right.",
        ),
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(
            "--corrected",
            help="That file, put right: it teaches patterns, and which steps do harm.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose cleaning steps from the source's rows, each with its reason. Examples: `assay clean suggest beers --ask rows.csv`, `assay clean suggest beers --corrected rows.csv --write`"""
    if ask:
        print_result(write_rows_to_correct(name, ask), as_json, show_rows_to_correct)
    else:
        suggestions = suggest_steps(name, write=write, corrected=corrected)
        print_result(suggestions, as_json, show_suggested)


def write_rows_to_correct(name: str, to: Path) -> dict[str, Any]:
    """Write the rows that show most of how values are written, for somebody to put right."""
    from assay.assets.io.private import write_for_user
    from assay.assets.services.suggest import ask

    installation = open_installation()
    with show_progress() as show:
        text = ask(installation, installation.contract(name), told=show)
    write_for_user(to, text)
    return {"dataset": name, "asked": str(to)}


def show_rows_to_correct(data: dict[str, Any]) -> None:
    """Print where the rows are, and what to do with them."""
    file = escape(data["asked"])
    cells = "leave '_row' and an apostrophe before =, +, - or @ as they are"
    command = f"assay clean suggest {data['dataset']} --corrected {file}"
    print_line(f"{file}: put the cells right, {cells}, then: {command}")


def suggest_steps(name: str, *, write: bool, corrected: Path | None = None) -> dict[str, Any]:
    """The steps that a data set's rows speak for, each with its reason, as data and as YAML.

    Args:
        write: put them into the contract.
        corrected: the file of rows that a person has put right.
    """
    from assay.assets.services.suggest import suggest

    installation = open_installation()
    contract = installation.contract(name)
    with show_progress() as show:
        proposals = suggest(installation, contract, told=show, corrected=corrected)
    steps = [(proposal.as_yaml, proposal.reason) for proposal in proposals]
    if write and proposals:
        _write_steps(contract, steps)
    descriptions = [
        {
            "step": step,
            "reason": reason,
            "cells": dict(proposal.cells),
            "doubts": dict(proposal.doubts),
        }
        for proposal, (step, reason) in zip(proposals, steps, strict=True)
    ]
    return {
        "dataset": contract.name,
        "proposals": descriptions,
        "yaml": _steps_as_yaml(steps),
        "written": Path(contract.file).name if write and proposals else None,
    }


def _write_steps(contract: Contract, steps: Sequence[tuple[Any, str]]) -> None:
    """Put steps into a contract's file; what would be no contract any more is not written."""
    from assay.assets.io.home import contract_text
    from assay.assets.io.private import write_for_user
    from assay.contracts.edit import with_steps
    from assay.contracts.load import load

    file = Path(contract.file)
    before = sum(step.phase == "text" for step in contract.cleaning)
    text = with_steps(contract_text(file), contract.file, steps, before=before)
    load(text, contract.file)
    write_for_user(file, text)


def _steps_as_yaml(steps: Sequence[tuple[Any, str]]) -> str:
    from assay.pipelines.draft.writer import Flow, WithReason, yaml

    if not steps:
        return ""
    return yaml({"assay.cleaning": [WithReason(Flow(step), reason) for step, reason in steps]})


def show_suggested(data: dict[str, Any]) -> None:
    """Print steps to paste, or where they were put."""
    if not data["proposals"]:
        console().print("The rows speak for no step that is not there.")
    elif data["written"]:
        steps = f"{len(data['proposals'])} steps put into {escape(data['written'])}"
        commands = f"assay check, assay run {data['dataset']}"
        print_line(f"{steps}. Read them, then: {commands}")
    else:
        console().print(escape(data["yaml"]), end="", highlight=False, soft_wrap=True)


def explain(
    name: DatasetOrVersion,
    row: Annotated[
        int, typer.Option(help="The record's number in its source, as where rows are set aside.")
    ],
    as_json: AsJson = False,
) -> None:
    """What each cleaning step did to a row: before and after, and where it went. Example: `assay explain flights@1.0.0 --row 4711`"""
    print_result(explain_row(*split_name(name), row), as_json, show_explained)


def explain_row(name: str, version: str | None, row: int) -> dict[str, Any]:
    """What each cleaning step did to a row of a version."""
    from assay.assets.services.explain import explained

    installation = open_installation()
    contract = installation.contract(name)
    return explained(installation, contract, installation.version(name, version), row)


def show_explained(data: dict[str, Any]) -> None:
    """Print a row on its way: what each step did to it, and where it ended."""
    title = f"Row {data['row']} of {data['dataset']}@{data['version']}"
    grid = table(title, "step", "column", "before", "after")
    for step in data["steps"]:
        for change in step["changes"]:
            cells = (change["column"], _cell(change["before"]), _cell(change["after"]))
            grid.add_row(step["step"], *map(escape, cells))
        for note in [*step["flags"], *([step["out"]] if step["out"] else [])]:
            grid.add_row(step["step"], "", "", escape(note))
    console().print(grid if grid.row_count else "No step changed it.")
    for line in data["learned"]:
        text = ", ".join(f"{key} {value}" for key, value in line.items())
        console().print(escape(text), highlight=False)
    reasons = f": {'; '.join(data['reasons'])}" if data["reasons"] else ""
    console().print(f"{data['outcome']}{reasons}", highlight=False, markup=False)


def _cell(value: object) -> str:
    return ABSENT if value is None else str(value)
