"""How people write licences -> SPDX expressions, and what was left unread.

Belongs here: reading a whole text: expressions, lists, addresses, names, texts of licences. Stays
out: what words and addresses mean (license_words.py), what a licence allows (policy.py,
pipelines/admit/license.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from types import MappingProxyType

from assay.contracts.license_words import (
    ADDRESS,
    address_key,
    creative_commons,
    creative_commons_key,
    identifiers,
    normal,
    plain_text,
    spdx,
    spdx_names,
    words_table,
)

LONGEST = 4_000
"""Of a licence as people write it, in characters: a parser of expressions takes time that grows
with the square of it."""
SHORTEST_TEXT = 200
LONGEST_TEXT = 200_000
"""Of the text of a licence, in characters, from and to."""
LONGEST_QUOTE = 60
NO_LICENSE, RESEARCH_ONLY = "LicenseRef-No-License", "LicenseRef-Research-Only"
_COPYRIGHT = re.compile(
    r"(?im)^\W*(?:SPDX-FileCopyrightText:|copyright\s*(?:©|\(c\)|(?:19|20)\d\d)|©).{0,100}$"
)
_LIMITS_USE = r"\b(?:only|solely|strictly|must|may|can|permit\w*|allow\w*|restrict\w*|terms|free\w*|licen\w+)\b"
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Recognised:
    """What a text states about licences.

    Args:
        expression: the SPDX expression of all licences that were recognised; None of none.
        how: how it was read, or why it was not.
        unread: the parts of the text that no one has read.
        several: whether it names several licences without what joins them.
    """

    expression: str | None
    how: str
    unread: tuple[str, ...] = ()
    several: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether everything that the text states is in the expression."""
        return self.expression is not None and not self.unread and not self.several

    @property
    def doubt(self) -> str:
        """Why the expression is not all that the text states; empty where it is."""
        if self.unread:
            parts = ", ".join(f"'{part[:LONGEST_QUOTE]}'" for part in self.unread[:3])
            return f"{parts} is not known"
        if self.several:
            return "it does not state which of several licences applies to what"
        return ""


def recognise(
    text: str, names: Mapping[str, str], addresses: Mapping[str, str] = NOTHING
) -> Recognised:
    """Read a licence as people write it: the whole text.

    SPDX in any case, a list, a hub's tag, an address, a name in words, a sentence, the text of a
    licence. What is left of the text comes back as `unread`.

    Args:
        names: normalised names beyond SPDX's own, as the policy lists them.
        addresses: patterns of addresses -> licence, as the policy lists them.
    """
    if len(text) > LONGEST_TEXT:
        return Recognised(None, f"a text of {len(text):,} characters")
    written = plain_text(text).strip()
    if not written:
        return Recognised(None, "no licence is stated")
    reader = _Reader(names, addresses)
    return reader.whole(re.sub(r"(?i)^licen[sc]e\s*:\s*(?=\S)", "", written))


def may_mention(text: str) -> bool:
    """Whether a part of a longer text may speak of licences at all."""
    return _patterns("hints").search(text) is not None


def mentions(
    part: str, names: Mapping[str, str], addresses: Mapping[str, str] = NOTHING
) -> tuple[list[str], str]:
    """The licences that a part of a longer text names, and the first word next to them that limits
    them, or nothing.

    That something is used in research says nothing; that it may be used for research only does.
    """
    scan = _Scan(names, addresses)
    written = plain_text(part)
    words = scan.words(written)
    keys, _ = _joined(words, scan.keys)
    if RESEARCH_ONLY in keys and not re.search(_LIMITS_USE, written, re.IGNORECASE):
        keys.remove(RESEARCH_ONLY)
    return keys, limit_in(re.sub(r"\ue000\d+\ue001", " ", words)) if keys else ""


def limit_in(words: str) -> str:
    """The first word of a text that limits or denies a licence, or nothing."""
    limit = _patterns("limits").search(words)
    return limit[0] if limit else ""


