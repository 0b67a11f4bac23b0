"""`assay drift` and `assay replay`: how versions have moved, and what was decided about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Dataset, DatasetOrVersion, Why, split_name
from assay.cli.render import ABSENT, console, escape, number_cell, print_result, table
from assay.contracts.errors import ActionError, DriftError, Where

drift_app = typer.Typer(
    name="drift",
    help="How versions have moved, and what was decided about it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
VERDICTS = {True: "drifted", None: ABSENT, False: "stable"}
"""Verdicts on a measurement, in the order they are listed."""


@drift_app.command("show")
def drift_show(name: DatasetOrVersion, as_json: AsJson = False) -> None:
    """What was measured of a version, and what was decided. Example: `assay drift show flights`"""
    print_result(read_drift(*split_name(name)), as_json, show_drift)


def read_drift(name: str, version: str | None) -> dict[str, Any]:
    """A version's measurements and decisions."""
    from assay.assets.stages.drift_decision import policy_of

    installation = open_installation()
    policy_of(installation.contract(name))  # a contract without one has nothing to wait for
    row = installation.version(name, version)
    details = installation.registry.derived.get(name, row.version, "drift")
    if details is None:
        raise DriftError(
            f"version {row.version} has not been measured",
            f"Run it first: assay run {name}",
            Where(dataset=name),
        )
    decisions = [
        decision for decision in read_decisions(name) if decision["version"] == row.version
    ]
    return {"dataset": name, "version": row.version, **details, "decisions": decisions}


def show_drift(data: dict[str, Any]) -> None:
    """Print a version's measurements: what has drifted first."""
    title = f"{data['dataset']}@{data['version']}: {data['verdict']}"
    headers = ("column", "against", "measured by", "score", "threshold", "p", "verdict", "note")
    grid = table(title, *headers)
    order = list(VERDICTS)
    for measurement in sorted(data["measurements"], key=lambda m: order.index(m["drifted"])):
        part = f" [{measurement['part']}]" if measurement.get("part") else ""
        grid.add_row(
            escape(measurement["column"] + part),
            measurement.get("against", ""),
            measurement["method"],
            number_cell(measurement["score"]),
            f"{measurement['threshold']:g}",
            number_cell(measurement.get("p_value"), 2),
            VERDICTS[measurement["drifted"]],
            escape(measurement["note"]),
        )
    console().print(grid)
    for reason in (*data["reasons"], *data.get("changes", [])):
        console().print(f"  {escape(reason)}", highlight=False)
    show_decisions(data["decisions"])


@drift_app.command("decisions")
def drift_decisions(name: Dataset, as_json: AsJson = False) -> None:
    """Every decision with its reason, the oldest first. Example: `assay drift decisions flights`"""
    print_result(read_decisions(name), as_json, show_decisions)


def read_decisions(name: str) -> list[dict[str, Any]]:
    """Every decision about a data set."""
    installation = open_installation()
    keys = ("id", "version", "at", "action", "rule", "reason", "by", "cause")
    return [
        {**{key: getattr(row, key) for key in keys}, "evidence": row.situation["evidence"]}
        for row in installation.registry.decisions.all(installation.contract(name).name)
    ]


def show_decisions(data: list[dict[str, Any]]) -> None:
    """Print decisions, a line each."""
    headers = ("number", "version", "at", "action", "by the rule", "because", "by")
    grid = table("Decisions", *headers)
    for decision in data:
        grid.add_row(
            str(decision["id"]),
            decision["version"],
            decision["at"][:19],
            decision["action"],
            decision["rule"],
            escape(decision["reason"]),
            escape(decision["by"]),
        )
    console().print(grid if data else "Nothing was decided.")


@drift_app.command("override")
def drift_override(
    name: DatasetOrVersion,
    action: Annotated[str, typer.Argument(help="retrain, rebuild, hold, alert or ignore")],
    why: Why,
) -> None:
    """Decide about a version yourself. Example: `assay drift override flights retrain --why "the schedule changed in June"`"""
    print(override_decision(*split_name(name), action, why))


