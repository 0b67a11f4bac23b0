"""`assay refs`: names that point to versions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.options import (
    AsJson,
    Dataset,
    SignatureKey,
    Why,
    command_group,
    examples,
    split_name,
)
from assay.cli.render import ABSENT, console, escape, print_result, table

refs_app = command_group(
    "refs",
    "List and move references to versions, such as latest and prod.",
    "assay refs list flights",
    'assay refs set flights@1.1.0 prod --why "approved by the airline"',
)
Reference = Annotated[str, typer.Argument(help="The reference.")]


@refs_app.command("list", epilog=examples("assay refs list", "assay refs list flights"))
def refs_list(
    name: Annotated[str | None, typer.Argument(help="A data set. [default: all]")] = None,
    as_json: AsJson = False,
) -> None:
    """List references: where they point, who moved them there, when and why."""
    from assay.reading import references

    print_result(references(name), as_json, show_references)


def show_references(data: list[dict[str, Any]]) -> None:
    """Print where every reference points."""
    grid = table("References", "name", "reference", "version", "moved", "by", "because")
    for entry in data:
        grid.add_row(
            entry["dataset"],
            entry["reference"],
            entry["version"],
            entry["at"][:19],
            entry["actor"] or ABSENT,
            escape(entry["reason"]),
        )
    console().print(grid if data else "Nothing has been published.")


@refs_app.command(
    "set",
    epilog=examples('assay refs set flights@1.1.0 prod --why "approved by the airline"'),
)
def refs_set(
    version: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME@REFERENCE.")],
    ref: Reference,
    why: Why,
    key: SignatureKey = None,
) -> None:
    """Point a reference to a version.

    `prod`, and references under `assay.approvals`, move once stewards have signed the request.
    """
    from assay.reading import point

    name, number = split_name(version)
    if not number:
        raise typer.BadParameter("give NAME@VERSION")
    print(point(name, number, ref, why, key))


@refs_app.command("delete", epilog=examples('assay refs delete flights canary --why "trial ended"'))
def refs_delete(name: Dataset, ref: Reference, why: Why, key: SignatureKey = None) -> None:
    """Delete a reference; the audit log keeps where it pointed.

    `prod`, and references under `assay.approvals`, go once stewards have signed the request.
    """
    from assay.reading import unpoint

    print(unpoint(name, ref, why, key))