def denial_in(text: str) -> str:
    """What a longer text states that speaks against the licence that it names, or nothing."""
    denial = _patterns("denials").search(text)
    return denial[0] if denial else ""


@cache
def _patterns(name: str) -> re.Pattern[str]:
    return re.compile("|".join(words_table()[name]), re.IGNORECASE)


@dataclass(frozen=True)
class _Reader:
    names: Mapping[str, str]
    addresses: Mapping[str, str]

    def whole(self, written: str) -> Recognised:
        entries = _entries(written)
        if entries is None and len(written) <= LONGEST:
            entries = self._separated(written)
        if entries is not None:
            return self._list(entries)
        return self.entry(written)

    def entry(self, written: str) -> Recognised:
        """Read what is not a list."""
        if len(written) <= LONGEST:
            if key := _expression(written):
                return Recognised(key, "SPDX expression")
            if (name := self._name(written)) and not _symbols(written):
                return Recognised(name, "name")
            if joined := self._operands(written):
                return joined
        return _Scan(self.names, self.addresses).read(written)

    def _name(self, written: str) -> str | None:
        words = normal(written)
        if words in self.names:
            return self.names[words]
        listed = spdx_names().get(words)
        # `JSON` names a licence, `JSON dataset` none
        is_name = " " in words or words in re.sub(r"[^\w]+", " ", written.casefold()).split()
        return listed if is_name else None

    def _operands(self, written: str) -> Recognised | None:
        """Read names between AND and OR; None if there are none, or parentheses do not match."""
        pieces = re.split(r"(\(|\)|\b(?:AND|OR)\b)", written)
        if not {"AND", "OR"} & set(pieces):
            return None
        parts: list[str] = []
        read: list[Recognised] = []
        for piece in map(str.strip, pieces):
            if piece in ("", "(", ")", "AND", "OR"):
                parts.append(piece)
                continue
            read.append(self.entry(piece))
            parts.append(f"({read[-1].expression or 'LicenseRef-unread'})")
        expression = _expression(" ".join(parts))
        if expression is None:
            return None
        unread = tuple(text for each in read for text in each.unread)
        kept = [each.expression for each in read if each.expression]
        return Recognised(
            expression if len(kept) == len(read) else all_of(kept),
            "SPDX expression of names",
            unread,
            any(each.several for each in read),
        )

    def _separated(self, written: str) -> list[str] | None:
        """The entries of a list without brackets, where one of them states that there is no licence
        and each of the others names one.
        """
        entries = [part.strip() for part in re.split(r"[;|,\n]", written) if part.strip()]
        read = [self.entry(entry) for entry in entries] if len(entries) > 1 else []
        has_none = any(each.expression == NO_LICENSE for each in read)
        return entries if has_none and all(each.is_whole for each in read) else None

    def _list(self, entries: Sequence[str]) -> Recognised:
        """Read each entry; `No License` next to a licence adds nothing to it."""
        read = [self.entry(plain_text(entry).strip()) for entry in entries if entry.strip()]
        named = [each for each in read if each.expression != NO_LICENSE] or read
        keys = _most_exact(
            list(dict.fromkeys(each.expression for each in named if each.expression))
        )
        whys = [each for each in named if each.expression is None and not each.unread]
        unread = (*(text for each in named for text in each.unread), *(each.how for each in whys))
        if not keys:
            return Recognised(None, "a list that names no licence", unread)
        several = len(keys) > 1 or any(each.several for each in named)
        return Recognised(all_of(keys), "list", unread, several)


def _entries(written: str) -> list[str] | None:
    """The entries of a list in brackets, as JSON, Python or YAML write it; None of anything else."""
    if not (written.startswith("[") and written.endswith("]")) or len(written) > LONGEST:
        return None
    try:
        entries = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return written[1:-1].split(",")
    return [entry if isinstance(entry, str) else "unread" for entry in entries]


