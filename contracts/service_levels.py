"""The `slaProperties` of a contract -> rules about freshness, and warnings of what becomes no rule.

Belongs here: units, durations, which column an agreement is about. Stays out: metrics that a check
asks for (measures.py), measuring (pipelines/validate).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from assay.contracts.column_names import rule_names
from assay.contracts.data_files import table
from assay.contracts.dimensions import dimension_of_metric
from assay.contracts.document import Document
from assay.contracts.model import Bound, Column, Metric, Rule
from assay.contracts.problems import Problem, key_path, suggestion

_WORDS = "words/freshness.yaml"
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([^\W\d_]*)")
_PERIOD = re.compile(
    r"P(?:(?P<year>[0-9]+)Y)?(?:(?P<month>[0-9]+)M)?(?:(?P<week>[0-9]+)W)?(?:(?P<day>[0-9]+)D)?"
    r"(?:T(?:(?P<hour>[0-9]+)H)?(?:(?P<minute>[0-9]+)M)?(?:(?P<second>[0-9]+(?:\.[0-9]+)?)S)?)?"
)


@dataclass(frozen=True)
class ServiceLevels:
    """The rules that follow from service levels, and what no rule follows from."""

    rules: tuple[Rule, ...]
    warnings: tuple[Problem, ...]


def service_levels(
    document: Document, columns: Sequence[Column], declared: Sequence[Rule]
) -> ServiceLevels:
    """How old the data may be by the contract's `slaProperties`: a rule of severity `warning` each.

    An agreement is reported on, and stops nothing.

    Args:
        declared: the rules that the contract states itself; one of the same name takes the place of
            the agreement's.
    """
    tables = document.data["schema"][0]["name"]
    times = {column.name for column in columns if column.logical_type in ("date", "timestamp")}
    rules: dict[str, Rule] = {}
    warnings = []
    for index, entry in enumerate(document.data.get("slaProperties") or []):
        age, problem = _agreed_age(entry)
        if age is not None:
            found, problem = _columns_of(entry, tables, times)
            for column in found:
                rule = _freshness_rule(column, age, entry)
                rules[rule.name] = rule
        if problem:
            path = ("slaProperties", index)
            warnings.append(
                Problem(
                    "assay.unchecked",
                    "warning",
                    *problem,
                    document.where(path),
                    key_path(path),
                )
            )
    taken = {rule.name for rule in declared}
    kept = tuple(rule for name, rule in rules.items() if name not in taken)
    return ServiceLevels(kept, tuple(warnings))


_Mistake = tuple[str, str]
"""A problem and its remedy."""


def _agreed_age(entry: Mapping[str, Any]) -> tuple[float | None, _Mistake | None]:
    """The age in hours that an entry agrees on, or why no rule follows from it."""
    words = table(_WORDS)
    name = entry.get("property")
    if name in words["kept_by_settings"]:
        return None, None
    if name not in words["agreements"]:
        return None, (
            f"the service level '{name}' is not evaluated",
            suggestion(
                str(name),
                words["agreements"],
                "Assay evaluates freshness and latency only; this one is not checked here",
            ),
        )
    try:
        hours = agreed_hours(entry.get("value"), entry.get("unit"))
    except ValueError as reason:
        return None, (
            f"the service level '{name}' is not evaluated: {reason}",
            f"Write a number, and a `unit` such as {', '.join(words['shown'])}",
        )
    return hours, None


def agreed_hours(value: Any, unit: Any) -> float:
    """An age in hours: a number with a unit (hours by default), `36h`, or an ISO 8601 period.

    Raises: ValueError: it is no age, or its unit is not known.
    """
    if isinstance(value, str):
        period = _PERIOD.fullmatch(value.strip())
        if period and any(period.groups()):
            parts = {name: Fraction(part) for name, part in period.groupdict().items() if part}
            return float(sum(count * _hours_of(name) for name, count in parts.items()))
        written = _AGE.fullmatch(value.strip())
        if not written:
            raise ValueError("its value is not a number with a unit, such as `36h`")
        value, unit = Fraction(written[1]), written[2] or unit
    is_number = isinstance(value, int | float | Fraction) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise ValueError("its value must be a number, at least 0")
    return float(Fraction(value) * _hours_of(unit or "h"))


def _hours_of(unit: Any) -> Fraction:
    name = str(unit).strip()
    hours = table(_WORDS)["hours"]
    if name == "M" or name.lower() not in hours:
        raise ValueError(f"the unit '{name}' is not known")
    return Fraction(hours[name.lower()])


def _columns_of(
    entry: Mapping[str, Any], own_table: str, times: set[str]
) -> tuple[list[str | None], _Mistake | None]:
    """The columns that an entry is about, None for the source; or why it is about none."""
    elements = [part.strip() for part in str(entry.get("element") or "").split(",")]
    columns: list[str | None] = []
    problem: _Mistake | None = None
    for element in elements:
        owner, _, name = element.rpartition(".")
        if not name or (not owner and name == own_table):
            columns.append(None)
        elif name in times and owner in ("", own_table):
            columns.append(name)
        elif owner in ("", own_table):
            problem = (
                f"the service level '{entry['property']}' is not evaluated: '{name}' is not a date or "
                "timestamp of the contract",
                suggestion(name, times, "Name a column that is a date or a timestamp"),
            )
    return columns, problem


def _freshness_rule(column: str | None, hours: float, entry: Mapping[str, Any]) -> Rule:
    age = f"{entry['value']} {entry.get('unit') or ''}".strip()
    age = f"{age} h" if re.fullmatch(r"[0-9.]+", age) else age
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
