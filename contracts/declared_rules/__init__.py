"""ODCS schema and quality -> columns and rules.

Belongs here: which rule follows from each ODCS field, and its name. Stays out: reading YAML
(load.py), expressions (rules.py).
"""

from __future__ import annotations

from typing import Any

from assay.contracts.declared_rules.anonymity import anonymity_rules
from assay.contracts.declared_rules.collected import Collected, Part
from assay.contracts.declared_rules.columns import is_new, read_column
from assay.contracts.declared_rules.quality import add_quality
from assay.contracts.declared_rules.relationships import add_relationships
from assay.contracts.declared_rules.schema_rules import (
    add_primary_key,
    add_rules_of,
    add_type_rule,
)
from assay.contracts.document import Document, Path

__all__ = ["Collected", "anonymity_rules", "read_schema"]


def read_schema(document: Document, path: Path, tolerance_pct: float) -> Collected:
    """Read one schema object: its columns, its rules, and everything that is wrong with them.

    Args:
        path: of the schema object.
        tolerance_pct: how many rows may break a rule of the schema, in percent.
    """
    collected = Collected(document, tolerance_pct)
    schema = document.data
    for step in path:
        schema = schema[step]
    parts = _read_columns(schema, path, collected)
    table = schema.get("name") or "data"
    for part in parts:
        add_type_rule(part, collected)
        add_rules_of(part, collected)
        _add_checks(part.raw, part.path, part.top, table, collected)
    add_primary_key(parts, collected)
    _add_checks(schema, path, None, table, collected)
    return collected


def _read_columns(schema: dict[str, Any], path: Path, collected: Collected) -> list[Part]:
    parts = []
    properties = schema.get("properties") or []
    for index, raw in enumerate(properties):
        place = (*path, "properties", index)
        column = read_column(raw, raw.get("name", ""), place, collected)
        if column and is_new(column, place, collected):
            collected.add_column(column)
            parts.append(Part(column, raw, place, column.name))
    if not properties:
        collected.refuse(
            "the schema declares no column",
            "Add `properties`, one for each column",
            path,
            "assay.columns",
        )
    return parts


def _add_checks(
    raw: dict[str, Any], path: Path, column: str | None, table: str, collected: Collected
) -> None:
    """The quality checks and the relationships of a column, or of the schema object."""
    add_quality(raw.get("quality") or [], (*path, "quality"), column, table, collected)
    relationships = raw.get("relationships") or []
    add_relationships(relationships, (*path, "relationships"), column, collected)
