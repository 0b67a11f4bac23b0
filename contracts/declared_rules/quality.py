"""ODCS quality checks -> rules: library metrics, SQL, and custom checks of the engine `assay`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from assay.contracts import measures
from assay.contracts.column_names import rule_name
from assay.contracts.declared_rules.collected import Collected
from assay.contracts.declared_rules.values import listed_values, occurring_value, pattern_can_run
from assay.contracts.dimensions import dimension_of_metric, dimension_of_rule
from assay.contracts.document import Path
from assay.contracts.errors import ContractError
from assay.contracts.model import OPERATORS, Bound, Column, Comparison, Rule, RuleKind, Severity
from assay.contracts.problems import key_path, suggestion

_Check = Mapping[str, Any]
_Unit = Literal["rows", "percent", "value"]


def add_quality(
    checks: list[dict[str, Any]], path: Path, column: str | None, table: str, collected: Collected
) -> None:
    """The rules of a list of checks.

    Args:
        column: the column that has them; None for checks of the schema object.
        table: the name of the schema object, which queries read.
    """
    for index, check in enumerate(checks):
        place: Path = (*path, index)
        rule = _rule_of(check, place, column, table, collected)
        if rule:
            collected.add(rule, place, is_named=bool(check.get("name") or check.get("id")))


def _rule_of(
    check: _Check, path: Path, column: str | None, table: str, collected: Collected
) -> Rule | None:
    match check.get("type") or "library":
        case "text":
            return None  # ODCS: prose for people, which no machine could check
        case "custom" if check.get("engine") == "assay":
            return _measured(check, path, column, collected)
        case "custom":
            collected.warn_unchecked(
                f"the check is written for {check.get('engine', 'another engine')}, "
                "which Assay does not run",
                "Declare it with a library metric or `type: sql`; otherwise it is not checked here",
                path,
            )
            return None
        case "sql":
            return _sql(check, path, column, table, collected)
    return _library(check, path, column, collected)


# -- library metrics ---------------------------------------------------------------------------


def _library(check: _Check, path: Path, column: str | None, collected: Collected) -> Rule | None:
    metric, arguments = check["metric"], check.get("arguments") or {}
    names = [column] if column else list(arguments.get("properties") or [])
    unit = check.get("unit", "rows")
    if unit not in ("rows", "percent"):
        collected.refuse(
            f"the unit '{unit}' is not known",
            suggestion(unit, ("rows", "percent"), "Choose rows or percent"),
            (*path, "unit"),
            "assay.unit",
        )
        return None
    if not _are_suited(metric, names, path, collected):
        return None
    only = collected.by_name[names[0]] if names else None
    argument = _argument(metric, arguments, only, path, collected)
    if metric == "invalidValues" and argument is None:
        return None
    rule = _compared(check, path, metric, names, argument, unit, collected)
    return rule.model_copy(update={"part": only}) if rule else None


def _are_suited(metric: str, names: list[str], path: Path, collected: Collected) -> bool:
    """Whether the metric is given columns that are declared, and as many as it takes."""
    promised = collected.column_names
    unknown = next((name for name in names if name not in promised), None)
    place = path
    if unknown is not None:
        problem = f"the metric '{metric}' names the column '{unknown}', which the contract does not declare"
        remedy = suggestion(unknown, promised)
    elif not names and metric != "rowCount":
        problem = f"the metric '{metric}' names no column"
        remedy = "Put it under a property, or list declared columns in `arguments.properties`"
    elif len(names) > 1 and metric != "duplicateValues":
        problem = f"the metric '{metric}' is given {len(names)} columns"
        remedy = "Give each column its own check; only duplicateValues takes several"
        place = (*path, "arguments")
    else:
        return True
    collected.refuse(problem, remedy, place, "assay.columns")
    return False


def _argument(
    metric: str,
    arguments: Mapping[str, Any],
    column: Column | None,
    path: Path,
    collected: Collected,
) -> Any:
    if column and metric == "missingValues":
        return _missing_values(arguments, column)
    if column and metric == "invalidValues":
        return _valid_values(arguments, column, path, collected)
    return None


def _missing_values(arguments: Mapping[str, Any], column: Column) -> tuple[Any, ...]:
    absent = tuple(arguments.get("missingValues") or (None, ""))
    # text that represents nothing never reaches a column of another type: it is not read as one
    occurring = (occurring_value(value, column) for value in absent)
    return tuple(value for value in occurring if value is not None) + (
        (None,) if None in absent else ()
    )


def _valid_values(
    arguments: Mapping[str, Any], column: Column, path: Path, collected: Collected
) -> tuple[Any, ...] | str | None:
    """The values, or the pattern, that are valid; None if neither can be checked."""
    if arguments.get("validValues"):
        place = (*path, "arguments", "validValues")
        listed = list(arguments["validValues"])
        return listed_values(listed, column, place, "validValues", collected) or None
    pattern = arguments.get("pattern")
    if not isinstance(pattern, str) or not column.is_text:
        collected.refuse(
            "invalidValues does not state what is valid",
            "Add `arguments.validValues`, or for a string `arguments.pattern`",
            path,
            "assay.arguments",
        )
        return None
    return pattern if pattern_can_run(pattern, (*path, "arguments", "pattern"), collected) else None


# -- queries and metrics of Assay --------------------------------------------------------------


def _sql(
    check: _Check, path: Path, column: str | None, table: str, collected: Collected
) -> Rule | None:
    """A query whose one number is compared, if every word of it is on the allow-list."""
    from assay.contracts.sql import checked

    place = (*path, "query")
    try:
        query = checked(
            check["query"],
            table=table,
            columns=collected.column_names,
            column=column,
            where=collected.document.where(place),
        )
    except ContractError as error:
        error.path = key_path(place)
        collected.problems.append(error)
        return None
    return _compared(check, path, "sql", [column] if column else [], query, "value", collected)


def _measured(check: _Check, path: Path, column: str | None, collected: Collected) -> Rule | None:
    """A bound on one of our own quality metrics."""
    where, place = collected.document.where(path), key_path(path)
    try:
        metric, compared = measures.of_check(check, column, collected.by_name, where, place)
    except ContractError as error:
        collected.problems.append(error)
        return None
    names = [metric.column] if metric.column else []
    rule = _compared(compared, path, "metric", names, metric, "value", collected)
    dimension = check.get("dimension") or dimension_of_metric(metric.name)
    return rule.model_copy(update={"dimension": dimension}) if rule else None


# -- what a check compares with ----------------------------------------------------------------


def _compared(
    check: _Check,
    path: Path,
    kind: RuleKind,
    columns: list[str],
    argument: Any,
    unit: _Unit,
    collected: Collected,
) -> Rule | None:
    """The rule of a check, with its bound; None if it compares with nothing that can be."""
    if not _has_severity(check, path, collected):
        return None
    operator = next((operator for operator in OPERATORS if operator in check), None)
    if operator is None:
        collected.refuse(
            f"'{kind}' is compared with nothing",
            f"Add one of {', '.join(OPERATORS)}",
            path,
            "assay.operator",
        )
        return None
    bound = _bound(operator, check[operator], unit, path, collected)
    if bound is None:
        return None
    name = check.get("name") or check.get("id")
    return Rule(
        name=rule_name(name) if name else collected.rule_name(columns, kind),
        kind=kind,
        columns=tuple(columns),
        argument=argument,
        severity=check.get("severity", "error"),
        dimension=check.get("dimension") or dimension_of_rule(kind),
        description=check.get("description") or name or "_".join([*columns, kind]),
        line=collected.line_of(path),
        bound=bound,
    )


def _has_severity(check: _Check, path: Path, collected: Collected) -> bool:
    severity = check.get("severity", "error")
    if severity in get_args(Severity):
        return True
    collected.refuse(
        f"the severity '{severity}' is not known",
        suggestion(severity, get_args(Severity), "Choose error, warning or info"),
        (*path, "severity"),
        "assay.severity",
    )
    return False


def _bound(
    operator: Comparison, value: Any, unit: _Unit, path: Path, collected: Collected
) -> Bound | None:
    numbers = value if isinstance(value, list) else [value]
    if not all(map(_is_number, numbers)):
        problem = f"{operator} compares with {value!r}"
        remedy = "Compare with a number"
    elif len(numbers) == 2 and numbers[0] > numbers[1]:
        problem = f"{operator} goes from {numbers[0]} to {numbers[1]}"
        remedy = "Write the smaller number first"
    else:
        limits = (numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0]
        return Bound(comparison=operator, value=limits, unit=unit)
    collected.refuse(problem, remedy, (*path, operator), "assay.operator")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
