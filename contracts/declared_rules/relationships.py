"""ODCS relationships -> rules: what a column holds is in another data set."""

from __future__ import annotations

from typing import Any, NamedTuple

from assay.contracts.column_names import rule_name
from assay.contracts.declared_rules.collected import Collected
from assay.contracts.document import Path
from assay.contracts.model import Relationship, Rule
from assay.contracts.problems import suggestion

_KIND = "assay.relationship"


class _Reference(NamedTuple):
    dataset: str
    column: str


def add_relationships(
    relationships: list[dict[str, Any]], path: Path, column: str | None, collected: Collected
) -> None:
    """The rules of a list of relationships.

    Args:
        column: the column that has them; None for relationships of the schema object.
    """
    for index, relationship in enumerate(relationships):
        _add(relationship, (*path, index), column, collected)


def _add(
    relationship: dict[str, Any], path: Path, column: str | None, collected: Collected
) -> None:
    theirs = [_reference(text) for text in _as_list(relationship["to"])]
    ours = [column] if column else _own_columns(relationship)
    targets = [reference for reference in theirs if reference is not None]
    names = [name for name in ours if name is not None]
    if len(targets) < len(theirs) or len(names) < len(ours):
        collected.refuse(
            "the relationship names no column of another data set",
            "Write `to: DATASET.COLUMN`",
            (*path, "to"),
            _KIND,
        )
        return
    datasets = {target.dataset for target in targets}
    unknown = [name for name in names if name not in collected.column_names]
    if len(datasets) != 1 or len(names) != len(targets):
        collected.refuse(
            "the relationship points to several data sets, or to a different number of columns",
            "Name the same number of columns of one data set",
            (*path, "to"),
            _KIND,
        )
    elif unknown:
        collected.refuse(
            f"the relationship starts at '{unknown[0]}', which the contract does not declare",
            suggestion(unknown[0], collected.column_names),
            path,
            _KIND,
        )
    else:
        rule = _rule(relationship, names, targets, path, collected)
        collected.add(rule, path, is_named=bool(relationship.get("id")))


def _rule(
    relationship: dict[str, Any],
    names: list[str],
    targets: list[_Reference],
    path: Path,
    collected: Collected,
) -> Rule:
    dataset, columns = targets[0].dataset, tuple(target.column for target in targets)
    name = relationship.get("id")
    return Rule(
        name=rule_name(name) if name else collected.rule_name(names, "in", dataset),
        kind="relationship",
        columns=tuple(names),
        argument=Relationship(dataset=dataset, columns=columns),
        dimension="consistency",
        bound=collected.tolerance,
        line=collected.line_of(path),
        description=f"{', '.join(names)} is in {dataset} ({', '.join(columns)})",
    )


def _own_columns(relationship: dict[str, Any]) -> list[str | None]:
    references = [_reference(text) for text in _as_list(relationship["from"])]
    return [reference.column if reference else None for reference in references]


def _reference(text: str) -> _Reference | None:
    """`orders.id` or `/schema/orders/properties/id` -> data set and column.

    Our own schema object is a data set like any other.
    """
    parts = text.rpartition("#")[2].strip("/").split("/")
    if len(parts) == 4 and parts[0] == "schema" and parts[2] == "properties":
        return _Reference(parts[1], parts[3])
    dotted = text.split(".")
    return _Reference(*dotted) if len(dotted) == 2 else None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
