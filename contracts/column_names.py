"""Names of columns -> the words that rules are named with, and which names are Assay's own.

Belongs here: any name, of any script. Stays out: names of data sets, which name folders.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache

from assay.contracts.data_files import table


@cache
def _reserved() -> tuple[frozenset[str], tuple[str, ...]]:
    words = table("words/reserved_columns.yaml")
    return frozenset(words["names"]), tuple(words["prefixes"])


def is_reserved(name: str) -> bool:
    """Whether Assay has columns of that name while it works on a table; case is ignored."""
    names, prefixes = _reserved()
    return name.lower() in names or name.lower().startswith(prefixes)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name without what makes it reserved, unlike those that are taken; case is ignored."""
    plain = name.strip("_") or "column"
    lowered, number, free = {other.lower() for other in taken}, 1, plain
    while free.lower() in lowered:
        number += 1
        free = f"{plain}_{number}"
    return free


def rule_names(columns: Iterable[str]) -> dict[str, str]:
    """Each column -> what represents it in the names of its rules: A-Z, a-z, 0-9 and _.

    Other characters become `_`. A name that has none of these letters, or is left the same as
    another, gets six digits of its own digest, whatever other columns come or go.
    """
    names = list(columns)
    plain = {name: rule_name(name) for name in names}
    shared = Counter(plain.values())
    return {
        name: word if name == word or (word and shared[word] == 1) else _with_digest(name, word)
        for name, word in plain.items()
    }


def _with_digest(name: str, word: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{word or 'column'}_{digest}"


def rule_name(name: str) -> str:
    """A rule's name as Dagster takes it."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
