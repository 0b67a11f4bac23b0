"""Contract -> JSON Schema 2020-12 of one row of a version, written as JSON.

A row holds its declared columns and no other; an absent one is null. Dates and times are ISO 8601
text, maps are objects, decimals numbers. What one row cannot break, or JSON Schema cannot say,
is in `x-assay-left-out` with the reason.
"""

from __future__ import annotations

from typing import Any

from assay.contracts.column_types import INTEGER_WIDTHS, width
from assay.contracts.exports.patterns import NotPortable, portable
from assay.contracts.exports.promised import (
    NOT_PUBLISHED,
    PRESENCE,
    SEES_OTHERS,
    as_json,
    rule_id,
    speaks_of_a_version,
)
from assay.contracts.formats import EACH, decimal, string_formats
from assay.contracts.model import Column, Contract, Rule

DIALECT = "https://json-schema.org/draft/2020-12/schema"
STANDARD_FORMATS = ("email", "uuid", "uri", "hostname", "ipv4", "ipv6")
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
ELEMENTS = {"int8": (-128, 127), "uint8": (0, 255), "binary": (0, 1)}
Schema = dict[str, Any]


def json_schema(contract: Contract) -> str:
    """The schema as JSON text."""
    row = _Row(contract)
    properties = {
        column.name: row.of(column, column.name, ()) for column in contract.published_columns
    }
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:assay:contract:{contract.digest}",
        "title": contract.name,
        "description": contract.description,
        "type": "object",
        "properties": properties,
        "required": [
            column.name for column in contract.published_columns if row.is_present(column.name, ())
        ],
        "additionalProperties": False,
    }
    return as_json(schema | ({"x-assay-left-out": row.left_out} if row.left_out else {}))


class _Row:
    """Builds the schemas of values from the rules at their place; notes what it cannot say."""

    def __init__(self, contract: Contract) -> None:
        self.rules: dict[tuple[str, tuple[str, ...]], list[Rule]] = {}
        self.left_out: dict[str, str] = {}
        for rule in contract.rules:
            reason = _unsaid(contract, rule)
            if reason:
                self.left_out[rule_id(contract, rule)] = reason
            elif rule.kind != "type":
                self.rules.setdefault((rule.columns[0], rule.path), []).append(rule)

    def is_present(self, top: str, path: tuple[str, ...]) -> bool:
        """Whether the value may not be null."""
        return any(
            rule.kind in PRESENCE or (rule.kind == "missingValues" and None in rule.argument)
            for rule in self.rules.get((top, path), ())
        )

    def of(self, column: Column, top: str, path: tuple[str, ...]) -> Schema:
        """The schema of one value and of what it nests."""
        schema = self._type(column, top, path)
        present = self.is_present(top, path)
        for rule in self.rules.get((top, path), ()):
            _add(schema, _constraint(rule, present))
        if not present:
            schema["type"] = [schema["type"], "null"]
        if column.description:
            schema = {"description": column.description, **schema}
        return schema | (
            {"x-classification": column.classification} if column.classification else {}
        )

    def _type(self, column: Column, top: str, path: tuple[str, ...]) -> Schema:
        match column.logical_type:
            case "object":
                return self._object(column, top, path)
            case "array":
                return {"type": "array", "items": self.of(column.fields[0], top, (*path, EACH))}
            case "map":
                key, value = (
                    self.of(field, top, (*path, EACH, field.name)) for field in column.fields
                )
                return {"type": "object", "propertyNames": key, "additionalProperties": value}
            case "vector":
                return _vector(column)
            case _:
                return _plain_type(column)

    def _object(self, column: Column, top: str, path: tuple[str, ...]) -> Schema:
        places = {field.name: (*path, field.name) for field in column.fields}
        return {
            "type": "object",
            "properties": {
                field.name: self.of(field, top, places[field.name]) for field in column.fields
            },
            "required": [name for name, place in places.items() if self.is_present(top, place)],
            "additionalProperties": False,
        }


