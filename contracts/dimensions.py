"""The quality dimension of a rule: completeness, accuracy, … (words/dimensions.yaml)."""

from __future__ import annotations

from assay.contracts.data_files import table
from assay.contracts.model import MetricName


def dimension_of_rule(kind: str) -> str:
    """The dimension of a kind of rule where the contract states none."""
    dimension: str = table("words/dimensions.yaml")["rules"].get(kind, "conformity")
    return dimension


def dimension_of_metric(name: MetricName) -> str:
    """The dimension of a quality metric where the contract states none."""
    dimension: str = table("words/dimensions.yaml")["metrics"][name]
    return dimension
