"""Quality metrics as a contract promises them: a custom check of the engine `assay`, and the freshness of `slaProperties`.

Belongs here: their names, units and bounds. Stays out: measuring (pipelines/validate), the other checks of ODCS (promises.py).
Shares and rates are in percent, freshness in hours, the rest as the literature gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from assay.contracts.errors import ContractError, Where
from assay.contracts.model import Bound, Column, Metric, MetricName, Rule
from assay.contracts.problems import suggestion

BIAS: frozenset[str] = frozenset(
    {"smallestShare", "balance", "labelShare", "parityDifference", "impactRatio"}
)
"""Metrics of one group that `assay.bias` declares."""
DIMENSIONS: dict[MetricName, str] = {
    "noiseRate": "accuracy", "errorRate": "accuracy", "duplicateRate": "uniqueness", "coverage": "coverage", "completeness": "completeness", "freshness": "timeliness", "stability": "consistency",
    "smallestShare": "representation", "balance": "representation", "labelShare": "representation", "parityDifference": "representation", "impactRatio": "representation",
}  # fmt: skip
OF_A_COLUMN = BIAS | {"completeness"}
HOURS = {
    "m": 1 / 60,
    "min": 1 / 60,
    "minute": 1 / 60,
    "minutes": 1 / 60,
    "h": 1.0,
    "hr": 1.0,
    "hour": 1.0,
    "hours": 1.0,
    "d": 24.0,
    "day": 24.0,
    "days": 24.0,
    "w": 168.0,
    "week": 168.0,
    "weeks": 168.0,
}
"""Units of freshness, in hours."""
AGREEMENTS = ("freshness", "latency", "ly")
"""The properties of an ODCS service-level agreement that say how old data may be; `ly` is the periodic table's word for latency."""
IMPLEMENTATION = ("metric", "column")


def of_check(
    check: Mapping[str, Any],
    column: str | None,
    promised: Mapping[str, Column],
    where: Where,
    path: str,
) -> tuple[Metric, dict[str, Any]]:
    """What a custom check of the engine `assay` measures, and the check with its operator beside the rest.

    `implementation` is a mapping of `metric`, `column` and the operator: ODCS allows none beside it.
    Raises: ContractError: no such metric, or no such column.
    """
    asked = check["implementation"]
    if not isinstance(asked, dict):
        remedy = "Write a mapping: `implementation: {metric: noiseRate, mustBeLessThan: 5}`"
        raise ContractError(
            "the implementation is text, and Assay reads a mapping",
            remedy,
            where,
            "assay.arguments",
            path,
        )
    name = asked.get("metric")
    if name not in get_args(MetricName):
        remedy = suggestion(
            str(name), get_args(MetricName), f"Choose one of {', '.join(get_args(MetricName))}"
        )
        raise ContractError(
            f"the metric '{name}' is not one of Assay's", remedy, where, "assay.value", path
        )
    unknown = [key for key in asked if key not in IMPLEMENTATION and not key.startswith("must")]
    if unknown:
        raise ContractError(
            f"the key '{unknown[0]}' is not known",
            suggestion(unknown[0], IMPLEMENTATION, "Give `metric`, `column` and an operator"),
            where,
            "assay.unknown_key",
            path,
        )
    about = asked.get("column") or column
    if name in OF_A_COLUMN and about is None:
        raise ContractError(
            f"the metric '{name}' is of one column",
            "Put it under a property, or name it as `column`",
            where,
            "assay.columns",
            path,
        )
    if name not in OF_A_COLUMN | {"freshness"} and about is not None:
        raise ContractError(
            f"the metric '{name}' is of the whole version",
            "Put it under the schema's `quality`, without `column`",
            where,
            "assay.columns",
            path,
        )
    if about is not None and about not in promised:
        raise ContractError(
            f"the metric '{name}' names the column '{about}', which is not promised",
            suggestion(about, promised),
            where,
            "assay.columns",
            path,
        )
    if name == "freshness" and about is not None and not _tells_time(promised[about]):
        raise ContractError(
            f"'{about}' is promised as {promised[about].logical_type}, which tells no moment",
            "Name a date or timestamp",
            where,
            "assay.type",
            path,
        )
    operators = {key: value for key, value in asked.items() if key.startswith("must")}
    named = check.get("name") or check.get("id") or "_".join(filter(None, [about, str(name)]))
    return Metric(name=name, column=about), {
        **check,
        **operators,
        "name": named,
        "description": check.get("description") or named,
    }


def freshness_rules(
    data: Mapping[str, Any], columns: Sequence[Column], known: Sequence[Rule]
) -> tuple[Rule, ...]:
    """How old the data may be by the contract's `slaProperties`, a rule of severity `warning` each: an agreement is reported on, and stops nothing.

    Args:
        known: the rules that the contract states itself; one of the same name takes the place of the agreement's.
    """
    times = {column.name: column for column in columns if _tells_time(column)}
    rules: dict[str, Rule] = {}
    for entry in data.get("slaProperties") or []:
        value, unit = entry.get("value"), HOURS.get(str(entry.get("unit", "h")).lower())
        if (
            entry.get("property") not in AGREEMENTS
            or isinstance(value, bool)
            or not isinstance(value, int | float)
            or unit is None
        ):
            continue
        for element in str(entry.get("element") or "").split(","):
            column = element.strip().rpartition(".")[2] or None
            if column is not None and column not in times:
                continue  # of something else than this table's times
            name = f"{column}_freshness" if column else "freshness"
            bound = Bound(comparison="mustBeLessOrEqualTo", value=float(value) * unit, unit="value")
            said = f"the newest {column or 'bytes of the source'} is at most {value:g} {entry.get('unit', 'h')} old, as agreed"
            rules[name] = Rule(
                name=name, kind="metric", columns=(column,) if column else (), argument=Metric(name="freshness", column=column), severity="warning", bound=bound,
                dimension=DIMENSIONS["freshness"], description=said,
            )  # fmt: skip
    taken = {rule.name for rule in known}
    return tuple(rule for name, rule in rules.items() if name not in taken)


def _tells_time(column: Column) -> bool:
    return column.logical_type in ("date", "timestamp")
