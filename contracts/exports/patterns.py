"""A contract's pattern -> the same meaning for engines that backtrack.

Belongs here: what Rust's expressions (Polars), Python's and ECMAScript's (JSON Schema) read alike,
and a wary test of their cost. Stays out: checking, Rust's way of writing them (patterns.py).
Sources: docs.rs/regex "Syntax", Python's `re`, ECMA-262 section 22.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from assay.contracts.patterns import CLASSES, NOT_LINE_END, WORD, PatternPart, pattern_parts

# Python's `$` also is before a last line break, Rust's and ECMAScript's only at the end
END = r"$(?!\n)"
# Python's `\b` knows the letters of every script
_LEFT, _RIGHT = f"(?<=[{WORD}])", f"(?=[{WORD}])"
_NOT_LEFT, _NOT_RIGHT = f"(?<![{WORD}])", f"(?![{WORD}])"
BOUNDARY = f"(?:{_LEFT}{_NOT_RIGHT}|{_NOT_LEFT}{_RIGHT})"
NO_BOUNDARY = f"(?:{_LEFT}{_RIGHT}|{_NOT_LEFT}{_NOT_RIGHT})"
# pandas warns of groups that keep what they match
_ELSEWHERE = {"$": END, ".": NOT_LINE_END, "(": "(?:"}
_ANCHORS = {"\\A": "^", "\\z": END, "\\b": BOUNDARY, "\\B": NO_BOUNDARY}
_SYNTAX = "^$\\.*+?()[]{}|/"
# repeats of repeats beyond this many can take a backtracking engine longer than anyone waits
_MANY = 16
_REPEAT = re.compile(r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?P<twice>[*+?{])?")


class NotPortable(Exception):
    """The pattern means something else, or nothing, elsewhere; the message states what."""


def portable(pattern: str) -> str:
    """The pattern, so written that a search with it finds the same strings in Rust, Python and
    ECMAScript.

    Raises: NotPortable: it uses what they read differently.
    """
    written = "".join(_written(list(pattern_parts(pattern))))
    try:
        re.compile(written)
    except re.error as error:
        raise NotPortable(f"Python does not read it: {error.msg}") from None
    return written


def _written(parts: list[PatternPart]) -> Iterator[str]:
    """The parts of a pattern, each as it is written elsewhere."""
    at = 0
    while at < len(parts):
        part, rest = parts[at], "".join(part.text for part in parts[at : at + 12])
        at += 1
        if len(part.text) > 1 and part.text[0] == "\\":
            yield _escape(part)
        elif part.in_set:
            yield _in_a_set(part, rest, parts[max(at - 2, 0) : at + 1])
        elif rest.startswith("(?"):
            if not rest.startswith("(?:"):
                raise NotPortable("it has options or named groups, `(?`")
            yield "(?:"
            at += 2
        elif repeat := _REPEAT.match(rest):
            if repeat["twice"]:
                raise NotPortable("it repeats a repeat")
            yield repeat[0]
            at += len(repeat[0]) - 1
        elif part.text in "{}":
            raise NotPortable("it has a brace that repeats nothing")
        elif part.text == "\\":
            raise NotPortable("it ends in a backslash")
        else:
            yield _ELSEWHERE.get(part.text, part.text)


def _in_a_set(part: PatternPart, rest: str, neighbours: list[PatternPart]) -> str:
    if part.text == "[" or rest[:2] in ("&&", "--", "~~"):
        raise NotPortable("it combines sets of characters")
    if part.text in ("]", "^]"):
        raise NotPortable("it has a set that starts with `]`")
    is_plain = part.text == "-" and any(near.class_letter for near in neighbours)
    return "\\-" if is_plain else part.text


def _escape(part: PatternPart) -> str:
    letter, name = part.class_letter, part.text[1]
    if letter:
        if letter.isupper() and part.in_set:
            raise NotPortable(f"`{part.text}` in a set means something else elsewhere")
        if part.in_set:
            return CLASSES[letter]
        return f"[{'^' if letter.isupper() else ''}{CLASSES[letter.lower()]}]"
    if part.text in _ANCHORS and not part.in_set:
        return _ANCHORS[part.text]
    if name in "xu" and "{" not in part.text and len(part.text) > 2:
        return part.text
    if part.text in ("\\n", "\\t", "\\r", "\\f", "\\v"):
        return part.text
    if not name.isascii() or name.isalnum() or name.isspace():
        raise NotPortable(f"`{part.text}` means something else elsewhere")
    # ECMAScript refuses to escape what is no syntax
    return part.text if name in _SYNTAX or (part.in_set and name == "-") else name


def may_backtrack(pattern: str) -> bool:
    """Whether a backtracking engine could take exponential time: a repeat of what itself varies.

    Says so of some patterns that are harmless.
    """
    # the only parser of Python's syntax there is
    from re import _parser  # type: ignore[attr-defined]

    return _repeats_what_varies(_parser.parse(pattern))


def _repeats_what_varies(parsed: Any) -> bool:
    for operator, argument in parsed:
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = argument
            if (int(most) > _MANY and _varies(body)) or _repeats_what_varies(body):
                return True
        elif any(_repeats_what_varies(part) for part in _parts(str(operator), argument)):
            return True
    return False


def _varies(parsed: Any) -> bool:
    """Whether one text could be matched by it in several ways."""
    for operator, argument in parsed:
        if str(operator) in ("MAX_REPEAT", "MIN_REPEAT"):
            fewest, most, body = argument
            if int(fewest) != int(most) or _varies(body):
                return True
        elif str(operator) == "BRANCH" or any(
            _varies(part) for part in _parts(str(operator), argument)
        ):
            return True
    return False


def _parts(operator: str, argument: Any) -> list[Any]:
    match operator:
        case "SUBPATTERN":
            return [argument[3]]
        case "BRANCH":
            return list(argument[1])
        case _:
            return []
