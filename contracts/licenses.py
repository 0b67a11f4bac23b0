"""How people write licences -> SPDX expressions.

Belongs here: names, tags, addresses, first lines of texts. Stays out: what a licence allows
(policy.py, pipelines/admit/license.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from assay.contracts.data_files import table

LONGEST = 4_000
"""Of a licence as people write it, in characters: a parser of expressions takes time that grows
with the square of it."""
ADDRESS = r"(?i)\b(?:https?://|www\.)\S+"


@dataclass(frozen=True)
class Recognised:
    """An SPDX expression, and how it was read; `None` where nothing in the text names a licence."""

    expression: str | None
    how: str


def recognise(text: str, names: Mapping[str, str]) -> Recognised:
    """Read a licence as people write it.

    SPDX in any case, a hub's tag, an address, a name in words.

    Args:
        names: normalised names beyond SPDX's own, as the policy lists them.
    """
    if len(text) > LONGEST:
        return Recognised(None, f"a text of {len(text):,} characters")
    written = " ".join(text.split())
    if not written:
        return Recognised(None, "nothing is said")
    if key := _expression(written):
        return Recognised(key, "SPDX expression")
    if re.search(ADDRESS, written):
        if expression := _address(written):
            return Recognised(expression, "address")
        written = re.sub(ADDRESS, "", written).strip(" ()[]<>,;:-")
        if not written:
            return Recognised(None, "an address that nobody has read")
    return _recognise_words(written, names)


def _recognise_words(written: str, names: Mapping[str, str]) -> Recognised:
    """Read what is neither an expression nor an address: a name alone, or inside a sentence."""
    words = normal(written)
    if words in names:
        return Recognised(names[words], "name")
    if creative := _creative_commons(written):
        return Recognised(creative, "Creative Commons' words")
    if identifier := _by_words().get(words):
        return Recognised(identifier, "name in words")
    if inside := _named_inside(words, names):
        return Recognised(inside, "named in the text")
    return Recognised(None, "no licence that is known by this name")


def _named_inside(words: str, names: Mapping[str, str]) -> str | None:
    """The licence whose name occurs in a normalised text, the longest name first."""
    # words with one space between them, so that a name is met whole or not at all
    text = f" {words} "
    for name in sorted(names, key=len, reverse=True):
        if " " in name and f" {name} " in text:
            return names[name]
    for name, key in _by_words_longest():
        if f" {name} " in text:
            return key
    return None


@cache
def spdx() -> Any:
    """The parser of licence expressions with SPDX's symbols.

    The library builds it anew at each call, in 20 ms.
    """
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def normal(text: str) -> str:
    """A name without what does not tell licences apart: case, punctuation, `license`, `version`."""
    written = re.sub(r"licen[sc]e[ds]?\b", " ", text.lower())
    written = re.sub(r"[^a-z0-9]+", " ", written)
    for long, short in _words()["families"]:
        written = re.sub(long, short, written)
    written = re.sub(r"\bv(?=\d)", "", written)
    kept = [part for part in written.split() if part not in _noise()]
    # `The MIT License (MIT)` says it once
    followed = zip([None, *kept], kept, strict=False)
    return " ".join(part for before, part in followed if part != before)


def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = table("words/licenses.yaml")
    return words


@cache
def _noise() -> frozenset[str]:
    return frozenset(_words()["noise"])


def _expression(text: str) -> str | None:
    """The text as a valid SPDX expression; LicenseRefs stand for themselves."""
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


def _is_identifier(key: str) -> bool:
    return key in spdx().known_symbols or key.startswith("LicenseRef-")


def _creative_commons(text: str) -> str | None:
    """`CC BY NC-SA 4.0`, `Attribution-NonCommercial 4.0 International`, `cc-by-nc`.

    The elements stand in Creative Commons' order.
    """
    lower = text.lower()
    for spelling, element in _words()["creative_commons_spellings"]:
        lower = lower.replace(spelling, element)
    if re.search(r"\bcc0\b|\bcc zero\b|\bcc-0\b", lower):
        return "CC0-1.0"
    if not re.search(r"\bcc\b|creative common|^attribution\b", lower):
        return None
    words = _words()["creative_commons"]
    named = {words[part] for part in re.findall(r"[a-z]+", lower) if part in words}
    elements = [element for element in ("by", "nc", "nd", "sa") if element in named]
    if not elements or elements == ["sa"]:
        return None
    if "by" not in elements:
        elements.insert(0, "by")
    number = re.search(r"\b([1234]\.\d)\b", lower)
    return "-".join(["CC", *(part.upper() for part in elements), number[1] if number else "4.0"])


def _address(text: str) -> str | None:
    """The licence behind a web address, where its pattern is listed."""
    lower = text.lower()
    for pattern, meaning in _words()["addresses"]:
        if match := re.search(pattern, lower):
            return _meaning(meaning, match)
    return None


def _meaning(meaning: str, address: re.Match[str]) -> str | None:
    match meaning:
        case "cc":
            return f"CC-{address[1].strip('-').upper()}-{address[2] or '4.0'}"
        case "odc":
            identifier: str = _words()["open_data_commons"][address[1]]
            return identifier
        case "cdla":
            name = address[1]
            return _expression("cdla-" + name.replace("-0", ".0", 1))
        case "key":
            return _expression(address[1])
    return meaning


@cache
def _by_words() -> dict[str, str]:
    """SPDX's own identifiers, normalised as names are."""
    symbols: Mapping[str, Any] = spdx().known_symbols
    keys = {
        normal(key): key
        for key in symbols
        if not key.startswith("LicenseRef") and not symbols[key].is_exception
    }
    # a name without `only` or `or later` means that version
    plain = {normal(key.removesuffix("-only")): key for key in symbols if key.endswith("-only")}
    return {**keys, **plain}


@cache
def _by_words_longest() -> list[tuple[str, str]]:
    """Names that cannot be met by chance inside a sentence, the longest first."""
    return sorted(
        (
            (name, key)
            for name, key in _by_words().items()
            if len(name) >= 3 and re.search(r"\d", name) and " " in name
        ),
        key=lambda pair: -len(pair[0]),
    )
