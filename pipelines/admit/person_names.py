"""Words in text -> persons' names, by lists of names and words, and what stands around them.

Belongs here: what makes capitalised words a name. Stays out: the lists (name_lists.py), where they
are searched for (detectors.py), a language model (token_labels.py, presidio.py).
A given name by itself is as often a month, a town or a product: it counts before a family name, or
behind words that speak to or of someone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.pipelines.admit.name_lists import (
    family_names,
    given_names,
    ordinary_words,
    place_names,
)
from assay.pipelines.core.package_data import read_words

_SUFFIXES = frozenset(("jr", "sr", "ii", "iii", "iv", "md", "phd", "esq"))
_POSSESSIVE = re.compile(r"['’]s\b.*$")
_INITIAL = re.compile(r"\w\.?")
_ABBREVIATION = re.compile(r"(?i)[b-df-hj-np-tv-xz]{2,4}")


# -- what a word can be ----------------------------------------------------------------------


def is_some_name(word: str) -> bool:
    """Whether a list holds the word as a given name or a family name."""
    return word.lower() in given_names() or word.lower() in family_names()


def is_place_name(text: str) -> bool:
    """Whether the words are a country, its people, a state or a larger city."""
    return text.lower() in place_names()


def _is_given(word: str) -> bool:
    """Whether it is a given name, also one written with a hyphen."""
    return any(part in given_names() for part in (word.lower(), word.lower().partition("-")[0]))


def _is_only_a_name(word: str) -> bool:
    """Whether the word is no ordinary one too, such as `April`."""
    return word.lower() not in read_words("admit/given_names_also_words.txt")


def _is_family(word: str) -> bool:
    return word.lower() in family_names() and _is_only_a_name(word) and not is_place_name(word)


def _is_ordinary(word: str) -> bool:
    """Whether the word is rather an ordinary word or a place than a name."""
    lower = word.lower().rstrip(".")
    return (
        lower in ordinary_words()
        or lower in read_words("admit/institutions.txt")
        or not _is_only_a_name(lower)
        or (is_place_name(lower) and lower not in given_names())
    )


def _is_institution(word: str) -> bool:
    return word.lower().rstrip(".") in read_words("admit/institutions.txt")


def _is_particle(word: str) -> bool:
    return word in read_words("admit/name_particles.txt")


# -- runs of capitalised words ---------------------------------------------------------------


def confirm_full_name(text: str) -> str | None:
    """The part of a run of capitalised words that is a given name, perhaps an initial, and a family
    name.
    """
    tokens = _POSSESSIVE.sub("", text).split(" ")
    for start, first in enumerate(tokens[:-1]):
        if first.lower().rstrip(".") in read_words("admit/place_beginnings.txt"):
            return None
        if _is_particle(first.lower()) or _INITIAL.fullmatch(first):
            continue
        end = _end_of_name(tokens, start)
        rest = [token for token in tokens[start + 1 : end] if not _INITIAL.fullmatch(token)]
        if end < len(tokens) and _is_institution(tokens[end]):
            return None
        if rest and _is_name(first, rest, has_initial=len(rest) < end - start - 1):
            return " ".join(tokens[start:end])
    return None


def _is_name(first: str, rest: Sequence[str], *, has_initial: bool) -> bool:
    """Whether a word and the capitalised ones after it are the parts of a person's name."""
    last = rest[-1]
    if _is_given(first):
        if _is_only_a_name(first) and any(map(_is_particle, rest)):
            return True
        listed = last.lower() in family_names()
        return (_is_only_a_name(first) and (listed or not _is_ordinary(last))) or _is_family(last)
    if any(map(_is_ordinary, first.split("-"))) or _is_ordinary(last) or len(rest) > 2:
        return False
    return _is_family(last) or has_initial or confirm_given_name(last) is not None


def _end_of_name(tokens: Sequence[str], start: int) -> int:
    """One past the last token of the name that begins at `start`."""
    end = start + 1
    while end < len(tokens) and _may_continue(tokens[end]):
        end += 1
    while end > start + 1 and not _may_end(tokens[end - 1]):
        end -= 1
    return end


def _may_continue(token: str) -> bool:
    return _is_particle(token) or _INITIAL.fullmatch(token) is not None or _may_end(token)


def _may_end(token: str) -> bool:
    lower = token.lower().rstrip(".")
    return lower in _SUFFIXES or (
        len(token) > 2
        and token[0].isupper()
        and (not token.isupper())
        and not _is_institution(token)
        and lower not in read_words("admit/not_family_names.txt")
    )


# -- names behind words that announce them ---------------------------------------------------


def confirm_introduced_name(text: str) -> str | None:
    """A name behind words that announce one: capitalised words of which the first is no ordinary
    one.
    """
    tokens = _POSSESSIVE.sub("", text).split(" ")
    end = _end_of_name(tokens, 0)
    name = tokens[:end]
    if tokens[end:] and _is_institution(tokens[end]):
        return None
    if len(name) == 1:
        return name[0] if not (_is_ordinary(name[0]) or _is_abbreviation(name[0])) else None
    if (_is_given(name[0]) and _is_only_a_name(name[0])) or not _is_ordinary(name[0]):
        return " ".join(name)
    return confirm_full_name(text)


def _is_abbreviation(word: str) -> bool:
    """Whether it is a short word without a vowel, and no family name such as `Ng`."""
    return _ABBREVIATION.fullmatch(word) is not None and word.lower() not in family_names()


def confirm_small_name(text: str) -> str | None:
    """A name in small letters behind words that announce one: a given name, and what follows is no
    ordinary word.
    """
    first, *rest = text.split(" ")
    if not _is_given(first) or not _is_only_a_name(first) or first in ordinary_words():
        return None
    if not rest:
        return first
    follows = rest[-1]
    is_short = len(follows) < 4 and not _is_given(follows)
    return first if is_short or _is_ordinary(follows) else text


def confirm_given_name(text: str) -> str | None:
    """A word that is a given name and hardly anything else."""
    if _is_abbreviation(text):
        return None
    sure = _is_given(text) and _is_only_a_name(text) and not is_place_name(text)
    return text if sure else None


def confirm_name_word(text: str) -> str | None:
    """A word that is a given name or a family name, and hardly anything else."""
    return text if confirm_given_name(text) or (_is_family(text) and len(text) > 2) else None
