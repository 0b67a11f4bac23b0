"""Drift, models and traces: plain data for the command line to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.io.models import REFUSED
from assay.assets.io.private import users_files
from assay.assets.io.registry.models import Role
from assay.assets.io.registry.triggers import ASSAY, MEASURE
from assay.assets.io.user_files import read_table
from assay.assets.services import monitor, trace
from assay.assets.services.predict import as_promised, opened
from assay.assets.stages import outcomes
from assay.assets.stages.drift_decision import override, policy_of
from assay.assets.stages.drift_decision import replayed as made_again
from assay.assets.stages.model import compared as held_against
from assay.contracts.errors import ActionError, DriftError, Where, shown
from assay.pipelines.drift.scores import interval, unpaired


def drift(name: str, version: str | None) -> dict[str, Any]:
    """A version's measurements and decisions."""
    installation = Installation.open()
    policy_of(installation.contract(name))  # a contract without one has nothing to wait for
    row = installation.version(name, version)
    details = installation.registry.derived.get(name, row.version, "drift")
    if details is None:
        raise DriftError(
            f"version {row.version} has not been measured",
            f"Run it first: assay run {name}",
            Where(dataset=name),
        )
    return {
        "dataset": name,
        "version": row.version,
        **details,
        "decisions": [each for each in decisions(name) if each["version"] == row.version],
    }


def decisions(name: str) -> list[dict[str, Any]]:
    """Every decision about a data set."""
    installation = Installation.open()
    keys = ("id", "version", "at", "action", "rule", "reason", "by", "cause")
    return [
        {**{key: getattr(row, key) for key in keys}, "evidence": row.situation["evidence"]}
        for row in installation.registry.decisions.all(installation.contract(name).name)
    ]


def overridden(name: str, version: str | None, action: str, why: str) -> str:
    """Keep a steward's decision, and say what follows."""
    installation = Installation.open()
    row = override(installation, name, action, why, version)
    installation.settle()
    follows = (
        f"It is carried out by: assay run {name}"
        if row.action in ("retrain", "rebuild")
        else "Nothing is done"
    )
    return f"decision {row.id} about {name}@{row.version}: {row.action}. {follows}"


def waiting() -> list[dict[str, Any]]:
    """Triggers that nobody has carried out."""
    keys = ("id", "dataset", "version", "action", "reason", "raised_at", "attempts")
    return [
        {**{key: getattr(row, key) for key in keys}, "actor": row.actor or ASSAY}
        for row in Installation.open().registry.triggers.waiting()
    ]


def closed(number: int, why: str) -> str:
    """Close a trigger by hand."""
    installation = Installation.open()
    trigger = installation.registry.triggers.get(number)
    if trigger.done_at or trigger.action == MEASURE:
        raise ActionError(
            f"trigger {number} is {'done' if trigger.done_at else 'to measure a version, which only Assay does'}",
            "See `assay drift triggers`",
        )
    installation.registry.triggers.finish(trigger, {"outcome": "done elsewhere", "reason": why})
    return (
        f"trigger {number}, {trigger.action} of {trigger.dataset}@{trigger.version}: done elsewhere"
    )


def replayed(number: int) -> dict[str, Any]:
    """A decision made again."""
    row = made_again(Installation.open(), number)
    return {
        key: row[key]
        for key in (
            "id",
            "dataset",
            "version",
            "at",
            "action",
            "rule",
            "reason",
            "again",
            "same",
            "evidence_is_kept",
            "situation",
        )
    }


def listed(name: str | None) -> list[dict[str, Any]]:
    """Every version of one model, or of all."""
    installation = Installation.open()
    names = (
        [name]
        if name
        else [contract.name for contract in installation.contracts.values() if contract.retrain]
    )
    return [_model(installation, each) for each in names]


def _model(installation: Installation, name: str) -> dict[str, Any]:
    contract, policy = outcomes.keeps_model(installation, name)
    serving = {
        row.version: role
        for role, row in installation.registry.models.serving(contract.name).items()
    }
    versions = []
    for each in installation.models.versions(policy.model):
        labels, scores = outcomes.live(installation, contract.name, each["version"])
        lived = (
            interval(
                policy.metric, labels, scores, resamples=200, confidence=0.95, seed=policy.seed
            ).value
            if len(labels)
            else None
        )
        versions.append({
            "version": each["version"], "role": serving.get(each["version"]), "dataset_version": each["tags"].get("dataset_version"), "metrics": each["metrics"],
            "license": each["tags"].get("license"), "obligations": each["tags"].get("obligations"), "trace_id": each["tags"].get("trace_id"),
            "refused": each["tags"].get(REFUSED), "outcomes": len(labels), "live": None if lived is None or lived != lived else lived,
        })  # fmt: skip
    switches = [
        {key: getattr(row, key) for key in ("at", "role", "version", "by", "reason")}
        for row in installation.registry.models.switches(contract.name)
    ]
    return {
        "model": policy.model,
        "dataset": contract.name,
        "metric": policy.metric,
        "versions": versions,
        "switches": switches,
    }


