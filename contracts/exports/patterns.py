"""A contract's pattern -> the same meaning for engines that backtrack.

Belongs here: what Rust's expressions (Polars), Python's and ECMAScript's (JSON Schema) read alike,
and a wary test of their cost. Stays out: checking.
Sources: docs.rs/regex "Syntax", Python's `re`, ECMA-262 section 22.2, Unicode's White_Space
property.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Python's `$` also stands before a last line break, Rust's and ECMAScript's only at the end
END = r"$(?!\n)"
# Rust's `\s`; Python's also has the separators U+001C to U+001F, ECMAScript's U+FEFF
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# `.` stops at more line breaks in ECMAScript; pandas warns of groups that keep what they match
ELSEWHERE = {"$": END, ".": r"[^\n]", "(": "(?:"}
_SYNTAX = "^$\\.*+?()[]{}|/"
# repeats of repeats beyond this many can take a backtracking engine longer than anyone waits
_MANY = 16
_TOKEN = re.compile(
    r"(?P<code>\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}))|(?P<escape>\\.)"
    r"|(?P<group>\(\?:)|(?P<option>\(\?)"
    r"|(?P<repeat>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?P<twice>[*+?{])?)|(?P<other>.)",
    re.DOTALL,
)


class NotPortable(Exception):
    """The pattern means something else, or nothing, elsewhere; the message says what."""


def portable(pattern: str, *, digits: bool = True) -> str:
    """The pattern, so written that a search with it finds the same strings in Rust, Python and
    ECMAScript.

    Args:
        digits: whether `\\d` may stay: Rust's and Python's match the digits of every script,
            ECMAScript's only 0 to 9.
    Raises: NotPortable: it uses what they read differently.
    """
    written = "".join(_tokens(pattern, digits))
    try:
        re.compile(written)
    except re.error as error:
        raise NotPortable(f"Python does not read it: {error.msg}") from None
    return written


def _tokens(pattern: str, digits: bool) -> Iterator[str]:
    """The parts of a pattern, each as it is written elsewhere."""
    at, inside = 0, False
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:  # a lone backslash, which no engine reads
            raise NotPortable("it ends in a backslash")
        at = token.end()
        if token["code"]:
            yield token[0]
        elif token["escape"]:
            yield _escape(token[0][1], inside, digits)
        elif inside:
            # a set is read one character at a time: repeats are plain characters there
            at = token.start() + 1
            inside = token[0][0] != "]"
            yield _in_a_set(pattern, token.start())
        elif token[0] == "[":
            inside = True
            opening = _opening_of_set(pattern, at)
            at += len(opening) - 1
            yield opening
        else:
            yield _outside_of_sets(token)


def _in_a_set(pattern: str, at: int) -> str:
    if pattern[at] == "[" or pattern[at : at + 2] in ("&&", "--", "~~"):
        raise NotPortable("it combines sets of characters")
    return pattern[at]


def _opening_of_set(pattern: str, at: int) -> str:
    """`[` or `[^`.

    Args:
        at: where the set goes on after its bracket.
    """
    opening = "[^" if pattern[at : at + 1] == "^" else "["
    at += len(opening) - 1
    if pattern[at : at + 1] == "]":
        raise NotPortable("it has a set that starts with `]`")
    return opening


def _outside_of_sets(token: re.Match[str]) -> str:
    if token["option"]:
        raise NotPortable("it has options or named groups, `(?`")
    if token["twice"]:
        raise NotPortable("it repeats a repeat")
    if token[0] in "{}":
        raise NotPortable("it has a brace that repeats nothing")
    return ELSEWHERE.get(token[0], token[0])


def _escape(letter: str, inside: bool, digits: bool) -> str:
    match letter:
        case "s":
            return SPACE if inside else f"[{SPACE}]"
        case "S" if not inside:
            return f"[^{SPACE}]"
        case "d" | "D" if digits:
            return f"\\{letter}"
        case "A" if not inside:
            return "^"
        case "z" if not inside:
            return END
        case "n" | "t" | "r" | "f" | "v":
            return f"\\{letter}"
        case _ if not letter.isascii() or letter.isalnum() or letter.isspace():
            raise NotPortable(f"`\\{letter}` means something else elsewhere")
        case _:  # ECMAScript refuses to escape what is no syntax
            return f"\\{letter}" if letter in _SYNTAX or (inside and letter == "-") else letter


def may_explode(pattern: str) -> bool:
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
