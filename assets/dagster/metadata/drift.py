"""Metadata of drift: measurements as numbers that plot, the verdict, the decisions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assay.assets.dagster.metadata.tables import Metadata, markdown, render_score
from assay.assets.io.registry.decisions import DecisionRecord
from assay.assets.stages.drift import BEFORE
from assay.pipelines.drift.claims import ALL_COLUMNS

VERDICTS: Mapping[bool | None, str] = {True: "**drifted**", None: "unknown", False: "stable"}
"""Verdicts on a measurement, in the order they are listed."""
MOST_DECISIONS = 20
"""Decisions that are shown; `assay drift decisions` has all of them."""


def drifted(
    version: str,
    details: Mapping[str, Any],
    decision: DecisionRecord,
    decisions: Sequence[DecisionRecord],
    report: Path | None,
) -> Metadata:
    """The verdict on a version and why, what was decided and by which rule, each score as a number
    that plots, and the decisions so far.

    Args:
        decision: about this version, as its measurements had it.
        decisions: all about the data set, stewards' too, the oldest first.
    """
    number, evidence = decision.id, decision.situation["evidence"]
    reasons = [(reason,) for reason in details["reasons"]]
    metadata: Metadata = {
        "verdict": details["verdict"],
        "version": version,
        "reference": details["reference"] or "none",
        "reasons": markdown(["why this verdict"], reasons),
        "decision": decision.action,
        "decided_because": f"{_own_words(decision)} (rule: {decision.rule})",
        "measurements": _measurement_table(details["measurements"]),
    }
    if details.get("changes"):
        changes = [(change,) for change in details["changes"]]
        metadata["changes_of_regime"] = markdown(["change"], changes)
    metadata["decisions"] = _decision_table(decisions)
    metadata["evidence"] = f"sha256 {evidence[:16]}…"
    metadata["replay_with"] = dg.MetadataValue.md(f"`assay review replay {number}`")
    if report:
        metadata["report"] = dg.MetadataValue.path(report)
    return {**metadata, **_scores(details["measurements"])}


def _measurement_table(measurements: Sequence[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """Every measurement, those that drifted first."""
    order = list(VERDICTS)
    rows = [
        (
            _part(measurement),
            measurement["against"],
            measurement["method"],
            render_score(measurement["score"]),
            f"{measurement['threshold']:g}",
            "" if measurement.get("p_value") is None else f"{measurement['p_value']:.2g}",
            VERDICTS[measurement["drifted"]],
            measurement["note"],
        )
        for measurement in sorted(measurements, key=lambda m: order.index(m["drifted"]))
    ]
    headers = ["column", "against", "method", "score", "threshold", "p", "verdict", "note"]
    return markdown(headers, rows)


def _decision_table(decisions: Sequence[DecisionRecord]) -> dg.MarkdownMetadataValue:
    """The newest decisions, the newest first."""
    rows = [
        (
            decision.id,
            decision.version,
            decision.at[:16],
            decision.action,
            decision.rule,
            _own_words(decision),
            decision.by,
        )
        for decision in reversed(decisions[-MOST_DECISIONS:])
    ]
    return markdown(["number", "version", "at", "action", "rule", "because", "by"], rows)


def _scores(measurements: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Each score by a name that holds all that is compared.

    So one comparison plots on over the versions, whatever else is measured of one of them.
    """
    return {
        _score_name(measurement): float(measurement["score"])
        for measurement in measurements
        if measurement["score"] is not None
    }


def _score_name(measurement: Mapping[str, Any]) -> str:
    name = f"{measurement['method']}/{_part(measurement)}"
    against = measurement["against"]
    return name if against == BEFORE else f"{name} against {against}"


def _part(measurement: Mapping[str, Any]) -> str:
    """What was measured: a column, or all rows, or either in a slice."""
    name = "all rows" if measurement["column"] == ALL_COLUMNS else measurement["column"]
    return f"{name} [{measurement['part']}]" if measurement["part"] else str(name)


def _own_words(decision: DecisionRecord) -> str:
    """A decision's reason without the verdict's reasons, which it repeats."""
    reason = decision.reason
    repeated = "; ".join(text.rstrip(".") for text in decision.situation["reasons"])
    return reason.replace(f": {repeated}.", ".") if repeated else reason