def compared(name: str, first: str, second: str) -> dict[str, Any]:
    """Two versions beside each other."""
    installation = Installation.open()
    contract, policy = outcomes.keeps_model(installation, name)
    numbers = [_number(installation, contract.name, each) for each in (first, second)]
    told: dict[str, Any] = {
        "model": policy.model,
        "metric": policy.metric,
        "versions": numbers,
        "held_back": held_against(installation, contract, policy, numbers[0], numbers[1]),
    }
    tried = installation.registry.models.serving(contract.name).get("challenger")
    beside = tried.version if tried and tried.version in numbers else None
    found = [outcomes.live(installation, contract.name, number, beside) for number in numbers]
    if all(len(labels) for labels, _ in found):
        lived = [
            interval(
                policy.metric, *each, resamples=policy.resamples, confidence=0.95, seed=policy.seed
            )
            for each in found
        ]
        apart, _, p_value = unpaired(lived[0], lived[1])
        told["live"] = {
            "outcomes": [len(labels) for labels, _ in found],
            "values": [each.value for each in lived],
            "better_by": apart,
            "p_value": p_value,
        }
    return told


def _number(installation: Installation, dataset: str, said: str) -> str:
    if said not in ("champion", "challenger"):
        return said
    role: Role = "champion" if said == "champion" else "challenger"
    serving = installation.registry.models.serving(dataset)
    if role not in serving:
        raise ActionError(
            f"there is no {said}", f"See `assay models list {dataset}`", Where(dataset=dataset)
        )
    return str(serving[role].version)


def promoted(name: str, version: str, why: str) -> str:
    """Put a version in service."""
    installation = Installation.open()
    contract, policy = outcomes.keeps_model(installation, name)
    return _switched(
        monitor.promote(
            installation, contract, policy, _number(installation, contract.name, version), why
        )
    )


def rolled_back(name: str, why: str) -> str:
    """Put the champion before this one back."""
    installation = Installation.open()
    contract, policy = outcomes.keeps_model(installation, name)
    return _switched(monitor.roll_back(installation, contract, policy, why))


def _switched(switches: list[monitor.Switched]) -> str:
    if not switches:
        raise ActionError("somebody else has switched meanwhile", "Look again: assay models list")
    return "\n".join(
        f"{each.model}: the {each.role} was version {each.before or '—'}, and is {each.now or 'nobody'}: {each.reason}"
        for each in switches
    )


def predicted(
    name: str,
    file: Path,
    purpose: str,
    output: Path,
    trace_: str | None,
    history: Path | None = None,
) -> str:
    """Score the rows of a file into another. `history` has those from before."""
    if output.suffix not in (".csv", ".parquet"):
        raise ActionError(
            "scores are written as CSV or Parquet",
            "Name a file that ends in .csv or .parquet",
            Where(file=shown(output)),
        )
    served = opened(name, purpose)
    told = served.predict(
        _rows(served.contract, file),
        history=_rows(served.contract, history) if history else None,
        trace=trace_,
    )
    try:
        with users_files():
            told.write_parquet(output) if output.suffix == ".parquet" else told.write_csv(output)
    except OSError as error:
        why = (
            "there is no such folder"
            if isinstance(error, FileNotFoundError)
            else error.strerror or type(error).__name__
        )
        raise ActionError(
            f"it cannot be written ({why})",
            "Name a file this user may write",
            Where(file=shown(output)),
        ) from None
    served.installation.settle()
    by = ", ".join(
        f"{rows:,} by version {version}"
        for version, rows in told.group_by("model_version").len().sort("model_version").rows()
    )
    trace_id = told["traceparent"][0].split("-")[1]
    said = f"{told.height:,} rows scored by {served.name} ({by}). Trace: assay why {trace_id}"
    back = () if history else served.looks_back
    return said + (
        f"\n{len(back)} of its features look back ({back[0]}{', …' if back[1:] else ''}) and saw these rows only: give those from before with --history"
        if back
        else ""
    )


def _rows(contract: Any, file: Path) -> pl.DataFrame:
    """The rows of a file, in the contract's types. Raises: ActionError: a value is not in its column's form; left out, it would be scored as if it were missing."""
    frame = read_table(file, contract.source.options.null_values)
    if file.suffix == ".parquet":
        return frame
    typed = as_promised(contract, frame)
    said = [pl.col(name).str.strip_chars().fill_null("") != "" for name in typed.columns]
    lost = frame.select(
        (each & typed[name].is_null()).alias(name)
        for each, name in zip(said, typed.columns, strict=True)
    ).with_row_index("row", 2)
    for name in typed.columns:
        if (wrong := lost.filter(name)).height:
            where = Where(file=shown(file), row=wrong["row"][0], field=name, dataset=contract.name)
            raise ActionError(
                f"{wrong.height:,} value(s) are no {typed.schema[name]}",
                "Mend them, or leave them empty",
                where,
            )
    return typed


def taken(name: str, file: Path) -> str:
    """Keep outcomes, and judge by them."""
    installation = Installation.open()
    told = outcomes.take_outcomes(installation, name, file)
    switches = monitor.review(installation, name)
    said = [
        f"{told['rows']:,} outcome(s) for {told['model']}, {told['known']:,} of them for predictions that Assay gave"
    ]
    said += (
        [f"{told['lost']:,} speak of predictions that nobody knows, and count for nothing"]
        if told["lost"]
        else []
    )
    said += [f"{told['corrected']:,} correct what was said before"] if told["corrected"] else []
    said += [] if told["new"] else ["all were known before"]
    waits = None if switches else monitor.in_canary(installation, name)
    return "\n".join(
        ["; ".join(said), *([_switched(switches)] if switches else []), *([waits] if waits else [])]
    )


def traced(text: str) -> dict[str, Any]:
    """What a trace led to."""
    return trace.why(Installation.open(), text)


def users(name: str, version: str | None) -> dict[str, Any]:
    """What was made from a version."""
    return trace.used_by(Installation.open(), name, version)
