"""Plain data with reasons -> YAML text with comments.

Belongs here: quoting, indenting, comments beside values. Stays out: what is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@/+-]*( [A-Za-z0-9_.@/+-]+)*|[0-9]+\.[0-9]+\.[0-9]+")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"}


@dataclass(frozen=True)
class Said:
    """A value, and why it is said."""

    value: Any
    why: str


@dataclass(frozen=True)
class Comment:
    """A line of its own; its key is not written."""

    text: str


@dataclass(frozen=True)
class Flow:
    """A mapping or list written on one line."""

    value: Any


def yaml(data: dict[str, Any]) -> str:
    """Write a mapping as a YAML document that reads back as the same data."""
    return "\n".join(_mapping(data, 0)) + "\n"


def _mapping(data: dict[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, said in data.items():
        if isinstance(said, Comment):
            yield f"{pad}# {_line(said.text)}"
            continue
        value, why = (
            (said.value, f"  # {_line(said.why)}") if isinstance(said, Said) else (said, "")
        )
        if isinstance(value, dict) and value:
            yield f"{pad}{scalar(key)}:{why}"
            yield from _mapping(value, indent + 2)
        elif isinstance(value, list) and value:
            yield f"{pad}{scalar(key)}:{why}"
            yield from _items(value, indent + 2)
        else:
            yield f"{pad}{scalar(key)}: {_inline(value)}{why}"


def _items(items: list[Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for item in items:
        if isinstance(item, Comment):
            yield f"{pad}# {_line(item.text)}"
        elif isinstance(item, dict):
            above = list(
                _mapping(
                    {key: value for key, value in item.items() if isinstance(value, Comment)},
                    indent,
                )
            )
            first, *rest = _mapping(
                {key: value for key, value in item.items() if not isinstance(value, Comment)},
                indent + 2,
            )
            yield from above
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        else:
            value, why = (
                (item.value, f"  # {_line(item.why)}") if isinstance(item, Said) else (item, "")
            )
            yield f"{pad}- {_inline(value)}{why}"


def _inline(value: Any) -> str:
    if isinstance(value, Flow):
        value = value.value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(one) for one in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One value, so that every YAML 1.1 and 1.2 reader takes it for what it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _number(value: float) -> str:
    plain = format(Decimal(repr(value)), "f")
    if len(plain) <= 20:
        return plain if "." in plain else plain + ".0"
    mantissa, _, exponent = repr(value).partition("e")  # YAML 1.1 wants the point and the sign
    return (
        f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"
        if exponent
        else plain
    )


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