def _expression(text: str) -> str | None:
    """The text as a valid SPDX expression; LicenseRefs represent themselves."""
    from license_expression import ExpressionError

    if not re.fullmatch(r"[A-Za-z0-9.+()\s-]+", text):
        return None
    try:
        tree = spdx().parse(text, validate=False, strict=False)
    except (ExpressionError, AttributeError, TypeError):
        return None
    keys = [part.key for symbol in getattr(tree, "symbols", ()) for part in symbol.decompose()]
    if tree is None or not keys or not all(map(_is_identifier, keys)):
        return None
    return str(tree.render())


def all_of(expressions: Sequence[str]) -> str | None:
    """The expression of licences that all hold."""
    return _expression(" AND ".join(f"({each})" for each in expressions))


def _is_identifier(key: str) -> bool:
    # SPDX does not list every version of Creative Commons' licences
    is_cc = re.fullmatch(r"CC-BY(-NC)?(-ND)?(-SA)?-[1-4]\.[015]", key)
    return key in spdx().known_symbols or key.startswith("LicenseRef-") or bool(is_cc)


# -- a text ------------------------------------------------------------------------------------


@dataclass
class _Scan:
    """Finds licences in a text, one kind after the other; what no step takes is unread."""

    names: Mapping[str, str]
    addresses: Mapping[str, str]
    keys: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def read(self, written: str) -> Recognised:
        """Read the whole text."""
        text = self._texts(written) if len(written) >= SHORTEST_TEXT else written
        text = _COPYRIGHT.sub(_limited, text)
        words = self.words(text)
        keys, joined = _joined(words, self.keys)
        unread = tuple(dict.fromkeys([*self.unread, *_left(words), *_symbols(text)]))
        if not keys:
            if self.unread:
                return Recognised(None, "an unknown address", unread)
            return Recognised(None, "no known licence has this name", unread)
        expression = (joined or "AND").join(f" ({key}) " for key in keys).strip()
        several = len(keys) > 1 and joined is None
        return Recognised(_expression(expression), "named in the text", unread, several)

    def words(self, text: str) -> str:
        """The normalised words of the text, with a code for each licence in it."""
        text = ADDRESS.sub(lambda match: self._address(match[0]), text)
        words = normal(text.replace("&", " and "))
        table = words_table()
        words = self._replaced(rf"\b(?:{table['creative_commons_zero']})\b", words, "CC0-1.0")
        words = self._replaced(
            rf"\b(?:{table['creative_commons_mark']})\b", words, "LicenseRef-Public-Domain"
        )
        words = creative_commons().sub(lambda match: self._code(creative_commons_key(match)), words)
        for pattern, key in table["statements"]:
            words = self._replaced(rf"\b(?:{pattern})\b", words, key)
        return self._named(words)

    def _code(self, key: str) -> str:
        self.keys.append(key)
        return f" \ue000{len(self.keys) - 1}\ue001 "

    def _replaced(self, pattern: str, words: str, key: str) -> str:
        return re.sub(pattern, lambda _: self._code(key), words)

    def _texts(self, written: str) -> str:
        """Replace texts of licences, and the notices that their authors give."""
        from licenseclassifier import identify_license

        pieces, end = [], 0
        for match in identify_license(written, coverage_threshold=0):
            key = identifiers().get(match.id.lower())
            if key is None or ADDRESS.fullmatch(written[match.start : match.end].strip()):
                continue
            pieces += [written[end : match.start], self._code(key)]
            end = match.end
        return "".join([*pieces, written[end:]])

    def _address(self, address: str) -> str:
        key = address_key(address, self.addresses)
        if key is None:
            self.unread.append(address)
            return " "
        return self._code(key)

    def _named(self, words: str) -> str:
        """Replace names of licences, the longest first."""
        parts = words.split()
        read: list[str] = []
        at = 0
        while at < len(parts):
            size = self._longest_name(parts, at)
            read.append(self._code(self._meaning(parts[at : at + size])) if size else parts[at])
            at += size or 1
        return " ".join(" ".join(read).split())

    def _longest_name(self, parts: list[str], at: int) -> int:
        for size in range(min(_most_words(), len(parts) - at), 0, -1):
            name = " ".join(parts[at : at + size])
            known = name in self.names or name in spdx_names()
            if known and (size > 1 or re.search(r"\d", name) or name in _distinctive()):
                return size
        return 0

    def _meaning(self, parts: list[str]) -> str:
        name = " ".join(parts)
        return self.names.get(name) or spdx_names()[name]


