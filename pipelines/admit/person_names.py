"""Words in text -> persons' names, by a dictionary of given names and what stands around them.

Belongs here: what makes capitalised words a name. Stays out: where they are searched for
(detectors.py), a language model (presidio.py).
A given name by itself is as often a month, a town or a product: it counts before a family name, or
behind words that speak to or of somebody.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache

from assay.pipelines.core.package_data import read_lines, read_words


def _also_words() -> frozenset[str]:
    return read_words("admit/given_names_also_words.txt")


def _particles() -> frozenset[str]:
    return read_words("admit/name_particles.txt")


def _names_by_prefix(prefixes: tuple[str, ...]) -> frozenset[str]:
    """The names in Faker's lists that are called by one of the prefixes, in small letters."""
    names: set[str] = set()
    for locale in read_lines("admit/name_locales.txt"):
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            values = getattr(provider, attribute) if attribute.startswith(prefixes) else ()
            if isinstance(values, tuple | list | dict):
                names.update(str(name).lower() for name in values)
    return frozenset(names)


@cache
def given_names() -> frozenset[str]:
    """Given names, in small letters."""
    return _names_by_prefix(("first_name", "given_name"))


@cache
def family_names() -> frozenset[str]:
    """Family names, in small letters."""
    return _names_by_prefix(("last_name",))


def confirm_full_name(text: str) -> str | None:
    """The part of a run of capitalised words that is a given name, perhaps an initial, and a family
    name.
    """
    tokens = re.sub(r"['’]s\b.*$", "", text).split(" ")  # whose it is ends the name
    for start, first in enumerate(tokens[:-1]):
        if first.lower() not in given_names() or first.lower() in _particles():
            continue
        end = _end_of_name(tokens, start)
        rest = tokens[start + 1 : end]
        if rest and (_is_only_a_name(first) or _is_family_name(rest[-1])):
            return " ".join(tokens[start:end])
    return None


def _end_of_name(tokens: Sequence[str], start: int) -> int:
    """One past the last token of the name whose given name is at `start`."""
    end = start + 1
    while end < len(tokens) and _may_continue(tokens[end]):
        end += 1
    while end > start + 1 and not _may_be_family_name(tokens[end - 1]):
        end -= 1
    return end


def _may_continue(token: str) -> bool:
    is_initial = re.fullmatch(r"\w\.?", token) is not None
    return token in _particles() or is_initial or _may_be_family_name(token)


def _may_be_family_name(token: str) -> bool:
    return (
        len(token) > 2
        and token[0].isupper()
        and not token.isupper()
        and token.lower().rstrip(".") not in read_words("admit/not_family_names.txt")
    )


def _is_family_name(token: str) -> bool:
    return token.lower() in family_names() and _is_only_a_name(token)


def _is_only_a_name(token: str) -> bool:
    """Whether the word is no ordinary one too, such as `April`."""
    return token.lower() not in _also_words()


def confirm_given_name(text: str) -> str | None:
    """A word that is a given name and hardly anything else."""
    return text if text.lower() in given_names() and _is_only_a_name(text) else None
