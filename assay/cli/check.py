"""`assay check`. The checks are in assay/checking.py, their output formats in assay/reports.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.options import AsJson
from assay.cli.render import show_progress, write_output

EXAMPLES = (
    "assay check",
    "assay check contracts/datasets --json",
    "assay check --base origin/main",
    "assay check --format github --format sarif=assay.sarif",
)
Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Contracts, or folders of them. [default: ./contracts, or ASSAY_CONTRACTS]"
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        help="A git revision. Contracts changed since then are compared with it, and their new rules are tried on published data."
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="text, json, junit, sarif, github, gitlab or markdown; add =FILE to write to a file. Can be repeated.",
        metavar="FORMAT[=FILE]",
    ),
]
FailOn = Annotated[
    str, typer.Option(help="Exit code 1 from this severity on: error, warning or never.")
]


def check(
    paths: Paths = None,
    base: Base = None,
    formats: Formats = None,
    fail_on: FailOn = "error",
    as_json: AsJson = False,
) -> None:
    """Check contracts against the standard, Assay's settings and the policies."""
    from assay.checking import check_contracts
    from assay.reports import FORMATS, exit_code, render

    wanted = [*(formats or []), *(["json"] if as_json else [])] or ["text"]
    outputs = [_split_format(text, FORMATS) for text in wanted]
    if sum(file is None for _, file in outputs) > 1 and as_json:
        raise typer.BadParameter("give --format a =FILE next to --json", param_hint="--json")
    if fail_on not in ("error", "warning", "never"):
        raise typer.BadParameter("choose error, warning or never", param_hint="--fail-on")
    with show_progress("checking the contracts"):
        outcome = check_contracts(paths or [], base)
    for name, file in outputs:
        if file is None:
            print(render(outcome, name), end="")
        else:
            write_output(file, render(outcome, name))
    raise typer.Exit(exit_code(outcome, fail_on))


def _split_format(text: str, formats: Iterable[str]) -> tuple[str, Path | None]:
    """`sarif=FILE` or `text` -> the format, and where it goes."""
    name, _, file = text.partition("=")
    if name not in formats:
        raise typer.BadParameter(
            f"choose {', '.join(formats)}, not '{name}'", param_hint="--format"
        )
    return name, Path(file) if file else None
