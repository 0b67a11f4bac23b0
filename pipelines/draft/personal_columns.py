"""A profile -> the columns that hold personal data, or whose name says so.

Belongs here: how sure a draft is, and the treatment it proposes. Stays out: detecting (profile.py,
pipelines/admit).
A column that is personal as a whole is replaced as a whole: the search recognises a part of the
names and addresses only, and `redact` would publish the others. `redact` is for prose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.names import (
    flag_words,
    least_digits,
    lists_things,
    may_be_axis,
    may_hold_points,
    part_of_personal,
    perhaps_personal,
    personal_hint,
    words,
)
from assay.pipelines.admit.number_columns import MOST
from assay.pipelines.draft.findings import Found
from assay.pipelines.draft.profile import ColumnProfile, Profile

_MOSTLY = 0.5  # from this share of rows on …
_WHOLE = 0.8  # … and this share of their text, a column is of one personal kind
_LONGEST_VALUE = 64  # characters of a cell that is one value
_OFTEN = 0.2
"""From this share of rows on, short cells are of the kind that is recognised in them."""
_TOO_OFTEN = 0.1
"""From this share of rows of prose on, too many names are in it that are not recognised."""
_PROSE_WORDS, _PROSE_LENGTH = 6, 150
_PARTLY_RECOGNISED = ("name", "address")
"""Kinds without a form of their own: the search misses about half of them."""
_SURE = ("email", "iban", "card", "mac_address", "crypto_address", "secret")
"""Kinds that hardly anything else looks like: dates are read as phone numbers, codes as others."""
_OF_PERSONS = ("name", "email", "birth_date", "address")
_OF_PLACES = ("address", "coordinates")

Proposal = Literal["token", "redact", "drop"]


@dataclass(frozen=True)
class Personal:
    """What a personal column holds, how it is treated, and how that is known."""

    kind: PersonalKind
    treatment: Proposal
    evidence: str


def personal_columns(profile: Profile) -> dict[str, Personal]:
    """The columns that hold personal data, or whose name says so."""
    found = {c.name: one for c in profile.columns if (one := _personal(c)) is not None}
    found = _without_things(profile, found)
    kinds = {one.kind for one in found.values()}
    for c in profile.columns:
        kind = _kind_next_to_others(c)
        can_hold = kind and _goes_with(kind, kinds) and _can_hold(kind, c)
        if not can_hold:
            kind = part_of_personal(c.name, kinds)
            can_hold = kind and _can_be_part(c)
        if c.name not in found and kind and can_hold:
            found[c.name] = Personal(kind, "token", "its name, next to other personal columns")
    return found


def _without_things(profile: Profile, found: dict[str, Personal]) -> dict[str, Personal]:
    """The personal columns; of a table that lists things, where they are and what they are called
    is none: an airport has coordinates, and may be called after a person.

    A point in text is replaced all the same: the search of a run finds it, and would hold the run.
    """
    columns = [c for c in profile.columns if c.name in found]
    is_of_things = all(_is_of_a_thing(c, found[c.name]) for c in columns)
    if not is_of_things or not lists_things(c.name for c in profile.columns):
        return found
    return {c.name: found[c.name] for c in columns if c.found and found[c.name].kind != "name"}


def _is_of_a_thing(c: ColumnProfile, one: Personal) -> bool:
    """Whether a column can as well be where a thing is, or what it is called."""
    recognised = max((finding.rows for finding in c.found), default=0)
    is_called_after_few = one.kind == "name" and recognised < _OFTEN * c.given
    return one.kind == "coordinates" or is_called_after_few


def doubtful_columns(profile: Profile, personal: Iterable[str]) -> dict[str, str]:
    """The columns that stay as they are though something is found in them -> what is found."""
    treated = set(personal)
    return {
        c.name: shares_of_findings(c)
        for c in profile.columns
        if c.name not in treated and _findings_that_count(c)
    }


def _kind_next_to_others(c: ColumnProfile) -> PersonalKind | None:
    """What a column can be by its name where the table is about persons or places."""
    is_axis = c.kind in ("integer", "number") and may_be_axis(c.name)
    return "coordinates" if is_axis else perhaps_personal(c.name)


def _goes_with(kind: PersonalKind, others: Iterable[str]) -> bool:
    """Whether a table with columns of these kinds is about persons, or about where they are."""
    return not set(_OF_PLACES if kind == "coordinates" else _OF_PERSONS).isdisjoint(others)


def _personal(c: ColumnProfile) -> Personal | None:
    named = personal_hint(c.name)
    found = _findings_that_count(c)
    evidence = shares_of_findings(c) if found else f"the column's name says {named}"
    if named and c.given and _can_hold(named, c):
        return Personal(named, "token", evidence)
    points = c.pairs if may_hold_points(c.name) else c.points
    if c.given and max(points, c.points) >= _MOSTLY * c.given:
        return Personal("coordinates", "token", "points on a map")
    if c.format in ("ipv4", "ipv6") and "version" not in words(c.name):
        return Personal("ip_address", "token", "every value is an IP address")
    perhaps = perhaps_personal(c.name)
    if perhaps and (found or perhaps == "address") and _can_hold(perhaps, c):
        evidence = evidence if found else f"the column's name says {perhaps}"
        return Personal(perhaps, "token", evidence)
    return _by_findings(c, found, evidence) if found else None


def _by_findings(c: ColumnProfile, found: tuple[Found, ...], evidence: str) -> Personal | None:
    """The treatment where nothing but the cells tell what a column is."""
    most = max(found, key=lambda one: (one.rows, one.kind))
    kind = cast("PersonalKind", most.kind)  # detectors find these kinds only
    is_value = most.share_of_text >= _WHOLE
    if most.rows >= _MOSTLY * c.given and is_value and c.longest <= _LONGEST_VALUE:
        return Personal(kind, "token", evidence)
    partly = max((one.rows for one in found if one.kind in _PARTLY_RECOGNISED), default=0)
    if _is_prose(c) or c.nested >= _MOSTLY * c.given:
        is_safe = partly < _TOO_OFTEN * c.given
        return Personal("other", "redact" if is_safe else "drop", evidence)
    if most.rows >= _OFTEN * c.given and (partly or is_value):
        return Personal(kind, "token", evidence)
    if all(one.kind in _PARTLY_RECOGNISED for one in found):
        return None  # a town in many is called like a person: a steward decides
    if c.spaced:
        return Personal("other", "redact", evidence)
    return Personal(kind, "token", evidence) if kind in _SURE else None


def _findings_that_count(c: ColumnProfile) -> tuple[Found, ...]:
    """One long number in ten has the check digit of a card."""
    if c.kind in ("integer", "number") and all(one.rows < MOST * c.given for one in c.found):
        return ()
    return c.found


def _can_hold(kind: PersonalKind, c: ColumnProfile) -> bool:
    """Whether the cells can be of the kind that the name states: `FLAG_PHONE` holds flags, and
    `Num_Credit_Card` counts.
    """
    if c.kind in ("integer", "number"):
        digits = least_digits(kind)
        greatest = max(abs(c.low or 0), abs(c.high or 0))
        return digits is not None and greatest > 1 and greatest >= 10 ** (digits - 1)
    if c.kind in ("date", "timestamp"):
        return kind in ("birth_date", "other")
    if c.kind != "string" or _is_flag(c):
        return False
    if kind in ("name", "address"):
        return c.format != "uri" and 0 < c.lettered >= _MOSTLY * c.filled
    is_category = bool(c.values) and c.given >= 10 * len(c.values) and not c.found
    return kind in ("birth_date", "secret", "other") or not is_category


def _can_be_part(c: ColumnProfile) -> bool:
    """Whether the cells can be a part of a value, however short: neither flags nor nothing."""
    if c.kind in ("integer", "number"):
        return bool(c.given) and max(abs(c.low or 0), abs(c.high or 0)) > 1
    return bool(c.given) and c.kind != "boolean" and not _is_flag(c)


def _is_flag(c: ColumnProfile) -> bool:
    return bool(c.values) and all(
        value.strip().lower() in flag_words() or len(value.strip()) <= 1 for value, _ in c.values
    )


def _is_prose(c: ColumnProfile) -> bool:
    """Whether the cells are sentences."""
    if c.spaced < _MOSTLY * c.given:
        return False
    return c.spaces + c.given >= _PROSE_WORDS * c.given or c.longest >= _PROSE_LENGTH


def shares_of_findings(c: ColumnProfile) -> str:
    """What is found in a column, in words."""
    return ", ".join(
        _share(one, c.given) for one in sorted(c.found, key=lambda one: (-one.rows, one.kind))
    )


def _share(one: Found, given: int) -> str:
    share = percent(one.rows, given)
    if one.searched:
        return f"{one.kind} in {share} of {one.searched:,} rows that were searched"
    return f"{one.kind} in {one.rows:,} of {given:,} rows ({share})"


def percent(part: int, whole: int) -> str:
    """A share in words."""
    share = 100 * part / whole if whole else 0
    return f"{share:.0f} %" if share >= 1 else "under 1 %"
