"""jsonschema's errors -> those that tell the author of a contract something.

Belongs here: choosing among alternatives, and leaving out what only follows from another error.
Stays out: the sentences (error_messages.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from assay.contracts.document import Path


def leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """Errors with alternatives replaced by what is wrong with the one that fits best."""
    for error in errors:
        has_alternatives = error.validator in ("anyOf", "oneOf") and error.context
        best = _best_alternative(error) if has_alternatives else []
        if best:
            yield from leaves(best)
        else:
            yield error


def without_options_of_untyped(errors: Sequence[Any]) -> list[Any]:
    """The errors without those about options of properties that lack their type.

    Without its type a property is compared with the options of every type.
    """
    options = [
        (*error.absolute_path, "logicalTypeOptions") for error in errors if lacks_its_type(error)
    ]
    return [error for error in errors if not _is_below(error, options)]


def _is_below(error: Any, places: Sequence[Path]) -> bool:
    path = tuple(error.absolute_path)
    return any(path[: len(place)] == place for place in places)


def lacks_its_type(error: Any) -> bool:
    """Whether a property has no type: the schema of v3.2.0 takes it for a map.

    It then asks for what a map has.
    """
    return (
        error.validator == "required"
        and error.validator_value == ["map"]
        and "logicalType" not in error.instance
    )


def plain_paths(errors: Iterable[Any]) -> list[Path]:
    """Where something plain is wrong: keys that are not evaluated may only follow from it."""
    return [
        tuple(error.absolute_path) for error in errors if error.validator != "unevaluatedProperties"
    ]


def refused_keys_of(error: Any, names: frozenset[str], plain: Sequence[Path]) -> list[str]:
    """The keys that an error is about.

    A key of the standard is unevaluated as well where something else below is wrong: that is
    reported, and not the key.

    Args:
        names: the keys of the standard.
        plain: where something plain is wrong.
    """
    path: Path = tuple(error.absolute_path)
    follows = error.validator == "unevaluatedProperties" and any(
        other[: len(path)] == path for other in plain
    )
    unexpected = [
        key for key in error.instance if re.search(rf"'{re.escape(str(key))}'", error.message)
    ]
    return [key for key in unexpected if not (follows and key in names)]


def _best_alternative(error: Any) -> list[Any]:
    """The errors of the alternative that is nearest to what is written.

    Nearest: of its kind, then deepest, then the fewest errors. None if only keys decide.
    """
    depth = len(error.absolute_path)
    branches: dict[Any, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    alike = [
        errors
        for errors in branches.values()
        if not any(_is_of_another_kind(inner, depth) for inner in errors)
    ]
    if all(_lacks_a_key(inner, depth) for errors in alike for inner in errors):
        return []
    return min(alike, key=lambda errors: (-_depth(errors), len(errors)))


def _depth(errors: Iterable[Any]) -> int:
    return max(len(error.absolute_path) for error in errors)


def _is_of_another_kind(error: Any, depth: int) -> bool:
    return error.validator == "type" and len(error.absolute_path) == depth


def _lacks_a_key(error: Any, depth: int) -> bool:
    return error.validator == "required" and len(error.absolute_path) == depth
