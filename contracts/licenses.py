"""How people write licences -> SPDX expressions.

Belongs here: names, tags, addresses, first lines of texts. Stays out: what a licence allows (policy.py, pipelines/admit/license.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

CC_WORDS = {
    "attribution": "by", "noncommercial": "nc", "sharealike": "sa", "noderivatives": "nd", "noderivs": "nd", "noderivative": "nd", "by": "by", "nc": "nc", "sa": "sa", "nd": "nd",
    "noncom": "nc", "non-commercial": "nc",
}  # fmt: skip
SPOKEN = (  # the long names of families, as their short ones
    (r"\bgnu affero general public\b|\baffero general public\b", "agpl"), (r"\bgnu lesser general public\b|\blesser general public\b", "lgpl"), (r"\bgnu general public\b", "gpl"),
    (r"\bmozilla public\b", "mpl"), (r"\beclipse public\b", "epl"), (r"\bacademic free\b", "afl"), (r"\bopen database\b", "odbl"), (r"\bopen data commons attribution\b", "odc by"),
    (r"\bopen data commons public domain dedication( and)?\b", "pddl"), (r"\bcommunity data agreement\b", "cdla"), (r"\bgplv(\d)", r"gpl \1"), (r"\bberkeley software distribution\b", "bsd"),
)  # fmt: skip
LONGEST = 4_000
"""Of a licence as people write it, in characters: a parser of expressions takes time that grows with the square of it."""
NOISE = frozenset(
    re.findall(
        r"\w+",
        "the a an of and under is this project dataset data set software version v ver public international unported generic",
    )
)
ADDRESS = r"(?i)\b(?:https?://|www\.)\S+"
ADDRESSES: tuple[tuple[str, str], ...] = (
    (r"creativecommons\.org/(?:licenses|licences)/([a-z-]+)(?:/(\d\.\d))?", "cc"),
    (r"creativecommons\.org/publicdomain/zero/1\.0", "CC0-1.0"),
    (r"creativecommons\.org/publicdomain/mark/1\.0", "LicenseRef-Public-Domain"),
    (r"opendatacommons\.org/licenses/(odbl|by|pddl)\b", "odc"),
    (r"(?:spdx|opensource)\.org/licenses?/([A-Za-z0-9.+-]+?)(?:\.html)?/?$", "key"),
    (r"apache\.org/licenses/license-2\.0", "Apache-2.0"),
    (r"gnu\.org/licenses/(?:old-licenses/)?((?:a|l)?gpl-\d\.\d)", "key"),
    (r"(?:mozilla\.org/(?:en-us/)?mpl/2\.0)", "MPL-2.0"),
    (r"cdla\.(?:dev|io)/(permissive-2-0|permissive-1-0|sharing-1-0)", "cdla"),
    (r"nationalarchives\.gov\.uk/doc/open-government-licence/version/3", "OGL-UK-3.0"),
)


@dataclass(frozen=True)
class Recognised:
    """An SPDX expression, and how it was read; `None` where nothing in the text names a licence."""

    expression: str | None
    how: str


def recognise(text: str, names: Mapping[str, str]) -> Recognised:
    """Read a licence as people write it: an SPDX expression in any case, a hub's tag, an address, a name in words.

    Args:
        names: normalised names beyond SPDX's own, as the policy lists them.
    """
    if len(text) > LONGEST:
        return Recognised(None, f"a text of {len(text):,} characters")
    said = " ".join(text.split())
    if not said:
        return Recognised(None, "nothing is said")
    key = _expression(said)
    if key:
        return Recognised(key, "SPDX expression")
    if re.search(ADDRESS, said):
        found = _address(said)
        if found:
            return Recognised(found, "address")
        said = re.sub(ADDRESS, "", said).strip(" ()[]<>,;:-")
        if not said:
            return Recognised(None, "an address that nobody has read")
    words = normal(said)
    if words in names:
        return Recognised(names[words], "name")
    creative = _creative_commons(said)
    if creative:
        return Recognised(creative, "Creative Commons' words")
    known = _by_words().get(words)
    if known:
        return Recognised(known, "name in words")
    told = f" {words} "  # normalised: words with one space between them, so that a name is met whole or not at all
    inside = next(
        (
            names[each]
            for each in sorted(names, key=len, reverse=True)
            if " " in each and f" {each} " in told
        ),
        None,
    )
    inside = inside or next((key for name, key in _by_words_longest() if f" {name} " in told), None)
    return (
        Recognised(inside, "named in the text")
        if inside
        else Recognised(None, "no licence that is known by this name")
    )


@cache
def spdx() -> Any:
    """The parser of licence expressions with SPDX's symbols; the library builds it anew at each call, in 20 ms."""
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def normal(text: str) -> str:
    """A name without what does not tell licences apart: case, punctuation, `license`, `the`, `version`."""
    words = re.sub(r"licen[sc]e[ds]?\b", " ", text.lower())
    words = re.sub(r"[^a-z0-9]+", " ", words)
    for long, short in SPOKEN:
        words = re.sub(long, short, words)
    words = re.sub(r"\bv(?=\d)", "", words)
    kept = [word for word in words.split() if word not in NOISE]
    return " ".join(
        word for before, word in zip([None, *kept], kept, strict=False) if word != before
    )  # `The MIT License (MIT)` says it once


