"""Texts next to a file -> the licences they name.

Belongs here: which part of a text is about the data, and what it says. Stays out: finding the files
(assets/io/license_files.py), reading licences (contracts/licenses.py), evaluating (admit/license.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from assay.contracts.licenses import Recognised, all_of, limit_in, may_mention, mentions
from assay.contracts.policy import LicensePolicy

UNKNOWN, OTHER_WORDS = "LicenseRef-unknown", "other words"
_DECLARED = re.compile(r"SPDX-License-Identifier:[ \t]*(.+)")
_FRONT_MATTER = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*\n", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n\s*\n|\n(?=\s*[#|*\-+>\d])")


@dataclass(frozen=True)
class LicenseFound:
    """An SPDX expression and where it stands; or why there is none that can be relied on."""

    expression: str
    evidence: str
    why: str
    read: Recognised | None = None
    """What the text states, also where it cannot be relied on."""


def license_of_text(text: str, policy: LicensePolicy) -> Recognised | None:
    """What the text of a licence states, all of it; None of an empty one."""
    declared = [entry.strip(" *#/\t\r->") for entry in _DECLARED.findall(text)]
    rest = _DECLARED.sub(" ", text).strip(" *#/\t\r\n->")
    read = [policy.recognise(entry) for entry in [*declared, rest] if entry]
    # of a text of tags alone, the rest says nothing; of any other, it is all there is
    return _all_of([each for each in read if each.expression or each.unread] or read)


def license_of_values(values: Iterable[str], policy: LicensePolicy) -> Recognised | None:
    """What the values of a `license` field say together."""
    return _all_of([policy.recognise(value) for value in values if value.strip()])


def license_of_prose(text: str, policy: LicensePolicy) -> Recognised | None:
    """The licences that a longer text names, with the words next to them that limit or deny; None
    if it names none.
    """
    front = _FRONT_MATTER.match(text)
    declared = [entry.strip(" *#/\t\r->") for entry in _DECLARED.findall(text)]
    prose = _DECLARED.sub(" ", text[front.end() :] if front else text)
    stated = [
        license_of_fields(front[1], policy) if front else None,
        license_of_values(declared, policy),
    ]
    keys: list[str] = []
    limits: list[str] = []
    for sentence in filter(may_mention, _SENTENCE.split(prose)):
        named, limit = mentions(_from_licence(sentence), policy.names, policy.addresses)
        keys += named
        limits += [limit] if limit else []
    read = [Recognised(key, "named in the text") for key in dict.fromkeys(keys)]
    whole = _all_of([*filter(None, stated), *read])
    return replace(whole, unread=(*whole.unread, *dict.fromkeys(limits))) if whole else None


def _from_licence(sentence: str) -> str:
    """A row of a table from the cell on that speaks of a licence; anything else as it is."""
    cells = sentence.split("|")
    first = next((number for number, cell in enumerate(cells) if may_mention(cell)), 0)
    return "|".join(cells[first:])


def _all_of(read: list[Recognised]) -> Recognised | None:
    """What holds where each of them holds.

    Of what was not read, only words that limit are quoted: the rest may name a person.
    """
    if not read:
        return None
    named = list(dict.fromkeys(each.expression for each in read if each.expression))
    parts = [limit_in(part) or OTHER_WORDS for each in read for part in each.unread]
    unread = tuple(dict.fromkeys(parts))
    return Recognised(all_of(named), read[0].how, unread, len(named) > 1)


def _license_values(data: Any, depth: int = 0) -> Iterator[str]:
    """The values of each field `license` or `licenses` in nested data."""
    if depth > 20:
        return
    if isinstance(data, list):
        for entry in data:
            yield from _license_values(entry, depth + 1)
    elif isinstance(data, dict):
        for name, value in data.items():
            if re.fullmatch(r"(?i)(?:[a-z]+:)?licen[sc]es?", str(name)):
                yield from _named_values(value)
            else:
                yield from _license_values(value, depth + 1)


def _named_values(value: Any) -> Iterator[str]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, dict):
            names = ("name", "id", "@id", "identifier", "title", "path", "url")
            entry = next((entry[name] for name in names if entry.get(name)), "")
        yield str(entry) if entry is not None else ""


def license_of_json(text: str, policy: LicensePolicy) -> Recognised | None:
    """What the `license` fields of a file of metadata say."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return license_of_values(_license_values(data), policy)


def license_of_fields(text: str, policy: LicensePolicy) -> Recognised | None:
    """What the `license` fields of a YAML text say, such as the front matter of a hub's README."""
    fields = re.findall(r"(?m)^licen[sc]es?:[ \t]*(.*(?:\n[ \t]*-[ \t].*)*)", text)
    values = [
        re.sub(r"^[ \t]*-[ \t]|[\"']", "", line) for field in fields for line in field.split("\n")
    ]
    return license_of_values(values, policy)


def about_file(text: str, file: str, policy: LicensePolicy) -> str:
    """The lines of a longer text that name the file, without its ending or with it, where one of
    them names a licence; all of it otherwise.
    """
    stem = file.partition(".")[0]
    named = [
        line
        for line in text.splitlines()
        if re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])|`{re.escape(stem)}[`/.]", line)
    ]
    hinting = filter(may_mention, named)
    has_license = any(mentions(line, policy.names, policy.addresses)[0] for line in hinting)
    return "\n".join(named) if has_license else text


def license_found(name: str, read: Recognised, denial: str = "") -> LicenseFound:
    """What can be relied on of what one text states.

    Args:
        denial: what speaks against it in a longer text; a draft asks then, while what the text
            names still counts as a witness.
    """
    if denial:
        return LicenseFound(
            UNKNOWN, name, f"{name} names {read.expression}, but states '{denial}'", read
        )
    if read.expression is None or read.unread:
        why = read.doubt or read.how
        named = f"names {read.expression}, and " if read.expression else ""
        return LicenseFound(UNKNOWN, name, f"{name} {named}is not certain: {why}", read)
    if read.several:
        several = read.expression.replace(" AND ", ", ")
        return LicenseFound(UNKNOWN, name, f"{name} names several: {several}", read)
    return LicenseFound(read.expression, name, f"found in {name}", read)
