"""`assay reveal`: the name behind a label. Making labels is in assets/io/names.py."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Why
from assay.cli.render import escape, print_line, print_result
from assay.contracts.errors import ConfigurationError


def reveal(
    label: Annotated[str, typer.Argument(help="As a message or the evidence shows it.")],
    why: Why,
    as_json: AsJson = False,
) -> None:
    """The name of a delivered file, object or member behind its label; who looked it up, and why, is kept. Example: `assay reveal file-7f3a9c12d4e5.csv --why "ask for it again"`"""
    print_result(reveal_name(label, why), as_json, show_revealed)


def reveal_name(label: str, why: str) -> dict[str, Any]:
    """The name that a label stands for. The look-up is in the audit log before the name is shown.

    Raises: ConfigurationError: it is no label, or no data set of this installation keeps its name.
    """
    from assay.assets.io.names import LABEL, look_up
    from assay.contracts.location import one_line

    wanted = label.strip("'\" ").rpartition("/")[2]
    if not LABEL.fullmatch(wanted):
        raise ConfigurationError(
            "that is no label of a name",
            "Give one as messages and the evidence show it, such as file-7f3a9c12d4e5.csv",
        )
    installation = open_installation()
    for dataset in installation.contracts:
        folder = installation.lake.folder(dataset, "landed")
        if look_up(folder, wanted) is None:
            continue
        installation.registry.ledger.note("name revealed", dataset, {"label": wanted, "why": why})
        name = one_line(look_up(folder, wanted) or "")
        return {"label": wanted, "dataset": dataset, "name": name}
    remedy = (
        "Check that it is written whole; names are kept below `landed` of the installation that"
        " took the delivery in"
    )
    raise ConfigurationError(f"no name is kept for the label {wanted}", remedy)


def show_revealed(data: dict[str, Any]) -> None:
    """Print the name behind a label, in one line."""
    print_line(escape(data["name"]))
