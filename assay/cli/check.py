"""`assay check`. The checks are in assay/checking.py, their output formats in assay/reports.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.render import write_output

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Contracts, or folders of them; ./contracts, or ASSAY_CONTRACTS, by default."
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        help="A git revision: contracts that changed since are compared, and their new rules tried on published data."
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="text, json, junit, sarif, github, gitlab or markdown; with =FILE into a file. May be given several times.",
        metavar="FORMAT[=FILE]",
    ),
]
FailOn = Annotated[
    str, typer.Option(help="error, warning or never: from what on the exit code is 1.")
]


def check(
    paths: Paths = None, base: Base = None, formats: Formats = None, fail_on: FailOn = "error"
) -> None:
    """Check contracts: the standard, our settings, the policies, and what a change would break.

    Examples: `assay check contracts/datasets`, `assay check --base origin/main --format github --format sarif=assay.sarif`
    """
    from assay.checking import check_contracts
    from assay.reports import FORMATS, exit_code, render

    outputs = [_split_format(text, FORMATS) for text in formats or ["text"]]
    if fail_on not in ("error", "warning", "never"):
        raise typer.BadParameter("choose error, warning or never", param_hint="--fail-on")
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
        raise typer.BadParameter(f"'{name}' is none of {', '.join(formats)}", param_hint="--format")
    return name, Path(file) if file else None
