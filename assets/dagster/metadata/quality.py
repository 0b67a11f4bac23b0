"""Metadata of quality metrics: numbers that plot, tables by column and by group."""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.assets.dagster.metadata.tables import Metadata, markdown, plotted, render_value

MAIN = (
    "noise_rate_pct",
    "duplicate_rate_pct",
    "coverage_pct",
    "error_rate_pct",
    "completeness_pct",
    "stability_psi",
    "stable_columns_pct",
)
"""The metrics that every version has, as far as they could be measured."""
OF_COLUMN = ("completeness_pct", "error_rate_pct", "changed_pct", "stability_psi")
OF_BIAS = ("smallest_share_pct", "balance", "parity_difference", "impact_ratio")


def quality(predicate: Mapping[str, Any]) -> Metadata:
    """The quality metrics: the main ones as numbers that plot, columns and groups as tables.

    What is unknown has no point to plot.
    """
    metrics = predicate.get("quality")
    if metrics is None:
        return {}
    columns = [
        (column["column"], *(render_value(column[name]) for name in OF_COLUMN))
        for column in metrics["columns"]
    ]
    headers = ["column", "completeness %", "error rate %", "changed %", "stability index"]
    metadata = {
        **plotted(dict(_numbers(metrics))),
        "quality_by_column": markdown(headers, columns),
    }
    groups = list(_groups(metrics))
    if groups:
        headers = ["column", "group", "rows", "share %", "outcome %"]
        metadata["bias_by_group"] = markdown(headers, groups)
    return metadata


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Every metric that plots over the versions, by its name."""
    for name in MAIN:
        yield name, metrics[name]
    for name, rate in metrics["error_rates_pct"].items():
        yield f"error_rate_{name}_pct", rate
    for name, age in metrics["freshness_hours"].items():
        yield f"freshness_{name}_hours", age
    for bias in metrics["bias"]:
        for name in OF_BIAS:
            yield f"{bias['column']}_{name}", bias[name]


def _groups(metrics: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for bias in metrics["bias"]:
        for group in bias["groups"]:
            yield (
                bias["column"],
                render_value(group["value"]),
                f"{group['rows']:,}",
                render_value(group["share_pct"]),
                render_value(group["label_pct"]),
            )
