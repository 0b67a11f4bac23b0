"""Contract -> pandera schema.

Belongs here: the same promises in pandera's words, so that two engines must agree before anything
is published.
Stays out: uniqueness and relationships (pandera sees batches, rules.py sees the whole), running it
(pipelines/validate/pandera_check.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.contracts.formats import string_formats
from assay.contracts.model import Contract, Rule
from assay.contracts.rules import keeps
from assay.contracts.types import dtype

if TYPE_CHECKING:
    import pandera.polars as pa

FAILURE_CASES = 100  # pandera keeps every failing value as text; this caps how many
PRESENCE = ("required", "nullValues")
COMPARED = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
"""Limits -> pandera's checks of them."""
ACROSS_ROWS = ("type", "unique", "duplicateValues", "relationship")


def pandera_schema(contract: Contract) -> pa.DataFrameSchema:
    """The schema of what a version holds.

    Strict columns, types, and every rule that sets rows aside and that one row can break.
    """
    import pandera.polars as pa

    published = {column.name for column in contract.published_columns}
    splitting = [
        rule for rule in contract.rules if rule.splits_rows and set(rule.columns) <= published
    ]
    columns = {}
    for column in contract.published_columns:
        rules = [rule for rule in splitting if rule.columns == (column.name,)]
        columns[column.name] = pa.Column(
            dtype(column),
            checks=[_check(rule, pa) for rule in rules if needs_check(rule)],
            nullable=not any(map(is_presence, rules)),
            description=column.description,
        )
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=contract.name)


def is_presence(rule: Rule) -> bool:
    """Whether the rule is the column's `nullable`."""
    return rule.kind in PRESENCE and not rule.path


def needs_check(rule: Rule) -> bool:
    """Whether the rule is a check: presence and type are the column's own."""
    return rule.kind not in ACROSS_ROWS and not is_presence(rule)


def _check(rule: Rule, pa: Any) -> Any:
    """The rule in pandera's words; where it has none, it runs the rule's own expression."""
    named: dict[str, Any] = {
        "name": rule.name,
        "error": rule.name,
        "n_failure_cases": FAILURE_CASES,
    }
    if rule.path:
        return pa.Check(lambda data: data.lazyframe.select(keeps(rule)), **named)
    argument = rule.argument
    match rule.kind:
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return getattr(pa.Check, COMPARED[rule.kind])(argument, **named)
        case "minLength":
            return pa.Check.str_length(min_value=argument, **named)
        case "maxLength":
            return pa.Check.str_length(max_value=argument, **named)
        case "format":
            return pa.Check.str_contains(string_formats()[argument], **named)
        case "pattern" | "invalidValues" if isinstance(argument, str):
            return pa.Check.str_contains(argument, **named)
        case "enum" | "invalidValues":
            return pa.Check.isin(list(argument), **named)
        case "missingValues" if None not in argument:
            return pa.Check.notin(list(argument), **named)
    return pa.Check(lambda data: data.lazyframe.select(keeps(rule)), **named)
