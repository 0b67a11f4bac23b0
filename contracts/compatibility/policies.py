"""Changes of `assay.*` settings: licence, privacy, retention, and any other by its whole value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.contracts.compatibility.change import Change, graded, severity_of
from assay.contracts.compatibility.comparing import (
    Part,
    as_list,
    as_mapping,
    compare_fields,
    compare_values,
    custom_properties,
    without,
)
from assay.contracts.compatibility.directions import Direction
from assay.contracts.document import Path
from assay.contracts.settings import SENSITIVITIES


def compare_settings(old: Part, new: Part, title: str) -> Iterator[Change]:
    """The changes of the custom properties of two documents."""
    before, now = custom_properties(old), custom_properties(new)
    paths: dict[str, Path] = {
        entry["property"]: ("customProperties", index, "value")
        for index, entry in enumerate(new.get("customProperties") or [])
    }
    for name in {**before, **now}:
        was, will = before.get(name), now.get(name)
        path = paths.get(name, ("customProperties",))
        match name:
            case "assay.license":
                yield from _license(as_mapping(was), as_mapping(will), path, title)
            case "assay.privacy":
                yield from _privacy(as_mapping(was), as_mapping(will), path, title)
            case "assay.retention":
                yield from _retention(as_mapping(was), as_mapping(will), path, title)
            case _:
                yield from compare_values(name.removeprefix("assay."), was, will, path, title)


def _retention(old: Part, new: Part, path: Path, title: str) -> Iterator[Change]:
    for key in {**old, **new}:
        kind = "subject_key" if key == "subject_key" else "retention"
        yield from compare_values(kind, old.get(key), new.get(key), (*path, key), f"{title}, {key}")


def _license(old: Part, new: Part, path: Path, title: str) -> Iterator[Change]:
    expressions = old.get("expression"), new.get("expression")
    yield from compare_values("license", *expressions, (*path, "expression"), title)
    commercial = old.get("commercial", False), new.get("commercial", False)
    yield from compare_values("commercial", *commercial, (*path, "commercial"), title)
    purposes = as_list(old.get("purposes")), as_list(new.get("purposes"))
    yield from _purposes(*purposes, (*path, "purposes"), title)
    others = ("expression", "commercial", "purposes")
    yield from compare_fields(without(old, others), without(new, others), path, title)


def _purposes(before: list[Any], now: list[Any], path: Path, title: str) -> Iterator[Change]:
    """A purpose that is gone breaks consumers; a new one breaks no one."""
    for purpose in before:
        if purpose not in now:
            yield graded(
                "purpose_removed",
                severity_of("purpose", "removed"),
                path,
                title,
                purpose,
                None,
                "tightens",
                consumer="breaking",
                producer="compatible",
            )
    for purpose in now:
        if purpose not in before:
            yield graded(
                "purpose_added",
                severity_of("purpose", "added"),
                path,
                title,
                None,
                purpose,
                "loosens",
                consumer="compatible",
                producer="compatible",
            )


def _privacy(old: Part, new: Part, path: Path, title: str) -> Iterator[Change]:
    sensitivities = old.get("sensitivity"), new.get("sensitivity")
    yield from _sensitivity(*sensitivities, (*path, "sensitivity"), title)
    for key in ("region", "lawful_basis", "article_9_basis"):
        yield from compare_values(key, old.get(key), new.get(key), (*path, key), title)
    treatments = as_mapping(old.get("columns")), as_mapping(new.get("columns"))
    yield from _treatments(*treatments, (*path, "columns"), title)


def _sensitivity(was: Any, will: Any, path: Path, title: str) -> Iterator[Change]:
    if was == will:
        return
    ranked = was in SENSITIVITIES and will in SENSITIVITIES
    if ranked and SENSITIVITIES.index(will) < SENSITIVITIES.index(was):
        yield graded("sensitivity_changed", "error", path, title, was, will, "loosens")
    else:
        yield graded("sensitivity_changed", "warning", path, title, was, will, "tightens")


def _treatments(old: Part, new: Part, path: Path, title: str) -> Iterator[Change]:
    """Either way consumers find other values in the column; without a treatment, a person's."""
    for column in {**old, **new}:
        if old.get(column) == new.get(column):
            continue
        what = "changed"
        direction: Direction = "neither"
        if column not in old:
            what, direction = "added", "tightens"
        elif column not in new:
            what, direction = "removed", "loosens"
        yield graded(
            f"treatment_{what}",
            "error",
            (*path, column),
            f"{title}.{column}",
            as_mapping(old.get(column)).get("treatment"),
            as_mapping(new.get(column)).get("treatment"),
            direction,
            producer="compatible",
            consumer="breaking",
        )
