"""Quality metrics as a contract promises them: custom checks of the engine `assay`, and freshness.

Belongs here: their names, units and bounds. Stays out: measuring (pipelines/validate), the other
checks of ODCS (declared_rules/). Shares and rates are in percent, freshness in hours, the rest as
the literature gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, get_args

from assay.contracts.errors import ContractError, Where
from assay.contracts.model import Column, Metric, MetricName
from assay.contracts.problems import suggestion

BIAS: frozenset[str] = frozenset(
    {"smallestShare", "balance", "labelShare", "parityDifference", "impactRatio"}
)
"""Metrics of one group that `assay.bias` declares."""
OF_A_COLUMN = BIAS | {"completeness"}
IMPLEMENTATION = ("metric", "column")


def of_check(
    check: Mapping[str, Any],
    column: str | None,
    promised: Mapping[str, Column],
    where: Where,
    path: str,
) -> tuple[Metric, dict[str, Any]]:
    """What a custom check of the engine `assay` measures, and the check with its operator.

    `implementation` is a mapping of `metric`, `column` and the operator: ODCS allows none outside.
    Raises: ContractError: no such metric, or no such column.
    """

    def refuse(problem: str, remedy: str, kind: str) -> ContractError:
        return ContractError(problem, remedy, where, kind, path)

    implementation = check["implementation"]
    if not isinstance(implementation, dict):
        raise refuse(
            "the implementation is text, but Assay reads a mapping",
            "Write a mapping: `implementation: {metric: noiseRate, mustBeLessThan: 5}`",
            "assay.arguments",
        )
    name = implementation.get("metric")
    measured = implementation.get("column") or column
    mistakes = chain(_wrong_words(implementation), _wrong_column(str(name), measured, promised))
    for mistake in mistakes:
        raise refuse(*mistake)
    operators = {key: value for key, value in implementation.items() if key.startswith("must")}
    title = check.get("name") or check.get("id") or "_".join(filter(None, [measured, str(name)]))
    described = {"name": title, "description": check.get("description") or title}
    return Metric(name=name, column=measured), {**check, **operators, **described}


def _wrong_words(implementation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Problem, remedy and kind of a metric or a key that is not known."""
    name, metrics = implementation.get("metric"), get_args(MetricName)
    if name not in metrics:
        yield (
            f"the metric '{name}' does not exist in Assay",
            suggestion(str(name), metrics, f"Choose one of {', '.join(metrics)}"),
            "assay.value",
        )
    for key in implementation:
        if key not in IMPLEMENTATION and not key.startswith("must"):
            yield (
                f"the key '{key}' is not known",
                suggestion(key, IMPLEMENTATION, "Use `metric`, `column` and an operator"),
                "assay.unknown_key",
            )


def _wrong_column(
    name: str, measured: str | None, promised: Mapping[str, Column]
) -> Iterator[tuple[str, str, str]]:
    """Problem, remedy and kind of a column that is missing, one too many, or not suited."""
    if measured is None:
        if name in OF_A_COLUMN:
            yield (
                f"the metric '{name}' measures one column",
                "Put it under a property, or name it as `column`",
                "assay.columns",
            )
        return
    if name not in OF_A_COLUMN | {"freshness"}:
        yield (
            f"the metric '{name}' measures the whole version",
            "Put it under the schema's `quality`, without `column`",
            "assay.columns",
        )
    if measured not in promised:
        yield (
            f"the metric '{name}' uses the column '{measured}', which the contract does not declare",
            suggestion(measured, promised),
            "assay.columns",
        )
    elif name == "freshness" and not _tells_time(promised[measured]):
        kind = promised[measured].logical_type
        yield (
            f"'{measured}' is declared as {kind}, not as a date or timestamp",
            "Choose a date or timestamp",
            "assay.type",
        )


def _tells_time(column: Column) -> bool:
    return column.logical_type in ("date", "timestamp")
