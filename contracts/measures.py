"""Quality metrics as a contract promises them: custom checks of the engine `assay`, and freshness.

Belongs here: their names, units and bounds. Stays out: measuring (pipelines/validate), the other
checks of ODCS (declared_rules/). Shares and rates are in percent, freshness in hours, the rest as
the literature gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any, get_args

from assay.contracts.column_names import rule_names
from assay.contracts.data_files import table
from assay.contracts.dimensions import dimension_of_metric
from assay.contracts.errors import ContractError, Where
from assay.contracts.model import Bound, Column, Metric, MetricName, Rule
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
            "the implementation is text, and Assay reads a mapping",
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
            f"the metric '{name}' is not one of Assay's",
            suggestion(str(name), metrics, f"Choose one of {', '.join(metrics)}"),
            "assay.value",
        )
    for key in implementation:
        if key not in IMPLEMENTATION and not key.startswith("must"):
            yield (
                f"the key '{key}' is not known",
                suggestion(key, IMPLEMENTATION, "Give `metric`, `column` and an operator"),
                "assay.unknown_key",
            )


def _wrong_column(
    name: str, measured: str | None, promised: Mapping[str, Column]
) -> Iterator[tuple[str, str, str]]:
    """Problem, remedy and kind of a column that is missing, one too many, or not suited."""
    if measured is None:
        if name in OF_A_COLUMN:
            yield (
                f"the metric '{name}' is of one column",
                "Put it under a property, or name it as `column`",
                "assay.columns",
            )
        return
    if name not in OF_A_COLUMN | {"freshness"}:
        yield (
            f"the metric '{name}' is of the whole version",
            "Put it under the schema's `quality`, without `column`",
            "assay.columns",
        )
    if measured not in promised:
        yield (
            f"the metric '{name}' names the column '{measured}', which is not promised",
            suggestion(measured, promised),
            "assay.columns",
        )
    elif name == "freshness" and not _tells_time(promised[measured]):
        kind = promised[measured].logical_type
        yield (
            f"'{measured}' is promised as {kind}, which tells no moment",
            "Name a date or timestamp",
            "assay.type",
        )


def freshness_rules(
    data: Mapping[str, Any], columns: Sequence[Column], declared: Sequence[Rule]
) -> tuple[Rule, ...]:
    """How old the data may be by the contract's `slaProperties`: a rule of severity `warning` each.

    An agreement is reported on, and stops nothing.

    Args:
        declared: the rules that the contract states itself; one of the same name takes the place of
            the agreement's.
    """
    times = {column.name for column in columns if _tells_time(column)}
    rules: dict[str, Rule] = {}
    for entry in data.get("slaProperties") or []:
        hours = _agreed_hours(entry)
        if hours is None:
            continue
        for element in str(entry.get("element") or "").split(","):
            column = element.strip().rpartition(".")[2] or None
            # an element of another table is none of ours
            if column is None or column in times:
                rule = _freshness_rule(column, hours, entry)
                rules[rule.name] = rule
    taken = {rule.name for rule in declared}
    return tuple(rule for name, rule in rules.items() if name not in taken)


def _agreed_hours(entry: Mapping[str, Any]) -> float | None:
    """The age that an entry of `slaProperties` agrees on; None where it is about something else."""
    words = table("words/freshness.yaml")
    value = entry.get("value")
    hours = words["hours"].get(str(entry.get("unit", "h")).lower())
    if entry.get("property") not in words["agreements"] or hours is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) * float(Fraction(hours))


def _freshness_rule(column: str | None, hours: float, entry: Mapping[str, Any]) -> Rule:
    age = f"{entry['value']:g} {entry.get('unit', 'h')}"
    return Rule(
        name=f"{rule_names([column])[column]}_freshness" if column else "freshness",
        kind="metric",
        columns=(column,) if column else (),
        argument=Metric(name="freshness", column=column),
        severity="warning",
        bound=Bound(comparison="mustBeLessOrEqualTo", value=hours, unit="value"),
        dimension=dimension_of_metric("freshness"),
        description=f"the newest {column or 'bytes of the source'} is at most {age} old, as agreed",
    )


def _tells_time(column: Column) -> bool:
    return column.logical_type in ("date", "timestamp")
