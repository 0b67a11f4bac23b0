"""Contract -> how Evidently reads a version: its DataDefinition, and the drift settings to use.

Columns with personal data stay out: Evidently's pages show values.
"""

from __future__ import annotations

from typing import Any

from assay.contracts.exports.promised import as_json
from assay.contracts.model import Column, Contract


def evidently(contract: Contract) -> str:
    """`DataDefinition(**data_definition)`, `DataDriftPreset(**preset)`, and what Assay measures
    itself because Evidently does not see it.
    """
    kinds: dict[str, list[str]] = {
        "numerical_columns": [],
        "categorical_columns": [],
        "text_columns": [],
        "datetime_columns": [],
    }
    left_out: dict[str, str] = {}
    for column in contract.published_columns:
        kind = _kind(contract, column)
        if column.name in contract.privacy.columns:
            left_out[column.name] = "personal"
        elif kind is None:
            left_out[column.name] = (
                f"Evidently does not compare columns of type {column.logical_type}"
            )
        else:
            kinds[kind].append(column.name)
    return as_json(
        {
            "data_definition": kinds,
            **_drift(contract, [name for names in kinds.values() for name in names]),
            "left_out": left_out,
        }
    )


def _kind(contract: Contract, column: Column) -> str | None:
    """A column is categorical where drift compares it so, where its values are listed, or where
    features encode it.
    """
    match column.logical_type:
        case "integer" | "number":
            return "numerical_columns"
        case "date" | "timestamp":
            return "categorical_columns" if _is_compared(contract, column) else "datetime_columns"
        case "boolean":
            return "categorical_columns"
        case "string" | "time":
            listed = any(
                rule.columns == (column.name,)
                and (
                    rule.kind == "enum"
                    or (rule.kind == "invalidValues" and not isinstance(rule.argument, str))
                )
                for rule in contract.rules
            )
            encoded = contract.features is not None and column.name in contract.features.reads
            return (
                "categorical_columns"
                if listed or encoded or _is_compared(contract, column)
                else "text_columns"
            )
        case _:
            return None


def _is_compared(contract: Contract, column: Column) -> bool:
    return contract.drift is not None and column.name in contract.drift.columns


def _drift(contract: Contract, compared: list[str]) -> dict[str, Any]:
    policy = contract.drift
    if policy is None:
        return {}
    own = {column: method for column, method in policy.methods.items() if column in compared}
    preset: dict[str, Any] = {
        "columns": [name for name in policy.columns if name in compared],
        "drift_share": policy.share,
        "num_method": policy.numerical.method,
        "num_threshold": policy.numerical.threshold,
        "cat_method": policy.categorical.method,
        "cat_threshold": policy.categorical.threshold,
    }
    if own:
        methods = {column: method.method for column, method in own.items()}
        thresholds = {column: method.threshold for column, method in own.items()}
        preset |= {"per_column_method": methods, "per_column_threshold": thresholds}
    beyond = {
        "missing_change_pct": policy.missing_change_pct,
        "volume_change_pct": policy.volume_change_pct,
        "new_categories": policy.new_categories,
    }
    return {
        "preset": preset,
        "measured_by_assay": beyond,
        "sample": {"rows": policy.sample_rows, "seed": policy.seed},
    }
