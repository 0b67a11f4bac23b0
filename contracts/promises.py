"""ODCS schema and quality -> columns and rules.

Belongs here: which promise each ODCS field makes, and its name. Stays out: reading YAML (load.py), expressions (rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from contracts.document import Document, Path
from contracts.errors import ContractError
from contracts.model import Bound, Column, Comparison, LogicalType, Rule

OPTION_DIMENSIONS = {
    "minimum": "accuracy", "maximum": "accuracy", "exclusiveMinimum": "accuracy", "exclusiveMaximum": "accuracy",
    "minLength": "conformity", "maxLength": "conformity", "pattern": "conformity",
}  # fmt: skip
METRIC_DIMENSIONS = {"nullValues": "completeness", "missingValues": "completeness", "invalidValues": "conformity", "duplicateValues": "uniqueness", "rowCount": "coverage"}


class Promises:
    """Reads one schema object; collects what is wrong with it instead of stopping at the first."""

    def __init__(self, document: Document, path: Path, tolerance_pct: float) -> None:
        self.document, self.path = document, path
        self.tolerance = Bound(comparison="mustBeLessOrEqualTo", value=tolerance_pct, unit="percent")
        self.problems: list[ContractError] = []
        self.columns: list[Column] = []
        self.rules: list[Rule] = []
        self._read()

    def _read(self) -> None:
        schema = self._at(self.path)
        for index, raw in enumerate(schema.get("properties") or []):
            path = (*self.path, "properties", index)
            column = self._column(raw, path)
            if column:
                self.columns.append(column)
                for rule in self._schema_rules(column, raw, path):
                    self._add(rule, path)
                self._quality(raw.get("quality") or [], (*path, "quality"), column.name)
        keys = [column.name for column in sorted(self.columns, key=lambda c: self._key_position(c.name)) if column.primary_key]
        if keys:
            self._add(self._rule("_".join([*keys, "key"]), "unique", keys, "uniqueness", f"({', '.join(keys)}) names one row"), self.path)
        self._quality(schema.get("quality") or [], (*self.path, "quality"), None)
        if not self.columns:
            self._problem("the schema promises no column", "Give it `properties`, one for each column", self.path)

    def _at(self, path: Path) -> Any:
        node = self.document.data
        for step in path:
            node = node[step]
        return node

    def _problem(self, problem: str, remedy: str, path: Path) -> None:
        self.problems.append(ContractError(problem, remedy, self.document.where(path)))

    def _key_position(self, name: str) -> int:
        raw = next(p for p in self._at(self.path)["properties"] if p["name"] == name)
        return int(raw.get("primaryKeyPosition", -1))

    def _column(self, raw: dict[str, Any], path: Path) -> Column | None:
        name, logical_type = raw.get("name", ""), raw.get("logicalType")
        if any(column.name == name for column in self.columns):
            self._problem(f"the column '{name}' is promised twice", "Keep one of the two", path)
            return None
        if name.startswith("_"):
            self._problem(f"the column name '{name}' starts with an underscore", "Assay keeps its own columns there; choose another name", path)
            return None
        if logical_type not in get_args(LogicalType):
            self._problem(f"the column '{name}' has the logical type '{logical_type}'", f"Choose one of {', '.join(get_args(LogicalType))}", (*path, "logicalType"))
            return None
        return Column(
            name=name,
            logical_type=logical_type,
            physical_type=raw.get("physicalType"),
            description=raw.get("description"),
            required=bool(raw.get("required")),
            unique=bool(raw.get("unique")),
            primary_key=bool(raw.get("primaryKey")),
            classification=raw.get("classification"),
        )

    def _schema_rules(self, column: Column, raw: dict[str, Any], path: Path) -> Iterator[Rule]:
        if column.logical_type != "string":
            yield self._rule(f"{column.name}_type", "type", [column.name], "conformity", f"{column.name} reads as {column.logical_type}", column.logical_type)
        if column.required:
            yield self._rule(f"{column.name}_required", "required", [column.name], "completeness", f"{column.name} is present")
        if column.unique:
            yield self._rule(f"{column.name}_unique", "unique", [column.name], "uniqueness", f"{column.name} does not repeat")
        for option, value in (raw.get("logicalTypeOptions") or {}).items():
            if option not in OPTION_DIMENSIONS:
                self._problem(f"the option '{option}' is not checked", f"Use {', '.join(OPTION_DIMENSIONS)}, or leave it out", (*path, "logicalTypeOptions", option))
                continue
            if option == "pattern":
                self._check_pattern(value, (*path, "logicalTypeOptions", option))
            yield self._rule(f"{column.name}_{option}", option, [column.name], OPTION_DIMENSIONS[option], f"{column.name}: {option} {value}", value)
        if raw.get("enum"):
            values = tuple(item["value"] for item in raw["enum"])
            yield self._rule(f"{column.name}_enum", "enum", [column.name], "conformity", f"{column.name} is one of {len(values)} values", values)

    def _rule(self, name: str, kind: Any, columns: list[str], dimension: str, description: str, argument: Any = None) -> Rule:
        return Rule(name=_word(name), kind=kind, columns=tuple(columns), dimension=dimension, description=description, argument=argument, bound=self.tolerance)

    def _quality(self, checks: list[dict[str, Any]], path: Path, column: str | None) -> None:
        for index, check in enumerate(checks):
            here: Path = (*path, index)
            kind = check.get("type") or "library"
            if kind == "text":
                continue  # ODCS: prose for people, promises nothing a machine could check
            if kind != "library":
                self._problem(f"quality of type '{kind}' cannot be checked", "Use the library metrics nullValues, missingValues, invalidValues, duplicateValues, rowCount", here)
                continue
            rule = self._library(check, here, column)
            if rule:
                self._add(rule, here)

    def _library(self, check: dict[str, Any], path: Path, column: str | None) -> Rule | None:
        metric, arguments = check["metric"], check.get("arguments") or {}
        columns = [column] if column else list(arguments.get("properties") or [])
        comparison = next((key for key in get_args(Comparison) if key in check), None)
        unit, severity = check.get("unit", "rows"), check.get("severity", "error")
        for word, allowed, key in ((unit, ("rows", "percent"), "unit"), (severity, ("error", "warning", "info"), "severity")):
            if word not in allowed:
                self._problem(f"the {key} '{word}' is not known", f"Choose one of {', '.join(allowed)}", (*path, key))
                return None
        unknown = [name for name in columns if name not in {c.name for c in self.columns}]
        if unknown or (not columns and metric != "rowCount"):
            self._problem(
                f"the metric '{metric}' names " + (f"the column '{unknown[0]}', which is not promised" if unknown else "no column"),
                "Put it under a property, or name promised columns in `arguments.properties`",
                path,
            )
            return None
        argument: Any = None
        if metric == "missingValues":
            argument = tuple(arguments.get("missingValues") or (None, ""))
        elif metric == "invalidValues":
            argument = arguments.get("validValues") and tuple(arguments["validValues"])
            if argument is None:
                argument = arguments.get("pattern")
                if not isinstance(argument, str):
                    self._problem("invalidValues does not say what is valid", "Give `arguments.validValues` or `arguments.pattern`", path)
                    return None
                self._check_pattern(argument, (*path, "arguments", "pattern"))
        if comparison is None:
            self._problem(f"the metric '{metric}' is compared with nothing", f"Add one of {', '.join(get_args(Comparison))}", path)
            return None
        value = check[comparison]
        name = check.get("name") or check.get("id") or "_".join([*columns, metric])
        return Rule(
            name=_word(name), kind=metric, columns=tuple(columns), argument=argument, severity=severity,
            dimension=check.get("dimension") or METRIC_DIMENSIONS[metric], description=check.get("description") or name,
            bound=Bound(comparison=comparison, value=tuple(value) if isinstance(value, list) else value, unit=unit),
        )  # fmt: skip

    def _add(self, rule: Rule, path: Path) -> None:
        if any(known.name == rule.name for known in self.rules):
            self._problem(f"two rules are called '{rule.name}'", "Give one of them another `name`", path)
        self.rules.append(rule)

    def _check_pattern(self, pattern: str, path: Path) -> None:
        """Polars runs patterns in a linear engine without look-around or back-references; say so here, not in a run."""
        try:
            re.compile(pattern)
        except re.error as error:
            self._problem(f"the pattern is no regular expression: {error}", "Mend it", path)
        if re.search(r"\(\?[=!<]|\\[1-9]", pattern):
            self._problem("the pattern looks around or back", "Write it without `(?=`, `(?!`, `(?<` and `\\1`: it runs in linear time", path)


def _word(name: str) -> str:
    """A rule's name as Dagster takes it."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
