"""Contract -> a Python script that builds the pandera schema of contracts/schema.py.

pandera's own `to_script` and `to_yaml` lose checks that are functions, error texts and caps (0.35,
2026-11): hence a text of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.contracts.exports.promised import (
    NOT_PUBLISHED,
    SEES_OTHERS,
    rule_id,
    speaks_of_a_version,
)
from assay.contracts.exports.source import (
    bound_source,
    dtype_source,
    helpers_source,
    literal,
    rule_source,
)
from assay.contracts.model import Column, Contract, Rule
from assay.contracts.schema import (
    ACROSS_ROWS,
    COMPARED,
    FAILURE_CASES,
    is_presence,
    listed_values,
    needs_check,
    pandera_pattern,
)
from assay.contracts.typed_arguments import limit_of, longest_of
from assay.contracts.types import dtype

HEAD = '''"""The schema of what a version of the data set holds, compiled by Assay from its contract.

pandera checks only the schema of a lazy frame by default: validate eager frames, `schema.validate(frame, lazy=True)`. LEFT_OUT: the rules that no frame alone can break, and why.
"""

import datetime
import decimal

import pandera.polars as pa
import polars as pl

'''


def pandera(contract: Contract) -> str:
    """A script that leaves `schema`, a pandera.polars.DataFrameSchema, and LEFT_OUT.

    It needs pandera and Polars, not Assay. The schema holds every rule that a frame alone can
    break: those that set rows aside as checks of their column, the others as checks of the frame;
    a rule of severity `warning` or `info` raises a warning.
    """
    rules = [rule for rule in contract.rules if rule.kind != "type"]
    left_out = {rule.name: reason for rule in rules if (reason := _reason_left_out(contract, rule))}
    kept = [rule for rule in rules if rule.name not in left_out]
    columns = "".join(
        _column(column, [rule for rule in kept if _is_of_column(rule, column.name)])
        for column in contract.published_columns
    )
    checks = "".join(
        f"        {_frame_check(rule)},\n" for rule in kept if not _is_of_column(rule, None)
    )
    reasons = "".join(
        f"    {rule_id(contract, rule)!r}: {left_out[rule.name]!r},\n"
        for rule in rules
        if rule.name in left_out
    )
    origin = {"name": contract.name, "version": contract.version, "digest": contract.digest}
    return (
        f"{HEAD}{helpers_source(kept)}CONTRACT = {origin!r}\n\n"
        f"LEFT_OUT: dict[str, str] = {{\n{reasons}}}\n\n"
        "schema = pa.DataFrameSchema(\n"
        f"    {{\n{columns}    }},\n"
        f"    checks=[\n{checks}    ],\n"
        "    strict=True,\n"
        "    ordered=True,\n"
        "    name=CONTRACT['name'],\n"
        ")\n"
    )


def _reason_left_out(contract: Contract, rule: Rule) -> str | None:
    if not speaks_of_a_version(contract, rule):
        return NOT_PUBLISHED
    return None if rule.kind == "rowCount" else SEES_OTHERS.get(rule.kind)


def _is_of_column(rule: Rule, name: str | None) -> bool:
    """Whether the rule is a check of the column; of any column for None."""
    is_of_one = rule.splits_rows and len(rule.columns) == 1 and rule.kind not in ACROSS_ROWS
    return is_of_one and name in (None, *rule.columns)


def _frame_check(rule: Rule) -> str:
    """A rule about several columns, about all rows, or one that tolerates rows that break it."""
    if rule.kind == "rowCount":
        holds = bound_source("pl.len()", rule.bound)
    elif rule.splits_rows:
        holds = rule_source(rule)
    else:
        holds = bound_source(f"(~({rule_source(rule)})).sum()", rule.bound)
    named = f"name={rule.name!r}, error={rule.name!r}, n_failure_cases={FAILURE_CASES}"
    warning = "" if rule.severity == "error" else ", raise_warning=True"
    return f"pa.Check(lambda data: data.lazyframe.select({holds}), {named}{warning})"


def _column(column: Column, rules: Sequence[Rule]) -> str:
    checks = "".join(f"                {_check(rule)},\n" for rule in rules if needs_check(rule))
    listed = f"[\n{checks}            ]" if checks else "[]"
    return (
        f"        {column.name!r}: pa.Column(\n"
        f"            {dtype_source(dtype(column))},\n"
        f"            checks={listed},\n"
        f"            nullable={not any(map(is_presence, rules))},\n"
        f"            description={column.description!r},\n"
        "        ),\n"
    )


def _check(rule: Rule) -> str:
    """The words that contracts/schema.py chooses; a test compares the two."""
    named = f"name={rule.name!r}, error={rule.name!r}, n_failure_cases={FAILURE_CASES}"
    match rule.kind:
        case _ if rule.path:
            pass
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            limit = limit_of(rule)
            check = COMPARED[limit.comparison]
            return f"pa.Check.{check}({literal(limit.value)}, {named})"
        case "minLength" | "maxLength" if rule.part and rule.part.is_binary:
            pass
        case "minLength":
            return f"pa.Check.str_length(min_value={longest_of(rule)}, {named})"
        case "maxLength":
            return f"pa.Check.str_length(max_value={longest_of(rule)}, {named})"
        case "pattern" | "format" | "invalidValues" if pattern := pandera_pattern(rule):
            return f"pa.Check.str_contains({pattern!r}, {named})"
        case "enum" | "invalidValues" if values := listed_values(rule):
            return f"pa.Check.isin({literal(values)}, {named})"
    return f"pa.Check(lambda data: data.lazyframe.select({rule_source(rule)}), {named})"
