"""Read traces back: what a trace id led to, and what was derived from a version.

Belongs here: gathering both from the registry, the evidence and MLflow's tags. Stays out: recording
(each stage does its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.assets.io.contract_folder import readable
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.uses import Use
from assay.contracts.errors import EvidenceError
from assay.lineage.trace import trace_of, trace_of_run

TRAINING_DETAILS = (
    "model",
    "model_version",
    "outcome",
    "reason",
    "license",
    "obligations",
)
MADE = ("features", "sketch", "drift", "index", "data_docs")


def why(installation: Installation, text: str) -> dict[str, Any]:
    """Everything of one trace: the run that it was, what it published, what was decided and trained
    in it, and what was used.

    Raises: ConfigurationError: it is no trace id. EvidenceError: nothing is known of it.
    """
    trace_id = trace_of(text)
    names = dict.fromkeys([*installation.contracts, *installation.registry.versions.names()])
    entries = [
        *(
            entry
            for name in names
            for entry in (
                *_published(installation, name, trace_id),
                *_trained(installation, name, trace_id),
            )
        ),
        *(_use_entry(use) for use in installation.registry.uses.of_trace(trace_id)),
    ]
    if not entries:
        raise EvidenceError(
            f"no record has the trace {trace_id}",
            "Give a trace id from a prediction, a training or a data card",
        )
    return {"trace_id": trace_id, "entries": sorted(entries, key=lambda entry: entry["at"] or "")}


def _published(installation: Installation, name: str, trace_id: str) -> Iterator[dict[str, Any]]:
    for row in installation.registry.versions.all(name):
        if trace_of_run(row.run_id) == trace_id:
            predicate = installation.statement(row)["predicate"]
            details = {
                "note": row.note,
                "source_sha256": row.source_digest,
                "decided_by": predicate["admission"]["decided_by"],
            }
            yield _entry(row.published_at, name, row.version, "published", details)


def _trained(installation: Installation, name: str, trace_id: str) -> Iterator[dict[str, Any]]:
    for training in installation.registry.derived.trainings(name):
        if training.details.get("trace_id") == trace_id:
            details = {key: training.details[key] for key in TRAINING_DETAILS}
            yield _entry(training.made_at, name, training.version, "model", details)


def _use_entry(use: Use) -> dict[str, Any]:
    details = {
        "purpose": use.purpose,
        "by": use.actor,
        "allowed": use.allowed,
        **(use.details or {}),
    }
    return _entry(use.at, use.dataset, use.version, use.kind or "read", details)


def used_by(installation: Installation, name: str, version: str | None) -> dict[str, Any]:
    """What was derived from a version, who used it for what, and which models in service come from it.

    Raises: EvidenceError: there is no such version.
    """
    row = installation.version(installation.dataset(name), version)
    number = row.version
    made = {
        kind: _describe_event(kind, details)
        for kind in MADE
        if (details := installation.registry.derived.get(name, number, kind))
    }
    models = [
        _describe_event("model", record.details)
        for record in installation.registry.derived.trainings(name)
        if record.version == number
    ]
    made |= {"model": "; ".join(models)} if models else {}
    uses = [use for use in installation.registry.uses.all(name) if use.version == number]
    serving = {
        role: record.version
        for role, record in installation.registry.models.serving(name).items()
        if record.details.get("dataset_version") == number
    }
    derived = {
        other: installation.registry.versions.all(other)
        for other, contract in readable(installation.contracts).items()
        if name in contract.source.inherits
    }
    return {
        "dataset": name,
        "version": number,
        "made": made,
        "serving": serving,
        "uses": [_describe_use(use) for use in uses],
        "data_sets": sorted(other for other, versions in derived.items() if versions),
    }


def _describe_use(use: Use) -> dict[str, Any]:
    return {
        "at": use.at,
        "kind": use.kind or "read",
        "purpose": use.purpose,
        "by": use.actor,
        "allowed": use.allowed,
        "trace_id": use.trace_id,
        **_model(use),
    }


def _entry(
    at: str | None, dataset: str, version: str, kind: str, details: dict[str, Any]
) -> dict[str, Any]:
    return {"at": at, "dataset": dataset, "version": version, "kind": kind, "told": details}


def _model(use: Use) -> dict[str, Any]:
    return {
        key: value
        for key, value in (use.details or {}).items()
        if key in ("model", "model_version", "rows")
    }


def _describe_event(kind: str, details: Json) -> str:
    match kind:
        case "model":
            return f"{details['model']} version {details['model_version']}: {details['outcome']} after its evaluation"  # `serving` tells who serves today
        case "drift":
            return f"{details['verdict']} against {', '.join(details.get('against') or []) or 'nothing'}"
        case "index":
            return f"{details['chunks']:,} passages: {details['outcome']} after its evaluation"
        case "features":
            return f"{len(details['features'])} features"
        case _:
            return "created"
