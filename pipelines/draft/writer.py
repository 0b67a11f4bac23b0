"""Plain data with reasons -> YAML text with comments.

Belongs here: which values are on one line, quotes, comments next to values. Stays out: what is
written (propose.py).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@/+-]*( [A-Za-z0-9_.@/+-]+)*|[0-9]+\.[0-9]+\.[0-9]+")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"}
_LONGEST_KEY = 1_000
"""Characters of a key that stands on the line of its value; YAML readers take up to 1,024."""


@dataclass(frozen=True)
class WithReason:
    """A value, and the reason for it."""

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


def yaml(data: Mapping[str, Any]) -> str:
    """Write a mapping as a YAML document that reads back as the same data."""
    text = io.StringIO()
    _writer().dump(_mapping(data, 0), text)
    return text.getvalue()


@cache
def _writer() -> Any:
    """ruamel's writer, with lists indented and lines as long as they are."""
    from ruamel.yaml import YAML
    from ruamel.yaml.emitter import Emitter
    from ruamel.yaml.representer import RoundTripRepresenter

    class LongKeys(Emitter):
        MAX_SIMPLE_KEY_LENGTH = _LONGEST_KEY

    class PlainNumbers(RoundTripRepresenter):
        """A class of its own: representers are registered on the class."""

    def represent_number(representer: Any, value: float) -> Any:
        return representer.represent_scalar("tag:yaml.org,2002:float", _number(value))

    PlainNumbers.add_representer(float, represent_number)
    writer = YAML(typ="rt")
    writer.Emitter, writer.Representer = LongKeys, PlainNumbers
    writer.width = 1_000_000
    writer.indent(mapping=2, sequence=4, offset=2)
    return writer


# -- blocks ----------------------------------------------------------------------------------


def _mapping(data: Mapping[str, Any], indent: int) -> Any:
    """A mapping of a line a key, or more, at that indent."""
    from ruamel.yaml.comments import CommentedMap

    block, above = CommentedMap(), list[str]()
    for key, entry in data.items():
        if isinstance(entry, Comment):
            above.append(entry.text)
            continue
        value, why = (entry.value, entry.why) if isinstance(entry, WithReason) else (entry, None)
        name = _scalar(key)
        block[name] = _block(value, indent + 2)
        _comment(block, name, above, why, indent)
        above = []
    _comment_at_end(block, above, indent)
    return block


def _list(items: Iterable[Any], indent: int) -> Any:
    """A list of an item a line, or more, at that indent; comments within a mapping are written
    above it.
    """
    from ruamel.yaml.comments import CommentedSeq

    block, above = CommentedSeq(), list[str]()
    for item in items:
        if isinstance(item, Comment):
            above.append(item.text)
            continue
        value, why = (item.value, item.why) if isinstance(item, WithReason) else (item, None)
        if isinstance(value, dict):
            above += [entry.text for entry in value.values() if isinstance(entry, Comment)]
            entries = {key: entry for key, entry in value.items() if not isinstance(entry, Comment)}
            block.append(_mapping(entries, indent + 2))
        else:
            block.append(_flow(value))
        _comment(block, len(block) - 1, above, why, indent)
        above = []
    _comment_at_end(block, above, indent)
    return block


def _block(value: Any, indent: int) -> Any:
    if isinstance(value, dict) and value:
        return _mapping(value, indent)
    if isinstance(value, list) and value:
        return _list(value, indent)
    return _flow(value)


# -- one line --------------------------------------------------------------------------------


def _flow(value: Any) -> Any:
    """A value on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, Flow):
        return _flow(value.value)
    line: Any
    if isinstance(value, dict):
        line = CommentedMap({_scalar(key): _flow(item) for key, item in value.items()})
    elif isinstance(value, list | tuple):
        line = CommentedSeq(_flow(item) for item in value)
    else:
        return _scalar(value)
    line.fa.set_flow_style()
    return line


def _scalar(value: Any) -> Any:
    """One value; a text is quoted unless every reader of YAML 1.1 and 1.2 takes it for text."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return DoubleQuotedScalarString(text)


def _number(value: float) -> str:
    plain = format(Decimal(repr(value)), "f")
    if len(plain) <= 20:
        return plain if "." in plain else plain + ".0"
    mantissa, _, exponent = repr(value).partition("e")  # YAML 1.1 wants the point and the sign
    if not exponent:
        return plain
    point = mantissa if "." in mantissa else mantissa + ".0"
    return f"{point}e{int(exponent):+d}"


# -- comments --------------------------------------------------------------------------------


def _comment(block: Any, key: Any, above: Iterable[str], why: str | None, indent: int) -> None:
    """Lines above an entry, and the reason next to it."""
    lines = [_token(f"# {_line(text)}\n", indent) for text in above]
    reason = None if why is None else _token(f" # {_line(why)}\n", 0)
    if lines or reason is not None:
        block.ca.items[key] = (
            [None, lines or None, reason, None]
            if hasattr(block, "keys")
            else [reason, lines or None, None, None]
        )


def _comment_at_end(block: Any, lines: Iterable[str], indent: int) -> None:
    tokens = [_token(f"# {_line(text)}\n", indent) for text in lines]
    if tokens:
        block.ca.comment = [None, None]  # if there is none, ruamel leaves the end out
        block.ca.end = tokens


def _token(text: str, column: int) -> Any:
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    return CommentToken(text, CommentMark(column), None)


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
