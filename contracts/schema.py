"""Contract -> pandera schema.

Belongs here: the same promises in pandera's words, so that two engines must agree before anything
is published.
Stays out: uniqueness and relationships (pandera sees batches, rules.py sees the whole), running it
(pipelines/validate/pandera_check.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.contracts.formats import string_formats
from assay.contracts.model import Contract, Rule
from assay.contracts.patterns import rust_pattern
from assay.contracts.rules import keeps
from assay.contracts.typed_arguments import limit_of, listed_in_type, longest_of
from assay.contracts.types import dtype

if TYPE_CHECKING:
    import pandera.polars as pa

FAILURE_CASES = 100  # pandera keeps every failing value as text; this caps how many
PRESENCE = ("required", "nullValues")
COMPARED = {">=": "ge", "<=": "le", ">": "gt", "<": "lt"}
"""Comparisons with limits -> pandera's checks of them."""
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


def pandera_pattern(rule: Rule) -> str | None:
    """The pattern that values must match, as pandera takes it; None if there is none.

    pandera compiles it with Python's `re` before Polars runs it, and refuses what Rust alone reads.
    """
    if not isinstance(rule.argument, str):
        return None
    is_format = rule.kind == "format"
    pattern = rust_pattern(string_formats()[rule.argument] if is_format else rule.argument)
    try:
        re.compile(pattern)
    except re.error:
        return None
    return pattern


def listed_values(rule: Rule) -> list[Any]:
    """Listed values, as pandera takes them; none where a plain list would not have their type."""
    if not isinstance(rule.argument, tuple):
        return []
    listed = listed_in_type(rule, rule.argument)
    return [] if listed.dtype else list(listed.values)


def _check(rule: Rule, pa: Any) -> Any:
    """The rule in pandera's words; where it has none, it runs the rule's own expression."""
    named: dict[str, Any] = {
        "name": rule.name,
        "error": rule.name,
        "n_failure_cases": FAILURE_CASES,
    }
    if rule.path:
        return pa.Check(lambda data: data.lazyframe.select(keeps(rule)), **named)
    match rule.kind:
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            limit = limit_of(rule)
            return getattr(pa.Check, COMPARED[limit.comparison])(limit.value, **named)
        case "minLength" | "maxLength" if rule.part and rule.part.is_binary:
            pass  # pandera measures text alone
        case "minLength":
            return pa.Check.str_length(min_value=longest_of(rule), **named)
        case "maxLength":
            return pa.Check.str_length(max_value=longest_of(rule), **named)
        case "format" | "pattern" | "invalidValues" if pattern := pandera_pattern(rule):
            return pa.Check.str_contains(pattern, **named)
        case "enum" | "invalidValues" if values := listed_values(rule):
            return pa.Check.isin(values, **named)
        case "missingValues" if None not in rule.argument and (values := listed_values(rule)):
            return pa.Check.notin(values, **named)
    return pa.Check(lambda data: data.lazyframe.select(keeps(rule)), **named)
