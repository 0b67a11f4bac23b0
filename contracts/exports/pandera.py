"""Contract -> a Python script that builds the pandera schema of contracts/schema.py.

pandera's own `to_script` and `to_yaml` lose checks that are functions, error texts and caps (0.35,
2026-11): hence a text of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.contracts.exports.source import dtype_source, literal, rule_source
from assay.contracts.formats import string_formats
from assay.contracts.model import Column, Contract, Rule
from assay.contracts.schema import COMPARED, FAILURE_CASES, is_presence, needs_check
from assay.contracts.types import dtype

HEAD = '''"""The schema of what a version of the data set holds, compiled by Assay from its contract.

pandera checks only the schema of a lazy frame unless told otherwise: validate eager frames, `schema.validate(frame, lazy=True)`.
"""

import datetime

import pandera.polars as pa
import polars as pl

'''


def pandera(contract: Contract) -> str:
    """A script that leaves `schema`, a pandera.polars.DataFrameSchema.

    It needs pandera and Polars, not Assay.
    """
    published = {column.name for column in contract.published_columns}
    splitting = [
        rule for rule in contract.rules if rule.splits_rows and set(rule.columns) <= published
    ]
    columns = "".join(
        _column(column, [rule for rule in splitting if rule.columns == (column.name,)])
        for column in contract.published_columns
    )
    origin = {"name": contract.name, "version": contract.version, "digest": contract.digest}
    return (
        f"{HEAD}CONTRACT = {origin!r}\n\n"
        "schema = pa.DataFrameSchema(\n"
        f"    {{\n{columns}    }},\n"
        "    strict=True,\n"
        "    ordered=True,\n"
        "    name=CONTRACT['name'],\n"
        ")\n"
    )


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
            return f"pa.Check.{COMPARED[rule.kind]}({literal(rule.argument)}, {named})"
        case "minLength":
            return f"pa.Check.str_length(min_value={rule.argument!r}, {named})"
        case "maxLength":
            return f"pa.Check.str_length(max_value={rule.argument!r}, {named})"
        case "pattern":
            return f"pa.Check.str_contains({rule.argument!r}, {named})"
        case "format":
            return f"pa.Check.str_contains({string_formats()[rule.argument]!r}, {named})"
        case "enum":
            return f"pa.Check.isin({literal(list(rule.argument))}, {named})"
    return f"pa.Check(lambda data: data.lazyframe.select({rule_source(rule)}), {named})"
