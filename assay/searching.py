"""The commands about indexes: searched, listed, rolled back, rebuilt.

Belongs here: parsing and printing of these. Stays out: everything else that the command line does (cli.py). Nothing heavy is imported at the top.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from assay.options import AsJson, Why

Dataset = Annotated[str, typer.Argument(help="A data set whose contract has assay.index.")]

index_app = typer.Typer(
    name="index",
    help="Retrieval indexes: which serves, and going back to another.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(search)
    app.add_typer(index_app)


def search(
    name: Dataset,
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    purpose: Annotated[
        str,
        typer.Option(
            help="What the answer is for: one of those that the version was admitted for."
        ),
    ] = "retrieval",
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 5,
    traceparent: Annotated[
        str | None,
        typer.Option(
            help="W3C traceparent of the call that this belongs to; TRACEPARENT unless given."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The passages that answer best, each with document, place, version and licence; the use is recorded. Exit code 1 where nothing is found.

    Example: `assay search python_docs "how does an assignment expression differ from a statement"`
    """
    from assay.retrieval import searched
    from assay.show_index import show_found

    found = searched(name, question, purpose=purpose, k=k, traceparent=traceparent)
    _print(found, as_json, show_found)
    if not found["passages"]:
        raise typer.Exit(1)


@index_app.command("list")
def index_list(
    name: Annotated[str | None, typer.Argument(help="A data set; all unless named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every build, what was measured of it, and which serves. Example: `assay index list python_docs`"""
    from assay.retrieval import listed
    from assay.show_index import show_builds

    _print(listed(name), as_json, show_builds)


@index_app.command("rollback")
def index_rollback(
    name: Dataset,
    why: Why,
    to: Annotated[
        str | None, typer.Option(help="A build; the one that served before unless given.")
    ] = None,
) -> None:
    """Have an earlier build serve again, until a new version's is accepted. Example: `assay index rollback python_docs --why "answers from drafts"`"""
    from assay.retrieval import rolled_back

    print(rolled_back(name, to, why))


@index_app.command("rebuild")
def index_rebuild(
    name: Dataset,
    full: Annotated[
        bool, typer.Option("--full", help="Cut, fit and embed everything anew, reusing nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the newest version's index now, and have it serve if it is not worse. Exit code 1 where it is refused. Example: `assay index rebuild python_docs --full`"""
    from assay.retrieval import rebuilt
    from assay.show_index import show_rebuilt

    made = rebuilt(name, full=full)
    _print(made, as_json, show_rebuilt)
    if not made["accepted"]:
        raise typer.Exit(1)


def _print(data: Any, as_json: bool, as_text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)
