"""Changes of quality checks: added, removed, another severity, another bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.contracts.compatibility.change import Change, graded, severity_of
from assay.contracts.compatibility.comparing import Part, keyed, without
from assay.contracts.compatibility.directions import Direction, direction_of
from assay.contracts.document import Path
from assay.contracts.model import OPERATORS

_SEVERITIES = ("info", "warning", "error")
_DESCRIPTIVE = (
    "description",
    "dimension",
    "businessImpact",
    "tags",
    "name",
    "id",
    "severity",
    "scheduler",
    "schedule",
    "method",
    "customProperties",
    "authoritativeDefinitions",
)
"""Keys of a check that do not change what it measures."""


def compare_rules(old: Any, new: Any, path: Path, name: str) -> Iterator[Change]:
    """The changes of a list of checks."""
    before, now = keyed(old, _identity), keyed(new, _identity)
    for key in {**before, **now}:
        was = before.get(key, (0, None))[1]
        index, will = now.get(key, (0, None))
        place, label = (*path, index), f"{name}, {_label(will or was or {})}"
        if was is None or will is None:
            yield _added_or_removed(was, will, place, label)
        else:
            yield from _severity(was, will, place, label)
            yield from _measure(was, will, place, label)


def _added_or_removed(was: Part | None, will: Part | None, path: Path, label: str) -> Change:
    is_prose = (will or was or {}).get("type") == "text"
    if will:
        severity = "info" if is_prose else severity_of("rule", "added")
        return graded("rule_added", severity, path, label, None, None, "tightens")
    severity = "info" if is_prose else severity_of("rule", "removed")
    return graded("rule_removed", severity, path, label, None, None, "loosens")


def _severity(was: Part, will: Part, path: Path, label: str) -> Iterator[Change]:
    before, now = was.get("severity", "error"), will.get("severity", "error")
    if before == now:
        return
    direction: Direction = "tightens" if _rank(now) > _rank(before) else "loosens"
    place = (*path, "severity")
    yield graded("rule_severity_changed", "error", place, label, before, now, direction)


def _rank(severity: Any) -> int:
    """The place of a severity; one that is not known counts as the highest."""
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 2


def _measure(was: Part, will: Part, path: Path, label: str) -> Iterator[Change]:
    """What the check measures and allows, or only how it is described."""
    if without(was, _DESCRIPTIVE) != without(will, _DESCRIPTIVE):
        is_prose = was.get("type") == "text"
        yield graded(
            "rule_changed",
            "info" if is_prose else "error",
            path,
            label,
            _bound(was),
            _bound(will),
            _bound_direction(was, will),
        )
    elif without(was, ("severity",)) != without(will, ("severity",)):
        yield graded("rule_description_changed", "info", path, label, None, None)


def _identity(check: Part) -> Any:
    return check.get("id") or check.get("name") or repr(_content(check))


def _content(check: Part) -> tuple[Any, ...]:
    """What tells nameless checks apart."""
    return (
        check.get("type", "library"),
        check.get("metric"),
        check.get("arguments"),
        check.get("query"),
        check.get("description") if check.get("type") == "text" else None,
    )


def _label(check: Part) -> str:
    names = (check.get(key) for key in ("name", "id", "metric", "type"))
    return str(next(filter(None, names), "rule"))


def _bound(check: Part) -> str:
    """The operator of a check with its number and unit, as text."""
    operator = next((operator for operator in OPERATORS if operator in check), None)
    compared = f"{operator} {check[operator]}" if operator else ""
    return f"{compared} {check.get('unit', '')}".strip()


def _bound_direction(was: Part, will: Part) -> Direction:
    operators = {operator for operator in OPERATORS if operator in was or operator in will}
    has_other_changes = without(was, operators) != without(will, operators)
    if len(operators) != 1 or has_other_changes:
        return "neither"
    (operator,) = operators
    return direction_of(operator, was.get(operator), will.get(operator))
