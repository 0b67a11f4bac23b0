"""Two versions of a contract -> what changed, who breaks, and the version step that it demands.

Belongs here: finding and classifying changes. Stays out: what a changed rule does to data (assets/services/rule_trials.py).
The classes of `CLASSES` are those of datacontract-cli's last release with a command for it, where it speaks; where it does not, a removed or renamed
column, a narrowed type, a tightened or loosened promise and any change of licence, privacy, region or retention break somebody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.contracts.document import Document, Path
from assay.contracts.location import host_of, scrubbed
from assay.contracts.problems import Problem, Severity, key_path
from assay.contracts.settings import SENSITIVITIES

Level = Literal["major", "minor", "patch"]
Direction = Literal["tightens", "loosens", "neither"]
Compatibility = Literal["breaking", "compatible"]
LEVELS: tuple[Level, ...] = ("patch", "minor", "major")
E: Severity = "error"
W: Severity = "warning"
I: Severity = "info"  # noqa: E741 - one letter each, so that the table below can be read as one

# what a thing's being added, removed or changed is: an error breaks somebody, a warning may surprise, an info is for people
CLASSES: Mapping[str, tuple[Severity, Severity, Severity]] = {
    # columns, and what they are made of
    "schema": (I, E, E), "column": (I, E, E), "type": (W, W, E), "physicalType": (I, I, E), "required": (E, E, E), "unique": (E, E, E), "primaryKey": (E, E, E),
    "schema_type": (I, I, E), "order": (I, I, I),
    # what values must keep
    "format": (W, W, E), "pattern": (W, E, E), "minLength": (W, W, E), "maxLength": (W, W, E), "minimum": (W, W, E), "maximum": (W, W, E), "exclusiveMinimum": (W, W, E),
    "exclusiveMaximum": (W, W, E), "multipleOf": (W, W, E), "enum": (W, I, E), "minItems": (W, W, E), "maxItems": (W, W, E), "uniqueItems": (W, W, E), "minProperties": (W, W, E),
    "maxProperties": (W, W, E), "timezone": (E, E, E), "dimensions": (W, E, E), "elementType": (W, E, E), "normalized": (W, E, E), "embeddingModel": (W, E, E),
    "embeddingModelVersion": (W, E, E), "rule": (W, E, E), "rule_severity": (E, E, E), "relationship": (W, E, E), "tolerance": (E, E, E),
    # what people may do with them
    "classification": (W, E, E), "pii": (W, E, E), "license": (E, E, E), "commercial": (E, E, E), "purpose": (W, E, E), "sensitivity": (W, E, E), "region": (E, E, E),
    "treatment": (E, E, E), "lawful_basis": (W, W, W), "retention": (E, E, E), "subject_key": (W, E, E),
    # how they are made, and promises about the service
    "definition": (W, W, W), "source": (W, W, W), "cleaning": (W, W, W), "features": (W, W, W), "name": (E, E, E), "id": (E, E, E), "status": (W, W, W), "sla": (I, W, W), "deprecated": (I, I, I),
}  # fmt: skip
PLAIN: tuple[Severity, Severity, Severity] = (I, I, I)
"""Whatever the table does not name: descriptions, tags, examples, servers, teams, prices, other tools' properties."""
MINOR = frozenset({"schema_added", "column_added", "deprecated_added"})
"""Infos that are nevertheless something new to use."""
WIDTHS = (
    "i8",
    "int8",
    "tinyint",
    "i16",
    "int16",
    "smallint",
    "i32",
    "int32",
    "int",
    "integer",
    "i64",
    "int64",
    "bigint",
    "long",
    "i128",
)
RAISED_TIGHTENS = {
    "minimum",
    "exclusiveMinimum",
    "minLength",
    "minItems",
    "minProperties",
    "multipleOf",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
}
LOWERED_TIGHTENS = {
    "maximum",
    "exclusiveMaximum",
    "maxLength",
    "maxItems",
    "maxProperties",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "tolerance",
}
OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)


