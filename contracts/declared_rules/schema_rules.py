"""What an ODCS schema states about its properties -> rules.

Belongs here: required, unique, limits and options, enumerations, the primary key.
Stays out: relationships (relationships.py), quality checks (quality.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from assay.contracts.column_names import rule_names
from assay.contracts.declared_rules.collected import Collected, Part
from assay.contracts.declared_rules.values import TIMES, listed_values, moment, pattern_can_run
from assay.contracts.dimensions import dimension_of_rule
from assay.contracts.document import Path
from assay.contracts.formats import EACH, LENGTH, string_formats
from assay.contracts.model import Rule, RuleKind
from assay.contracts.problems import suggestion

LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_RANGES = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_NO_RULES = (
    # they are part of the type
    "format",
    "timezone",
    "defaultTimezone",
    "dimensions",
    "elementType",
    # ODCS calls them advisory
    "distanceMetric",
    "embeddingModel",
    "embeddingModelVersion",
)
"""Options that no rule follows from; `format` is one of a string."""


def add_type_rule(part: Part, collected: Collected) -> None:
    """The rule that the column's text can be read as its type."""
    logical_type = part.column.logical_type
    if not part.column.is_text:
        kind = "binary" if part.column.is_binary else logical_type
        _add("type", part, part.path, f"reads as {kind}", collected, logical_type)


def add_rules_of(part: Part, collected: Collected) -> None:
    """Every rule that a property states of itself, and of what it nests."""
    if part.column.required:
        _add_required(part, collected)
    if part.column.primary_key and part.inner:
        collected.refuse(
            "a nested property cannot be a primary key",
            "Set `primaryKey` on a column of the table",
            (*part.path, "primaryKey"),
            "assay.unchecked",
        )
    if part.column.unique:
        _add_unique(part, collected)
    _check_ranges(part, collected)
    for option, value in part.options.items():
        _add_option(option, value, part, collected)
    _add_length(part, collected)
    _add_enum(part, collected)
    for nested in part.nested():
        add_rules_of(nested, collected)


def add_primary_key(parts: Iterable[Part], collected: Collected) -> None:
    """The rule that no primary key repeats. That each column of it is present is its own rule."""
    keyed = sorted(
        (int(part.raw.get("primaryKeyPosition", -1)), index, part)
        for index, part in enumerate(parts)
        if part.column.primary_key
    )
    if not keyed:
        return
    names = [part.top for _, _, part in keyed]
    path = (*keyed[0][2].path, "primaryKey")
    rule = Rule(
        name=collected.rule_name(names, "key"),
        kind="unique",
        columns=tuple(names),
        dimension="uniqueness",
        description=f"({', '.join(names)}) names one row",
        bound=collected.tolerance,
        line=collected.line_of(path),
    )
    collected.add(rule, path)


def _add(
    kind: RuleKind,
    part: Part,
    path: Path,
    text: str,
    collected: Collected,
    argument: Any = None,
) -> None:
    names = [part.top, *("each" if step == EACH else step for step in part.inner)]
    rule = Rule(
        name=collected.rule_name(names[:1], *_words(names[1:]), kind),
        kind=kind,
        columns=(part.top,),
        path=part.inner,
        dimension=dimension_of_rule(kind),
        description=f"{'.'.join(names)} {text}",
        argument=argument,
        bound=collected.tolerance,
        line=collected.line_of(path),
        part=part.column,
    )
    collected.add(rule, path)


def _words(fields: list[str]) -> list[str]:
    """What represents fields of a nested column in the name of a rule."""
    return [rule_names([name])[name] for name in fields]


def _add_required(part: Part, collected: Collected) -> None:
    """The rule that the value is present, which `primaryKey` implies."""
    declared = "required" if part.raw.get("required") else "primaryKey"
    _add("required", part, (*part.path, declared), "is present", collected)


def _add_unique(part: Part, collected: Collected) -> None:
    path = (*part.path, "unique")
    if part.inner:
        collected.refuse(
            "a nested property cannot be declared unique",
            "Declare `uniqueItems` for an array, or `unique` for a column",
            path,
            "assay.unchecked",
        )
    else:
        _add("unique", part, path, "does not repeat", collected)


