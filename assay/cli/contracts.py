"""`assay contracts`: contracts compared, upgraded, exported, documented."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, DatasetOrVersion, command_group, examples, split_name
from assay.cli.render import (
    ABSENT,
    console,
    escape,
    print_result,
    show_progress,
    table,
    write_output,
)
from assay.contracts.errors import ContractError, Where, shown

if TYPE_CHECKING:
    from assay.contracts.document import Document

contracts_app = command_group(
    "contracts",
    "Compare, upgrade, export and document contracts.",
    "assay contracts diff main:contracts/flights.odcs.yaml contracts/flights.odcs.yaml",
    "assay contracts export flights --to croissant",
)
SEVERITIES = ("error", "warning", "info")


@contracts_app.command(
    epilog=examples(
        "assay contracts diff v1.odcs.yaml v2.odcs.yaml",
        "assay contracts diff main:contracts/flights.odcs.yaml contracts/flights.odcs.yaml",
    )
)
def diff(
    old: Annotated[str, typer.Argument(help="A contract's file, or REVISION:FILE in git.")],
    new: Annotated[str, typer.Argument(help="The new contract: a file, or REVISION:FILE in git.")],
    as_json: AsJson = False,
) -> None:
    """Compare two contracts: each change, and the version number they require.

    Exit code 1 if a change is breaking and the new version number does not show it.
    """
    comparison = compare_contracts(old, new)
    print_result(comparison, as_json, show_comparison)
    raise typer.Exit(1 if comparison["breaking"] and not comparison["version_suffices"] else 0)


def compare_contracts(old: str, new: str) -> dict[str, Any]:
    """Every change between two contracts, classified, and the version number they require.

    Args:
        old, new: a file, or REVISION:FILE in git.
    """
    from assay.contracts.compatibility import compare

    comparison = compare(read_document(old).data, read_document(new).data)
    return {
        "old_version": comparison.old_version,
        "new_version": comparison.new_version,
        "level": comparison.level,
        "breaking": comparison.breaking,
        "demanded_version": comparison.demanded_version,
        "version_suffices": comparison.version_suffices,
        "changes": [{**asdict(change), "text": change.text} for change in comparison.changes],
    }


def read_document(name: str) -> Document:
    """A contract of any version as ODCS v3.2.0.

    Raises: ContractError(s): it does not conform to the standard.
    """
    from assay.assets.io.home import contract_text
    from assay.contracts.document import parse
    from assay.contracts.load import newest
    from assay.contracts.problems import as_error
    from assay.contracts.standard import schema_problems

    is_in_git = ":" in name and not Path(name).exists()
    text = _committed_text(name) if is_in_git else contract_text(Path(name))
    document = parse(text, name)
    if "dataContractSpecification" in (document.data or {}):
        return newest(document)
    errors = [problem for problem in schema_problems(document) if problem.severity == "error"]
    if errors:
        raise as_error(errors)
    return newest(document)


def _committed_text(name: str) -> str:
    from assay.assets.io.git import show

    revision, _, file = name.partition(":")
    try:
        return show(revision, file)
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise ContractError(
            "git has no such file in that revision",
            "Name a file, or REVISION:FILE with the path from the repository's root",
            Where(file=name),
            "assay.file",
        ) from None


def show_comparison(data: dict[str, Any]) -> None:
    """Print every change between two contracts, breaking ones first, and the required version."""
    if not data["changes"]:
        console().print("Nothing changed.")
        return
    grid = table("Changes", "step", "what", "breaks", "")
    by_severity = sorted(data["changes"], key=lambda change: SEVERITIES.index(change["severity"]))
    for change in by_severity:
        broken = [side for side in ("producer", "consumer") if change[side] == "breaking"]
        grid.add_row(
            change["level"],
            escape(change["text"]),
            " and ".join(f"{side}s" for side in broken) or ABSENT,
            "" if change["direction"] == "neither" else change["direction"],
        )
    console().print(grid)
    verdict = "is enough" if data["version_suffices"] else "is too low"
    console().print(
        f"After {data['old_version']} these changes require {data['demanded_version']};"
        f" {data['new_version']} {verdict}.",
        highlight=False,
    )


@contracts_app.command(
    epilog=examples(
        "assay contracts upgrade old.odcs.yaml", "assay contracts upgrade old.odcs.yaml --write"
    )
)
def upgrade(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Contracts in an older version of ODCS, or Data Contract Specifications."
        ),
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Rewrite the files instead of printing the result.")
    ] = False,
) -> None:
    """Rewrite contracts as ODCS v3.2.0, and keep their comments."""
    for path in paths:
        text, notes = upgrade_contract(path, write=write)
        for note in notes or ["nothing to change"]:
            print(f"{path}: {note}", file=sys.stderr)
        if not write:
            print(text, end="")


def upgrade_contract(path: Path, *, write: bool) -> tuple[str, list[str]]:
    """A contract's text as ODCS v3.2.0, and what was changed.

    Args:
        write: write it back into the file, whole or not at all.
    """
    from assay.assets.io.home import contract_text
    from assay.assets.io.private import write_for_user
    from assay.contracts.upgrade import rewritten

    text, notes = rewritten(contract_text(path), shown(path))
    if write and notes:
        write_for_user(path, text)
    return text, notes


@contracts_app.command(epilog=examples("assay contracts export flights --to croissant"))
def export(
    name: Annotated[
        str, typer.Argument(help="A data set of this installation, or a contract's file.")
    ],
    to: Annotated[
        str,
        typer.Option(
            help="pandera, polars, great-expectations, jsonschema, croissant, openlineage, evidently or dagster."
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="A file. [default: standard output]")] = None,
) -> None:
    """Export a contract to another tool's format."""
    text = export_contract(name, to)
    if output is None:
        print(text)
    else:
        write_output(output, text)


def export_contract(name: str, to: str) -> str:
    """A contract in another tool's format."""
    from assay.assets.io.contract_folder import ContractFolder, named
    from assay.assets.io.home import home, read_contract
    from assay.contracts.exports import export

    file = Path(name)
    contract = read_contract(file) if file.is_file() else named(ContractFolder(home()), name)
    return export(contract, to)


@contracts_app.command(epilog=examples("assay contracts docs flights"))
def docs(
    name: DatasetOrVersion,
    output: Annotated[
        Path | None, typer.Option(help="A folder. [default: below the installation's reports]")
    ] = None,
) -> None:
    """Create Great Expectations Data Docs of a published version."""
    with show_progress("validating the version with Great Expectations"):
        first_page = write_data_docs(*split_name(name), output)
    print(first_page)


def write_data_docs(name: str, version: str | None, folder: Path | None) -> str:
    """Write Data Docs of a published version. Returns: the file of the first page."""
    from assay.assets.io.private import users_files
    from assay.assets.services.docs import document

    installation = open_installation()
    with users_files() if folder else nullcontext():
        pages = document(installation, name, version, folder)
    return shown(Path(pages["index"]))
