"""The commands about published versions: compared, pointed to, rolled back, expired.

Belongs here: parsing and printing of these. Stays out: everything else that the command line does (cli.py). Nothing heavy is imported at the top.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from assay.options import AsJson, Why

Dataset = Annotated[str, typer.Argument(help="A data set.")]

refs_app = typer.Typer(
    name="refs",
    help="Names that point to versions: latest, prod, canary, or your own.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (profile, diff, rollback, expire):
        app.command()(command)
    app.add_typer(refs_app)


def profile(
    name: Annotated[str, typer.Argument(help="NAME, NAME@VERSION or NAME@REFERENCE")],
    as_json: AsJson = False,
) -> None:
    """What each column of a version holds: missing and different values, range, quartiles, histogram, top values, lengths, patterns. Example: `assay profile flights@1.0.0`"""
    from assay.reading import profiled
    from assay.show import show_profile

    dataset, _, version = name.partition("@")
    _print(profiled(dataset, version or None), as_json, show_profile)


def diff(
    old: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME@REFERENCE")],
    new: Annotated[str, typer.Argument(help="Another version of the same data set.")],
    key: Annotated[
        str | None,
        typer.Option(
            help="Columns that tell rows apart, separated by commas; the contract's primary key unless given."
        ),
    ] = None,
    rows: Annotated[
        int,
        typer.Option(
            help="How many keys of added, removed and changed rows to show.", min=0, max=1000
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two versions: schema, rows added, removed and changed by key, columns, statistics, partitions.

    Examples: `assay diff flights@1.0.0 flights@latest`, `assay diff flights@prod flights@canary --key carrier,flight --rows 5`
    """
    from assay.reading import compared
    from assay.show import show_diff

    names = [text.partition("@")[::2] for text in (old, new)]
    if names[0][0] != names[1][0] or not all(version for _, version in names):
        raise typer.BadParameter("give NAME@VERSION twice, of one data set")
    _print(
        compared(
            names[0][0],
            names[0][1],
            names[1][1],
            [name.strip() for name in key.split(",")] if key else [],
            rows,
        ),
        as_json,
        show_diff,
    )


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


def expire(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets; all of them unless named.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close versions older than their contract's `retention.versions`; their files go a day later, their record and evidence stay. Example: `assay expire --dry-run`"""
    from assay.reading import check_contracts_can_be_read, expired
    from assay.show import show_expired

    _print(
        expired(names or [], rehearse=dry_run),
        as_json,
        lambda data: show_expired(data, rehearsed=dry_run),
    )
    if not names:
        check_contracts_can_be_read("none of its versions expires")


@refs_app.command("list")
def refs_list(
    name: Annotated[
        str | None, typer.Argument(help="A data set; all of them unless named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Where references point, who moved them there, when and why. Example: `assay refs list flights`"""
    from assay.reading import references
    from assay.show import show_references

    _print(references(name), as_json, show_references)


@refs_app.command("set")
def refs_set(
    version: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME@REFERENCE")],
    ref: Annotated[str, typer.Argument(help="The reference.")],
    why: Why,
) -> None:
    """Point a reference to a version. Example: `assay refs set flights@1.1.0 prod --why "checked by the airline"`"""
    from assay.reading import point

    name, _, number = version.partition("@")
    if not number:
        raise typer.BadParameter("give NAME@VERSION")
    print(point(name, number, ref, why))


@refs_app.command("delete")
def refs_delete(
    name: Dataset, ref: Annotated[str, typer.Argument(help="The reference.")], why: Why
) -> None:
    """Delete a reference; where it pointed stays in the audit log. Example: `assay refs delete flights canary --why "over"`"""
    from assay.reading import unpoint

    print(unpoint(name, ref, why))


def _print(data: Any, as_json: bool, as_text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)
