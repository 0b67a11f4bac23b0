"""A contract's patterns -> the same meaning in Rust's engine, which Polars runs.

ODCS patterns are those of ECMA-262: `\\d`, `\\w` and `\\b` know ASCII alone, while Rust's know every
script. Belongs here: the parts of a pattern, and how Rust writes them. Stays out: other engines
(exports/patterns.py), whether a pattern can run (formats.py).
Sources: ECMA-262 section 22.2 (with the flag `u`), docs.rs/regex "Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

DIGIT = "0-9"
WORD = "_0-9A-Za-z"
# ECMA-262's WhiteSpace and LineTerminator; Rust's `\s` has U+0085 in addition and lacks U+FEFF
SPACE = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
NOT_LINE_END = r"[^\n\r\u2028\u2029]"
CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE}
"""Class escapes of ECMA-262 -> what represents them in a set, alike in all three engines."""
_ESCAPE = re.compile(
    r"\\(?:c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|[pP]\{[^}]*\}|0(?![0-9])|.)",
    re.DOTALL,
)
_OPTIONS = re.compile(r"\(\?[A-Za-z]*-?[A-Za-z]*[:)]")


@dataclass(frozen=True)
class PatternPart:
    """One escape or one character of a pattern, and whether it is in a set `[...]`."""

    text: str
    in_set: bool

    @property
    def class_letter(self) -> str | None:
        """The letter of `\\d`, `\\D`, `\\w`, `\\W`, `\\s` or `\\S`."""
        is_class = len(self.text) == 2 and self.text[0] == "\\" and self.text[1].lower() in CLASSES
        return self.text[1] if is_class else None


def pattern_parts(pattern: str) -> Iterator[PatternPart]:
    """The escapes and characters of a pattern, in order; the brackets of a set are outside it."""
    at, depth = 0, 0
    while at < len(pattern):
        escape = _ESCAPE.match(pattern, at)
        text = escape[0] if escape else pattern[at]
        depth -= text == "]" and depth > 0
        yield PatternPart(text, depth > 0)
        depth += text == "["
        at += len(text)
        if text == "[":
            # a bracket that stands first is a character
            first = re.match(r"\^?\]?", pattern[at:])
            if first and first[0]:
                yield PatternPart(first[0], True)
                at += len(first[0])


@cache
def rust_pattern(pattern: str) -> str:
    """The pattern for Rust's engine, with ECMA-262's meaning of `\\d`, `\\w`, `\\s`, `\\b` and `.`.

    What else Rust reads (options such as `(?i)`, `\\p{L}`, nested sets) keeps Rust's meaning.
    """
    parts = list(pattern_parts(pattern))
    has_options = _OPTIONS.search(pattern.replace("(?:", "")) is not None
    written = []
    for index, part in enumerate(parts):
        neighbours = parts[max(index - 1, 0) : index + 2]
        if part.text == "-" and part.in_set and any(near.class_letter for near in neighbours):
            written.append("\\-")  # next to a class it is no range
        elif part.text == "." and not part.in_set and not has_options:
            written.append(NOT_LINE_END)
        else:
            written.append(_rust_part(part))
    return "".join(written)


def _rust_part(part: PatternPart) -> str:
    letter = part.class_letter
    if letter:
        characters = CLASSES[letter.lower()]
        if letter.isupper():
            return f"[^{characters}]"
        return characters if part.in_set else f"[{characters}]"
    match part.text:
        case "\\b" if part.in_set:
            return r"\x08"
        case "\\b" | "\\B":
            return f"(?-u:{part.text})"
        case "\\0":
            return r"\x00"
        case "\\<" | "\\>":
            return part.text[1]
        case text if text.startswith("\\c") and len(text) == 3:
            return f"\\x{ord(text[2]) % 32:02X}"
    return part.text


def looks_around(pattern: str) -> bool:
    """Whether the pattern looks around (`(?=`, `(?!`, `(?<=`, `(?<!`) or back (`\\1`, `\\k`)."""
    parts = list(pattern_parts(pattern))
    back = any(re.fullmatch(r"\\[1-9k]", part.text) for part in parts if not part.in_set)
    outside = "".join("x" if part.in_set or len(part.text) > 1 else part.text for part in parts)
    return back or re.search(r"\(\?<?[=!]", outside) is not None
