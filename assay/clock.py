"""The commands about the clock: whether it is in doubt, and confirming the time.

Belongs here: parsing and printing of these. Stays out: what raises a doubt (lineage/clock_guard.py), what it stops (assets/stages).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any

import typer

from assay.options import AsJson, Why

clock_app = typer.Typer(
    name="clock",
    help="Whether this machine's clock can be trusted.",
    invoke_without_command=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(clock_app)


@clock_app.callback()
def clock(context: typer.Context, as_json: AsJson = False) -> None:
    """The time, and what puts it in doubt. Exit code 1 where something does. Example: `assay clock`"""
    if context.invoked_subcommand is not None:
        return
    state = clock_state()
    if as_json:
        print(json.dumps(state, indent=2))
    else:
        print(f"the clock shows {state['now']}")
        for step in state["steps"]:
            print(f"in doubt: {step['text']}")
        if state["in_doubt"]:
            print(
                "Until the time is confirmed, nothing expires, no approval is taken and nothing is discarded. Publishing goes on."
            )
            print(
                "Compare it with another clock, then: assay clock confirm --today YYYY-MM-DD --why …"
            )
    raise typer.Exit(1 if state["in_doubt"] else 0)


@clock_app.command("confirm")
def clock_confirm(
    why: Why,
    today: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Today's date as you know it from elsewhere; refused where the clock shows another.",
        ),
    ],
) -> None:
    """Confirm that the clock is right: what waited for it goes on. Recorded with who, when and why.

    Example: `assay clock confirm --today 2026-12-01 --why "the server stood still for two months"`
    """
    print(confirmed(today.date(), why))


def clock_state() -> dict[str, Any]:
    """The time by the registry's clock, and each step that puts it in doubt."""
    from assay.assets.io.installation import Installation

    registry = Installation.open().registry
    steps = [
        {"text": str(step), "before": step.before, "after": step.after, "seconds": step.seconds}
        for step in registry.clock_doubts.steps()
    ]
    return {"now": registry.now(), "in_doubt": bool(steps), "steps": steps}


def confirmed(today: date, why: str) -> str:
    """Confirm the time, and describe what was confirmed."""
    from assay.assets.io.installation import Installation

    registry = Installation.open().registry
    steps = registry.clock_doubts.confirm(today, why)
    if not steps:
        return "the clock is not in doubt: there is nothing to confirm"
    return f"confirmed by {registry.actor} at {registry.now()}: {'; '.join(map(str, steps))}"
