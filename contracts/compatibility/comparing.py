"""Parts of two documents side by side: values, mappings of values, and lists of things with names.

Belongs here: what every comparison needs. Stays out: which part means what (columns.py, rules.py,
policies.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from assay.contracts.compatibility.change import (
    Change,
    What,
    added_or_removed,
    changed,
    graded,
    kind_of,
    severity_of,
)
from assay.contracts.compatibility.directions import (
    Direction,
    Relation,
    is_constraint,
    is_wider_integer,
    relation_of,
)
from assay.contracts.document import Path
from assay.contracts.problems import Severity

Part = Mapping[str, Any]


def compare_values(
    thing: str, old: Any, new: Any, path: Path, name: str, relation: Relation | None = None
) -> Iterator[Change]:
    """The change of one thing, if it is one.

    Args:
        relation: how the values allowed before and now compare, where that needs more than the two.
    """
    if old == new:
        return
    relation = relation or relation_of(thing, old, new)
    direction: Direction = "neither" if relation == "same" else relation
    what: What = "added" if old is None else "removed" if new is None else "changed"
    if is_constraint(thing) or thing == "physicalType":
        severity: Severity = "info" if relation == "same" else "error"
        if thing == "physicalType" and is_wider_integer(old, new):
            severity = "warning"  # whoever reads integers reads wider ones
        yield graded(kind_of(thing, what), severity, path, name, old, new, direction)
    elif what == "changed":
        yield changed(thing, severity_of(thing, what), path, name, old, new, direction)
    else:
        direction = "tightens" if old is None else "loosens"
        yield added_or_removed(thing, path, name, old, new, direction)


def compare_fields(old: Part, new: Part, path: Path, name: str) -> Iterator[Change]:
    """The changes of the values of two mappings, a key each."""
    for key in {**old, **new}:
        yield from compare_values(key, old.get(key), new.get(key), (*path, key), name)


def compare_lists(
    old: Any, new: Any, path: Path, name: str, thing: str, key: Callable[[Part], Any]
) -> Iterator[Change]:
    """The changes of two lists of things that are the same thing by their `key`."""
    before, now = keyed(old, key), keyed(new, key)
    for identity in {**before, **now}:
        was = before.get(identity, (0, None))[1]
        index, will = now.get(identity, (0, None))
        label = identity[0] if isinstance(identity, tuple) else identity
        yield from compare_values(thing, was, will, (*path, index), f"{name}, {label}")


def compare_relationships(old: Part, new: Part, path: Path, name: str) -> Iterator[Change]:
    """The changes of the relationships of a column or of a schema object."""
    yield from compare_lists(
        old.get("relationships"),
        new.get("relationships"),
        (*path, "relationships"),
        name,
        "relationship",
        _ends,
    )


def _ends(relationship: Part) -> Any:
    return relationship.get("id") or repr((relationship.get("from"), relationship.get("to")))


def keyed(items: Any, key: Callable[[Part], Any]) -> dict[Any, tuple[int, Any]]:
    """The items of a list by their key, each with its place."""
    return {key(item): (index, item) for index, item in enumerate(items or [])}


def by_name(items: Any) -> dict[str, tuple[int, Any]]:
    """The items of a list by their name, each with its place."""
    return keyed(items, lambda item: item.get("name", ""))


def custom_properties(thing: Part) -> dict[str, Any]:
    """The custom properties of a thing, by name."""
    return {entry["property"]: entry.get("value") for entry in thing.get("customProperties") or []}


def as_mapping(value: Any) -> dict[str, Any]:
    """A setting that may not be written as it should be: lint reports that."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A list that may not be one: lint reports that."""
    return value if isinstance(value, list) else []


def without(thing: Part, keys: Iterable[str]) -> dict[str, Any]:
    """The mapping without some keys."""
    excluded = set(keys)
    return {key: value for key, value in thing.items() if key not in excluded}