def override_decision(name: str, version: str | None, action: str, why: str) -> str:
    """Keep a steward's decision, and describe what follows."""
    from assay.assets.stages.drift_decision import override

    installation = open_installation()
    row = override(installation, name, action, why, version)
    installation.deliver_outbox()
    is_carried_out = row.action in ("retrain", "rebuild")
    follows = f"It is carried out by: assay run {name}" if is_carried_out else "Nothing is done"
    return f"decision {row.id} about {name}@{row.version}: {row.action}. {follows}"


@drift_app.command("triggers")
def drift_triggers(as_json: AsJson = False) -> None:
    """What waits to be done, and who is to do it. Example: `assay drift triggers`"""
    print_result(read_triggers(), as_json, show_triggers)


def read_triggers() -> list[dict[str, Any]]:
    """Triggers that nobody has carried out."""
    from assay.assets.io.registry.triggers import ASSAY

    keys = ("id", "dataset", "version", "action", "reason", "raised_at", "attempts")
    return [
        {**{key: getattr(row, key) for key in keys}, "actor": row.actor or ASSAY}
        for row in open_installation().registry.triggers.waiting()
    ]


def show_triggers(data: list[dict[str, Any]]) -> None:
    """Print what waits."""
    headers = ("number", "data set", "action", "for", "since", "tries", "because")
    grid = table("Waiting", *headers)
    for trigger in data:
        grid.add_row(
            str(trigger["id"]),
            f"{trigger['dataset']}@{trigger['version']}",
            trigger["action"],
            trigger["actor"],
            trigger["raised_at"][:19],
            str(trigger["attempts"] or 0),
            escape(trigger["reason"]),
        )
    console().print(grid if data else "Nothing waits.")


@drift_app.command("done")
def drift_done(
    number: Annotated[
        int, typer.Argument(help="The trigger's number, from `assay drift triggers`.")
    ],
    why: Why,
) -> None:
    """Close a trigger that was carried out elsewhere. Example: `assay drift done 7 --why "retrained by the platform team, run 4711"`"""
    print(close_trigger(number, why))


def close_trigger(number: int, why: str) -> str:
    """Close a trigger that was carried out elsewhere.

    Raises: ActionError: it is done already, or only Assay can carry it out.
    """
    from assay.assets.io.registry.triggers import MEASURE

    installation = open_installation()
    trigger = installation.registry.triggers.get(number)
    remedy = "See `assay drift triggers`"
    if trigger.done_at:
        raise ActionError(f"trigger {number} is done", remedy)
    if trigger.action == MEASURE:
        problem = f"trigger {number} is to measure a version, which only Assay does"
        raise ActionError(problem, remedy)
    installation.registry.triggers.finish(trigger, {"outcome": "done elsewhere", "reason": why})
    version = f"{trigger.dataset}@{trigger.version}"
    return f"trigger {number}, {trigger.action} of {version}: done elsewhere"


def replay(
    decision: Annotated[
        int, typer.Argument(help="The decision's number, from `assay drift decisions`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a decision again from what was kept with it. Exit code 1 where it comes out otherwise. Example: `assay replay 3`"""
    replayed = replay_decision(decision)
    print_result(replayed, as_json, show_replay)
    raise typer.Exit(0 if replayed["same"] and replayed["evidence_is_kept"] else 1)


def replay_decision(number: int) -> dict[str, Any]:
    """A decision as it was made, and as it is made again from what was kept with it."""
    from assay.assets.stages.drift_decision import replayed

    row = replayed(open_installation(), number)
    decision = ("id", "dataset", "version", "at", "action", "rule", "reason")
    outcome = ("again", "same", "evidence_is_kept", "situation")
    return {key: row[key] for key in (*decision, *outcome)}


def show_replay(data: dict[str, Any]) -> None:
    """Print a decision, and how it comes out again."""
    version = f"{data['dataset']}@{data['version']} on {data['at'][:19]}"
    again = data["again"]
    outcome = (
        "the same"
        if data["same"]
        else f"{again['action']} ({again['rule']}): {escape(again['reason'])}"
    )
    verb = "are" if data["evidence_is_kept"] else "are NOT"
    for line in (
        f"decision {data['id']} about {version}: {data['action']} ({data['rule']})",
        f"  {escape(data['reason'])}",
        f"  again: {outcome}",
        f"  the measurements it names {verb} those that are kept",
    ):
        console().print(line, highlight=False)
