"""`assay clean suggest`: cleaning steps proposed. Trying steps is in assets/services/suggest.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, command_group, examples
from assay.cli.render import console, escape, print_line, print_result, show_progress

if TYPE_CHECKING:
    from assay.contracts.model import Contract

clean_app = command_group(
    "clean",
    "Suggest cleaning steps from the data.",
    "assay clean suggest beers",
)


@clean_app.command(
    "suggest",
    epilog=examples(
        "assay clean suggest beers",
        "assay clean suggest beers --ask rows.csv",
        "assay clean suggest beers --corrected rows.csv --write",
    ),
)
def clean_suggest(
    name: Annotated[str, typer.Argument(help="A data set of this installation.")],
    write: Annotated[
        bool,
        typer.Option("--write", help="Add the steps to the contract instead of printing them."),
    ] = False,
    ask: Annotated[
        Path | None,
        typer.Option(
            "--ask",
            help="Write the 20 most informative rows to this CSV file, for you to correct.",
        ),
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(
            "--corrected",
            help="That file, corrected. Suggestions are then learned from your corrections.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Suggest cleaning steps from the source's rows, each with its reason."""
    if ask:
        print_result(write_rows_to_correct(name, ask), as_json, show_rows_to_correct)
    else:
        suggestions = suggest_steps(name, write=write, corrected=corrected)
        print_result(suggestions, as_json, show_suggested)


def write_rows_to_correct(name: str, to: Path) -> dict[str, Any]:
    """Write the rows that show most of how values are written, for a person to correct."""
    from assay.assets.io.private import write_for_user
    from assay.assets.services.suggest import ask

    installation = open_installation()
    with show_progress() as show:
        text = ask(installation, installation.contract(name), progress=show)
    write_for_user(to, text)
    return {"dataset": name, "asked": str(to)}


def show_rows_to_correct(data: dict[str, Any]) -> None:
    """Print where the rows are, and what to do with them."""
    file = escape(data["asked"])
    unchanged = "leave '_row', and an apostrophe before =, +, - or @, unchanged"
    command = f"assay clean suggest {data['dataset']} --corrected {file}"
    print_line(f"{file}: correct the cells; {unchanged}. Then: {command}")


def suggest_steps(name: str, *, write: bool, corrected: Path | None = None) -> dict[str, Any]:
    """The steps that a data set's rows suggest, each with its reason, as data and as YAML.

    Args:
        write: add them to the contract.
        corrected: the file of rows that a person has corrected.
    """
    from assay.assets.services.suggest import suggest

    installation = open_installation()
    contract = installation.contract(name)
    with show_progress() as show:
        proposals = suggest(installation, contract, progress=show, corrected=corrected)
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
    """Add steps to a contract's file; a text that would be no valid contract is not written."""
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
    """Print steps to paste, or where they were added."""
    if not data["proposals"]:
        console().print("The rows suggest no step in addition to those of the contract.")
    elif data["written"]:
        steps = f"{len(data['proposals'])} steps added to {escape(data['written'])}"
        commands = f"assay check, assay run {data['dataset']}"
        print_line(f"{steps}. Review them, then: {commands}")
    else:
        console().print(escape(data["yaml"]), end="", highlight=False, soft_wrap=True)
