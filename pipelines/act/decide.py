"""Drift, or changed documents, and what is in service -> an intent.

Belongs here: whether to retrain a model or rebuild an index, and why. Stays out: doing it, measuring, judging the candidate.
"""

from __future__ import annotations

from pipelines.frames import Drift, Intent


def decide(drift: Drift, *, retrain: bool, rebuild: bool, in_service: bool, documents_changed: int | None) -> Intent:
    """What should be done about a version.

    Args:
        drift: this version against the one before it.
        retrain, rebuild: whether the contract keeps a model or an index; with both, the model is asked first.
        in_service: whether one is in service already.
        documents_changed: how many documents were added, changed or removed since the index in service; None if not known.
    """
    model = _retrain(drift, in_service=in_service) if retrain else None
    if model and (model.action == "retrain" or not rebuild):
        return model
    if rebuild:
        return _rebuild(documents_changed, in_service=in_service)
    return Intent("none", "The contract keeps neither a model nor an index.")


def _retrain(drift: Drift, *, in_service: bool) -> Intent:
    if not in_service:
        return Intent("retrain", "No model is in service, so this is the first.")
    reasons = "; ".join(reason.rstrip(".") for reason in drift.reasons)
    match drift.verdict:
        case "drifted":
            return Intent("retrain", f"The data have drifted: {reasons}.")
        case "stable":
            return Intent("none", f"The data are stable: {reasons}.")
        case "unknown":
            return Intent("none", f"Nothing could be compared, so the model in service stays: {reasons}.")


def _rebuild(documents_changed: int | None, *, in_service: bool) -> Intent:
    if not in_service:
        return Intent("rebuild", "No index is in service, so this is the first.")
    if documents_changed is None:
        return Intent("none", "The documents could not be compared, so the index in service stays.")
    if documents_changed > 0:
        return Intent("rebuild", f"{documents_changed:,} documents have changed since the index in service was made.")
    return Intent("none", "No document has changed since the index in service was made.")
