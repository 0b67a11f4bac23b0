"""`assay index`: indexes searched, listed, rolled back, rebuilt."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import chosen_datasets, open_installation
from assay.cli.options import AsJson, SignatureKey, Why, command_group, examples
from assay.cli.render import console, escape, print_line, print_result, show_progress, table

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation
    from assay.assets.io.registry.indexes import IndexBuild

index_app = command_group(
    "index",
    "Search, list, roll back and rebuild retrieval indexes.",
    "assay index list",
    'assay index search python_docs "what is a closure"',
)
Dataset = Annotated[str, typer.Argument(help="A data set whose contract has assay.index.")]
MEASURES = ("recall", "ndcg", "mrr", "citations")


@index_app.command(
    epilog=examples('assay index search python_docs "how do assignment expressions work"')
)
def search(
    name: Dataset,
    question: Annotated[str, typer.Argument(help="Your question, in words.")],
    purpose: Annotated[
        str,
        typer.Option(help="One of the purposes that the version was admitted for."),
    ] = "retrieval",
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Number of passages.")] = 5,
    traceparent: Annotated[
        str | None,
        typer.Option(help="W3C traceparent of the caller. [default: TRACEPARENT]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search an index: the best passages with document, version and licence.

    The use is recorded. Exit code 1 if nothing matches.
    """
    from assay.assets.services import retrieve

    with show_progress("searching"):
        answers = retrieve.search(name, question, purpose=purpose, k=k, traceparent=traceparent)
    answer = asdict(answers)
    print_result(answer, as_json, show_found)
    if not answer["passages"]:
        raise typer.Exit(1)


def show_found(data: dict[str, Any]) -> None:
    """Print each passage with its place, then the attribution to give."""
    for place, passage in enumerate(data["passages"], start=1):
        heading = f" — {passage['heading']}" if passage["heading"] else ""
        title = f"[bold]{place}. {escape(passage['document'])}[/]{escape(heading)}"
        console().print(title, highlight=False)
        print_line(escape(passage["text"]))
        print_line(f"[dim]   {escape(_describe_place(data, passage))}[/]\n")
    if not data["passages"]:
        console().print("No passage matches.")
    if data["attribution"] != "none":
        print_line(f"Attribution: {escape(data['attribution'])}")
    obligations = f"obligations: {escape(data['obligations'])}"
    print_line(f"[dim]{obligations} · index {data['build']} · trace {data['trace_id']}[/]")


def _describe_place(data: dict[str, Any], passage: dict[str, Any]) -> str:
    """The place of a passage, for a citation."""
    characters = f"characters {passage['start']}–{passage['end']}"
    return (
        f"{data['dataset']}@{data['version']}, {passage['document']}, {characters},"
        f" passage {passage['passage'][:12]}, {passage['license']}"
    )


@index_app.command("list", epilog=examples("assay index list", "assay index list python_docs"))
def index_list(
    name: Annotated[str | None, typer.Argument(help="A data set. [default: all]")] = None,
    as_json: AsJson = False,
) -> None:
    """List every build, its measured quality, and which one serves."""
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
    """Print a line for each build."""
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


@index_app.command(
    "rollback", epilog=examples('assay index rollback python_docs --why "answers from drafts"')
)
def index_rollback(
    name: Dataset,
    why: Why,
    to: Annotated[
        str | None, typer.Option(help="A build. [default: the one that served before]")
    ] = None,
    key: SignatureKey = None,
) -> None:
    """Request that an earlier build serves again, until a newer one is accepted.

    It happens once stewards have signed the request.
    """
    from assay.reading import request

    print(request(open_installation(), name, "roll back index", {"to": to}, why, key))


@index_app.command(
    "rebuild",
    epilog=examples("assay index rebuild python_docs", "assay index rebuild python_docs --full"),
)
def index_rebuild(
    name: Dataset,
    full: Annotated[
        bool, typer.Option("--full", help="Split, fit and embed everything again; reuse nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the index of the newest version now, and serve it if it is not worse.

    Exit code 1 if it is refused.
    """
    with show_progress("building the index"):
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
    """Print the result of a build."""
    changed = data["changed"]
    print_line(f"{data['build']}: {data['outcome']}: {escape(data['reason'])}")
    print_line(
        f"{data['documents']:,} documents, {data['chunks']:,} passages:"
        f" {changed['carried']:,} carried over, {changed['embedded']:,} embedded"
    )