def _plain_type(column: Column) -> Schema:
    """The schema of a value that nests nothing."""
    match column.logical_type:
        case "integer":
            whole = INTEGER_WIDTHS[width(column)]
            return {"type": "integer", "minimum": whole.low, "maximum": whole.high}
        case "number":
            digits = decimal(column.physical_type)
            if digits is None:
                return {"type": "number"}
            limit = 10 ** (digits[0] - digits[1])
            return {"type": "number", "exclusiveMinimum": -limit, "exclusiveMaximum": limit}
        case "date":
            return {"type": "string", "format": "date", "pattern": portable(f"^{DAY}$")}
        case "timestamp" if column.timezone:
            pattern = portable(f"^{DAY}T{CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$")
            return {"type": "string", "format": "date-time", "pattern": pattern}
        case "timestamp":
            return {"type": "string", "pattern": portable(f"^{DAY}T{CLOCK}$")}
        case "time":  # JSON Schema's format `time` asks for an offset
            return {"type": "string", "pattern": portable(f"^{CLOCK}$")}
        case "string" if column.is_binary:
            return {"type": "string", "contentEncoding": "base16"}
        case _:
            return {"type": column.logical_type}


def _vector(column: Column) -> Schema:
    items: Schema = {"type": "number"}
    if span := ELEMENTS.get(column.element_type):
        items = {"type": "integer", "minimum": span[0], "maximum": span[1]}
    return {
        "type": "array",
        "items": items,
        "minItems": column.dimensions,
        "maxItems": column.dimensions,
    }


def _unsaid(contract: Contract, rule: Rule) -> str | None:
    """Why a rule is not part of the schema of a row."""
    if not speaks_of_a_version(contract, rule):
        return NOT_PUBLISHED
    if rule.kind == "type":
        return None  # each column's own
    if rule.kind in SEES_OTHERS:
        return SEES_OTHERS[rule.kind]
    if rule.kind in ("unique", "duplicateValues"):
        return "it compares rows"
    if not rule.splits_rows:
        return "rows that break it are published, and reported"
    return _unsaid_of_values(rule)


def _unsaid_of_values(rule: Rule) -> str | None:
    """What JSON Schema cannot say of values that a rule quarantines."""
    match rule.kind:
        case "minLength" | "maxLength" if rule.part and rule.part.is_binary:
            return "JSON Schema measures text, not bytes"
        case "normalized":
            return "JSON Schema does not calculate"
        case "minProperties" | "maxProperties":
            return "JSON Schema counts properties that are null"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            is_number = isinstance(rule.argument, int | float)
            return None if is_number else "JSON Schema does not compare text"
    try:
        _constraint(rule, present=True)
    except NotPortable as error:
        return f"the pattern cannot be carried over: {error}"
    return None


def _constraint(rule: Rule, present: bool) -> Schema:
    match rule.kind:
        case "required" | "nullValues":
            return {}
        case "pattern":
            return {"pattern": portable(rule.argument)}
        case "format":
            return ({"format": rule.argument} if rule.argument in STANDARD_FORMATS else {}) | {
                "pattern": portable(string_formats()[rule.argument])
            }
        case "invalidValues" if isinstance(rule.argument, str):
            return {"pattern": portable(rule.argument)}
        case "enum" | "invalidValues":
            return {"enum": [*map(_written, rule.argument), *([] if present else [None])]}
        case "missingValues":
            return {"not": {"enum": [_written(value) for value in rule.argument]}}
        case _:
            return {rule.kind: rule.argument}


def _written(value: Any) -> Any:
    """A value as a row's JSON holds it."""
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def _add(schema: Schema, constraint: Schema) -> None:
    """Merge; the tighter of two bounds, and both of two patterns."""
    for key, value in constraint.items():
        if key not in schema:
            schema[key] = value
        elif key in ("minimum", "minLength", "minItems"):
            schema[key] = max(schema[key], value)
        elif key in ("maximum", "maxLength", "maxItems"):
            schema[key] = min(schema[key], value)
        elif schema[key] != value:
            schema.setdefault("allOf", []).append({key: value})