def _expression(text: str) -> str | None:
    """The text as a valid SPDX expression; LicenseRefs stand for themselves."""
    from license_expression import ExpressionError

    if not re.fullmatch(r"[A-Za-z0-9.+()\s-]+", text):
        return None
    try:
        tree = spdx().parse(text, validate=False, strict=False)
    except (ExpressionError, AttributeError, TypeError):
        return None
    known = spdx().known_symbols
    keys = [part.key for symbol in getattr(tree, "symbols", ()) for part in symbol.decompose()]
    if (
        tree is None
        or not keys
        or not all(key in known or key.startswith("LicenseRef-") for key in keys)
    ):
        return None
    return str(tree.render())


def _creative_commons(text: str) -> str | None:
    """`CC BY NC-SA 4.0`, `Attribution-NonCommercial 4.0 International`, `cc-by-nc`: the elements in Creative Commons' order."""
    lower = (
        text.lower()
        .replace("non commercial", "noncommercial")
        .replace("non-commercial", "noncommercial")
        .replace("share alike", "sharealike")
        .replace("share-alike", "sharealike")
    )
    lower = (
        lower.replace("no derivatives", "noderivatives")
        .replace("no-derivatives", "noderivatives")
        .replace("no derivs", "noderivs")
    )
    if re.search(r"\bcc0\b|\bcc zero\b|\bcc-0\b", lower):
        return "CC0-1.0"
    if not re.search(r"\bcc\b|creative common|^attribution\b", lower):
        return None
    found = {CC_WORDS[word] for word in re.findall(r"[a-z]+", lower) if word in CC_WORDS}
    elements = [element for element in ("by", "nc", "nd", "sa") if element in found]
    if (
        not elements
        or elements == ["sa"]
        or ("by" not in elements and not {"nc", "nd", "sa"} & set(elements))
    ):
        return None
    number = re.search(r"\b([1234]\.\d)\b", lower)
    return "-".join(
        [
            "CC",
            *(["BY"] if "by" not in elements else []),
            *(element.upper() for element in elements),
            number[1] if number else "4.0",
        ]
    )


def _address(text: str) -> str | None:
    lower = text.lower()
    for pattern, meaning in ADDRESSES:
        found = re.search(pattern, lower)
        if not found:
            continue
        match meaning:
            case "cc":
                return f"CC-{found[1].strip('-').upper()}-{found[2] or '4.0'}"
            case "odc":
                return {"odbl": "ODbL-1.0", "by": "ODC-By-1.0", "pddl": "PDDL-1.0"}[found[1]]
            case "cdla":
                return _expression(
                    "cdla-" + found[1].replace("-0", ".0", 1)
                    if found[1].endswith("-0")
                    else found[1]
                )
            case "key":
                return _expression(found[1])
        return meaning
    return None


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
