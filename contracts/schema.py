"""Contract -> pandera schema.

Belongs here: the same promises in pandera's words, so that two engines must agree before anything is published.
Stays out: uniqueness and relationships (pandera sees batches, rules.py sees the whole), running it (pipelines/validate/gate.py).
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
ACROSS_ROWS = ("type", "unique", "duplicateValues", "relationship")


def pandera_schema(contract: Contract) -> pa.DataFrameSchema:
    """The schema of what a version holds: strict columns, types, and every rule that sets aside rows and that one row can break."""
    import pandera.polars as pa

    published = {column.name for column in contract.published_columns}
    splitting = [
        rule for rule in contract.rules if rule.splits_rows and set(rule.columns) <= published
    ]
    columns = {
        column.name: pa.Column(
            dtype(column),
            checks=[
                check
                for rule in splitting
                if rule.columns == (column.name,)
                for check in _checks(rule, pa)
            ],
            nullable=not any(
                rule.columns == (column.name,) and rule.kind in PRESENCE and not rule.path
                for rule in splitting
            ),
            description=column.description,
        )
        for column in contract.published_columns
    }
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=contract.name)


def _checks(rule: Rule, pa: Any) -> list[Any]:
    named: dict[str, Any] = {
        "name": rule.name,
        "error": rule.name,
        "n_failure_cases": FAILURE_CASES,
    }
    if rule.kind in ACROSS_ROWS or (rule.kind in PRESENCE and not rule.path):
        return []  # presence is `nullable`, type is the column's
    if not rule.path:
        match rule.kind:
            case "minimum":
                return [pa.Check.ge(rule.argument, **named)]
            case "maximum":
                return [pa.Check.le(rule.argument, **named)]
            case "exclusiveMinimum":
                return [pa.Check.gt(rule.argument, **named)]
            case "exclusiveMaximum":
                return [pa.Check.lt(rule.argument, **named)]
            case "minLength":
                return [pa.Check.str_length(min_value=rule.argument, **named)]
            case "maxLength":
                return [pa.Check.str_length(max_value=rule.argument, **named)]
            case "pattern" | "format":
                return [
                    pa.Check.str_contains(
                        string_formats()[rule.argument] if rule.kind == "format" else rule.argument,
                        **named,
                    )
                ]
            case "enum":
                return [pa.Check.isin(list(rule.argument), **named)]
            case "invalidValues":
                return [
                    pa.Check.str_contains(rule.argument, **named)
                    if isinstance(rule.argument, str)
                    else pa.Check.isin(list(rule.argument), **named)
                ]
            case "missingValues" if None not in rule.argument:
                return [
                    pa.Check.notin([value for value in rule.argument if value is not None], **named)
                ]
    # pandera has no word for it: it runs the rule's own expression
    return [pa.Check(lambda data: data.lazyframe.select(keeps(rule)), **named)]
