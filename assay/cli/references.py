"""`assay refs` and `assay rollback`: names that point to versions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.options import AsJson, Dataset, Why, split_name
from assay.cli.render import ABSENT, console, escape, print_result, table

refs_app = typer.Typer(
    name="refs",
    help="Names that point to versions: latest, prod, canary, or your own.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Reference = Annotated[str, typer.Argument(help="The reference.")]


@refs_app.command("list")
def refs_list(
    name: Annotated[
        str | None, typer.Argument(help="A data set; all of them unless named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Where references point, who moved them there, when and why. Example: `assay refs list flights`"""
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


@refs_app.command("set")
def refs_set(
    version: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME@REFERENCE")],
    ref: Reference,
    why: Why,
) -> None:
    """Point a reference to a version. Example: `assay refs set flights@1.1.0 prod --why "checked by the airline"`"""
    from assay.reading import point

    name, number = split_name(version)
    if not number:
        raise typer.BadParameter("give NAME@VERSION")
    print(point(name, number, ref, why))


@refs_app.command("delete")
def refs_delete(name: Dataset, ref: Reference, why: Why) -> None:
    """Delete a reference; where it pointed stays in the audit log. Example: `assay refs delete flights canary --why "over"`"""
    from assay.reading import unpoint

    print(unpoint(name, ref, why))


def rollback(
    name: Dataset,
    why: Why,
    ref: Annotated[str, typer.Option(help="The reference to move back.")] = "latest",
    to: Annotated[
        str | None,
        typer.Option(help="The version to move it to; where it pointed before unless given."),
    ] = None,
) -> None:
    """Move a reference back. The next publication moves `latest` on again; other references stay. Example: `assay rollback flights --ref prod --why "wrong carrier codes"`"""
    from assay.reading import rolled_back

    print(rolled_back(name, ref, to, why))
