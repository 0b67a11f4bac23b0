"""`assay sources`: the name behind a label. Creating labels is in assets/io/names.py."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Why, command_group, examples
from assay.cli.render import escape, print_line, print_result
from assay.contracts.errors import ConfigurationError

sources_app = command_group(
    "sources",
    "Look up the names of delivered files.",
    'assay sources reveal file-7f3a9c12d4e5.csv --why "ask for it again"',
)


@sources_app.command(
    epilog=examples('assay sources reveal file-7f3a9c12d4e5.csv --why "ask for it again"')
)
def reveal(
    label: Annotated[str, typer.Argument(help="The label, as a message or the evidence shows it.")],
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Show the name of a delivered file behind its label.

    The audit log keeps who looked it up, and why.
    """
    print_result(reveal_name(label, why), as_json, show_revealed)


def reveal_name(label: str, why: str) -> dict[str, Any]:
    """Look up the name behind a label. The audit log has the look-up before the name is shown.

    Raises: ConfigurationError: it is not a label, or no data set of this installation keeps its
        name.
    """
    from assay.assets.io.names import LABEL, look_up
    from assay.contracts.location import one_line

    wanted = label.strip("'\" ").rpartition("/")[2]
    if not LABEL.fullmatch(wanted):
        raise ConfigurationError(
            "this is not the label of a file",
            "Give the label as messages and evidence show it, such as file-7f3a9c12d4e5.csv",
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
        "Check that the label is complete, and that ASSAY_HOME is the installation that received"
        " the delivery"
    )
    raise ConfigurationError(f"this installation keeps no name for the label {wanted}", remedy)


def show_revealed(data: dict[str, Any]) -> None:
    """Print the name behind a label, in one line."""
    print_line(escape(data["name"]))
