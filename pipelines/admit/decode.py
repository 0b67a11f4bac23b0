"""Encoded text -> what a program that reads it shows, and where each character of that was written.

Belongs here: escapes of JSON, percent encoding, HTML entities, quoted printable, form encoding and
base 64, in each other. Stays out: searching (encoded_text.py).
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from functools import lru_cache
from urllib.parse import unquote

_DEPTH = 5
"""How often text may be encoded: JSON in JSON in an address is three times."""
_ESCAPES = (
    r"(?P<json>\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[\"'\\/bfnrt])"
    r"|(?P<code>\\x[0-9A-Fa-f]{2}|\\u\{[0-9A-Fa-f]{1,6}\}|\\U[0-9A-Fa-f]{8}|%u[0-9A-Fa-f]{4})"
    r"|(?P<percent>%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+)"
    r"|(?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)"
    r"|(?P<break>=\r?\n)|(?P<printable>=[0-7][0-9A-F]|(?:=[89A-F][0-9A-F])+)"
    r"|(?P<base64>(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/]{76}\r?\n)*[A-Za-z0-9+/_-]{16,}={0,2})"
)
_TOKEN = re.compile(_ESCAPES)
_FORM_TOKEN = re.compile(_ESCAPES + r"|(?P<blank>\+)")
MARKS = (
    r"\\[uxU\"'\\/bfnrt]|%(?:u[0-9A-Fa-f]{2})?[0-9A-Fa-f]{2}|&(?:#[0-9xX]|[A-Za-z]{2,30}[0-9]{0,2};)"
    r"|=[0-9A-F]{2}|=\r?\n|=[^\s&=]{1,40}\+"
)
"""What is in text that is encoded in one of these ways; base 64 alone is looked for apart."""


def decoded(text: str) -> str:
    """The text, decoded as often as it is encoded."""
    token = _tokens_of(text)
    for _ in range(_DEPTH):
        plainer = token.sub(_meaning, text)
        if plainer == text:
            return text
        text, token = plainer, _TOKEN
    return text


def written(text: str, value: str) -> set[str]:
    """How a value of the decoded text is written in the text: the shortest encoded parts that hold
    it.
    """
    plainer, places = _with_places(text)
    found: set[str] = set()
    at = plainer.find(value)
    while at >= 0 and value:
        span = places[at : at + len(value)]
        found.add(text[min(start for start, _ in span) : max(end for _, end in span)])
        at = plainer.find(value, at + 1)
    return found


def cuts_an_escape(text: str, value: str) -> bool:
    """Whether a value that is written in the text begins or ends inside an escape wherever it
    stands: the n of a line break is no part of a name.
    """
    inside = {
        place
        for match in _tokens_of(text).finditer(text)
        if not match["base64"]
        for place in range(match.start() + 1, match.end())
    }
    starts = [match.start() for match in re.finditer(re.escape(value), text)]
    return bool(starts) and all(start in inside or start + len(value) in inside for start in starts)


def _tokens_of(text: str) -> re.Pattern[str]:
    is_form = "+" in text and "=" in text and not re.search(r"\s", text)
    return _FORM_TOKEN if is_form else _TOKEN


def _with_places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The decoded text, and for each of its characters where it was written: start and end."""
    token = _tokens_of(text)
    places = [(place, place + 1) for place in range(len(text))]
    for _ in range(_DEPTH):
        pieces, next_places, end = [], [], 0
        for match in token.finditer(text):
            meaning = _meaning(match)
            if meaning == match[0]:
                continue
            pieces += [text[end : match.start()], meaning]
            next_places += places[end : match.start()]
            whole = places[match.start()][0], places[match.end() - 1][1]
            next_places += [whole] * len(meaning)
            end = match.end()
        if not pieces:
            break
        next_places += places[end:]
        text, places, token = "".join([*pieces, text[end:]]), next_places, _TOKEN
    return text, places


# -- what an escape means --------------------------------------------------------------------


def _meaning(match: re.Match[str]) -> str:
    """What an escape represents; itself where it represents nothing that can be read."""
    token, kind = match[0], match.lastgroup or ""
    if kind == "base64":
        return text_of_base64(token) or token
    return _meaning_of(token, kind)


@lru_cache(maxsize=10_000)
def _meaning_of(token: str, kind: str) -> str:
    match kind:
        case "json":
            meaning = _json_text(token)
        case "code":
            meaning = chr(int(re.sub(r"[^0-9A-Fa-f]", "", token[2:]), 16) % 0x110000)
        case "percent":
            meaning = unquote(token)
        case "printable":
            meaning = unquote(token.replace("=", "%"))
        case "entity":
            meaning = html.unescape(token)
        case "break":
            return ""
        case _:
            return " "
    return meaning if _is_readable(meaning) else token


def _json_text(token: str) -> str:
    if token[1] == "'":
        return "'"
    try:
        text: str = json.loads(f'"{token}"')
    except ValueError:
        return token
    return text


def _is_readable(text: str) -> bool:
    return "\N{REPLACEMENT CHARACTER}" not in text and all(
        character.isprintable() or character in "\n\r\t\b\f\xa0\xad\u200b" for character in text
    )


def text_of_base64(token: str) -> str | None:
    """The text that hides in a token, or in a part of it between two marks that addresses have too;
    None if there is none.
    """
    bare = re.sub(r"\s", "", token)
    parts = [part for part in re.split(r"[/_-]", bare) if len(part) >= 16]
    for candidate in dict.fromkeys((bare, *parts)):
        text = _base64_text(candidate)
        if text is not None:
            return bare.replace(candidate, text) if candidate != bare else text
    return None


def _base64_text(token: str) -> str | None:
    kinds = (r"[0-9+/=_-]", r"[A-Z]", r"[a-z]")
    if not all(re.search(kind, token) for kind in kinds):
        return None
    bare = token.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        text = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if _is_readable(text) else None
