"""Changes of quality checks: added, removed, another severity, another bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from assay.contracts.compatibility.change import Change, graded, severity_of
from assay.contracts.compatibility.comparing import Part, without
from assay.contracts.compatibility.directions import (
    Direction,
    Relation,
    bound_relation,
    relation_of,
)
from assay.contracts.document import Path
from assay.contracts.model import OPERATORS
from assay.contracts.problems import Severity

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
    before, now = _by_identity(old), _by_identity(new)
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
        is_error = will.get("severity", "error") == "error"
        added: Severity = "error" if is_error else severity_of("rule", "added")
        severity = "info" if is_prose else added
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
        relation = _relation(was, will)
        is_same = was.get("type") == "text" or relation == "same"
        yield graded(
            "rule_changed",
            "info" if is_same else "error",
            path,
            label,
            _bound(was),
            _bound(will),
            "neither" if relation == "same" else relation,
        )
    elif without(was, ("severity",)) != without(will, ("severity",)):
        yield graded("rule_description_changed", "info", path, label, None, None)


def _by_identity(checks: Any) -> dict[Any, tuple[int, Any]]:
    """The checks of a list, each with its place; those that are alike are numbered."""
    seen: Counter[Any] = Counter()
    keyed_checks = {}
    for index, check in enumerate(checks or []):
        identity = _identity(check)
        keyed_checks[identity, seen[identity]] = (index, check)
        seen[identity] += 1
    return keyed_checks


def _identity(check: Part) -> Any:
    return check.get("id") or check.get("name") or repr(_content(check))


def _content(check: Part) -> tuple[Any, ...]:
    """What distinguishes nameless checks."""
    return (
        check.get("type", "library"),
        check.get("metric"),
        (check.get("arguments") or {}).get("properties"),
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


def _relation(was: Part, will: Part) -> Relation:
    """How what the check allows now compares with what it allowed before."""
    compared = (*OPERATORS, *_DESCRIPTIVE)
    bound = bound_relation(was, will)
    if without(was, compared) == without(will, compared):
        return bound
    others = (*compared, "arguments")
    if bound != "same" or without(was, others) != without(will, others):
        return "neither"
    before, now = was.get("arguments") or {}, will.get("arguments") or {}
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if len(changed) != 1 or not _is_upper(was):
        return "neither"
    return relation_of(changed[0], before.get(changed[0]), now.get(changed[0]))


def _is_upper(check: Part) -> bool:
    """Whether a check limits the rows that break it from above, so that fewer valid values are
    stricter."""
    operator = next((operator for operator in OPERATORS if operator in check), None)
    return operator in ("mustBe", "mustBeLessThan", "mustBeLessOrEqualTo")
