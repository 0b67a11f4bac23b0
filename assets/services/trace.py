"""Traces, read back: what a trace id led to, and what was made from a version.

Belongs here: gathering both from the registry, the evidence and MLflow's tags. Stays out: recording (each stage does its own).
"""

from __future__ import annotations

from typing import Any

from assay.assets.io.contract_folder import readable
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.uses import Use
from assay.contracts.errors import EvidenceError
from assay.lineage.trace import trace_of, trace_of_run

MADE = ("features", "sketch", "drift", "index", "data_docs")


def why(installation: Installation, text: str) -> dict[str, Any]:
    """Everything of one trace: the run that it was, what it published, what was decided and trained in it, and what was used.

    Raises: ConfigurationError: it is no trace id. EvidenceError: nothing is known of it.
    """
    trace_id = trace_of(text)
    entries: list[dict[str, Any]] = []
    for name in dict.fromkeys([*installation.contracts, *installation.registry.versions.names()]):
        for row in installation.registry.versions.all(name):
            if trace_of_run(row.run_id) == trace_id:
                predicate = installation.statement(row)["predicate"]
                entries.append(
                    _entry(
                        row.published_at,
                        name,
                        row.version,
                        "published",
                        {
                            "note": row.note,
                            "source_sha256": row.source_digest,
                            "decided_by": predicate["admission"]["decided_by"],
                        },
                    )
                )
        for made in installation.registry.derived.trainings(name):
            if made.details.get("trace_id") == trace_id:
                told = {
                    key: made.details[key]
                    for key in (
                        "model",
                        "model_version",
                        "outcome",
                        "reason",
                        "license",
                        "obligations",
                    )
                }
                entries.append(_entry(made.made_at, name, made.version, "model", told))
    for use in installation.registry.uses.of_trace(trace_id):
        told = {
            "purpose": use.purpose,
            "by": use.actor,
            "allowed": use.allowed,
            **(use.details or {}),
        }
        entries.append(_entry(use.at, use.dataset, use.version, use.kind or "read", told))
    if not entries:
        raise EvidenceError(
            f"nothing is known of the trace {trace_id}",
            "Give one that a prediction, a training, or a data card names",
        )
    return {"trace_id": trace_id, "entries": sorted(entries, key=lambda entry: entry["at"] or "")}


def used_by(installation: Installation, name: str, version: str | None) -> dict[str, Any]:
    """What was made from a version, who used it for what, and which models in service come from it. Raises: EvidenceError: there is no such version."""
    row = installation.version(installation.dataset(name), version)
    number = row.version
    made = {
        kind: _describe_event(kind, details)
        for kind in MADE
        if (details := installation.registry.derived.get(name, number, kind))
    }
    models = [
        _describe_event("model", each.details)
        for each in installation.registry.derived.trainings(name)
        if each.version == number
    ]
    made |= {"model": "; ".join(models)} if models else {}
    uses = [use for use in installation.registry.uses.all(name) if use.version == number]
    serving = {
        role: each.version
        for role, each in installation.registry.models.serving(name).items()
        if each.details.get("dataset_version") == number
    }
    derived = {
        other: installation.registry.versions.all(other)
        for other, contract in readable(installation.contracts).items()
        if name in contract.source.inherits
    }
    return {
        "dataset": name, "version": number, "made": made, "serving": serving,
        "uses": [{"at": use.at, "kind": use.kind or "read", "purpose": use.purpose, "by": use.actor, "allowed": use.allowed, "trace_id": use.trace_id, **_model(use)} for use in uses],
        "data_sets": sorted(other for other, versions in derived.items() if versions),
    }  # fmt: skip


def _entry(
    at: str | None, dataset: str, version: str, kind: str, told: dict[str, Any]
) -> dict[str, Any]:
    return {"at": at, "dataset": dataset, "version": version, "kind": kind, "told": told}


def _model(use: Use) -> dict[str, Any]:
    return {
        key: value
        for key, value in (use.details or {}).items()
        if key in ("model", "model_version", "rows")
    }


def _describe_event(kind: str, details: Json) -> str:
    match kind:
        case "model":
            return f"{details['model']} version {details['model_version']}: {details['outcome']} once it was judged"  # `serving` tells who serves today
        case "drift":
            return f"{details['verdict']} against {', '.join(details.get('against') or []) or 'nothing'}"
        case "index":
            return f"{details['chunks']:,} passages: {details['outcome']} once it was judged"
        case "features":
            return f"{len(details['features'])} features"
        case _:
            return "made"
