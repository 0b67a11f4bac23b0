"""Metadata of candidates: models and indexes, compared with what is in service."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assay.assets.dagster.metadata.tables import (
    Metadata,
    markdown,
    plotted,
    render_score,
    render_value,
)

ANSWERS = ("recall", "ndcg", "mrr", "citations", "p50_ms", "p95_ms")


def modelled(details: Mapping[str, Any], card: str) -> Metadata:
    """A candidate: what came of it and why, how it did next to the champion, in slices and between
    groups, what it carries, and its card.
    """
    evaluation = details["evaluation"]
    metadata: Metadata = {
        **_outcome(details),
        "model": details["model"],
        "model_version": details["model_version"],
        "judged_against": f"version {details['replaced']}" if details["replaced"] else "nobody",
        "trained_rows": details["trained_rows"],
        "judged_rows": details["judged_rows"],
        "judged_on": markdown(
            ["on", "rows", details["metric"], "in service"], _evaluation_rows(evaluation)
        ),
    }
    gaps = [
        (
            gap["column"],
            gap["groups"],
            measure,
            render_score(gap[measure]),
            render_score(gap[f"champion_{measure}"]),
        )
        for gap in evaluation["gaps"]
        for measure in ("selection", "opportunity")
    ]
    if gaps:
        headers = ["column", "groups", "difference in", "of it", "in service"]
        metadata["between_groups"] = markdown(headers, gaps)
    return {
        **metadata,
        "trace": dg.MetadataValue.md(f"`assay lineage trace {details['trace_id']}`"),
        "model_card": dg.MetadataValue.md(card),
        **plotted(_model_numbers(details)),
    }


def _evaluation_rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The candidate next to the champion: on all held-back rows, then in each slice."""
    candidate, champion = evaluation["candidate"], evaluation["champion"] or {}
    rows = f"{evaluation['rows']:,}"
    yield "all held-back rows", rows, _range(candidate), _range(champion)
    for part in evaluation["slices"]:
        scores = (render_score(part["candidate"]), render_score(part["champion"]))
        yield part["name"], f"{part['rows']:,}", *scores


def _model_numbers(details: Mapping[str, Any]) -> dict[str, float | None]:
    evaluation = details["evaluation"]
    better = evaluation["better"] or {}
    return {
        details["metric"]: details["candidate"],
        "in_service": details["in_service"],
        "better_by": better.get("value"),
        "better_by_low": better.get("low"),
        "better_by_high": better.get("high"),
        "calibration_error": evaluation["calibration"],
        "calibration_error_in_service": evaluation["champion_calibration"],
    }


def _range(interval: Mapping[str, float | None]) -> str:
    value, low, high = (interval.get(name) for name in ("value", "low", "high"))
    if value is None:
        return "—"
    return f"{value:.4f} ({render_score(low)} to {render_score(high)})"


def indexed(details: Mapping[str, Any]) -> Metadata:
    """A candidate index: what came of it and why, how it answered next to the one in service, what
    was built again, what it carries.
    """
    measured, in_service = details["measured"], details["measured_in_service"]
    answers = [
        (
            name,
            render_value(measured[name]),
            render_value(in_service[name]) if in_service else "—",
        )
        for name in ANSWERS
    ]
    questions = f"{measured['questions']:,} questions, k = {measured['k']}"
    return {
        **_outcome(details),
        "dagster/row_count": details["chunks"],
        "build": details["build"],
        "documents": details["documents"],
        "passages": details["chunks"],
        "bytes": details["bytes"],
        "judged_by": markdown([questions, "of it", "in service"], answers),
        "built_from": _describe_work(details["changed"]),
        "embedder": _describe_embedder(details["embedder"]),
        **plotted({name: measured[name] for name in ANSWERS}),
    }


def _describe_work(changed: Mapping[str, int]) -> str:
    documents = ", ".join(f"{changed[kind]:,} {kind}" for kind in ("added", "changed", "removed"))
    passages = f"{changed['carried']:,} carried over, {changed['embedded']:,} embedded"
    return f"documents: {documents}; passages: {passages}"


def _describe_embedder(embedder: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {str(value)[:16]}"
        for name, value in embedder.items()
        if isinstance(value, str | int)
    )


def _outcome(details: Mapping[str, Any]) -> Metadata:
    """What models and indexes share: the outcome and why, what it was derived from and has to carry."""
    cause = details.get("asked_because")
    return {
        "outcome": details["outcome"],
        "reason": details["reason"],
        **({"asked_because": cause} if cause else {}),
        "metric": details["metric"],
        "dataset_version": details["dataset_version"],
        "license": details["license"],
        "obligations": details["obligations"],
        "attribution": details["attribution"],
    }
