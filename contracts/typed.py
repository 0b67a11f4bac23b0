"""A property's value -> its settings, or what is wrong with it in the words of who writes a
contract.

Belongs here: telling pydantic's errors. Stays out: what a property may hold (settings/,
features.py, steps/, transforms/), where it stands (load.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assay.contracts.document import Path
from assay.contracts.problems import suggestion
from assay.contracts.properties import PROPERTIES
from assay.contracts.standard import kind_of_value
from assay.contracts.steps import CleaningStep

_WRITTEN = {
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""pydantic's errors of type, in a contract author's words: what is to be written."""


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: `steps` lead to it from the property's value."""

    problem: str
    remedy: str
    steps: Path
    kind: str


@dataclass(frozen=True)
class _Error:
    """One of pydantic's errors, with its place in the document and what is there."""

    name: str
    kind: str
    loc: tuple[Any, ...]
    message: str
    context: Mapping[str, Any]
    steps: Path
    node: Any

    @property
    def place(self) -> str:
        """The key that it is about, from the property's name on."""
        return ".".join([self.name, *map(str, self.steps)])

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of what is there."""
        return _schema_at(self.name, self.loc)


def typed(name: str, value: Any) -> tuple[Any, list[Mistake]]:
    """The settings that a property's value states, or None and what is wrong with it."""
    try:
        return _adapter(name).validate_python(value), []
    except ValidationError as invalid:
        errors = [_located(name, dict(error), value) for error in _errors_of(invalid)]
    return None, [_mistake(error) for error in errors if not _only_follows(error, errors)]


def _errors_of(invalid: ValidationError) -> Sequence[Mapping[str, Any]]:
    return invalid.errors(include_url=False)


def _located(name: str, error: Mapping[str, Any], value: Any) -> _Error:
    steps, node = _place_in_document(error["loc"], value)
    return _Error(
        name, error["type"], error["loc"], error["msg"], error.get("ctx", {}), steps, node
    )


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    model: Any = tuple[CleaningStep, ...] if name == "assay.cleaning" else PROPERTIES[name]
    return TypeAdapter(model)


def _mistake(error: _Error) -> Mistake:
    """One error in the words of who writes a contract."""
    if error.kind == "extra_forbidden":
        return _unknown_key(error)
    if error.kind == "missing" and isinstance(error.loc[-1], str):
        return _missing_key(error)
    if error.kind in ("literal_error", "union_tag_invalid"):
        return _unknown_choice(error)
    if error.kind in ("union_tag_not_found", "model_attributes_type"):
        discriminator = error.schema.get("discriminator")
        if discriminator:
            return _missing_tag(error, discriminator)
    if error.kind in _WRITTEN:
        problem = f"{error.place} is {kind_of_value(error.node)}"
        return Mistake(problem, f"Write {_WRITTEN[error.kind]}", error.steps, "assay.value")
    if isinstance(error.node, list) and error.kind in ("too_short", "too_long", "missing"):
        return _number_of_entries(error, len(error.node))
    message = error.message.removeprefix("Value error, ")
    page = "how-to/features" if error.name == "assay.features" else "reference/contracts"
    return Mistake(
        f"{error.place}: {message[0].lower()}{message[1:]}",
        f"See docs/{page}.md for what it takes",
        error.steps,
        "assay.value",
    )


def _unknown_key(error: _Error) -> Mistake:
    key = str(error.loc[-1])
    keys = _fields(error.name, error.loc[:-1])
    problem = f"the key '{error.place}' is not known"
    right_place = next(_places_of(key, _schema_of(error.name), (error.name,)), None)
    if right_place:
        remedy = suggestion(key, keys, f"Move it to `{'.'.join(map(str, right_place))}`")
    else:
        remedy = suggestion(key, keys)
    return Mistake(problem, remedy, error.steps, "assay.unknown_key")


def _places_of(key: str, schema: Mapping[str, Any], steps: Path) -> Iterator[Path]:
    """The places below a property where a key belongs, without those in lists and choices."""
    whole = _schema_of(str(steps[0]))
    for name, inner in _opened(dict(schema), whole).get("properties", {}).items():
        if name == key:
            yield (*steps, name)
        elif name not in steps:
            yield from _places_of(key, inner, (*steps, name))


