"""Bytes of a text that is no UTF-8 -> the encoding in which they are words of a language, or a
question where several fit.

Belongs here: comparing encodings. Stays out: byte order marks, reading files, decoding them.
Method: the likelihood of the letters beyond ASCII under the letter frequencies of each language
(languages.yaml), less for letters and marks where words have none.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from assay.pipelines.core.package_data import read_yaml

_MOST = 3_000  # characters beyond ASCII that are looked at
_CLEARLY = 2.0  # difference of log-likelihood that decides, odds of seven to one
_USUAL, _CLEARLY_USUAL = "cp1252", 1.5  # less decides for the encoding that most such files have
_PROSE_MARK, _MARK, _OTHER_MARK, _CONTROL, _NEIGHBOUR, _FOREIGN = (
    -2.0,
    -3.5,
    -8.0,
    -12.0,
    -5.5,
    -10.0,
)
_INSIDE, _ALONE, _CASE, _RARE = -7.0, -3.0, -4.0, -5.0
_FREQUENT, _NEXT = -5.0, -1.5
_JOINERS = "’·-‐´"
_IN_PROSE = "–—’‘“”„…\u00a0"


class UnclearEncoding(ValueError):
    """Several encodings show the bytes as words: those."""

    def __init__(self, encodings: tuple[str, ...]) -> None:
        super().__init__(*encodings)
        self.encodings = encodings


@dataclass(frozen=True)
class _Group:
    """Encodings of the same languages, and how likely each letter is in each language."""

    rare: Mapping[str, float]
    """Of each encoding, what its likelihood loses for being met less often."""
    languages: tuple[Mapping[str, float], ...]
    ranges: Mapping[str, float] = field(default_factory=dict)
    frequent: str = ""
    level: tuple[str, int, int] | None = None
    """The codec whose first bytes from and to hold the usual characters."""


def guess_encoding(text: bytes) -> str:
    """The likeliest encoding of bytes beyond ASCII that are no UTF-8.

    Raises: UnclearEncoding: several are about as likely, and show different letters.
    """
    if b"\x1b$" in text and text.isascii():
        return "iso2022_jp"
    shown: dict[str, tuple[float, str]] = {}
    for group in _groups():
        for encoding, loss in group.rare.items():
            decoded = text.decode(encoding, "replace")
            score = _likelihood(decoded, group) - loss
            best = shown.get(decoded)
            if best is None or score > best[0]:
                shown[decoded] = (score, encoding if best is None else _first(encoding, best[1]))
    ranked = sorted(shown.values(), reverse=True)
    highest, encoding = ranked[0]
    enough = _CLEARLY_USUAL if encoding == _USUAL else _CLEARLY
    close = [encoding for score, encoding in ranked if score > highest - enough]
    if len(close) > 1:
        raise UnclearEncoding(tuple(close))
    return close[0]


def _first(encoding: str, other: str) -> str:
    """Of two encodings that show the same text, the one that is listed first."""
    order = [name for group in _groups() for name in group.rare]
    return min(encoding, other, key=order.index)


def _likelihood(text: str, group: _Group) -> float:
    """The log-likelihood of the characters beyond ASCII, under the group's best language."""
    letters: Counter[str] = Counter()
    fixed = 0.0
    for number, (before, character, after) in enumerate(_with_neighbours(text)):
        if number >= _MOST:
            break
        if character.isalpha() or unicodedata.category(character) in ("Mn", "Mc", "Lm"):
            letters[character if character == "İ" else character.lower()] += 1
            fixed += _place_of_letter(before, character, after, group)
        else:
            fixed += _place_of_mark(before, character, after)
    if group.ranges:
        return fixed + sum(_in_ranges(letter, group) * often for letter, often in letters.items())
    anywhere = frozenset(letter for language in group.languages for letter in language)
    return fixed + max(
        sum(
            often * language.get(letter, _NEIGHBOUR if letter in anywhere else _FOREIGN)
            for letter, often in letters.items()
        )
        for language in group.languages
    )


def _with_neighbours(text: str) -> Iterator[tuple[str, str, str]]:
    """Each character beyond ASCII, with up to two before it and one after it."""
    for place, character in enumerate(text):
        if character > "\x7f":
            yield text[max(0, place - 2) : place], character, text[place + 1 : place + 2]


def _place_of_letter(before: str, letter: str, after: str, group: _Group) -> float:
    """What a letter's neighbours take from its likelihood."""
    last = before[-1:]
    if group.level is not None:
        return _CASE if last.isascii() and last.isalpha() and last.islower() else 0.0
    loss = 0.0
    if not last.isalpha() and not after.isalpha():
        loss += _ALONE
    if letter.isupper() and last.islower():
        loss += _CASE
    if last > "\x7f" and _is_latin(letter):
        loss += _NEXT
    if letter.islower() and len(before) == 2 and before.isupper() and after.isupper():
        loss += _CASE
    if any(_is_other_script(letter, neighbour) for neighbour in (last, after)):
        loss += _CASE
    return loss


def _is_other_script(letter: str, neighbour: str) -> bool:
    """Whether an ASCII letter is next to one of a script that is not Latin, or the contrary."""
    if not neighbour.isascii() or not neighbour.isalpha():
        return False
    return not _is_latin(letter)


@cache
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def _place_of_mark(before: str, mark: str, after: str) -> float:
    """How likely a character is that is no letter, where it stands."""
    if mark == "\ufffd" or unicodedata.category(mark) in ("Cc", "Cn", "Co"):
        return _CONTROL
    loss = _PROSE_MARK if mark in _IN_PROSE else _MARK if mark in _marks() else _OTHER_MARK
    is_inside = before[-1:].isalpha() and after.isalpha() and mark not in _JOINERS
    return loss + (_INSIDE if is_inside else 0.0) + (_NEXT if before[-1:] > "\x7f" else 0.0)


def _in_ranges(letter: str, group: _Group) -> float:
    """How likely a letter of a large script is: as one of the characters that are used."""
    if letter in group.frequent:
        return _FREQUENT
    size = next(
        (size for span, size in group.ranges.items() if span[0] <= letter <= span[-1]), None
    )
    if size is None:
        return _FOREIGN
    is_usual = group.level is None or size < 1_000 or _is_usual(letter, *group.level)
    return -math.log(size) + (0.0 if is_usual else _RARE)


def _is_usual(letter: str, codec: str, first: int, last: int) -> bool:
    try:
        code = letter.encode(codec)
    except UnicodeEncodeError:
        return False
    return first <= code[0] <= last


@cache
def _marks() -> frozenset[str]:
    return frozenset(read_yaml("ingest/languages.yaml")["marks"])


@cache
def _groups() -> tuple[_Group, ...]:
    groups: dict[str, Any] = read_yaml("ingest/languages.yaml")["groups"]
    return tuple(
        _Group(
            group["rare"],
            tuple(_shares(letters) for letters in group.get("languages", {}).values()),
            group.get("ranges", {}),
            group.get("frequent", ""),
            tuple(group["level"]) if "level" in group else None,
        )
        for group in groups.values()
    )


def _shares(letters: Mapping[str, float]) -> dict[str, float]:
    """Logarithms of the letters' shares among those that are listed."""
    total = sum(letters.values())
    return {letter: math.log(percent / total) for letter, percent in letters.items()}