def _add_length(part: Part, collected: Collected) -> None:
    """The longest text that a physical type such as `varchar(10)` takes."""
    if part.column.logical_type != "string" or "maxLength" in part.options:
        return
    if length := LENGTH.fullmatch((part.column.physical_type or "").strip()):
        text = f"has at most {length[1]} characters"
        _add("maxLength", part, (*part.path, "physicalType"), text, collected, int(length[1]))


def _add_enum(part: Part, collected: Collected) -> None:
    path = (*part.path, "enum")
    listed = [item["value"] for item in part.raw.get("enum") or []]
    if not listed:
        return
    values = listed_values(listed, part.column, path, "enum", collected)
    if values:
        _add("enum", part, path, f"is one of {len(values)} values", collected, values)


# -- options -----------------------------------------------------------------------------------


def _check_ranges(part: Part, collected: Collected) -> None:
    options = part.options
    for low, high in _RANGES:
        if low in options and high in options and options[low] > options[high]:
            collected.refuse(
                f"{low} {options[low]} is above {high} {options[high]}: no value can satisfy both",
                "Correct one of the two",
                (*part.path, "logicalTypeOptions", low),
                "assay.range",
            )


def _add_option(option: Any, value: Any, part: Part, collected: Collected) -> None:
    path = (*part.path, "logicalTypeOptions", option)
    if option == "required":
        _add_required_fields(value, part, path, collected)
    elif part.column.is_binary and option in ("pattern", "format"):
        collected.refuse(
            f"{option} is about text, and '{part.column.name}' is {part.column.physical_type}",
            "Remove it, or remove the `physicalType` to keep hexadecimal text",
            path,
            "assay.type",
        )
    elif option == "format" and part.column.logical_type == "string":
        _add_format(value, part, path, collected)
    elif isinstance(value, float) and not _is_comparable(option, value):
        problem = f"{option} is {value}, which no value can be compared with"
        collected.refuse(problem, "Write a number", path, "assay.range")
    elif option not in _NO_RULES:
        argument = _argument(option, value, part, path, collected)
        if argument is not None:
            _add(option, part, path, f"{option} {value}", collected, argument)


def _is_comparable(option: Any, value: float) -> bool:
    """Whether a number limits anything: not-a-number never does, infinity is no step."""
    return not math.isnan(value) and not (option == "multipleOf" and math.isinf(value))


def _argument(option: str, value: Any, part: Part, path: Path, collected: Collected) -> Any:
    """What the rule of an option compares with; None if no rule follows from it."""
    match option:
        case "pattern":
            return value if pattern_can_run(value, path, collected) else None
        case _ if option in LIMITS and part.column.logical_type in TIMES:
            return moment(part.column, value, path, collected)
        case "uniqueItems" | "normalized":
            return value or None
        case "minProperties" | "maxProperties":
            return value, tuple(field.name for field in part.column.fields)
    return value


def _add_format(value: str, part: Part, path: Path, collected: Collected) -> None:
    if value == "password":
        return  # ODCS: a hint for people, not a shape
    formats = string_formats()
    if value in formats:
        _add("format", part, path, f"format {value}", collected, value)
        return
    collected.refuse(
        f"the format '{value}' is not checked",
        suggestion(value, formats, f"Use {', '.join(formats)}, or write it as `pattern`"),
        path,
        "assay.format",
    )


def _add_required_fields(names: list[str], part: Part, path: Path, collected: Collected) -> None:
    """The rules that fields of an object are present."""
    fields = [field.name for field in part.column.fields]
    for name in names:
        if name in fields:
            inner = Part(part.column, part.raw, part.path, part.top, (*part.inner, name))
            _add("required", inner, path, "is present", collected)
        else:
            collected.refuse(
                f"'{name}' is required but not among the properties",
                suggestion(name, fields),
                path,
                "assay.columns",
            )