@dataclass(frozen=True)
class Change:
    """One difference. `path` is in the new document, or in the old one where the thing is gone. None stands for what is not there."""

    kind: str
    path: Path
    name: str
    old: Any
    new: Any
    level: Level
    severity: Severity
    direction: Direction
    producer: Compatibility
    consumer: Compatibility

    @property
    def text(self) -> str:
        """The change as a sentence."""
        thing, _, what = self.kind.rpartition("_")
        thing = thing.replace("_", " ")
        if what == "renamed":
            return f"{self.name}: the {thing} is renamed from {self.old} to {self.new}"
        said = {
            "added": f"is added{_shown(self.new)}",
            "removed": f"is removed{_shown(self.old)}",
            "changed": f"changes{_shown(self.old)} →{_shown(self.new)}",
        }[what]
        return f"{self.name}: the {thing} {said}"


def _shown(value: Any) -> str:
    if (
        value is None
        or isinstance(value, dict)
        or (isinstance(value, list | tuple) and any(isinstance(each, dict) for each in value))
    ):
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f" `{text if len(text) <= 60 else text[:57] + '…'}`"


@dataclass(frozen=True)
class Comparison:
    """Every change between two contracts, and the version that they demand."""

    changes: tuple[Change, ...]
    old_version: str
    new_version: str

    @property
    def level(self) -> Level | None:
        """The highest step that a change demands; None where nothing changed."""
        return max((change.level for change in self.changes), key=LEVELS.index, default=None)

    @property
    def breaking(self) -> bool:
        """Whether a change breaks a producer or a consumer."""
        return any(change.severity == "error" for change in self.changes)

    @property
    def demanded_version(self) -> str:
        """The lowest version that the changes allow.

        Source: Semantic Versioning 2.0.0; before 1.0.0 anything may change, and what breaks moves the second number.
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
    found = [int(number) for number in re.findall(r"[0-9]+", str(version))[:3]]
    major, minor, patch = (*found, 0, 0, 0)[:3]
    return major, minor, patch


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Compare two ODCS v3.2.0 documents. Things are the same thing by their name, wherever they stand."""
    return Comparison(
        tuple(_Documents(old, new).changes()),
        str(old.get("version", "0")),
        str(new.get("version", "0")),
    )


def problems(comparison: Comparison, document: Document) -> list[Problem]:
    """The changes as a check tells them, each at its line in the new document; the version line has an error where it does not say that something breaks."""
    told = []
    for change in comparison.changes:
        severity: Severity = (
            "warning"
            if change.severity == "error"
            else "info"
            if change.level != "minor"
            else change.severity
        )
        who = " and ".join(
            who
            for who, how in (("producers", change.producer), ("consumers", change.consumer))
            if how == "breaking"
        )
        remedy = f"It breaks {who}: a {change.level} step" if who else f"A {change.level} step"
        told.append(
            Problem(
                f"change.{change.kind}",
                severity,
                change.text,
                remedy,
                document.where(change.path),
                key_path(change.path),
                {"level": change.level, "direction": change.direction},
            )
        )
    if comparison.changes and not comparison.version_suffices:
        because = [change for change in comparison.changes if change.level == comparison.level]
        more = f" and {len(because) - 1} more" if len(because) > 1 else ""
        text = f"version {comparison.new_version} after {comparison.old_version} does not say what changed: {because[0].text}{more}"
        severity = "error" if comparison.breaking else "warning"
        told.append(
            Problem(
                "change.version",
                severity,
                text,
                f"Write `version: {comparison.demanded_version}`",
                document.where(("version",)),
                "version",
            )
        )
    return told