def _missing_key(error: _Error) -> Mistake:
    key = error.loc[-1]
    return Mistake(
        f"'{error.name}' lacks `{'.'.join(map(str, (*error.steps, key)))}`",
        f"Add `{key}:`",
        error.steps,
        "assay.required",
    )


def _unknown_choice(error: _Error) -> Mistake:
    """A word that is not in the list, as a value, a tag or a key."""
    is_key = error.loc[-1:] == ("[key]",) and error.steps
    written = error.steps[-1] if is_key else error.context.get("tag", error.node)
    listed = error.context.get("expected") or error.context["expected_tags"]
    choices = [choice.strip(" '") for choice in listed.replace(" or ", ", ").split(",")]
    return Mistake(
        f"{error.place}: '{written}' is not known",
        suggestion(str(written), choices, f"Choose one of {', '.join(choices)}"),
        error.steps,
        "assay.value",
    )


def _missing_tag(error: _Error, discriminator: Mapping[str, Any]) -> Mistake:
    """A mapping without the key that states which of several it is, or no mapping at all."""
    tag, choices = discriminator["propertyName"], list(discriminator["mapping"])
    problem = f"{error.place} is {kind_of_value(error.node)}"
    if error.kind == "union_tag_not_found":
        problem = f"{error.place} lacks `{tag}`"
    remedy = f"Write `{tag}:`, one of {', '.join(choices)}"
    return Mistake(problem, remedy, error.steps, "assay.value")


def _number_of_entries(error: _Error, count: int) -> Mistake:
    most = error.context.get("max_length")
    least = error.context.get("min_length") or error.schema.get("minItems", count + 1)
    entries = "no entry" if count == 0 else "1 entry" if count == 1 else f"{count} entries"
    return Mistake(
        f"{error.place} has {entries}",
        f"Write at most {most}" if most else f"Write at least {least}",
        error.steps,
        "assay.value",
    )


def _place_in_document(loc: tuple[Any, ...], value: Any) -> tuple[Path, Any]:
    """The part of pydantic's way to an error that is in the document, and what is there.

    The way also names the members of unions.
    """
    steps: list[str | int] = []
    for step in loc:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]
            steps.append(step)
    return tuple(steps), value


def _only_follows(error: _Error, errors: Sequence[_Error]) -> bool:
    """Whether an error only follows from another.

    Of a list pydantic counts the right entries alone, and of a union it reports what each member
    wants.
    """
    others = [other for other in errors if other is not error]
    if error.kind == "too_short":
        depth = len(error.steps)
        return any(
            len(other.steps) > depth and other.steps[:depth] == error.steps for other in others
        )
    return error.kind == "literal_error" and any(
        other.steps == error.steps and other.kind != "literal_error" for other in others
    )


@cache
def _schema_of(name: str) -> dict[str, Any]:
    return _adapter(name).json_schema()


def _schema_at(name: str, loc: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON schema of what is at a place below the property; empty where it is not known."""
    whole = _schema_of(name)
    here = _opened(whole, whole)
    for step in loc:
        here = _opened(_below(here, step), whole)
    return here


def _opened(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A schema with its references followed, and its first alternative taken."""
    while "$ref" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = schema["anyOf"][0]
    return schema


def _below(schema: dict[str, Any], step: Any) -> dict[str, Any]:
    """The schema of an item, of a key, or of the member of a union that a tag names."""
    tagged = schema.get("discriminator", {}).get("mapping", {})
    if step in tagged:
        return {"$ref": tagged[step]}
    if isinstance(step, int):
        return schema.get("items") or {}
    return schema.get("properties", {}).get(step) or schema.get("additionalProperties") or {}


def _fields(name: str, loc: tuple[Any, ...]) -> set[str]:
    """Every key that can be at a place, for suggestions.

    Where the place is not known, every key somewhere below the property.
    """
    fields = set(_schema_at(name, loc).get("properties", {}))
    if fields:
        return fields
    schema = _schema_of(name)
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}
