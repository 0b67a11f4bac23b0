"""Words in text -> persons' names, by a dictionary of given names and what stands around them.

Belongs here: what makes capitalised words a name. Stays out: where they are looked for (detectors.py), a language model (presidio.py).
A given name by itself is as often a month, a town or a product: it counts before a family name, or behind words that speak to or of somebody.
"""

from __future__ import annotations

import importlib
import re
from functools import cache


def _these(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Faker's lists (MIT) of the languages that are written in Latin letters
_LOCALES = (
    "en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_BR", "pt_PT", "pl_PL", "cs_CZ", "sk_SK", "sv_SE", "da_DK", "no_NO", "fi_FI", "hu_HU", "ro_RO", "tr_TR",
    "hr_HR", "sl_SI", "et_EE", "lv_LV", "lt_LT", "is_IS", "es_MX", "fr_CH", "de_CH", "id_ID", "ga_IE",
)  # fmt: skip
_ALSO_WORDS = _these(
    "april may june august will mark rose grace hope faith joy summer autumn dawn art bill frank grant sue pat drew christian early major prince king duke chase gray young long paris "
    "london dallas austin houston sydney virginia georgia carolina jordan israel china india chelsea madison brooklyn savannah santa san van guy don mercedes angel royal lane park clay cliff "
    "dean miles rich rusty star sunny sky an can al con cap add ace ah so see are do in is it as at be bee bo bud doc max see ty my no on or the to we us you son sun god sir lord lady "
    "doctor judge general baron count earl marshal reed stone wood forest river lake ocean rain storm winter victor victory liberty justice honor unity harmony melody pearl ruby amber jade "
    "crystal diamond jewel ivory ebony violet lily daisy iris ivy holly hazel olive basil ginger pepper sage heather fern lily candy cherry berry clementine bishop pope abbot dale glen heath "
    "line lines von wolfram read write code class guide worth power price case page pool port post rock ross golden silver bush hill field west east north south england france spain german roman norman saxon french english irish scott "
    "java ada julia perl ruby pascal haskell python cobol lisp scala swift dart julian gregorian columbia cleveland phoenix denver lincoln washington alexandria victoria florence vienna asia "
    "america africa kenya tokyo odessa genesis trinity eden bethlehem nova delta omega alpha beta gamma sigma cookie windows monday tuesday wednesday thursday friday saturday sunday"
)
_NO_FAMILY = _these(
    "street road avenue ave rd st boulevard drive lane court square way place terrace highway close inc ltd llc corp co gmbh ag sa plc company corporation group holdings partners associates "
    "university college school institute academy hospital clinic hotel bank airport station stadium museum church cathedral park garden gardens river lake bay beach island islands mountain "
    "valley county city town village state states republic kingdom orchestra band records press times post news journal magazine award prize foundation trust society club league cup "
    "department ministry office agency bureau council committee commission court center centre building tower house hall theatre theater bridge suite apt apartment unit floor box level "
    "january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday day days week month year time the and or "
    "of in on at is was are for from with to by street calendar code version server database encoding table model theorem algorithm distribution library module class number set test data "
    "system software systems solutions services service insurance airlines air motors energy bay north south east west"
)
_BETWEEN = _these("de da van von der den di la le del della dos y e ten ter el al bin ibn")


def _listed(prefixes: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for locale in _LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for name in dir(provider):
            held = getattr(provider, name) if name.startswith(prefixes) else ()
            if isinstance(held, tuple | list | dict):
                found.update(str(each).lower() for each in held)
    return frozenset(found)


@cache
def given_names() -> frozenset[str]:
    """Given names, in small letters."""
    return _listed(("first_name", "given_name"))


@cache
def family_names() -> frozenset[str]:
    """Family names, in small letters."""
    return _listed(("last_name",))


def confirm_full_name(text: str) -> str | None:
    """The part of a run of capitalised words that is a given name, perhaps an initial, and a family name."""
    tokens = re.sub(r"['’]s\b.*$", "", text).split(" ")  # whose it is ends the name
    for start, first in enumerate(tokens[:-1]):
        if first.lower() in given_names() and first.lower() not in _BETWEEN:
            end = start + 1
            while end < len(tokens) and (
                tokens[end] in _BETWEEN
                or re.fullmatch(r"\w\.?", tokens[end])
                or _family(tokens[end])
            ):
                end += 1
            while end > start + 1 and not _family(tokens[end - 1]):
                end -= 1
            said = tokens[start + 1 : end]
            if said and (
                first.lower() not in _ALSO_WORDS or said[-1].lower() in family_names() - _ALSO_WORDS
            ):
                return " ".join(tokens[start:end])
    return None


def _family(token: str) -> bool:
    return (
        len(token) > 2
        and token[0].isupper()
        and not token.isupper()
        and token.lower().rstrip(".") not in _NO_FAMILY
    )


def confirm_given_name(text: str) -> str | None:
    """A word that is a given name and hardly anything else."""
    return text if text.lower() in given_names() and text.lower() not in _ALSO_WORDS else None
