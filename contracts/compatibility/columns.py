"""Changes of columns: added, removed, renamed, moved, and what they consist of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from assay.contracts.compatibility.change import Change, added_or_removed, graded
from assay.contracts.compatibility.comparing import (
    Part,
    by_name,
    compare_relationships,
    compare_values,
    without,
)
from assay.contracts.compatibility.directions import Relation, limits_relation
from assay.contracts.compatibility.rules import compare_rules
from assay.contracts.document import Path

_PARTS = ("properties", "items", "map", "quality", "relationships")
"""Keys of a column that are compared part by part."""
_FLAGS = ("required", "unique", "primaryKey", "deprecated")
"""Keys that say nothing where they are false."""


_SIDES: dict[str, Literal["low", "high"]] = {
    "minimum": "low",
    "exclusiveMinimum": "low",
    "maximum": "high",
    "exclusiveMaximum": "high",
}
_Facets = dict[str, tuple[Any, Path]]


def compare_columns(old: Any, new: Any, path: Path, prefix: str) -> Iterator[Change]:
    """The changes of a list of columns. A column is the same by its name, wherever it stands."""
    before, now = by_name(old), by_name(new)
    gone = {name: column for name, (_, column) in before.items() if name not in now}
    come = {name: column for name, (_, column) in now.items() if name not in before}
    renamed = dict(_renamed(gone, come))
    for name, (index, column) in before.items():
        if name in now:
            place, same = now[name]
            yield from _compare(column, same, (*path, place), f"{prefix}.{name}")
        elif name in renamed:
            place, other = now[renamed[name]]
            yield from _rename(column, other, (*path, place), prefix)
        else:
            yield added_or_removed("column", (*path, index), f"{prefix}.{name}", column, None)
    for name, (index, column) in now.items():
        if name in come and name not in renamed.values():
            yield _addition(column, (*path, index), f"{prefix}.{name}")
    yield from _order(list(before), list(now), path, prefix)


def _renamed(gone: Part, come: Part) -> Iterator[tuple[str, str]]:
    """Columns that say the same under another name, or keep their stable id.

    Only where there is no second guess.
    """
    for name, column in gone.items():
        alike = [other for other, there in come.items() if _is_the_same(column, there)]
        rivals = [other for other, there in gone.items() if _meaning(there) == _meaning(column)]
        if len(alike) == 1 and len(rivals) == 1:
            yield name, alike[0]


def _is_the_same(column: Part, other: Part) -> bool:
    has_same_id = column.get("id") and column.get("id") == other.get("id")
    return bool(has_same_id) or _meaning(column) == _meaning(other)


def _meaning(column: Part) -> Any:
    return without(column, ("name", "id", "physicalName", "businessName"))


def _rename(old: Part, new: Part, path: Path, prefix: str) -> Iterator[Change]:
    before, now = old.get("name", ""), new.get("name", "")
    yield graded("column_renamed", "error", path, f"{prefix}.{before}", before, now)
    nameless = without(old, ("name",)), without(new, ("name",))
    yield from _compare(*nameless, path, f"{prefix}.{now}")


def _addition(column: Part, path: Path, name: str) -> Change:
    """Consumers gain; who delivers the data must deliver a column that is required from now on."""
    if not (column.get("required") or column.get("primaryKey")):
        return added_or_removed("column", path, name, None, column)
    return graded(
        "column_added", "warning", path, name, None, column, "tightens", producer="breaking"
    )


def _order(old: list[str], new: list[str], path: Path, prefix: str) -> Iterator[Change]:
    before = [name for name in old if name in new]
    now = [name for name in new if name in old]
    if before != now:
        yield graded("order_changed", "info", path, prefix, before, now)


def _compare(old: Part, new: Part, path: Path, name: str) -> Iterator[Change]:
    """The changes of one column, and of what it nests."""
    before, now = dict(_facets(without(old, _PARTS))), dict(_facets(without(new, _PARTS)))
    for facet in {**before, **now}:
        was = before.get(facet, (None, ()))[0]
        will, place = now.get(facet, (None, ()))
        if facet == "physicalType" and before.get("type") != now.get("type"):
            continue  # the logical type states it
        relation = _limit_relation(facet, before, now)
        yield from compare_values(facet, was, will, (*path, *place), name, relation)
    inner = (*path, "properties")
    yield from compare_columns(old.get("properties"), new.get("properties"), inner, name)
    if old.get("items") and new.get("items"):
        yield from _compare(old["items"], new["items"], (*path, "items"), f"{name}[]")
    if old.get("map") and new.get("map"):
        for part in ("key", "value"):
            place = (*path, "map", part)
            yield from _compare(old["map"][part], new["map"][part], place, f"{name}.{part}")
    yield from compare_rules(old.get("quality"), new.get("quality"), (*path, "quality"), name)
    yield from compare_relationships(old, new, path, name)


def _limit_relation(facet: str, before: _Facets, now: _Facets) -> Relation | None:
    """The relation of all limits on the side of one; None of what is no limit."""
    side = _SIDES.get(facet)
    if side is None:
        return None
    old, new = ({name: value for name, (value, _) in facets.items()} for facets in (before, now))
    return limits_relation(side, old, new)


def _facets(column: Part) -> Iterator[tuple[str, tuple[Any, Path]]]:
    """What a column states about itself, one thing at a time, with the key that it has there."""
    for key, value in column.items():
        if key in ("logicalTypeOptions", "customProperties", "authoritativeDefinitions"):
            for name, (inner, place) in _facets_below(key, value):
                yield name, (inner, (key, place))
        elif key == "enum":
            yield key, ([item["value"] for item in value], (key,))
        elif key == "logicalType":
            yield "type", (value, (key,))
        elif key not in _FLAGS:
            yield key, (value, (key,))
        elif value:
            yield key, (True, (key,))


def _facets_below(key: str, value: Any) -> Iterator[tuple[str, tuple[Any, str | int]]]:
    """The same of what is listed under one key."""
    if key == "logicalTypeOptions":
        for option, limit in value.items():
            # `required` is the column's own flag as well
            yield "requiredFields" if option == "required" else option, (limit, option)
        return
    for index, entry in enumerate(value):
        if key == "customProperties":
            yield entry["property"].rpartition(".")[2], (entry.get("value"), index)
        else:
            yield _link(entry["type"]), (entry["url"], index)


def _link(kind: str) -> str:
    return kind if kind == "definition" else f"link {kind}"