class _Documents:
    """Walks both documents side by side."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.old, self.new = old, new

    def changes(self) -> Iterator[Change]:
        title = str(self.new.get("name") or self.new.get("id"))
        apart = (
            "version",
            "apiVersion",
            "schema",
            "customProperties",
            "slaProperties",
            "contractCreatedTs",
        )
        yield from _fields(_rest(self.old, apart), _rest(self.new, apart), (), title)
        yield from self._settings(title)
        yield from _listed(
            self.old.get("slaProperties"),
            self.new.get("slaProperties"),
            ("slaProperties",),
            title,
            "sla",
            lambda each: (each.get("property"), each.get("element")),
        )
        before, now = _by_name(self.old.get("schema")), _by_name(self.new.get("schema"))
        for name in {**before, **now}:
            path: Path = ("schema", now[name][0] if name in now else before[name][0])
            if name in before and name in now:
                yield from self._schema(before[name][1], now[name][1], path, name)
            else:
                yield _change(
                    "schema",
                    name in now,
                    path,
                    name,
                    before.get(name, (0, None))[1],
                    now.get(name, (0, None))[1],
                )

    def _schema(
        self, old: Mapping[str, Any], new: Mapping[str, Any], path: Path, name: str
    ) -> Iterator[Change]:
        apart = (
            "properties",
            "quality",
            "relationships",
            "customProperties",
            "physicalType",
            "logicalType",
        )
        yield from _fields(_rest(old, apart), _rest(new, apart), path, name)
        yield from _different(
            "schema_type",
            old.get("physicalType"),
            new.get("physicalType"),
            (*path, "physicalType"),
            name,
        )
        before, now = _custom(old), _custom(new)
        was, will = (custom.pop("assay.tolerance_pct", 0) for custom in (before, now))
        yield from _different("tolerance", was, will, (*path, "customProperties"), name)
        yield from _fields(before, now, (*path, "customProperties"), name)
        yield from _columns(
            old.get("properties"), new.get("properties"), (*path, "properties"), name
        )
        yield from _rules(old.get("quality"), new.get("quality"), (*path, "quality"), name)
        yield from _listed(
            old.get("relationships"),
            new.get("relationships"),
            (*path, "relationships"),
            name,
            "relationship",
            _ends,
        )

    def _settings(self, title: str) -> Iterator[Change]:
        before, now = _custom(self.old), _custom(self.new)
        paths = {
            entry["property"]: ("customProperties", index, "value")
            for index, entry in enumerate(self.new.get("customProperties") or [])
        }
        for name in {**before, **now}:
            old, new, path = before.get(name), now.get(name), paths.get(name, ("customProperties",))
            match name:
                case "assay.license":
                    yield from _license(_mapping(old), _mapping(new), path, title)
                case "assay.privacy":
                    yield from _privacy(_mapping(old), _mapping(new), path, title)
                case "assay.retention":
                    for key in {**_mapping(old), **_mapping(new)}:
                        kind = "subject_key" if key == "subject_key" else "retention"
                        yield from _different(
                            kind,
                            _mapping(old).get(key),
                            _mapping(new).get(key),
                            (*path, key),
                            f"{title}, {key}",
                        )
                case _:
                    yield from _different(name.removeprefix("assay."), old, new, path, title)


# -- columns ---------------------------------------------------------------------------------


def _columns(old: Any, new: Any, path: Path, prefix: str) -> Iterator[Change]:
    before, now = _by_name(old), _by_name(new)
    renamed = dict(
        _renamed(
            {n: each for n, (_, each) in before.items() if n not in now},
            {n: each for n, (_, each) in now.items() if n not in before},
        )
    )
    for name, (index, column) in before.items():
        if name in now:
            yield from _column(column, now[name][1], (*path, now[name][0]), f"{prefix}.{name}")
        elif name in renamed:
            there = now[renamed[name]]
            yield _graded(
                "column_renamed",
                "error",
                (*path, there[0]),
                f"{prefix}.{name}",
                name,
                renamed[name],
            )
            yield from _column(
                _rest(column, ("name",)),
                _rest(there[1], ("name",)),
                (*path, there[0]),
                f"{prefix}.{renamed[name]}",
            )
        else:
            yield _change("column", False, (*path, index), f"{prefix}.{name}", column, None)
    for name, (index, column) in now.items():
        if name not in before and name not in renamed.values():
            demands = bool(column.get("required") or column.get("primaryKey"))
            added = _change("column", True, (*path, index), f"{prefix}.{name}", None, column)
            # consumers gain; who delivers the data must deliver it from now on
            yield (
                _graded(
                    "column_added",
                    "warning",
                    added.path,
                    added.name,
                    None,
                    column,
                    "tightens",
                    producer="breaking",
                )
                if demands
                else added
            )
    common = [name for name in before if name in now]
    if common != [name for name in now if name in before]:
        yield _graded(
            "order_changed", "info", path, prefix, common, [name for name in now if name in before]
        )


def _renamed(gone: Mapping[str, Any], come: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Columns that say the same under another name, or keep their stable id; only where there is no second guess."""
    for name, column in gone.items():
        alike = [
            other
            for other, there in come.items()
            if (column.get("id") and column.get("id") == there.get("id"))
            or _meaning(column) == _meaning(there)
        ]
        rivals = [other for other, there in gone.items() if _meaning(there) == _meaning(column)]
        if len(alike) == 1 and len(rivals) == 1:
            yield name, alike[0]


