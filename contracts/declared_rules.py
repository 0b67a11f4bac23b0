"""ODCS schema and quality -> columns and rules.

Belongs here: which promise each ODCS field makes, and its name. Stays out: reading YAML (load.py), expressions (rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from assay.contracts import measures
from assay.contracts.document import Document, Path
from assay.contracts.errors import ContractError
from assay.contracts.formats import (
    EACH,
    LENGTH,
    decimal,
    java_letters,
    pattern_problem,
    string_formats,
    strptime,
)
from assay.contracts.model import (
    Bound,
    Column,
    Comparison,
    LogicalType,
    Measure,
    Relationship,
    Rule,
)
from assay.contracts.problems import Problem, key_path, suggestion
from assay.contracts.settings import Privacy

DIMENSIONS = {
    "type": "conformity", "required": "completeness", "unique": "uniqueness", "enum": "conformity", "relationship": "consistency", "sql": "consistency", "anonymity": "confidentiality", "metric": "conformity",
    "minimum": "accuracy", "maximum": "accuracy", "exclusiveMinimum": "accuracy", "exclusiveMaximum": "accuracy", "multipleOf": "accuracy", "normalized": "accuracy",
    "nullValues": "completeness", "missingValues": "completeness", "invalidValues": "conformity", "duplicateValues": "uniqueness", "rowCount": "coverage",
}  # fmt: skip
"""The quality dimension of each kind of rule where the contract says none; `conformity` for the rest."""
TYPE_OPTIONS = ("format", "timezone", "defaultTimezone", "dimensions", "elementType")
TOLD_OPTIONS = (
    "distanceMetric",
    "embeddingModel",
    "embeddingModelVersion",
)  # ODCS calls them advisory
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
LONGEST_COLUMN, LONGEST_RULE = 255, 500
METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")


class Promises:
    """Reads one schema object; collects what is wrong with it instead of stopping at the first.

    `problems` stop the contract; `warnings` tell of promises that nobody checks.
    """

    def __init__(self, document: Document, path: Path, tolerance_pct: float) -> None:
        self.document, self.path = document, path
        self.tolerance = Bound(
            comparison="mustBeLessOrEqualTo", value=tolerance_pct, unit="percent"
        )
        self.problems: list[ContractError] = []
        self.warnings: list[Problem] = []
        self.columns: list[Column] = []
        self.rules: list[Rule] = []
        self._lines: dict[str, int | None] = {}
        self._read()

    def _read(self) -> None:
        schema = self._at(self.path)
        read: list[tuple[Column, dict[str, Any], Path]] = []
        for index, raw in enumerate(schema.get("properties") or []):
            path = (*self.path, "properties", index)
            column = self._column(raw, raw.get("name", ""), path)
            if column and self._is_new(column, path):
                self.columns.append(column)
                read.append((column, raw, path))
        if not schema.get("properties"):
            self._problem(
                "the schema promises no column",
                "Give it `properties`, one for each column",
                self.path,
                "assay.columns",
            )
        for column, raw, path in read:
            if column.logical_type != "string":
                self._schema_rule(
                    "type",
                    column.name,
                    (),
                    path,
                    f"reads as {column.logical_type}",
                    column.logical_type,
                )
            self._of_column(column, raw, path, column.name, ())
            self._quality(raw.get("quality") or [], (*path, "quality"), column.name)
            self._relationships(
                raw.get("relationships") or [], (*path, "relationships"), column.name
            )
        self._primary_key(read)
        self._quality(schema.get("quality") or [], (*self.path, "quality"), None)
        self._relationships(schema.get("relationships") or [], (*self.path, "relationships"), None)

    def _at(self, path: Path) -> Any:
        node = self.document.data
        for step in path:
            node = node[step]
        return node

    def _problem(self, problem: str, remedy: str, path: Path, kind: str) -> None:
        self.problems.append(
            ContractError(problem, remedy, self.document.where(path), kind, key_path(path))
        )

    def _unchecked(self, problem: str, remedy: str, path: Path) -> None:
        self.warnings.append(
            Problem(
                "assay.unchecked",
                "warning",
                problem,
                remedy,
                self.document.where(path),
                key_path(path),
            )
        )

    # -- columns ---------------------------------------------------------------------------

    def _is_new(self, column: Column, path: Path) -> bool:
        if any(known.name == column.name for known in self.columns):
            self._problem(
                f"the column '{column.name}' is promised twice",
                "Keep one of the two",
                path,
                "assay.columns",
            )
            return False
        if len(column.name) > LONGEST_COLUMN:
            problem = f"a column's name has {len(column.name):,} characters"
            self._problem(problem, f"Write at most {LONGEST_COLUMN}", path, "assay.columns")
            return False
        if column.name.startswith("_"):
            self._problem(
                f"the column name '{column.name}' starts with an underscore",
                "Assay keeps its own columns there; choose another name",
                path,
                "assay.columns",
            )
            return False
        return True

    def _column(self, raw: dict[str, Any], name: str, path: Path) -> Column | None:
        logical_type = raw.get("logicalType")
        if logical_type not in get_args(LogicalType):
            said = (
                f"has the logical type '{logical_type}'" if logical_type else "has no logical type"
            )
            self._problem(
                f"the column '{name}' {said}",
                f"Choose one of {', '.join(get_args(LogicalType))}",
                (*path, "logicalType"),
                "assay.type",
            )
            return None
        options = raw.get("logicalTypeOptions") or {}
        fields = self._fields(raw, logical_type, name, path)
        if fields is None:
            return None
        column = Column(
            name=name,
            logical_type=logical_type,
            physical_type=raw.get("physicalType"),
            description=raw.get("description"),
            required=bool(raw.get("required")),
            unique=bool(raw.get("unique")),
            primary_key=bool(raw.get("primaryKey")),
            partition_position=int(raw.get("partitionKeyPosition", 1))
            if raw.get("partitioned")
            else None,
            classification=raw.get("classification"),
            format=options.get("format"),
            timezone=options.get("timezone", True),
            dimensions=options.get("dimensions"),
            element_type=options.get("elementType", "float32"),
            embedding_model=options.get("embeddingModel"),
            embedding_version=options.get("embeddingModelVersion"),
            fields=fields,
        )
        return column if self._is_readable(column, options, path) else None

    def _fields(
        self, raw: dict[str, Any], logical_type: Any, name: str, path: Path
    ) -> tuple[Column, ...] | None:
        """What the column nests; None where a part of it is wrong."""
        match logical_type:
            case "object":
                parts = [
                    (part, part.get("name", ""), (*path, "properties", index))
                    for index, part in enumerate(raw.get("properties") or [])
                ]
            case "array":
                parts = [(raw["items"], EACH, (*path, "items"))] if raw.get("items") else []
            case "map":
                parts = (
                    [(raw["map"][part], part, (*path, "map", part)) for part in ("key", "value")]
                    if raw.get("map")
                    else []
                )
            case _:
                return ()
        if not parts:
            word = {"object": "properties", "array": "items", "map": "map"}[logical_type]
            self._problem(
                f"the column '{name}' is an {logical_type} of nothing",
                f"Say what it holds under `{word}`",
                path,
                "assay.type",
            )
            return None
        fields = [self._column(*part) for part in parts]
        if any(field is None for field in fields):
            return None
        if logical_type == "map" and fields[0] and fields[0].logical_type != "string":
            self._problem(
                f"the keys of '{name}' are promised as {fields[0].logical_type}",
                "Keys of JSON are strings: promise `logicalType: string`",
                (*path, "map", "key"),
                "assay.type",
            )
            return None
        return tuple(field for field in fields if field)

    def _is_readable(self, column: Column, options: dict[str, Any], path: Path) -> bool:
        here = (*path, "logicalTypeOptions")
        if column.logical_type in ("date", "timestamp", "time") and column.format:
            try:
                strptime(column.format)
            except ValueError as letter:
                self._problem(
                    f"the format '{column.format}' has {letter}, which Assay does not read",
                    f"Use {', '.join(java_letters())}, and quote other letters",
                    (*here, "format"),
                    "assay.format",
                )
                return False
        if column.logical_type == "vector" and not column.dimensions:
            self._problem(
                f"the vector '{column.name}' has no dimensions",
                "Add `dimensions` to its logicalTypeOptions",
                here,
                "assay.type",
            )
            return False
        if options.get("defaultTimezone", "UTC") not in ("UTC", "Etc/UTC"):
            self._problem(
                f"times without a zone are said to be of {options['defaultTimezone']}",
                "Assay reads them as UTC: deliver them with their offset",
                (*here, "defaultTimezone"),
                "assay.type",
            )
            return False
        digits = decimal(column.physical_type)
        if digits and not (0 < digits[0] <= 38 and digits[1] <= digits[0]):
            self._problem(
                f"the physical type '{column.physical_type}' is no decimal of 1 to 38 digits",
                "Write `decimal(digits, digits after the point)`",
                (*path, "physicalType"),
                "assay.type",
            )
            return False
        return True

    # -- rules of the schema ------------------------------------------------------------------

    def _of_column(
        self, column: Column, raw: dict[str, Any], path: Path, top: str, inner: tuple[str, ...]
    ) -> None:
        """Every rule that a property states of itself, and of what it nests."""
        if column.required:
            self._schema_rule("required", top, inner, (*path, "required"), "is present")
        if column.unique and inner:
            self._problem(
                "what is nested cannot be promised unique",
                "Promise `uniqueItems` of an array, or `unique` of a column",
                (*path, "unique"),
                "assay.unchecked",
            )
        elif column.unique:
            self._schema_rule("unique", top, inner, (*path, "unique"), "does not repeat")
        self._options(
            column, raw.get("logicalTypeOptions") or {}, (*path, "logicalTypeOptions"), top, inner
        )
        length = (
            LENGTH.fullmatch((column.physical_type or "").strip())
            if column.logical_type == "string"
            else None
        )
        if length and "maxLength" not in (raw.get("logicalTypeOptions") or {}):
            self._schema_rule(
                "maxLength",
                top,
                inner,
                (*path, "physicalType"),
                f"has at most {length[1]} characters",
                int(length[1]),
            )
        if raw.get("enum"):
            values = self._values(
                [item["value"] for item in raw["enum"]], column, (*path, "enum"), "enum"
            )
            if values:
                self._schema_rule(
                    "enum", top, inner, (*path, "enum"), f"is one of {len(values)} values", values
                )
        for part, part_raw, part_path, step in self._parts(column, raw, path):
            self._of_column(part, part_raw, part_path, top, (*inner, *step))

    def _parts(
        self, column: Column, raw: dict[str, Any], path: Path
    ) -> Iterator[tuple[Column, dict[str, Any], Path, tuple[str, ...]]]:
        match column.logical_type:
            case "object":
                for index, field in enumerate(column.fields):
                    yield (
                        field,
                        raw["properties"][index],
                        (*path, "properties", index),
                        (field.name,),
                    )
            case "array":
                yield column.fields[0], raw["items"], (*path, "items"), (EACH,)
            case "map":
                for field in column.fields:
                    yield (
                        field,
                        raw["map"][field.name],
                        (*path, "map", field.name),
                        (EACH, field.name),
                    )

    def _options(
        self, column: Column, options: dict[str, Any], path: Path, top: str, inner: tuple[str, ...]
    ) -> None:
        for low, high in (
            ("minimum", "maximum"),
            ("minLength", "maxLength"),
            ("minItems", "maxItems"),
            ("minProperties", "maxProperties"),
        ):
            if low in options and high in options and options[low] > options[high]:
                self._problem(
                    f"{low} {options[low]} is above {high} {options[high]}: no value can keep both",
                    "Mend one of the two",
                    (*path, low),
                    "assay.range",
                )
        for option, value in options.items():
            here = (*path, option)
            argument: Any = value
            match option:
                case "format" if column.logical_type == "string":
                    if value == "password":
                        continue  # ODCS: a hint for people, not a shape
                    if value not in string_formats():
                        self._problem(
                            f"the format '{value}' is not checked",
                            suggestion(
                                value,
                                string_formats(),
                                f"Use {', '.join(string_formats())}, or write it as `pattern`",
                            ),
                            here,
                            "assay.format",
                        )
                        continue
                case "pattern":
                    if not self._is_pattern(value, here):
                        continue
                case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" if (
                    column.logical_type in ("date", "timestamp", "time")
                ):
                    argument = self._moment(column, value, here)
                    if argument is None:
                        continue
                case "uniqueItems" | "normalized":
                    if not value:
                        continue
                case "minProperties" | "maxProperties":
                    argument = (value, tuple(field.name for field in column.fields))
                case "required":
                    for name in value:
                        if name not in {field.name for field in column.fields}:
                            self._problem(
                                f"'{name}' is required and not among the properties",
                                suggestion(name, [f.name for f in column.fields]),
                                here,
                                "assay.columns",
                            )
                        else:
                            self._schema_rule("required", top, (*inner, name), here, "is present")
                    continue
                case _ if option in TYPE_OPTIONS or option in TOLD_OPTIONS:
                    continue
            self._schema_rule(option, top, inner, here, f"{option} {value}", argument)

    def _moment(self, column: Column, value: Any, path: Path) -> date | datetime | str | None:
        """A limit written as text -> what the column is compared with."""
        try:
            if column.logical_type == "date":
                return date.fromisoformat(value)
            if column.logical_type == "time":
                return datetime.strptime(
                    value, "%H:%M:%S" if value.count(":") == 2 else "%H:%M"
                ).strftime("%H:%M:%S")
            moment = datetime.fromisoformat(value)
        except ValueError:
            self._problem(
                f"the limit '{value}' is no {column.logical_type}",
                "Write it in ISO 8601",
                path,
                "assay.range",
            )
            return None
        if not column.timezone:
            return moment.replace(tzinfo=None)
        try:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            problem = f"the limit '{value}' lies outside the years 1 to 9999 in UTC"
            self._problem(problem, "Write a time that UTC can express", path, "assay.range")
            return None

    def _values(self, values: list[Any], column: Column, path: Path, what: str) -> tuple[Any, ...]:
        """Listed values, as the column's type keeps them; a value of another type could never occur."""
        fits: Any = {
            "string": str, "integer": int, "number": (int, float), "boolean": bool, "date": str, "timestamp": str, "time": str,
        }.get(column.logical_type)  # fmt: skip
        if fits is None:
            self._problem(
                f"{what} lists values of '{column.name}', which is promised as {column.logical_type}",
                "List values of what it nests",
                path,
                "assay.enum",
            )
            return ()
        wrong = [
            value
            for value in values
            if not isinstance(value, fits)
            or (isinstance(value, bool) and column.logical_type != "boolean")
        ]
        if wrong:
            self._problem(
                f"{what} lists {wrong[0]!r} for '{column.name}', which is promised as {column.logical_type}",
                f"Write values of type {column.logical_type}",
                path,
                "assay.enum",
            )
            return ()
        if column.logical_type in ("date", "timestamp", "time"):
            moments = [self._moment(column, value, path) for value in values]
            return tuple(moment for moment in moments if moment is not None)
        return tuple(values)

    def _schema_rule(
        self,
        kind: Any,
        top: str,
        inner: tuple[str, ...],
        path: Path,
        says: str,
        argument: Any = None,
    ) -> None:
        parts = [top, *("each" if step == EACH else step for step in inner)]
        rule = Rule(
            name=_rule_name("_".join([*parts, kind])), kind=kind, columns=(top,), path=inner, dimension=DIMENSIONS.get(kind, "conformity"), description=f"{'.'.join(parts)} {says}",
            argument=argument, bound=self.tolerance, line=self.document.where(path).line,
        )  # fmt: skip
        self._add(rule, path)

    def _primary_key(self, read: Iterable[tuple[Column, dict[str, Any], Path]]) -> None:
        keyed = sorted(
            (
                (int(raw.get("primaryKeyPosition", -1)), index, column.name)
                for index, (column, raw, _) in enumerate(read)
                if column.primary_key
            )
        )
        if keyed:
            keys = [name for *_, name in keyed]
            path = (*self.path, "properties", keyed[0][1], "primaryKey")
            self._add(
                Rule(name=_rule_name("_".join([*keys, "key"])), kind="unique", columns=tuple(keys), dimension="uniqueness", description=f"({', '.join(keys)}) names one row",
                     bound=self.tolerance, line=self.document.where(path).line), path,
            )  # fmt: skip

    # -- relationships ------------------------------------------------------------------------------

    def _relationships(
        self, relationships: list[dict[str, Any]], path: Path, column: str | None
    ) -> None:
        for index, relationship in enumerate(relationships):
            here = (*path, index)
            theirs = [self._reference(text) for text in _listed(relationship["to"])]
            ours = (
                [column]
                if column
                else [self._reference(text)[1] for text in _listed(relationship["from"])]
            )
            if any(None in reference for reference in theirs) or None in ours:
                self._problem(
                    "the relationship does not say which column of which data set",
                    "Write `to: DATASET.COLUMN`",
                    (*here, "to"),
                    "assay.relationship",
                )
                continue
            datasets = {reference[0] for reference in theirs}
            unknown = [name for name in ours if name not in {c.name for c in self.columns}]
            if len(datasets) != 1 or len(ours) != len(theirs):
                self._problem(
                    "the relationship points to several data sets, or to another number of columns",
                    "Name as many columns of one data set",
                    (*here, "to"),
                    "assay.relationship",
                )
            elif unknown:
                self._problem(
                    f"the relationship starts at '{unknown[0]}', which is not promised",
                    suggestion(str(unknown[0]), [c.name for c in self.columns]),
                    here,
                    "assay.relationship",
                )
            else:
                target = Relationship(
                    dataset=str(datasets.pop()), columns=tuple(str(name) for _, name in theirs)
                )
                names = tuple(str(name) for name in ours)
                name = _rule_name(
                    relationship.get("id") or "_".join([*names, "in", target.dataset])
                )
                self._add(
                    Rule(name=name, kind="relationship", columns=names, argument=target, dimension="consistency", bound=self.tolerance, line=self.document.where(here).line,
                         description=f"{', '.join(names)} is in {target.dataset} ({', '.join(target.columns)})"), here,
                )  # fmt: skip

    def _reference(self, text: str) -> tuple[str | None, str | None]:
        """`orders.id` or `/schema/orders/properties/id` -> data set and column; our own schema object is a data set like any other."""
        parts = text.rpartition("#")[2].strip("/").split("/")
        if len(parts) == 4 and parts[0] == "schema" and parts[2] == "properties":
            return parts[1], parts[3]
        dotted = text.split(".")
        return (dotted[0], dotted[1]) if len(dotted) == 2 else (None, None)

    # -- quality ------------------------------------------------------------------------------------

    def _quality(self, checks: list[dict[str, Any]], path: Path, column: str | None) -> None:
        for index, check in enumerate(checks):
            here: Path = (*path, index)
            kind = check.get("type") or "library"
            if kind == "text":
                continue  # ODCS: prose for people, promises nothing a machine could check
            if kind == "custom" and check.get("engine") == "assay":
                self._measured(check, here, column)
                continue
            if kind == "custom":
                self._unchecked(
                    f"the check is written for {check.get('engine', 'another engine')}, and Assay does not run it",
                    "Promise it with a library metric or `type: sql`, or know that nobody checks it here",
                    here,
                )
                continue
            rule = (
                self._sql(check, here, column)
                if kind == "sql"
                else self._library(check, here, column)
            )
            if rule:
                self._add(rule, here)

    def _library(self, check: dict[str, Any], path: Path, column: str | None) -> Rule | None:
        metric, arguments = check["metric"], check.get("arguments") or {}
        columns = [column] if column else list(arguments.get("properties") or [])
        unit, promised = check.get("unit", "rows"), {c.name: c for c in self.columns}
        if unit not in ("rows", "percent"):
            self._problem(
                f"the unit '{unit}' is not known",
                suggestion(unit, ("rows", "percent"), "Choose rows or percent"),
                (*path, "unit"),
                "assay.unit",
            )
            return None
        unknown = [name for name in columns if name not in promised]
        if unknown or (not columns and metric != "rowCount"):
            said = f"the column '{unknown[0]}', which is not promised" if unknown else "no column"
            remedy = (
                suggestion(unknown[0], promised)
                if unknown
                else "Put it under a property, or name promised columns in `arguments.properties`"
            )
            self._problem(f"the metric '{metric}' names {said}", remedy, path, "assay.columns")
            return None
        if len(columns) > 1 and metric != "duplicateValues":
            self._problem(
                f"the metric '{metric}' is given {len(columns)} columns",
                "Give each column its own check; only duplicateValues takes several",
                (*path, "arguments"),
                "assay.columns",
            )
            return None
        argument = self._argument(
            metric, arguments, promised[columns[0]] if columns else None, path
        )
        if metric == "invalidValues" and argument is None:
            return None
        return self._rule(check, path, metric, columns, argument, unit)

    def _argument(
        self, metric: str, arguments: dict[str, Any], column: Column | None, path: Path
    ) -> Any:
        if metric == "missingValues" and column:
            absent = tuple(arguments.get("missingValues") or (None, ""))
            # text that stands for nothing never reaches a column of another type: it is not read as one
            return (
                absent
                if column.logical_type == "string"
                else tuple(value for value in absent if not isinstance(value, str))
            )
        if metric != "invalidValues" or column is None:
            return None
        if arguments.get("validValues"):
            return (
                self._values(
                    list(arguments["validValues"]),
                    column,
                    (*path, "arguments", "validValues"),
                    "validValues",
                )
                or None
            )
        pattern = arguments.get("pattern")
        if not isinstance(pattern, str) or column.logical_type != "string":
            self._problem(
                "invalidValues does not say what is valid",
                "Give `arguments.validValues`, or for a string `arguments.pattern`",
                path,
                "assay.arguments",
            )
            return None
        return pattern if self._is_pattern(pattern, (*path, "arguments", "pattern")) else None

    def _sql(self, check: dict[str, Any], path: Path, column: str | None) -> Rule | None:
        """A query whose one number is compared; let through only when every word of it is on the allow-list."""
        from assay.contracts.sql import checked

        ours = self._at(self.path).get("name") or "data"
        try:
            query = checked(
                check["query"],
                table=ours,
                columns=[c.name for c in self.columns],
                column=column,
                where=self.document.where((*path, "query")),
            )
        except ContractError as error:
            error.path = key_path((*path, "query"))
            self.problems.append(error)
            return None
        return self._rule(check, path, "sql", [column] if column else [], query, "value")

    def _measured(self, check: dict[str, Any], path: Path, column: str | None) -> None:
        """A bound on one of our own quality metrics."""
        try:
            metric, said = measures.of_check(
                check,
                column,
                {c.name: c for c in self.columns},
                self.document.where(path),
                key_path(path),
            )
        except ContractError as error:
            self.problems.append(error)
            return
        rule = self._rule(
            said, path, "metric", [metric.column] if metric.column else [], metric, "value"
        )
        if rule:
            self._add(
                rule.model_copy(
                    update={"dimension": check.get("dimension") or measures.DIMENSIONS[metric.name]}
                ),
                path,
            )

    def _rule(
        self,
        check: dict[str, Any],
        path: Path,
        kind: Any,
        columns: list[str],
        argument: Any,
        unit: Any,
    ) -> Rule | None:
        severity = check.get("severity", "error")
        if severity not in ("error", "warning", "info"):
            self._problem(
                f"the severity '{severity}' is not known",
                suggestion(severity, ("error", "warning", "info"), "Choose error, warning or info"),
                (*path, "severity"),
                "assay.severity",
            )
            return None
        comparison = next((key for key in get_args(Comparison) if key in check), None)
        if comparison is None:
            self._problem(
                f"'{kind}' is compared with nothing",
                f"Add one of {', '.join(get_args(Comparison))}",
                path,
                "assay.operator",
            )
            return None
        value = check[comparison]
        numbers = value if isinstance(value, list) else [value]
        if not all(
            isinstance(number, int | float) and not isinstance(number, bool) for number in numbers
        ):
            self._problem(
                f"{comparison} compares with {value!r}",
                "Compare with a number",
                (*path, comparison),
                "assay.operator",
            )
            return None
        if len(numbers) == 2 and numbers[0] > numbers[1]:
            self._problem(
                f"{comparison} says {numbers[0]} to {numbers[1]}",
                "Write the smaller number first",
                (*path, comparison),
                "assay.operator",
            )
            return None
        name = check.get("name") or check.get("id") or "_".join([*columns, kind])
        return Rule(
            name=_rule_name(name), kind=kind, columns=tuple(columns), argument=argument, severity=severity,
            dimension=check.get("dimension") or DIMENSIONS[kind], description=check.get("description") or name, line=self.document.where(path).line,
            bound=Bound(comparison=comparison, value=(numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0], unit=unit),
        )  # fmt: skip

    def _add(self, rule: Rule, path: Path) -> None:
        if not rule.name:
            self._problem(
                "the rule's name has no letter or digit",
                "Give it a `name` of A-Z, a-z, 0-9 and _",
                path,
                "assay.rule_name",
            )
            return
        if len(rule.name) > LONGEST_RULE:
            problem = f"a rule's name has {len(rule.name):,} characters"
            self._problem(
                problem, f"Give it a `name` of at most {LONGEST_RULE}", path, "assay.rule_name"
            )
            return
        if any(known.name == rule.name for known in self.rules):
            first = self._lines[rule.name]
            self._problem(
                f"two rules are called '{rule.name}' (the first in line {first})",
                "Give one of them another `name`",
                path,
                "assay.rule_name",
            )
            return
        self._lines[rule.name] = rule.line
        self.rules.append(rule)

    def _is_pattern(self, pattern: str, path: Path) -> bool:
        """Whether the pattern can run: said here, and not in a run."""
        why_not = pattern_problem(pattern)
        if why_not:
            self._problem(
                f"the pattern cannot run: {why_not}",
                "Mend it; write it without `(?=`, `(?!`, `(?<` and `\\1`: it runs in linear time",
                path,
                "assay.pattern",
            )
        return why_not is None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rule_name(name: str) -> str:
    """A rule's name as Dagster takes it."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")


def anonymity_rules(privacy: Privacy | None, columns: Sequence[Column]) -> tuple[Rule, ...]:
    """The floors of `assay.privacy`'s `anonymity`, a rule each, asked of the whole version."""
    wanted = privacy.anonymity if privacy else None
    if wanted is None:
        return ()
    numeric = {column.name for column in columns if column.logical_type in ("integer", "number")}

    def rule(
        name: str,
        what: Literal["k", "l", "t"],
        bound: Bound,
        text: str,
        sensitive: str | None = None,
    ) -> Rule:
        measure = Measure(
            what=what,
            quasi_identifiers=wanted.quasi_identifiers,
            sensitive=sensitive,
            numeric=sensitive in numeric,
        )
        return Rule(
            name=name,
            kind="anonymity",
            argument=measure,
            bound=bound,
            dimension=DIMENSIONS["anonymity"],
            description=text,
        )

    by = ", ".join(wanted.quasi_identifiers)
    rules = [
        rule(
            "k_anonymity",
            "k",
            Bound(comparison="mustBeGreaterOrEqualTo", value=wanted.k, unit="value"),
            f"at least {wanted.k} rows share each combination of {by}",
        )
    ]
    for column in wanted.sensitive:
        if wanted.l is not None:
            floor = Bound(comparison="mustBeGreaterOrEqualTo", value=wanted.l, unit="value")
            rules.append(
                rule(
                    f"{column}_l_diversity",
                    "l",
                    floor,
                    f"at least {wanted.l} values of {column} within each combination of {by}",
                    column,
                )
            )
        if wanted.t is not None:
            ceiling = Bound(comparison="mustBeLessOrEqualTo", value=wanted.t, unit="value")
            rules.append(
                rule(
                    f"{column}_t_closeness",
                    "t",
                    ceiling,
                    f"{column} within each combination of {by} is distributed as in all rows, up to {wanted.t:g}",
                    column,
                )
            )
    return tuple(rules)
