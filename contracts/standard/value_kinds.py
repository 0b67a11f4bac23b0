"""Kinds of values in words that the author of a contract knows."""

from __future__ import annotations

from typing import Any

KIND_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
"""JSON schema's types, in words."""
# `bool` first: Python takes true and false for whole numbers
_PYTHON_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a mapping"),
)


def kind_of_value(value: Any) -> str:
    """What someone wrote, in words."""
    for kind, words in _PYTHON_KINDS:
        if isinstance(value, kind):
            return words
    return "empty"
