"""`assay drift`: how versions differ from earlier ones, and what was decided about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import (
    AsJson,
    Dataset,
    DatasetOrVersion,
    Why,
    command_group,
    examples,
    split_name,
)
from assay.cli.render import ABSENT, console, escape, number_cell, print_result, table
from assay.contracts.errors import ActionError, DriftError, Where

drift_app = command_group(
    "drift",
    "Show drift measurements and decisions; close triggered actions.",
    "assay drift show flights",
    "assay drift decisions flights",
)
VERDICTS = {True: "drifted", None: ABSENT, False: "stable"}
"""Verdicts on a measurement, in the order they are listed."""


@drift_app.command("show", epilog=examples("assay drift show flights"))
def drift_show(name: DatasetOrVersion, as_json: AsJson = False) -> None:
    """Show what was measured of a version, and what was decided."""
    print_result(read_drift(*split_name(name)), as_json, show_drift)


def read_drift(name: str, version: str | None) -> dict[str, Any]:
    """A version's measurements and decisions."""
    from assay.assets.stages.drift_decision import policy_of

    installation = open_installation()
    policy_of(installation.contract(name))  # without a policy nothing is ever measured
    row = installation.version(name, version)
    details = installation.registry.derived.get(name, row.version, "drift")
    if details is None:
        raise DriftError(
            f"version {row.version} has not been measured",
            f"Measure it: assay run {name}",
            Where(dataset=name),
        )
    decisions = [
        decision for decision in read_decisions(name) if decision["version"] == row.version
    ]
    return {"dataset": name, "version": row.version, **details, "decisions": decisions}


def show_drift(data: dict[str, Any]) -> None:
    """Print a version's measurements: what has drifted first."""
    console().print(f"[bold]{data['dataset']}@{data['version']}: {data['verdict']}[/]")
    measurements = sorted(
        data["measurements"], key=lambda entry: list(VERDICTS).index(entry["drifted"])
    )
    for against in dict.fromkeys(entry.get("against", "") for entry in measurements):
        compared = [entry for entry in measurements if entry.get("against", "") == against]
        _show_measurements(f"Compared with {against}" if against else "Compared", compared)
    for reason in (*data["reasons"], *data.get("changes", [])):
        console().print(f"  {escape(reason)}", highlight=False)
    for entry in measurements:
        if entry["drifted"] is None and entry["note"]:
            console().print(f"  {escape(_measured_part(entry))}: {escape(entry['note'])}")
    show_decisions(data["decisions"])


def _show_measurements(title: str, measurements: list[dict[str, Any]]) -> None:
    grid = table(title, "column", "measured by", "score", "threshold", "p", "verdict")
    for entry in measurements:
        grid.add_row(
            escape(_measured_part(entry)),
            entry["method"],
            number_cell(entry["score"]),
            f"{entry['threshold']:g}",
            number_cell(entry.get("p_value"), 2),
            VERDICTS[entry["drifted"]],
        )
    console().print(grid)


def _measured_part(entry: dict[str, Any]) -> str:
    """A column, with the part of it that was measured."""
    return str(entry["column"]) + (f" [{entry['part']}]" if entry.get("part") else "")


@drift_app.command("decisions", epilog=examples("assay drift decisions flights"))
def drift_decisions(name: Dataset, as_json: AsJson = False) -> None:
    """List every decision with its reason, the oldest first."""
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
    console().print(grid if data else "No decision is recorded.")


@drift_app.command(
    "override",
    epilog=examples('assay drift override flights retrain --why "the schedule changed in June"'),
)
def drift_override(
    name: DatasetOrVersion,
    action: Annotated[str, typer.Argument(help="retrain, rebuild, hold, alert or ignore.")],
    why: Why,
) -> None:
    """Decide about a version yourself."""
    print(override_decision(*split_name(name), action, why))


def override_decision(name: str, version: str | None, action: str, why: str) -> str:
    """Record a steward's decision, and describe what follows."""
    from assay.assets.stages.drift_decision import override

    installation = open_installation()
    row = override(installation, name, action, why, version)
    installation.deliver_outbox()
    is_carried_out = row.action in ("retrain", "rebuild")
    follows = f"To carry it out: assay run {name}" if is_carried_out else "No action follows"
    return f"decision {row.id} about {name}@{row.version}: {row.action}. {follows}"


@drift_app.command("triggers", epilog=examples("assay drift triggers"))
def drift_triggers(as_json: AsJson = False) -> None:
    """List triggered actions that are still open, and who carries them out."""
    print_result(read_triggers(), as_json, show_triggers)


def read_triggers() -> list[dict[str, Any]]:
    """Triggers that are still open."""
    from assay.assets.io.registry.triggers import ASSAY

    keys = ("id", "dataset", "version", "action", "reason", "raised_at", "attempts")
    return [
        {**{key: getattr(row, key) for key in keys}, "actor": row.actor or ASSAY}
        for row in open_installation().registry.triggers.waiting()
    ]


def show_triggers(data: list[dict[str, Any]]) -> None:
    """Print the open triggers."""
    headers = ("number", "data set", "action", "for", "since", "tries", "because")
    grid = table("Open triggers", *headers)
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
    console().print(grid if data else "No trigger is open.")


@drift_app.command(
    "done", epilog=examples('assay drift done 7 --why "retrained by the platform team, run 4711"')
)
def drift_done(
    number: Annotated[
        int, typer.Argument(help="The trigger's number, from `assay drift triggers`.")
    ],
    why: Why,
) -> None:
    """Close a trigger that was carried out outside Assay."""
    print(close_trigger(number, why))


def close_trigger(number: int, why: str) -> str:
    """Close a trigger that was carried out outside Assay.

    Raises: ActionError: it is closed already, or only Assay can carry it out.
    """
    from assay.assets.io.registry.triggers import MEASURE

    installation = open_installation()
    trigger = installation.registry.triggers.get(number)
    remedy = "List the open triggers: assay drift triggers"
    if trigger.done_at:
        raise ActionError(f"trigger {number} is closed already", remedy)
    if trigger.action == MEASURE:
        problem = f"trigger {number} measures a version, which only Assay can do"
        raise ActionError(problem, remedy)
    installation.registry.triggers.finish(trigger, {"outcome": "done elsewhere", "reason": why})
    version = f"{trigger.dataset}@{trigger.version}"
    return f"trigger {number}, {trigger.action} of {version}: closed, done outside Assay"