@cache
def _most_words() -> int:
    return max(name.count(" ") for name in spdx_names()) + 1


@cache
def _distinctive() -> frozenset[str]:
    return frozenset(words_table()["distinctive"])


@cache
def _neutral() -> frozenset[str]:
    return frozenset(words_table()["neutral"])


def _limited(line: re.Match[str]) -> str:
    """Nothing of a line that only names the holder of a copyright; the line where it says more."""
    is_more = limit_in(line[0]) or may_mention(line[0]) or "\ue000" in line[0]
    return line[0] if is_more else ""


def _left(words: str) -> list[str]:
    """The words that no one has read, those that follow each other together."""
    parts = [
        part
        if not part.startswith("\ue000") and part not in _neutral() and part not in ("and", "or")
        else "\n"
        for part in words.split()
    ]
    return [" ".join(run.split()) for run in " ".join(parts).split("\n") if run.strip()]


def _symbols(written: str) -> list[str]:
    """Signs that may change what a text states, such as `!MIT`, `CC BY 4.0*` or `MIT ...`."""
    text = ADDRESS.sub(" ", written)
    text = re.sub(r"(\*{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?m)^\s*(?:[*+-] |[=*-]{3,}\s*$)", " ", text)
    text = re.sub(r"(?<=\d)\+", " ", text)
    return re.findall(r"\.{3}|[^\w\s,.;:()\[\]{}\"'<>#|`©®™&/\\“”‘’\ue000\ue001-]", text)


def _joined(words: str, keys: list[str]) -> tuple[list[str], str | None]:
    """The licences of a text, each once, and what joins them: AND, OR, or None if nothing does."""
    order = [int(number) for number in re.findall(r"\ue000(\d+)\ue001", words)]
    named = _most_exact(list(dict.fromkeys(keys[number] for number in order)))
    between = re.findall(r"(?<=\ue001)([^\ue000]*)(?=\ue000)", words)
    joins = {
        _operator(gap)
        for gap, (first, second) in zip(between, pairwise(order), strict=True)
        if keys[first] != keys[second]
    }
    return named, joins.pop() if len(joins) == 1 else None


def _operator(between: str) -> str | None:
    """AND or OR, where just that joins two licences."""
    operators = re.findall(r"\b(?:and|or)\b", between)
    return operators[0].upper() if len(operators) == 1 else None


def _most_exact(keys: list[str]) -> list[str]:
    """Without those that another one says more exactly: `CC-BY` next to `CC-BY-3.0`, `BSD` next to
    `BSD-3-Clause`, the public domain next to CC0, non-commercial use next to research only.
    """
    included = {
        "LicenseRef-Public-Domain": "CC0-1.0",
        "LicenseRef-Non-Commercial": RESEARCH_ONLY,
    }
    kept = []
    for key in keys:
        family = re.fullmatch(r"LicenseRef-(\w+)-Family", key)
        more_exact = rf"{family[1]}-.*" if family else rf"{re.escape(key)}-\d.*"
        if included.get(key) in keys:
            continue
        if not any(re.fullmatch(more_exact, other) for other in keys):
            kept.append(f"{key}-4.0" if re.fullmatch(r"CC-BY[A-Z-]*", key) else key)
    return kept
