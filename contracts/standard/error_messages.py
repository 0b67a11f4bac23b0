"""One of jsonschema's errors -> problems in words that the author of a contract knows.

Belongs here: the sentences. Stays out: which errors are worth one (error_selection.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from assay.contracts.document import Document, Path
from assay.contracts.problems import Problem, key_path, suggestion
from assay.contracts.standard.error_selection import lacks_its_type, refused_keys_of
from assay.contracts.standard.value_kinds import KIND_WORDS, kind_of_value


class _Sentence(NamedTuple):
    kind: str
    problem: str
    remedy: str


def problems_of_error(
    error: Any, document: Document, names: frozenset[str], plain: Sequence[Path]
) -> Iterator[Problem]:
    """The problems that an error represents, each at its line.

    Args:
        names: the keys of the standard.
        plain: where something plain is wrong.
    """
    for path, sentence in _located(error, document, names, plain):
        yield Problem(
            f"odcs.{sentence.kind}",
            "error",
            sentence.problem,
            sentence.remedy,
            document.where(path),
            key_path(path),
        )


def _located(
    error: Any, document: Document, names: frozenset[str], plain: Sequence[Path]
) -> Iterator[tuple[Path, _Sentence]]:
    path: Path = tuple(error.absolute_path)
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        for key in refused_keys_of(error, names, plain):
            yield (
                (*path, key),
                _unknown_key(str(key), error.schema, names, _type_at(document, path)),
            )
        return
    if error.validator == "oneOf" and not error.context and plain.count(path) > 1:
        # several alternatives fit what lacks the key that would decide between them: another
        # error reports the key
        return
    describe = _DESCRIBE.get(error.validator, _other)
    sentence = describe(error, key_path(path) or "the document")
    written = document.unquoted(path)
    if written is not None and sentence.remedy == "Write text":
        sentence = sentence._replace(remedy=f"Put it in quotes: '{written}'")
    yield path, sentence


def _type_at(document: Document, path: Path) -> str | None:
    """The logical type whose options stand at a path."""
    if path[-1:] != ("logicalTypeOptions",):
        return None
    column = document.data
    for step in path[:-1]:
        column = column[step]
    logical_type = column.get("logicalType")
    return str(logical_type) if logical_type else None


def _unknown_key(
    key: str, schema: Mapping[str, Any], names: frozenset[str], logical_type: str | None
) -> _Sentence:
    problem = f"the key '{key}' is not known here"
    nearby = schema.get("properties", {})
    if key not in names:
        return _Sentence("unknown_key", problem, suggestion(key, nearby, suggestion(key, names)))
    if logical_type:
        problem = f"'{key}' is not an option of the logical type '{logical_type}'"
        return _Sentence("unknown_key", problem, "Remove it, or change the `logicalType`")
    remedy = "The standard defines it in another place: move it, or remove it"
    return _Sentence("unknown_key", problem, suggestion(key, nearby, remedy))


def _required(error: Any, place: str) -> _Sentence:
    if lacks_its_type(error):
        return _Sentence("required", f"{place} lacks `logicalType`", "Add `logicalType:`")
    missing = next(key for key in error.validator_value if key not in error.instance)
    return _Sentence("required", f"{place} lacks `{missing}`", f"Add `{missing}:`")


def _choice(error: Any, place: str) -> _Sentence:
    choices = [str(value) for value in _as_list(error.validator_value)]
    return _Sentence(
        "enum",
        f"{place}: '{error.instance}' is not known",
        suggestion(str(error.instance), choices, f"Choose one of {', '.join(choices)}"),
    )


def _type(error: Any, place: str) -> _Sentence:
    kinds = [KIND_WORDS.get(str(kind), str(kind)) for kind in _as_list(error.validator_value)]
    problem = f"{place} is {kind_of_value(error.instance)}"
    return _Sentence("type", problem, f"Write {' or '.join(kinds)}")


def _pattern(error: Any, place: str) -> _Sentence:
    return _Sentence(
        "pattern",
        f"{place}: '{error.instance}' does not have the form that the standard requires",
        f"It must match {error.validator_value}",
    )


def _format(error: Any, place: str) -> _Sentence:
    name = error.validator_value
    return _Sentence(
        "format", f"{place}: '{error.instance}' is not a valid {name}", f"Write a {name}"
    )


def _number_of_items(error: Any, place: str) -> _Sentence:
    limit = "at least" if error.validator == "minItems" else "at most"
    return _Sentence(
        "items",
        f"{place} has {len(error.instance)} items",
        f"Give it {limit} {error.validator_value}",
    )


def _repeated_item(error: Any, place: str) -> _Sentence:
    items = error.instance
    twice = next(item for index, item in enumerate(items) if item in items[:index])
    return _Sentence("items", f"{place} lists {json.dumps(twice)} twice", "Keep one of the two")


def _forbidden(error: Any, place: str) -> _Sentence:
    keys = error.validator_value.get("required", ["what the standard does not allow here"])
    problem = f"{place} has `{'`, `'.join(keys)}`, which is not allowed here"
    return _Sentence("unknown_key", problem, "Leave it out")


def _alternatives(error: Any, place: str) -> _Sentence:
    """None of the alternatives, or more than one: by the kind of value, or by its keys."""
    kinds = {
        inner.validator_value
        for inner in error.context
        if inner.validator == "type" and isinstance(inner.validator_value, str)
    }
    if kinds and not isinstance(error.instance, dict):
        words = sorted(KIND_WORDS.get(kind, kind) for kind in kinds)
        problem = f"{place} is {kind_of_value(error.instance)}"
        return _Sentence("type", problem, f"Write {' or '.join(words)}")
    keys = sorted({key for branch in error.validator_value for key in branch.get("required", ())})
    given = [key for key in keys if isinstance(error.instance, dict) and key in error.instance]
    if len(given) > 1:
        problem = f"{place} has {' and '.join(given)} together"
        return _Sentence("operators", problem, "Keep one of them")
    return _Sentence("operators", f"{place} needs one of {', '.join(keys)}", "Add one of them")


def _other(error: Any, place: str) -> _Sentence:
    rule = json.dumps(error.validator_value)[:120]
    return _Sentence(
        error.validator or "schema",
        f"{place}: {error.message}",
        f"The standard requires {error.validator} {rule}",
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_DESCRIBE: Mapping[str, Callable[[Any, str], _Sentence]] = {
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "required": _required,
    "enum": _choice,
    "const": _choice,
    "type": _type,
    "pattern": _pattern,
    "format": _format,
    "minItems": _number_of_items,
    "maxItems": _number_of_items,
    "uniqueItems": _repeated_item,
    "not": _forbidden,
}
