"""A property's value -> its settings, or what is wrong with it in the words of who writes a contract.

Belongs here: telling pydantic's errors. Stays out: what a property may hold (settings.py, features.py, steps/, transforms/), where it stands (load.py).
"""

from __future__ import annotations

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
    "tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping", "string_type": "text", "int_type": "a whole number",
    "int_parsing": "a whole number", "int_from_float": "a whole number", "float_type": "a number", "float_parsing": "a number", "bool_type": "true or false",
    "bool_parsing": "true or false",
}  # fmt: skip
"""pydantic's errors of type, in a contract author's words: what is to be written."""


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong: `steps` lead to it from the property's value."""

    problem: str
    remedy: str
    steps: Path
    kind: str


def typed(name: str, value: Any) -> tuple[Any, list[Mistake]]:
    """The settings that a property's value says, or None and what is wrong with it."""
    try:
        return _adapter(name).validate_python(value), []
    except ValidationError as errors:
        found: list[tuple[dict[str, Any], Path, Any]] = [
            (dict(error), *_place_in_document(error["loc"], value))
            for error in errors.errors(include_url=False)
        ]
    told = [
        _type_problem(name, error, steps, node)
        for error, steps, node in found
        if not _said_by_another(
            error, steps, [(other["type"], at) for other, at, _ in found if other is not error]
        )
    ]
    return None, told


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    model: Any = tuple[CleaningStep, ...] if name == "assay.cleaning" else PROPERTIES[name]
    return TypeAdapter(model)


def _type_problem(name: str, error: dict[str, Any], steps: Path, node: Any) -> Mistake:
    """One error; `node` is what stands at its place, as far as there is something."""
    place, kind, last = (
        ".".join([name, *map(str, steps)]),
        error["type"],
        error["loc"][-1] if error["loc"] else "",
    )
    context, schema = error.get("ctx", {}), _schema_at(name, error["loc"])
    if kind == "extra_forbidden":
        known = _fields(name, error["loc"][:-1]) - {str(last)}
        return Mistake(
            f"the key '{place}' is not known",
            suggestion(str(last), known),
            steps,
            "assay.unknown_key",
        )
    if kind == "missing" and isinstance(last, str):
        return Mistake(
            f"'{name}' lacks `{'.'.join(map(str, (*steps, last)))}`",
            f"Add `{last}:`",
            steps,
            "assay.required",
        )
    if kind in ("literal_error", "union_tag_invalid"):
        said = steps[-1] if last == "[key]" and steps else context.get("tag", node)
        choices = [
            word.strip(" '")
            for word in (context.get("expected") or context["expected_tags"])
            .replace(" or ", ", ")
            .split(",")
        ]
        return Mistake(
            f"{place}: '{said}' is not known",
            suggestion(str(said), choices, f"Choose one of {', '.join(choices)}"),
            steps,
            "assay.value",
        )
    if kind in ("union_tag_not_found", "model_attributes_type") and "discriminator" in schema:
        tag, choices = (
            schema["discriminator"]["propertyName"],
            list(schema["discriminator"]["mapping"]),
        )
        problem = (
            f"{place} lacks `{tag}`"
            if kind == "union_tag_not_found"
            else f"{place} is {kind_of_value(node)}"
        )
        return Mistake(
            problem, f"Write `{tag}:`, one of {', '.join(choices)}", steps, "assay.value"
        )
    if kind in _WRITTEN:
        return Mistake(
            f"{place} is {kind_of_value(node)}", f"Write {_WRITTEN[kind]}", steps, "assay.value"
        )
    if isinstance(node, list) and kind in ("too_short", "too_long", "missing"):
        least, most = (
            context.get("min_length") or schema.get("minItems", len(node) + 1),
            context.get("max_length"),
        )
        return Mistake(
            f"{place} has {_entries(len(node))}",
            f"Write {f'at most {most}' if most else f'at least {least}'}",
            steps,
            "assay.value",
        )
    said = error["msg"].removeprefix("Value error, ")
    page = "features" if name == "assay.features" else "contracts"
    return Mistake(
        f"{place}: {said[0].lower()}{said[1:]}",
        f"See docs/{page}.md for what it takes",
        steps,
        "assay.value",
    )


def _place_in_document(loc: tuple[Any, ...], value: Any) -> tuple[Path, Any]:
    """The part of pydantic's way to an error that stands in the document, and what stands there: the way also names the members of unions."""
    steps: list[str | int] = []
    for step in loc:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]
            steps.append(step)
    return tuple(steps), value


def _said_by_another(error: dict[str, Any], steps: Path, others: list[tuple[str, Path]]) -> bool:
    """Whether an error only follows from another: of a list pydantic counts the right entries alone, and of a union it tells what each member wants."""
    if error["type"] == "too_short":
        return any(len(at) > len(steps) and at[: len(steps)] == steps for _, at in others)
    return error["type"] == "literal_error" and any(
        at == steps and kind != "literal_error" for kind, at in others
    )


def _entries(count: int) -> str:
    return "no entry" if count == 0 else "1 entry" if count == 1 else f"{count} entries"


@cache
def _schema_of(name: str) -> dict[str, Any]:
    return _adapter(name).json_schema()


def _schema_at(name: str, loc: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON schema of what stands at a place below the property; empty where that cannot be told."""
    whole = _schema_of(name)

    def opened(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node or "anyOf" in node:
            node = (
                whole["$defs"][node["$ref"].rpartition("/")[2]]
                if "$ref" in node
                else node["anyOf"][0]
            )
        return node

    here = opened(whole)
    for step in loc:
        tagged = here.get("discriminator", {}).get("mapping", {})
        inner = (
            here.get("items")
            if isinstance(step, int)
            else here.get("properties", {}).get(step) or here.get("additionalProperties")
        )
        here = opened({"$ref": tagged[step]} if step in tagged else inner or {})
    return here


def _fields(name: str, loc: tuple[Any, ...]) -> set[str]:
    """Every key that can stand there, or, where the place cannot be told, somewhere below the property; for suggestions."""
    schema = _schema_of(name)
    return set(_schema_at(name, loc).get("properties", {})) or {
        key
        for part in [schema, *schema.get("$defs", {}).values()]
        for key in part.get("properties", {})
    }