def _meaning(column: Mapping[str, Any]) -> Any:
    return _rest(column, ("name", "id", "physicalName", "businessName"))


def _column(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path, name: str
) -> Iterator[Change]:
    apart = ("properties", "items", "map", "quality", "relationships")
    before, now = dict(_facets(_rest(old, apart))), dict(_facets(_rest(new, apart)))
    for facet in {**before, **now}:
        (was, _), (will, at) = before.get(facet, (None, ())), now.get(facet, (None, ()))
        if facet == "physicalType" and before.get("type") != now.get("type"):
            continue  # the logical type says it
        yield from _different(facet, was, will, (*path, *at), name)
    yield from _columns(old.get("properties"), new.get("properties"), (*path, "properties"), name)
    for part, label in (("items", "[]"), ("map", "")):
        if old.get(part) and new.get(part):
            inner = (
                [(old[part], new[part], (*path, part), name + label)]
                if part == "items"
                else [
                    (old[part][k], new[part][k], (*path, part, k), f"{name}.{k}")
                    for k in ("key", "value")
                ]
            )
            for pair in inner:
                yield from _column(*pair)
    yield from _rules(old.get("quality"), new.get("quality"), (*path, "quality"), name)
    yield from _listed(
        old.get("relationships"),
        new.get("relationships"),
        (*path, "relationships"),
        name,
        "relationship",
        _ends,
    )


def _facets(column: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Path]]]:
    """What a column says of itself, one thing at a time, with the key it stands under."""
    for key, value in column.items():
        match key:
            case "logicalTypeOptions":
                for option, limit in value.items():
                    yield option, (limit, (key, option))
            case "customProperties":
                for index, entry in enumerate(value):
                    yield entry["property"].rpartition(".")[2], (entry.get("value"), (key, index))
            case "authoritativeDefinitions":
                for index, entry in enumerate(value):
                    yield (
                        entry["type"] if entry["type"] == "definition" else f"link {entry['type']}",
                        (entry["url"], (key, index)),
                    )
            case "enum":
                yield key, ([item["value"] for item in value], (key,))
            case "logicalType":
                yield "type", (value, (key,))
            case "required" | "unique" | "primaryKey" | "deprecated":
                if value:
                    yield key, (True, (key,))
            case _:
                yield key, (value, (key,))


# -- rules and settings ------------------------------------------------------------------------


