"""Two versions of a contract -> what changed, who breaks, and the version step that it demands.

Belongs here: finding and classifying changes. Stays out: what a changed rule does to data
(assets/services/rule_trials.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.contracts.compatibility.change import LEVELS, Change, Level, added_or_removed
from assay.contracts.compatibility.columns import compare_columns
from assay.contracts.compatibility.comparing import (
    Part,
    by_name,
    compare_fields,
    compare_lists,
    compare_relationships,
    compare_values,
    custom_properties,
    without,
)
from assay.contracts.compatibility.policies import compare_settings
from assay.contracts.compatibility.rules import compare_rules
from assay.contracts.document import Document, Path
from assay.contracts.problems import Problem, Severity, key_path

__all__ = ["Change", "Comparison", "compare", "problems"]

_PARTS_OF_DOCUMENT = (
    "version",
    "apiVersion",
    "schema",
    "customProperties",
    "slaProperties",
    "contractCreatedTs",
)
"""Keys of a document that are compared part by part, or not at all."""
_PARTS_OF_SCHEMA = (
    "properties",
    "quality",
    "relationships",
    "customProperties",
    "physicalType",
    "logicalType",
)


@dataclass(frozen=True)
class Comparison:
    """Every change between two contracts, and the version that they demand."""

    changes: tuple[Change, ...]
    old_version: str
    new_version: str

    @property
    def level(self) -> Level | None:
        """The highest step that a change demands; None if nothing changed."""
        return max((change.level for change in self.changes), key=LEVELS.index, default=None)

    @property
    def breaking(self) -> bool:
        """Whether a change breaks a producer or a consumer."""
        return any(change.severity == "error" for change in self.changes)

    @property
    def demanded_version(self) -> str:
        """The lowest version that the changes allow.

        Source: Semantic Versioning 2.0.0; before 1.0.0 anything may change, and what breaks moves
        the second number.
        """
        major, minor, patch = _numbers(self.old_version)
        match self.level:
            case "major" if major:
                return f"{major + 1}.0.0"
            case "major" | "minor":
                return f"{major}.{minor + 1}.0"
            case "patch":
                return f"{major}.{minor}.{patch + 1}"
        return self.old_version

    @property
    def version_suffices(self) -> bool:
        """Whether the new version says as much as the changes do."""
        return _numbers(self.new_version) >= _numbers(self.demanded_version)


def _numbers(version: str) -> tuple[int, int, int]:
    numbers = [int(number) for number in re.findall(r"[0-9]+", str(version))[:3]]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


# -- comparing ---------------------------------------------------------------------------------


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Compare two ODCS v3.2.0 documents. Things are the same by their name, wherever they stand."""
    return Comparison(
        tuple(_changes(old, new)), str(old.get("version", "0")), str(new.get("version", "0"))
    )


def _changes(old: Part, new: Part) -> Iterator[Change]:
    title = str(new.get("name") or new.get("id"))
    fields = without(old, _PARTS_OF_DOCUMENT), without(new, _PARTS_OF_DOCUMENT)
    yield from compare_fields(*fields, (), title)
    yield from compare_settings(old, new, title)
    yield from compare_lists(
        old.get("slaProperties"),
        new.get("slaProperties"),
        ("slaProperties",),
        title,
        "sla",
        lambda entry: (entry.get("property"), entry.get("element")),
    )
    yield from _schemas(by_name(old.get("schema")), by_name(new.get("schema")))


def _schemas(
    before: Mapping[str, tuple[int, Any]], now: Mapping[str, tuple[int, Any]]
) -> Iterator[Change]:
    for name in {**before, **now}:
        was, will = before.get(name, (0, None)), now.get(name, (0, None))
        path: Path = ("schema", will[0] if name in now else was[0])
        if name in before and name in now:
            yield from _schema(was[1], will[1], path, name)
        else:
            yield added_or_removed("schema", path, name, was[1], will[1])


def _schema(old: Part, new: Part, path: Path, name: str) -> Iterator[Change]:
    fields = without(old, _PARTS_OF_SCHEMA), without(new, _PARTS_OF_SCHEMA)
    yield from compare_fields(*fields, path, name)
    types = old.get("physicalType"), new.get("physicalType")
    yield from compare_values("schema_type", *types, (*path, "physicalType"), name)
    custom = (*path, "customProperties")
    before, now = custom_properties(old), custom_properties(new)
    was, will = before.pop("assay.tolerance_pct", 0), now.pop("assay.tolerance_pct", 0)
    yield from compare_values("tolerance", was, will, custom, name)
    yield from compare_fields(before, now, custom, name)
    columns = old.get("properties"), new.get("properties")
    yield from compare_columns(*columns, (*path, "properties"), name)
    yield from compare_rules(old.get("quality"), new.get("quality"), (*path, "quality"), name)
    yield from compare_relationships(old, new, path, name)


# -- as problems -------------------------------------------------------------------------------


def problems(comparison: Comparison, document: Document) -> list[Problem]:
    """The changes as a check reports them, each at its line in the new document.

    The version's line has an error where it does not say that something breaks.
    """
    reported = [_change_problem(change, document) for change in comparison.changes]
    if comparison.changes and not comparison.version_suffices:
        reported.append(_version_problem(comparison, document))
    return reported


def _change_problem(change: Change, document: Document) -> Problem:
    sides = (("producers", change.producer), ("consumers", change.consumer))
    broken = " and ".join(side for side, effect in sides if effect == "breaking")
    step = f"a {change.level} step"
    return Problem(
        f"change.{change.kind}",
        _reported_severity(change),
        change.text,
        f"It breaks {broken}: {step}" if broken else f"A {change.level} step",
        document.where(change.path),
        key_path(change.path),
        {"level": change.level, "direction": change.direction},
    )


def _reported_severity(change: Change) -> Severity:
    """A change by itself stops nothing: only a version that does not say it is an error."""
    if change.severity == "error":
        return "warning"
    return change.severity if change.level == "minor" else "info"


def _version_problem(comparison: Comparison, document: Document) -> Problem:
    reasons = [change for change in comparison.changes if change.level == comparison.level]
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return Problem(
        "change.version",
        "error" if comparison.breaking else "warning",
        f"version {comparison.new_version} after {comparison.old_version} "
        f"is too low for the changes: {reasons[0].text}{more}",
        f"Write `version: {comparison.demanded_version}`",
        document.where(("version",)),
        "version",
    )
