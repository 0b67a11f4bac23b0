"""`assay search` and `assay index`: indexes searched, listed, rolled back, rebuilt."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import chosen_datasets, open_installation
from assay.cli.options import AsJson, Why
from assay.cli.render import console, escape, print_line, print_result, table

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation
    from assay.assets.io.registry.indexes import IndexBuild

index_app = typer.Typer(
    name="index",
    help="Retrieval indexes: which serves, and going back to another.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Dataset = Annotated[str, typer.Argument(help="A data set whose contract has assay.index.")]
MEASURES = ("recall", "ndcg", "mrr", "citations")


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
    from assay.assets.services import retrieve

    answer = asdict(retrieve.search(name, question, purpose=purpose, k=k, traceparent=traceparent))
    print_result(answer, as_json, show_found)
    if not answer["passages"]:
        raise typer.Exit(1)


def show_found(data: dict[str, Any]) -> None:
    """Print each passage under the place it comes from, then whom to name."""
    for place, passage in enumerate(data["passages"], start=1):
        heading = f" — {passage['heading']}" if passage["heading"] else ""
        title = f"[bold]{place}. {escape(passage['document'])}[/]{escape(heading)}"
        console().print(title, highlight=False)
        print_line(escape(passage["text"]))
        print_line(f"[dim]   {escape(_describe_place(data, passage))}[/]\n")
    if not data["passages"]:
        console().print("Nothing in the index answers that.")
    if data["attribution"] != "none":
        print_line(f"Name: {escape(data['attribution'])}")
    obligations = f"obligations: {escape(data['obligations'])}"
    print_line(f"[dim]{obligations} · index {data['build']} · trace {data['trace_id']}[/]")


def _describe_place(data: dict[str, Any], passage: dict[str, Any]) -> str:
    """Where a passage stands, for a citation."""
    characters = f"characters {passage['start']}–{passage['end']}"
    return (
        f"{data['dataset']}@{data['version']}, {passage['document']}, {characters},"
        f" passage {passage['passage'][:12]}, {passage['license']}"
    )


@index_app.command("list")
def index_list(
    name: Annotated[str | None, typer.Argument(help="A data set; all unless named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every build, what was measured of it, and which serves. Example: `assay index list python_docs`"""
    print_result(list_builds(name), as_json, show_builds)


def list_builds(name: str | None) -> list[dict[str, Any]]:
    """Every build of one data set's index, or of all."""
    installation = open_installation()
    return [
        _build(installation, dataset, row)
        for dataset in chosen_datasets(installation, name)
        for row in installation.registry.indexes.builds(dataset)
    ]


def _build(installation: Installation, name: str, row: IndexBuild) -> dict[str, Any]:
    service, details = installation.registry.indexes.serving(name), row.details
    serving = service if service and service.build == row.build else None
    keys = ("documents", "chunks", "changed", "measured", "embedder", "reason")
    return {
        "dataset": name,
        "build": row.build,
        "version": row.version,
        "made_at": row.made_at,
        "state": "in service" if serving else _idle_state(row),
        "since": serving.since if serving else None,
        "because": serving.reason if serving else None,
        **{key: details[key] for key in keys},
    }


def _idle_state(row: IndexBuild) -> str:
    """Why a build does not serve."""
    if not row.accepted:
        return "refused"
    return "gone" if row.dropped_at else "kept"


def show_builds(data: list[dict[str, Any]]) -> None:
    """Print a line a build."""
    counts = ("documents", "passages", "embedded")
    measures = ("recall", "nDCG", "MRR", "cited", "p95 ms")
    grid = table("Indexes", "name", "build", "state", *counts, *measures, "because")
    for build in data:
        measured = build["measured"]
        grid.add_row(
            build["dataset"],
            build["build"],
            build["state"],
            f"{build['documents']:,}",
            f"{build['chunks']:,}",
            f"{build['changed']['embedded']:,}",
            *(f"{measured[name]:.3f}" for name in MEASURES),
            f"{measured['p95_ms']:.1f}",
            escape(build["because"] or build["reason"]),
        )
    console().print(grid if data else "No index has been built.")


@index_app.command("rollback")
def index_rollback(
    name: Dataset,
    why: Why,
    to: Annotated[
        str | None, typer.Option(help="A build; the one that served before unless given.")
    ] = None,
) -> None:
    """Have an earlier build serve again, until a new version's is accepted. Example: `assay index rollback python_docs --why "answers from drafts"`"""
    print(roll_back(name, to, why))


def roll_back(name: str, build: str | None, why: str) -> str:
    """Have an earlier build serve again, and describe which one serves now."""
    from assay.assets.stages import index

    before, now = index.roll_back(open_installation(), name, build, why)
    documents = f"{now.details['documents']:,} documents of version {now.version}"
    return f"the index of {name} was {before}, and now is {now.build}: {documents}"


@index_app.command("rebuild")
def index_rebuild(
    name: Dataset,
    full: Annotated[
        bool, typer.Option("--full", help="Cut, fit and embed everything anew, reusing nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the newest version's index now, and have it serve if it is not worse. Exit code 1 where it is refused. Example: `assay index rebuild python_docs --full`"""
    build = rebuild(name, full=full)
    print_result(build, as_json, show_rebuilt)
    if not build["accepted"]:
        raise typer.Exit(1)


def rebuild(name: str, *, full: bool) -> dict[str, Any]:
    """Build the newest version's index now."""
    from assay.assets.stages import index
    from assay.assets.stages.run import Run

    installation = open_installation()
    run = Run(installation, installation.contract(name), str(uuid.uuid4()))
    return index.rebuild(run, full=full).details


def show_rebuilt(data: dict[str, Any]) -> None:
    """Print what came of a build."""
    changed = data["changed"]
    print_line(f"{data['build']}: {data['outcome']}: {escape(data['reason'])}")
    print_line(
        f"{data['documents']:,} documents, {data['chunks']:,} passages:"
        f" {changed['carried']:,} carried over, {changed['embedded']:,} embedded"
    )
