"""What every format asks of a contract.

Belongs here: which rules a version is declared to keep, and writing JSON. Stays out: any format's
words.
"""

from __future__ import annotations

import json
from typing import Any

from assay.contracts.model import Contract, Rule

PRESENCE = ("required", "nullValues")
NOT_PUBLISHED = "it names a column that admission drops"
SEES_OTHERS = {
    "type": "a version's columns have their types; it applies to the text they were read from",
    "relationship": "it needs the data set it points to",
    "rowCount": "it applies to the whole table",
    "sql": "it is a query of the whole table",
    "anonymity": "it compares every row with every other",
    "metric": "it measures the whole version, and how it was made",
}
"""Kinds of rules whose expression needs more than the frame, and why."""


def speaks_of_a_version(contract: Contract, rule: Rule) -> bool:
    """Whether all columns of the rule are published."""
    return set(rule.columns) <= {column.name for column in contract.published_columns}


def never_null(contract: Contract) -> frozenset[str]:
    """The columns that hold no null in any version: rows without a value there are quarantined."""
    columns = set()
    for rule in contract.rules:
        demands = rule.kind in PRESENCE or (rule.kind == "missingValues" and None in rule.argument)
        if demands and rule.splits_rows and not rule.path and len(rule.columns) == 1:
            columns.add(rule.columns[0])
    return frozenset(columns)


def rule_id(contract: Contract, rule: Rule) -> str:
    """The rule's name, the same in every report."""
    return f"{contract.name}.{rule.name}"


def as_json(data: Any) -> str:
    """Indented JSON with a line break at its end; keys stay in the order they were given."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
