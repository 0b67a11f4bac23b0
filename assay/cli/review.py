"""`assay review`: what waits for people, their signed decisions, and decisions repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Why, command_group, examples
from assay.cli.render import ABSENT, console, escape, print_result, show_progress, table
from assay.contracts.errors import ConfigurationError, Where

review_app = command_group(
    "review",
    "Decide on deliveries that are held for review; repeat decisions.",
    "assay review list",
    'assay review approve 1 --key ann.pem --why "part codes, not phones"',
)
_CHANGE_STYLES = {"+": "green", "-": "red"}
Number = Annotated[int, typer.Argument(help="The review's number, from `assay review list`.")]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key; it is read, never copied.")]


@review_app.command("list", epilog=examples("assay review list"))
def review_list(as_json: AsJson = False) -> None:
    """List what waits for a decision, and what was decided."""
    from assay.reading import reviews

    print_result(reviews(), as_json, show_reviews)


@review_app.command("show", epilog=examples("assay review show 1"))
def review_show(number: Number, as_json: AsJson = False) -> None:
    """Show one review: its reasons, its digest, who has decided, who is missing."""
    from assay.reading import reviewed

    print_result(reviewed(number), as_json, _show_review)


def _show_review(data: dict[str, Any]) -> None:
    """Print a review, and what is replaced: before and after, by the shapes of the cells."""
    show_reviews([data])
    for sample in data["samples"]:
        column, before, after = map(escape, (sample["column"], sample["before"], sample["after"]))
        console().print(f"  {column}: {before}  →  {after}", soft_wrap=True)


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
    console().print(grid if data else "No delivery was held for review.")
    for entry in data:
        for line in entry["changes"]:
            console().print(line, style=_CHANGE_STYLES.get(line[:1]), markup=False, highlight=False)


def _describe_state(entry: dict[str, Any]) -> str:
    if entry["decision"] != "open":
        return str(entry["decision"])
    return f"open: needs the {' and the '.join(entry['missing'])} level"


def _describe_decision(decision: dict[str, Any]) -> str:
    verdict = f"{decision['decision']}, until {decision['expires_at'][:10]}"
    return f"{decision['approver']} ({verdict}): {decision['why']}"


@review_app.command(
    "approve",
    epilog=examples('assay review approve 1 --key ann.pem --why "part codes, not phones"'),
)
def review_approve(number: Number, why: Why, key: KeyFile) -> None:
    """Sign an approval and submit it."""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "approve", why, key)))


@review_app.command(
    "reject", epilog=examples('assay review reject 1 --key ann.pem --why "no lawful basis"')
)
def review_reject(number: Number, why: Why, key: KeyFile) -> None:
    """Sign a rejection and submit it."""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "reject", why, key)))


@review_app.command(
    "sign",
    epilog=examples('assay review sign 1 approve --key ann.pem --why "part codes"'),
)
def review_sign(
    number: Number,
    decision: Annotated[str, typer.Argument(help="approve or reject.")],
    why: Why,
    key: KeyFile,
) -> None:
    """Sign a decision and print it, to paste into the job `review` of the web UI."""
    from assay.reading import sign

    match decision:
        case "approve" | "reject":
            print(sign(number, decision, why, key))
        case _:
            raise typer.BadParameter("choose approve or reject")


@review_app.command("submit", epilog=examples("assay review submit 1 ann.dsse.json"))
def review_submit(
    number: Number, file: Annotated[Path, typer.Argument(help="What `assay review sign` printed.")]
) -> None:
    """Submit a decision that was signed elsewhere."""
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


@review_app.command("key", epilog=examples("assay review key ann@example.com --out ann.pem"))
def review_key(
    name: Annotated[str, typer.Argument(help="Your name, as in policies and contracts.")],
    out: Annotated[Path, typer.Option(help="A new file for the private key.")],
) -> None:
    """Create a steward's key, and print its entry for the stewards' file."""
    from assay.reading import steward_key

    print(steward_key(name, out))


@review_app.command(epilog=examples("assay review replay 3"))
def replay(
    decision: Annotated[
        int, typer.Argument(help="The decision's number, from `assay drift decisions`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Repeat a drift decision from what was recorded with it, and compare the results.

    Exit code 1 if the result differs.
    """
    with show_progress("repeating the decision"):
        replayed = replay_decision(decision)
    print_result(replayed, as_json, show_replay)
    raise typer.Exit(0 if replayed["same"] and replayed["evidence_is_kept"] else 1)


def replay_decision(number: int) -> dict[str, Any]:
    """A decision as it was recorded, and as it is repeated from what was recorded with it."""
    from assay.assets.stages.drift_decision import replayed

    row = replayed(open_installation(), number)
    decision = ("id", "dataset", "version", "at", "action", "rule", "reason")
    outcome = ("again", "same", "evidence_is_kept", "situation")
    return {key: row[key] for key in (*decision, *outcome)}


def show_replay(data: dict[str, Any]) -> None:
    """Print a decision, and the result of repeating it."""
    version = f"{data['dataset']}@{data['version']} on {data['at'][:19]}"
    again = data["again"]
    outcome = (
        "the same"
        if data["same"]
        else f"{again['action']} ({again['rule']}): {escape(again['reason'])}"
    )
    same = "are the same as" if data["evidence_is_kept"] else "DIFFER from"
    for line in (
        f"decision {data['id']} about {version}: {data['action']} ({data['rule']})",
        f"  {escape(data['reason'])}",
        f"  repeated: {outcome}",
        f"  the measurements behind it {same} the stored ones",
    ):
        console().print(line, highlight=False)
