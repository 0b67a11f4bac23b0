"""The command line: parse, delegate, print. Exit code 0 done, 1 an answer that is no, 2 wrong usage.

Nothing heavy is imported at the top: `assay --help` and `assay check` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.errors import AssayError, ConfigurationError, ContractErrors

app = typer.Typer(
    name="assay",
    help="Data sets taken in, judged, repaired, published with signed evidence, and watched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def run(
    datasets: Annotated[list[str] | None, typer.Argument(help="Data sets to run; all of them unless named.")] = None,
    window: Annotated[str | None, typer.Option(help="The window of the source to publish; the next one due unless named.")] = None,
) -> None:
    """Take data sets the whole way, from source to action.

    Examples: `assay run`, `assay run flights`, `assay run flights --window 2013-jun-aug`
    """
    from assay.running import run_all

    if not run_all(datasets or [], window):
        raise typer.Exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:
    """What is published, what waits for a decision, what was triggered. Example: `assay status --json`"""
    from assay.reading import status as read
    from assay.show import show_status

    _print(read(), as_json, show_status)


@app.command()
def show(name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")], as_json: AsJson = False) -> None:
    """A version's data card: source, licence, rows, quality, checks, evidence. Example: `assay show flights@1.0.0`"""
    from assay.reading import card
    from assay.show import show_card

    _print(card(*_named(name)), as_json, show_card)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="NAME@VERSION, or NAME for all its versions")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every version, and the audit log.")] = False,
    home: Annotated[Path | None, typer.Option(help="A copy of another installation's evidence and lake.")] = None,
    key: Annotated[Path | None, typer.Option(help="The public key that must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold versions against their signed evidence, offline. Examples: `assay verify flights@1.0.0`, `assay verify --all`"""
    from assay.reading import verify as check
    from assay.show import show_verified

    if (name is None) != all_:
        raise typer.BadParameter("give NAME@VERSION, or --all")
    _print(check(_named(name) if name else None, home, key), as_json, show_verified)


@app.command()
def check(paths: Annotated[list[Path] | None, typer.Argument(help="Contracts, or folders of them; the installation's unless named.")] = None, as_json: AsJson = False) -> None:
    """Check contracts: the standard, our settings, and whether they agree. Example: `assay check contracts/datasets`"""
    from assay.checking import check_contracts

    problems, files = check_contracts(paths or [])
    if as_json:
        print(json.dumps({"files": files, "problems": problems}, indent=2))
    else:
        for problem in problems:
            print(problem)
        print(f"{files} contract(s), {len(problems)} problem(s)")
    raise typer.Exit(1 if problems else 0)


@app.command()
def reviews(as_json: AsJson = False) -> None:
    """What waits for a person's decision, and what was decided. Example: `assay reviews`"""
    from assay.reading import reviews as read
    from assay.show import show_reviews

    _print(read(), as_json, show_reviews)


@app.command()
def review(
    number: Annotated[int, typer.Argument(help="The review's number, from `assay reviews`.")],
    decision: Annotated[str, typer.Argument(help="approve or refuse")],
    why: Annotated[str, typer.Option(help="The reason; it goes into the evidence.")],
) -> None:
    """Decide a review. Example: `assay review 1 approve --why "the numbers are part codes, not phones"`"""
    from assay.reading import decide

    if decision not in ("approve", "refuse"):
        raise typer.BadParameter("the decision is approve or refuse")
    print(decide(number, decision, why))


@app.command()
def demo() -> None:
    """Three data sets, from source to action, on real data. Example: `assay demo`"""
    from assay.demo.tour import tour

    if not tour():
        raise typer.Exit(1)


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000) -> None:
    """Open the steward's web UI (Dagster) on this installation. Example: `assay ui --port 3000`"""
    from assets.hands.home import home
    from assets.instance import instance, shipped

    where = home()
    instance(where).dispose()
    os.environ["ASSAY_HOME"] = str(where.root)
    os.execv(sys.executable, [sys.executable, "-m", "dagster", "dev", "-w", str(shipped("workspace.yaml")), "-h", "127.0.0.1", "-p", str(port)])


def _named(name: str) -> tuple[str, str | None]:
    dataset, _, version = name.partition("@")
    return dataset, version or None


def _print(data: Any, as_json: bool, as_text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)


def main() -> None:
    """Run the command line; every error is one message and an exit code, never a traceback of ours."""
    try:
        app()
    except AssayError as error:
        problems = error.problems if isinstance(error, ContractErrors) else (error,)
        for problem in problems:
            print(f"assay: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("assay: stopped; nothing half done is visible", file=sys.stderr)
        sys.exit(130)
    except Exception as error:  # the last door: a full disk may speak through any library; what we do not know stays a traceback
        from assets.hands.disk import is_disk_full
        from assets.hands.home import home as installation

        if not is_disk_full(error, installation().root):
            raise
        full = ConfigurationError("the disk is full", "Free some space and run again: what was published before is whole, and nothing of this run is visible")
        print(f"assay: {full}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