def _rules(old: Any, new: Any, path: Path, name: str) -> Iterator[Change]:
    before, now = _keyed(old, _rule_key), _keyed(new, _rule_key)
    for key in {**before, **now}:
        (_, was), (index, will) = before.get(key, (0, None)), now.get(key, (0, None))
        here, what = (*path, index), f"{name}, {_rule_name(will or was or {})}"
        if was is None or will is None:
            prose = (will or was or {}).get("type") == "text"
            yield _graded(
                f"rule_{'added' if will else 'removed'}",
                "info" if prose else CLASSES["rule"][0 if will else 1],
                here,
                what,
                None,
                None,
                "tightens" if will else "loosens",
            )
            continue
        severities = [check.get("severity", "error") for check in (was, will)]
        if severities[0] != severities[1]:
            rank = [
                ("info", "warning", "error").index(each)
                if each in ("info", "warning", "error")
                else 2
                for each in severities
            ]
            yield _graded(
                "rule_severity_changed",
                "error",
                (*here, "severity"),
                what,
                severities[0],
                severities[1],
                "tightens" if rank[1] > rank[0] else "loosens",
            )
        told = (
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
        if _rest(was, told) != _rest(will, told):
            yield _graded(
                "rule_changed",
                "info" if was.get("type") == "text" else "error",
                here,
                what,
                _bound(was),
                _bound(will),
                _bound_direction(was, will),
            )
        elif _rest(was, ("severity",)) != _rest(will, ("severity",)):
            yield _graded("rule_description_changed", "info", here, what, None, None)


def _rule_key(check: Mapping[str, Any]) -> Any:
    return (
        check.get("id")
        or check.get("name")
        or repr(
            (
                check.get("type", "library"),
                check.get("metric"),
                check.get("arguments"),
                check.get("query"),
                check.get("description") if check.get("type") == "text" else None,
            )
        )
    )


def _rule_name(check: Mapping[str, Any]) -> str:
    return str(
        check.get("name") or check.get("id") or check.get("metric") or check.get("type") or "rule"
    )


def _bound(check: Mapping[str, Any]) -> str:
    compared = next(
        (f"{operator} {check[operator]}" for operator in OPERATORS if operator in check), ""
    )
    return f"{compared} {check.get('unit', '')}".strip()


def _bound_direction(was: Mapping[str, Any], will: Mapping[str, Any]) -> Direction:
    operators = {operator for operator in OPERATORS if operator in was or operator in will}
    others = _rest(was, tuple(operators)) == _rest(will, tuple(operators))
    if len(operators) != 1 or not others:
        return "neither"
    (operator,) = operators
    return _direction(operator, was.get(operator), will.get(operator))


def _license(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path, title: str
) -> Iterator[Change]:
    yield from _different(
        "license", old.get("expression"), new.get("expression"), (*path, "expression"), title
    )
    yield from _different(
        "commercial",
        old.get("commercial", False),
        new.get("commercial", False),
        (*path, "commercial"),
        title,
    )
    before, now = _list(old.get("purposes")), _list(new.get("purposes"))
    for purpose in [*before, *(each for each in now if each not in before)]:
        if (purpose in before) != (purpose in now):
            added = purpose in now
            yield _graded(
                f"purpose_{'added' if added else 'removed'}", CLASSES["purpose"][0 if added else 1], (*path, "purposes"), title, None if added else purpose, purpose if added else None,
                "loosens" if added else "tightens", consumer="compatible" if added else "breaking", producer="compatible",
            )  # fmt: skip
    apart = ("expression", "commercial", "purposes")
    yield from _fields(_rest(old, apart), _rest(new, apart), path, title)


def _privacy(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path, title: str
) -> Iterator[Change]:
    was, will = old.get("sensitivity"), new.get("sensitivity")
    if was != will:
        lowered = (
            was in SENSITIVITIES
            and will in SENSITIVITIES
            and SENSITIVITIES.index(will) < SENSITIVITIES.index(was)
        )
        yield _graded(
            "sensitivity_changed",
            "error" if lowered else "warning",
            (*path, "sensitivity"),
            title,
            was,
            will,
            "loosens" if lowered else "tightens",
        )
    yield from _different("region", old.get("region"), new.get("region"), (*path, "region"), title)
    yield from _different(
        "lawful_basis",
        old.get("lawful_basis"),
        new.get("lawful_basis"),
        (*path, "lawful_basis"),
        title,
    )
    before, now = _mapping(old.get("columns")), _mapping(new.get("columns"))
    for column in {**before, **now}:
        was, will = (_mapping(each.get(column)).get("treatment") for each in (before, now))
        if before.get(column) != now.get(column):
            what = (
                "added" if column not in before else "removed" if column not in now else "changed"
            )
            # either way consumers find other values in the column; without a treatment they find a person's
            direction: Direction = (
                "tightens" if what == "added" else "loosens" if what == "removed" else "neither"
            )
            yield _graded(
                f"treatment_{what}",
                "error",
                (*path, "columns", column),
                f"{title}.{column}",
                was,
                will,
                direction,
                producer="compatible",
                consumer="breaking",
            )


# -- what they are made of ------------------------------------------------------------------------


def _different(thing: str, old: Any, new: Any, path: Path, name: str) -> Iterator[Change]:
    """The change of one thing, if it is one."""
    if old == new:
        return
    direction: Direction = (
        "tightens" if old is None else "loosens" if new is None else _direction(thing, old, new)
    )
    if old is None or new is None:
        yield _change(thing, old is None, path, name, old, new, direction)
        return
    severity = CLASSES.get(thing, PLAIN)[2]
    if thing == "physicalType":
        wider = (
            str(old).lower() in WIDTHS
            and str(new).lower() in WIDTHS
            and WIDTHS.index(str(new).lower()) > WIDTHS.index(str(old).lower())
        )
        severity, direction = ("warning", "loosens") if wider else ("error", direction)
    yield _graded(f"{_snake_case(thing)}_changed", severity, path, name, old, new, direction)


def _change(
    thing: str,
    added: bool,
    path: Path,
    name: str,
    old: Any,
    new: Any,
    direction: Direction = "neither",
) -> Change:
    severity = CLASSES.get(thing, PLAIN)[0 if added else 1]
    return _graded(
        f"{_snake_case(thing)}_{'added' if added else 'removed'}",
        severity,
        path,
        name,
        old,
        new,
        direction if thing not in ("schema", "column") else "neither",
    )


def _without_secrets(value: Any, path: Path) -> Any:
    """A value as it may be shown; of the address of a webhook, which is a secret itself, its host."""
    if isinstance(value, str):
        return host_of(value) if path[-2:] == ("webhook", "url") else scrubbed(value)
    if isinstance(value, Mapping):
        return {key: _without_secrets(each, (*path, key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_secrets(each, path) for each in value)
    return value


def _graded(
    kind: str,
    severity: Severity,
    path: Path,
    name: str,
    old: Any,
    new: Any,
    direction: Direction = "neither",
    *,
    producer: Compatibility | None = None,
    consumer: Compatibility | None = None,
) -> Change:
    """A change with its level, and with who breaks: what tightens breaks producers, what loosens breaks consumers, and what does neither may break both."""
    old, new = (_without_secrets(value, path) for value in (old, new))
    level: Level = (
        "major"
        if severity == "error"
        else "minor"
        if severity == "warning" or kind in MINOR
        else "patch"
    )
    breaks = severity == "error"
    if kind in ("column_removed", "schema_removed"):
        producer = "compatible"  # who delivers more than is promised breaks nothing
    return Change(
        kind, path, name, old, new, level, severity, direction,
        producer or ("breaking" if breaks and direction != "loosens" else "compatible"),
        consumer or ("breaking" if breaks and direction != "tightens" else "compatible"),
    )  # fmt: skip


def _direction(thing: str, old: Any, new: Any) -> Direction:
    if thing == "retention" and all(
        re.fullmatch(r"P[0-9]{1,9}D", str(each)) for each in (old, new)
    ):
        return "loosens" if int(new[1:-1]) < int(old[1:-1]) else "tightens"
    if thing == "enum":
        before, now = set(map(repr, old)), set(map(repr, new))
        return "tightens" if now < before else "loosens" if now > before else "neither"
    if thing == "type" and {old, new} == {"integer", "number"}:
        return "loosens" if new == "number" else "tightens"
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    if numbers or (
        isinstance(old, str) and isinstance(new, str)
    ):  # limits of dates are ISO text, which sorts
        raised = bool(new > old)
        if thing in RAISED_TIGHTENS | LOWERED_TIGHTENS:
            return "tightens" if raised == (thing in RAISED_TIGHTENS) else "loosens"
    if thing == "mustBeBetween" and isinstance(old, list) and isinstance(new, list):
        inside, outside = (
            new[0] >= old[0] and new[1] <= old[1],
            new[0] <= old[0] and new[1] >= old[1],
        )
        return "tightens" if inside else "loosens" if outside else "neither"
    return "neither"


def _fields(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path, name: str
) -> Iterator[Change]:
    for key in {**old, **new}:
        yield from _different(key, old.get(key), new.get(key), (*path, key), name)


def _listed(
    old: Any, new: Any, path: Path, name: str, thing: str, key: Callable[[Mapping[str, Any]], Any]
) -> Iterator[Change]:
    before, now = _keyed(old, key), _keyed(new, key)
    for each in {**before, **now}:
        (_, was), (index, will) = before.get(each, (0, None)), now.get(each, (0, None))
        yield from _different(
            thing,
            was,
            will,
            (*path, index),
            f"{name}, {each[0] if isinstance(each, tuple) else each}",
        )


def _ends(relationship: Mapping[str, Any]) -> Any:
    return relationship.get("id") or repr((relationship.get("from"), relationship.get("to")))


def _keyed(items: Any, key: Callable[[Mapping[str, Any]], Any]) -> dict[Any, tuple[int, Any]]:
    return {key(item): (index, item) for index, item in enumerate(items or [])}


def _by_name(items: Any) -> dict[str, tuple[int, Any]]:
    return _keyed(items, lambda item: item.get("name", ""))


def _custom(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry.get("value") for entry in thing.get("customProperties") or []}


def _mapping(value: Any) -> dict[str, Any]:
    """A setting that may not be written as it should: what lint says of it is said there."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _rest(thing: Mapping[str, Any], without: Iterable[str]) -> dict[str, Any]:
    apart = set(without)
    return {key: value for key, value in thing.items() if key not in apart}


def _snake_case(thing: str) -> str:
    """`minLength` -> `min_length`, as kinds are written."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])([A-Z])", r"_\1", thing).lower()).strip(
        "_"
    )
