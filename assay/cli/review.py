"""`assay review`: what waits for people, and their signed decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.options import AsJson, Why
from assay.cli.render import ABSENT, console, escape, print_result, table
from assay.contracts.errors import ConfigurationError, Where

review_app = typer.Typer(
    name="review",
    help="What waits for people, and their signed decisions.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Number = Annotated[int, typer.Argument(help="The review's number, from `assay review list`.")]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key; it stays where it is.")]


@review_app.command("list")
def review_list(as_json: AsJson = False) -> None:
    """What waits for a decision, and what was decided. Example: `assay review list`"""
    from assay.reading import reviews

    print_result(reviews(), as_json, show_reviews)


@review_app.command("show")
def review_show(number: Number, as_json: AsJson = False) -> None:
    """One review: the reasons, the digest that is decided on, who has decided, what is missing. Example: `assay review show 1`"""
    from assay.reading import reviewed

    print_result(reviewed(number), as_json, lambda data: show_reviews([data]))


def show_reviews(data: list[dict[str, Any]]) -> None:
    """Print reviews, in the order they come."""
    grid = table("Reviews", "number", "data set", "reasons", "digest", "decision", "by")
    for entry in data:
        grid.add_row(
            str(entry["id"]),
            entry["dataset"],
            escape("; ".join(entry["reasons"])),
            entry["input_key"][:16],
            _describe_state(entry),
            escape("\n".join(map(_describe_decision, entry["by"]))) or ABSENT,
        )
    console().print(grid if data else "No review was ever needed.")


def _describe_state(entry: dict[str, Any]) -> str:
    if entry["decision"] != "open":
        return str(entry["decision"])
    return f"open: needs the {' and the '.join(entry['missing'])} level"


def _describe_decision(decision: dict[str, Any]) -> str:
    verdict = f"{decision['decision']}, until {decision['expires_at'][:10]}"
    return f"{decision['approver']} ({verdict}): {decision['why']}"


@review_app.command("approve")
def review_approve(number: Number, why: Why, key: KeyFile) -> None:
    """Sign an approval and hand it in. Example: `assay review approve 1 --key ann.pem --why "part codes, not phones"`"""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "approve", why, key)))


@review_app.command("reject")
def review_reject(number: Number, why: Why, key: KeyFile) -> None:
    """Sign a rejection and hand it in. Example: `assay review reject 1 --key ann.pem --why "no lawful basis"`"""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "reject", why, key)))


@review_app.command("sign")
def review_sign(
    number: Number,
    decision: Annotated[str, typer.Argument(help="approve or reject")],
    why: Why,
    key: KeyFile,
) -> None:
    """Sign a decision and print it, to be pasted into the job `review` of the web UI. Example: `assay review sign 1 approve --key ann.pem --why "part codes"`"""
    from assay.reading import sign

    match decision:
        case "approve" | "reject":
            print(sign(number, decision, why, key))
        case _:
            raise typer.BadParameter("the decision is approve or reject")


@review_app.command("submit")
def review_submit(
    number: Number, file: Annotated[Path, typer.Argument(help="What `assay review sign` printed.")]
) -> None:
    """Hand in a decision that was signed elsewhere. Example: `assay review submit 1 ann.dsse.json`"""
    from assay.reading import submit

    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read ({type(error).__name__})",
            "Give what `assay review sign` printed",
            Where(file=str(file)),
        ) from None
    print(submit(number, text))


@review_app.command("key")
def review_key(
    name: Annotated[str, typer.Argument(help="Your name, as the policies and contracts write it.")],
    out: Annotated[Path, typer.Option(help="A new file for the private key.")],
) -> None:
    """Make a steward's key, and print the entry for the stewards' policy. Example: `assay review key ann@example.com --out ann.pem`"""
    from assay.reading import steward_key

    print(steward_key(name, out))
