"""Values that a contract lists or limits by -> values of the column's type, and its patterns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from assay.contracts.declared_rules.collected import Collected
from assay.contracts.document import Path
from assay.contracts.formats import pattern_problem
from assay.contracts.model import Column
from assay.contracts.patterns import looks_around

TIMES = ("date", "timestamp", "time")
_LISTED_AS: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "date": str,
    "timestamp": str,
    "time": str,
}
"""How values of each logical type are written in YAML; what is nested cannot be listed."""
_WITHOUT_LOOKING = (
    "Write it without `(?=`, `(?!`, `(?<` and `\\1`, which need more than linear time, "
    "for example as several `invalidValues` checks with one pattern each"
)


def moment(
    column: Column, value: Any, path: Path, collected: Collected
) -> date | datetime | str | None:
    """A limit written as text -> what the column is compared with; None if it is no limit."""
    try:
        read = _iso_moment(column, value)
    except ValueError:
        collected.refuse(
            f"the limit '{value}' is not of type {column.logical_type}",
            "Write it in ISO 8601",
            path,
            "assay.range",
        )
        return None
    except OverflowError:
        collected.refuse(
            f"the limit '{value}' is outside the years 1 to 9999 in UTC",
            "Write a time that UTC can express",
            path,
            "assay.range",
        )
        return None
    return read


def _iso_moment(column: Column, value: Any) -> date | datetime | str:
    if column.logical_type == "date":
        return date.fromisoformat(value)
    if column.logical_type == "time":
        clock = "%H:%M:%S" if value.count(":") == 2 else "%H:%M"
        return datetime.strptime(value, clock).strftime("%H:%M:%S")
    time = datetime.fromisoformat(value)
    if not column.timezone:
        return time.replace(tzinfo=None)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _refuse_listed(
    value: Any, index: int, column: Column, path: Path, key: str, collected: Collected
) -> None:
    """Refuse a listed value of another type, as its author wrote it."""
    written = collected.document.unquoted((*path, index, "value"), (*path, index))
    shown, remedy = repr(value), f"Write values of type {column.logical_type}"
    if written is not None and column.is_text:
        shown, remedy = written, f"Put it in quotes: '{written}'"
        if written != str(value):
            shown = f"{written} (YAML reads it as {value!r})"
    collected.refuse(
        f"{key} lists {shown} for '{column.name}', which the contract declares as {column.logical_type}",
        remedy,
        path,
        "assay.enum",
    )


def listed_values(
    values: list[Any], column: Column, path: Path, key: str, collected: Collected
) -> tuple[Any, ...]:
    """Values listed under `key`, as the column's type keeps them; none where one cannot occur."""
    fits = None if column.is_binary else _LISTED_AS.get(column.logical_type)
    if fits is None:
        kind = "binary" if column.is_binary else column.logical_type
        collected.refuse(
            f"{key} lists values of '{column.name}', which the contract declares as {kind}",
            "List values of its nested type",
            path,
            "assay.enum",
        )
        return ()
    for index, value in enumerate(values):
        is_other_kind = isinstance(value, bool) and column.logical_type != "boolean"
        if is_other_kind or not isinstance(value, fits):
            _refuse_listed(value, index, column, path, key, collected)
            return ()
    if column.logical_type in TIMES:
        moments = [moment(column, value, path, collected) for value in values]
        return tuple(value for value in moments if value is not None)
    return tuple(values)


def occurring_value(value: Any, column: Column) -> Any:
    """A value as a column of its type holds it; None if it cannot occur there."""
    if not isinstance(value, str):
        return value
    try:
        match column.logical_type:
            case "string":
                return None if column.is_binary else value
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "date" | "timestamp" | "time":
                return _iso_moment(column, value)
    except (ValueError, OverflowError):
        pass
    return None


def pattern_can_run(pattern: str, path: Path, collected: Collected) -> bool:
    """Whether the pattern can run: reported here, and not in a run."""
    reason = pattern_problem(pattern)
    if reason:
        looks = looks_around(pattern)
        remedy = (
            _WITHOUT_LOOKING
            if looks
            else "Fix the pattern; docs/reference/contracts.md describes what it can use"
        )
        collected.refuse(f"the pattern cannot run: {reason}", remedy, path, "assay.pattern")
    return reason is None
