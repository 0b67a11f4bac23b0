"""The reference page of the `assay.*` settings: keys, types, defaults and limits from the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.site.tables import code, meanings, table

INTRODUCTION = """# Settings
Every key of every `assay.*` property. `assay check` refuses unknown keys. `assay.source`,
`assay.license`, `assay.privacy` and `assay.retention` are required.
"""
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of each property."""
    from pydantic import TypeAdapter

    from assay.contracts.properties import PROPERTIES
    from assay.contracts.steps import CleaningStep

    models: dict[str, Any] = {**PROPERTIES, "assay.cleaning": CleaningStep}
    return {name: TypeAdapter(model).json_schema() for name, model in models.items()}


def models(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema itself and those it uses, where they have keys."""
    for model in (schema, *schema.get("$defs", {}).values()):
        if model.get("properties"):
            yield model


def meaning(texts: dict[str, Any], name: str, model: str, key: str) -> str | None:
    """What a key means: for its model, for its property, or everywhere."""
    of_property = texts.get(name, {})
    for level in (of_property.get(model, {}), of_property.get("common", {}), texts["common"]):
        if key in level:
            return str(level[key])
    return None


def page() -> str:
    """Render the page."""
    texts = meanings("settings")
    parts = [INTRODUCTION]
    for name, schema in schemas().items():
        parts.append(f"## {name}")
        parts += [_section(texts, name, model) for model in models(schema)]
    return "\n\n".join(parts) + "\n"


def _section(texts: dict[str, Any], name: str, model: dict[str, Any]) -> str:
    title, required = model["title"], model.get("required", [])
    rows = (
        (
            code(key),
            _type(name, field),
            "required" if key in required else _default(field),
            meaning(texts, name, title, key) or "",
        )
        for key, field in model["properties"].items()
    )
    keys = table(("key", "value", "default", "meaning"), rows)
    heading = _heading(model)
    return f"### {heading} {{ #{_anchor(name, title)} }}\n\n{keys}" if heading else keys


def _heading(model: dict[str, Any]) -> str:
    """The word a contract writes for a step or transform, else the model's name; none for the
    property itself.
    """
    for key in ("step", "transform", "select"):
        constant = model["properties"].get(key, {}).get("const")
        if constant:
            return f"`{key}: {constant}`"
    return "" if "$defs" in model or model["title"] in _ROOTS else str(model["title"])


_ROOTS = ("License", "Retention")
"""Properties without models below them."""


def _anchor(name: str, title: str) -> str:
    return f"{name.removeprefix('assay.')}-{title}".lower()


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value == [] or value == {} or value == "":
        return "—"
    if isinstance(value, list):
        return ", ".join(code(item) for item in value)
    if isinstance(value, dict):
        return "its own defaults"
    return code("\\|" if value == "|" else value)


def _type(name: str, field: dict[str, Any]) -> str:
    if "const" in field:
        return code(field["const"])
    if "enum" in field:
        return ", ".join(code(value) for value in field["enum"])
    if "$ref" in field:
        title = field["$ref"].rsplit("/", 1)[1]
        return f"[{title}](#{_anchor(name, title)})"
    for key in ("anyOf", "oneOf"):
        if key in field:
            kinds = (_type(name, kind) for kind in field[key] if kind.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        if "prefixItems" in field:
            return "list of " + ", ".join(_type(name, item) for item in field["prefixItems"])
        return f"list of {_type(name, field.get('items', {}))}"
    if field.get("type") == "object":
        return f"mapping to {_type(name, field.get('additionalProperties') or {})}"
    limits = [text.format(field[key]) for key, text in LIMITS.items() if key in field]
    return " ".join([KINDS.get(field.get("type", ""), "text"), " and ".join(limits)]).strip()
