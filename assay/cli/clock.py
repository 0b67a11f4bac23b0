"""`assay clock`: whether the clock is in doubt, and confirming the time.

lineage/clock_guard.py decides when the clock is in doubt; assets/stages stops what depends on it.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Why, command_group, examples
from assay.cli.render import print_result

clock_app = command_group(
    "clock",
    "Show whether this machine's clock can be trusted, or confirm it.",
    "assay clock",
    'assay clock confirm --today 2026-12-01 --why "server was off for two months"',
    invoke_without_command=True,
)


@clock_app.callback()
def clock(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the time and what puts it in doubt, or confirm it.

    Exit code 1 if the clock is in doubt.
    """
    if context.invoked_subcommand is not None:
        return
    state = clock_state()
    print_result(state, as_json, show_clock)
    raise typer.Exit(1 if state["in_doubt"] else 0)


def clock_state() -> dict[str, Any]:
    """The time by the registry's clock, and each step that puts it in doubt."""
    registry = open_installation().registry
    steps = [
        {"text": str(step), "before": step.before, "after": step.after, "seconds": step.seconds}
        for step in registry.clock_doubts.steps()
    ]
    return {"now": registry.now(), "in_doubt": bool(steps), "steps": steps}


def show_clock(state: dict[str, Any]) -> None:
    """Print the time, and what to do if it is in doubt."""
    print(f"the clock shows {state['now']}")
    for step in state["steps"]:
        print(f"in doubt: {step['text']}")
    if state["in_doubt"]:
        print(
            "Until you confirm the time, nothing expires, nothing is discarded and no approval is"
            " accepted. Publishing continues."
        )
        print("Compare it with another clock, then: assay clock confirm --today YYYY-MM-DD --why …")


@clock_app.command(
    "confirm",
    epilog=examples('assay clock confirm --today 2026-12-01 --why "server was off for two months"'),
)
def clock_confirm(
    why: Why,
    today: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Today's date from another source. It must match the clock.",
        ),
    ],
) -> None:
    """Confirm that the clock is right, so that what waited for it continues.

    The audit log keeps who confirmed it, when and why.
    """
    print(confirm_time(today.date(), why))


def confirm_time(today: date, why: str) -> str:
    """Confirm the time, and describe what was confirmed."""
    registry = open_installation().registry
    steps = registry.clock_doubts.confirm(today, why)
    if not steps:
        return "the clock is not in doubt; there is nothing to confirm"
    return f"confirmed by {registry.actor} at {registry.now()}: {'; '.join(map(str, steps))}"


def warn_of_clock() -> None:
    """Warn on standard error if the clock is in doubt."""
    from assay.assets.io.registry.clock_doubts import REMEDY

    reason = open_installation().registry.clock_doubts.doubt()
    if reason is not None:
        problem = f"nothing expires and no approval is accepted: {reason}. {REMEDY}."
        print(f"assay: {problem}", file=sys.stderr)
