"""The words, names and web addresses of licences -> SPDX identifiers.

Belongs here: normalised words, the names that SPDX lists, addresses of licences. Stays out: reading
a whole text (licenses.py), what a licence allows (policy.py, pipelines/admit/license.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from assay.contracts.data_files import table

ADDRESS = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"'`|\]]+")
_CODE = r"\ue000\d+\ue001"
"""Stands in a text for a licence that was already read, by its number."""


@cache
def spdx() -> Any:
    """The parser of licence expressions with SPDX's symbols.

    The library builds it again at each call, in 20 ms.
    """
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def words_table() -> Mapping[str, Any]:
    """What words/licenses.yaml holds."""
    words: Mapping[str, Any] = table("words/licenses.yaml")
    return words


@cache
def _noise() -> frozenset[str]:
    return frozenset(words_table()["noise"])


@cache
def _families() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(long), short) for long, short in words_table()["families"]]


def plain_text(text: str) -> str:
    """A text with one kind of dash, quote and space, without characters that no one sees."""
    written = unicodedata.normalize("NFKC", text)
    written = re.sub(r"[\u00ad\u200b-\u200f\u2060\ufeff]", "", written)
    return re.sub(r"[\u2010-\u2015\u2212]", "-", written)


def normal(text: str) -> str:
    """A name without what does not distinguish licences: case, punctuation, `license`, `version`."""
    written = re.sub(r"\blicen[sc]e[ds]?\b", " ", plain_text(text).casefold())
    written = re.sub(r"(\d)\+", r"\1 or later ", written)
    written = " ".join(re.sub(r"[^\w\ue000\ue001]+|_", " ", written).split())
    written = re.sub(r"\bv ?(?=\d)", "", written)
    for long, short in _families():
        written = long.sub(short, written)
    kept = " ".join(part for part in written.split() if part not in _noise())
    return re.sub(r"\b(\d+) 0\b(?! \d)", r"\1", kept)


# -- names -------------------------------------------------------------------------------------


@cache
def spdx_names() -> Mapping[str, str]:
    """Normalised identifiers and names of SPDX's list -> the identifier; without names that several
    licences have.
    """
    symbols: Mapping[str, Any] = spdx().known_symbols
    keys = [
        key
        for key, symbol in symbols.items()
        if not key.startswith("LicenseRef") and not symbol.is_exception
    ]
    names = _unambiguous((name, key) for key in keys for name in _names_of(key))
    # a name without `only` or `or later` means that version
    plain = {
        normal(key.removesuffix("-only")): key
        for key in keys
        if key.endswith("-only") and "-only" not in key.removesuffix("-only")
    }
    return {**names, **plain, **{normal(key): key for key in keys}}


def _names_of(key: str) -> Iterator[str]:
    from py_spdx_license import get_license

    listed = get_license(key)
    if listed is not None:
        yield normal(listed["name"])


def _unambiguous(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    meanings: dict[str, set[str]] = {}
    for name, key in pairs:
        meanings.setdefault(name, set()).add(key)
    return {name: keys.pop() for name, keys in meanings.items() if name and len(keys) == 1}


@cache
def identifiers() -> Mapping[str, str]:
    """SPDX identifiers in lower case, with those they replaced -> the identifier."""
    symbols: Mapping[str, Any] = spdx().known_symbols
    former = {
        alias.lower(): key
        for key, symbol in symbols.items()
        for alias in symbol.aliases
        if not alias.startswith("LicenseRef")
    }
    return {**former, **{key.lower(): key for key in symbols}}


# -- Creative Commons --------------------------------------------------------------------------


@cache
def creative_commons() -> re.Pattern[str]:
    """A Creative Commons licence in normalised words: `cc by nc 4`, `attribution share alike 3`."""
    words = words_table()
    element = "|".join(words["creative_commons"].values())
    number = r"[1-4](?: [1-5](?!\d))?"
    # a code is met at the end only: `no` and `in` are words too
    countries = "|".join(words["ports"].values())
    port = rf"{countries}|(?:{'|'.join(words['ports'])})(?=$)"
    start = (
        rf"(?:(?:cc|creative commons?)(?: cc)?(?: (?P<before>{number}))? (?P<named>(?:{element})\b)"
        rf"|(?P<title>attribution\b)(?=(?: (?:{element}))* [1-4]\b)"
        rf"|(?P<short>by\b)(?= (?:nc|nd|sa)\b(?: (?:nc|nd|sa)\b)? [1-4]\b))"
    )
    rest = rf"(?P<more>(?: (?:{element})\b)*)(?: (?P<after>{number}))?"
    place = rf"(?: (?:international|intl|unported|generic))?(?: (?P<port>{port}))?"
    return re.compile(rf"\b{start}{rest}{place}(?! ?\d)\b")


def creative_commons_key(match: re.Match[str]) -> str:
    """The identifier of a match, without a number where it gives none."""
    words = words_table()
    text = " ".join(
        filter(None, (match["named"] or match["title"] or match["short"], match["more"]))
    )
    named = {
        element
        for element, pattern in words["creative_commons"].items()
        if re.search(rf"\b(?:{pattern})\b", text)
    }
    number = (match["after"] or match["before"] or "").replace(" ", ".")
    version = number if "." in number or not number else f"{number}.0"
    codes = {name: code for code, name in words["ports"].items()}
    port: str = match["port"] or ""
    return creative_commons_name(sorted(named), version, codes.get(port, port))


def creative_commons_name(named: list[str], version: str, port: str) -> str:
    """`CC-BY-NC-4.0` of its elements; with the port where SPDX lists one."""
    elements = [element for element in ("by", "nc", "nd", "sa") if element in named]
    if "by" not in elements:
        elements.insert(0, "by")
    key = "-".join(
        ["CC", *(element.upper() for element in elements), *([version] if version else [])]
    )
    ported = f"{key}-{port.upper()}"
    return ported if port and ported.lower() in identifiers() else key


# -- addresses ---------------------------------------------------------------------------------


def address_key(address: str, places: Mapping[str, str]) -> str | None:
    """The licence behind a web address; None if no one has read that page.

    Args:
        places: patterns of further addresses -> licence, as the policy lists them.
    """
    place, fragment = _place(address)
    for pattern, meaning in words_table()["addresses"]:
        if match := re.fullmatch(pattern, place):
            return _meaning(meaning, match)
    for pattern, key in places.items():
        if re.fullmatch(pattern, place):
            return key
    listed = _listed_addresses()
    return listed.get(f"{place}#{fragment}" if fragment else place, listed.get(place))


def _place(address: str) -> tuple[str, str]:
    """An address without scheme, `www.`, port and last slash, and its fragment; that of the page
    itself where an archive keeps it.
    """
    lower = unquote(address.strip()).lower().rstrip(".,;:!)")
    lower = re.sub(r"^https?://web\.archive\.org/web/\d+[a-z_]*/", "", lower)
    try:
        parts = urlsplit(lower if "://" in lower else f"https://{lower}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return "", ""
    if parts.username is not None:
        return "", ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path}".rstrip("/") + query, parts.fragment


def _meaning(meaning: str, address: re.Match[str]) -> str | None:
    match meaning:
        case "cc":
            elements = address[1].strip("-").split("-")
            if not set(elements) <= set(words_table()["creative_commons"]):
                return None
            return creative_commons_name(elements, address[2] or "", address[3] or "")
        case "odc":
            identifier: str = words_table()["open_data_commons"][address[1]]
            return identifier
        case "cdla":
            return identifiers().get("cdla-" + address[1].replace("-0", ".0", 1))
        case "key":
            return identifiers().get(re.sub("^fdl", "gfdl", address[1]))
    return meaning


@cache
def _listed_addresses() -> Mapping[str, str]:
    """Where SPDX finds the text of a licence -> the licence; without pages that hold several."""
    from py_spdx_license import get_license

    pairs = (
        ("#".join(filter(None, _place(address))), key)
        for key in spdx().known_symbols
        for address in (get_license(key) or {}).get("seeAlso", ())
    )
    return _unambiguous(pairs)
