"""ODCS properties -> columns: their types, what they nest, and whether Assay can read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from assay.contracts.column_names import free_name, is_reserved
from assay.contracts.date_formats import date_format, date_letters
from assay.contracts.declared_rules.collected import Collected
from assay.contracts.document import Path
from assay.contracts.formats import EACH, decimal
from assay.contracts.model import Column, LogicalType
from assay.contracts.problems import suggestion

LONGEST_COLUMN = 255
NULL_VALUES = "assay.null_values"
_DEPTH_OF_COLUMNS = 4
"""Keys on the way to a column: `schema`, its number, `properties`, its number."""
_HOLDS = {"object": "properties", "array": "items", "map": "map"}
"""Nested types -> the key under which the contract states what they hold."""


def is_new(column: Column, path: Path, collected: Collected) -> bool:
    """Whether the column can be taken in next to those read before it."""
    same = collected.by_letters.get(column.name.casefold())
    if same == column.name:
        problem = f"the column '{column.name}' is declared twice"
        remedy = "Keep one of the two"
    elif same is not None:
        problem = f"the columns '{same}' and '{column.name}' differ only in case"
        remedy = "Rename one of the two: tables in a lake treat them as one column"
    elif _is_unwritable(column.name):
        problem = f"the column name {column.name!r} has a character that files cannot store"
        remedy = "Remove it from the name"
    elif column.physical_name in collected.physical_names:
        problem = f"two columns have the physicalName '{column.physical_name}'"
        remedy = "Give each its own name, as in the source"
    elif len(column.name) > LONGEST_COLUMN:
        problem = f"a column's name has {len(column.name):,} characters"
        remedy = f"Write at most {LONGEST_COLUMN}"
    elif is_reserved(column.name):
        free = free_name(column.name, collected.column_names)
        problem = f"the column name '{column.name}' is reserved for Assay"
        remedy = f"Name it `{free}`, and write `physicalName: {column.name}`"
    else:
        return True
    collected.refuse(problem, remedy, path, "assay.columns")
    return False


def twin(name: str, names: Iterable[str]) -> str | None:
    """The name among others that Delta readers and SQL take for this one; None if there is none."""
    return next((other for other in names if other.casefold() == name.casefold()), None)


def _is_unwritable(name: str) -> bool:
    """Whether neither Arrow nor UTF-8 can hold the name: a zero, or half of a surrogate pair."""
    return any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in name)


def read_column(raw: dict[str, Any], name: str, path: Path, collected: Collected) -> Column | None:
    """A column, or a part of one; None if something is wrong with it."""
    logical_type = raw.get("logicalType")
    if logical_type not in get_args(LogicalType):
        has = f"has the logical type '{logical_type}'" if logical_type else "has no logical type"
        collected.refuse(
            f"the column '{name}' {has}",
            f"Choose one of {', '.join(get_args(LogicalType))}",
            (*path, "logicalType"),
            "assay.type",
        )
        return None
    fields = _read_fields(raw, name, path, collected)
    if fields is None:
        return None
    null_values = _null_values(raw, name, path, collected)
    if null_values is None:
        return None
    column = _column(raw, name, fields).model_copy(update={"null_values": null_values})
    return column if _is_readable(column, raw, path, collected) else None


def _column(raw: dict[str, Any], name: str, fields: tuple[Column, ...]) -> Column:
    options = raw.get("logicalTypeOptions") or {}
    position = int(raw.get("partitionKeyPosition", 1)) if raw.get("partitioned") else None
    return Column(
        name=name,
        logical_type=raw["logicalType"],
        physical_type=raw.get("physicalType"),
        physical_name=raw.get("physicalName"),
        description=raw.get("description"),
        required=bool(raw.get("required") or raw.get("primaryKey")),
        unique=bool(raw.get("unique")),
        primary_key=bool(raw.get("primaryKey")),
        partition_position=position,
        classification=raw.get("classification"),
        format=options.get("format"),
        timezone=options.get("timezone", True),
        dimensions=options.get("dimensions"),
        element_type=options.get("elementType", "float32"),
        embedding_model=options.get("embeddingModel"),
        embedding_version=options.get("embeddingModelVersion"),
        fields=fields,
    )


def _null_values(
    raw: dict[str, Any], name: str, path: Path, collected: Collected
) -> tuple[str, ...] | None:
    """The texts that represent nothing in the column; None if they are declared wrongly."""
    values: tuple[str, ...] = ()
    for index, entry in enumerate(raw.get("customProperties") or []):
        place = (*path, "customProperties", index)
        if entry["property"] == NULL_VALUES:
            listed = entry.get("value")
            if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
                problem = f"{NULL_VALUES} of '{name}' is not a list of texts"
                remedy = 'Write each text in quotes, such as ["NA", "-999"]'
                collected.refuse(problem, remedy, (*place, "value"), "assay.value")
                return None
            values = tuple(listed)
        elif entry["property"].startswith("assay."):
            collected.refuse(
                f"the property '{entry['property']}' is not known here",
                suggestion(entry["property"], [NULL_VALUES]),
                (*place, "property"),
                "assay.unknown_key",
            )
            return None
    if values and len(path) != _DEPTH_OF_COLUMNS:
        problem = f"{NULL_VALUES} is declared for '{name}', which is part of another column"
        remedy = "Declare null values for whole columns"
        collected.refuse(problem, remedy, path, "assay.value")
        return None
    return values


def _read_fields(
    raw: dict[str, Any], name: str, path: Path, collected: Collected
) -> tuple[Column, ...] | None:
    """What the column nests; None if a part of it is wrong."""
    logical_type = raw["logicalType"]
    if logical_type not in _HOLDS:
        return ()
    parts = _parts(raw, path)
    if not parts:
        collected.refuse(
            f"the column '{name}' is an {logical_type} without contents",
            f"Declare its contents under `{_HOLDS[logical_type]}`",
            path,
            "assay.type",
        )
        return None
    if not _are_apart(parts, name, collected):
        return None
    read = [read_column(*part, collected) for part in parts]
    fields = tuple(field for field in read if field)
    if len(fields) < len(parts):
        return None
    if logical_type == "map" and fields[0].logical_type != "string":
        collected.refuse(
            f"the keys of '{name}' are declared as {fields[0].logical_type}",
            "Keys of JSON are strings: declare `logicalType: string`",
            (*path, "map", "key"),
            "assay.type",
        )
        return None
    return fields


def _are_apart(
    parts: list[tuple[dict[str, Any], str, Path]], name: str, collected: Collected
) -> bool:
    """Whether readers can tell the fields of a nested column apart."""
    names: list[str] = []
    for _, field, path in parts:
        same = twin(field, names)
        if same is not None or _is_unwritable(field):
            problem = f"the field {field!r} has a character that files cannot store"
            if same is not None:
                problem = f"the fields '{same}' and '{field}' differ only in case"
            if same == field:
                problem = f"the field '{field}' is declared twice"
            collected.refuse(
                f"in '{name}', {problem}",
                "Rename it, or remove one of the two",
                path,
                "assay.columns",
            )
            return False
        names.append(field)
    return True


def _parts(raw: dict[str, Any], path: Path) -> list[tuple[dict[str, Any], str, Path]]:
    """What the contract states about each part of a nested column, its name, and where."""
    held = raw.get(_HOLDS[raw["logicalType"]])
    if not held:
        return []
    match raw["logicalType"]:
        case "object":
            return [
                (part, part.get("name", ""), (*path, "properties", index))
                for index, part in enumerate(held)
            ]
        case "array":
            return [(held, EACH, (*path, "items"))]
        case _:
            return [(held[part], part, (*path, "map", part)) for part in ("key", "value")]


def _is_readable(column: Column, raw: dict[str, Any], path: Path, collected: Collected) -> bool:
    """Whether Assay can read text as the column's type."""
    options, place = raw.get("logicalTypeOptions") or {}, (*path, "logicalTypeOptions")
    if wrong := _format_mistake(column):
        collected.refuse(*wrong, (*place, "format"), "assay.format")
        return False
    if column.logical_type == "vector" and not column.dimensions:
        problem = f"the vector '{column.name}' has no dimensions"
        remedy = "Add `dimensions` to its logicalTypeOptions"
    elif options.get("defaultTimezone", "UTC") not in ("UTC", "Etc/UTC"):
        problem = f"times without a zone are declared to be in {options['defaultTimezone']}"
        remedy = "Assay reads them as UTC: deliver them with their offset"
        place = (*place, "defaultTimezone")
    elif not _fits_decimal(column.physical_type):
        problem = f"the physical type '{column.physical_type}' is not a decimal of 1 to 38 digits"
        remedy = "Write `decimal(digits, digits after the point)`"
        place = (*path, "physicalType")
    else:
        return True
    collected.refuse(problem, remedy, place, "assay.type")
    return False


def _format_mistake(column: Column) -> tuple[str, str] | None:
    """Why no text of a format of dates or times can be read, and what to do; None if it can."""
    kind = column.logical_type
    if kind not in ("date", "timestamp", "time") or not column.format:
        return None
    try:
        form = date_format(column.format)
    except ValueError as letters:
        remedy = f"Use {', '.join(date_letters())}, S for each digit of a fraction, and quote other letters"
        return f"the format '{column.format}' has {letters}, which Assay does not support", remedy
    lacking = form.lacks if kind != "time" else None if form.is_timed else "hour"
    if lacking:
        return f"the format '{column.format}' has no {lacking}", f"Add the {lacking} to the format"
    if form.is_zoned and kind == "timestamp" and not column.timezone:
        problem = f"the format '{column.format}' has an offset, and `timezone` is false"
        return problem, "Write `timezone: true`, or remove the offset from the format"
    return None


def _fits_decimal(physical_type: str | None) -> bool:
    digits = decimal(physical_type)
    return digits is None or (0 < digits[0] <= 38 and digits[1] <= digits[0])
