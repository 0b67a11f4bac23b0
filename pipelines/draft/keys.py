"""A profile -> the column or columns that name a row.

Belongs here: what may be a key. Stays out: counting (profile.py)."""

from __future__ import annotations

from collections.abc import Collection

from assay.pipelines.admit.names import key_hint
from assay.pipelines.draft.composite_keys import names_nearly_all_rows
from assay.pipelines.draft.profile import ColumnProfile, Profile

_BY_CHANCE = 8
"""So many pairs of moments would be equal if they were spread at random: see composite_keys.py."""


def key_columns(profile: Profile, redacted: Collection[str] = ()) -> tuple[str, ...]:
    """The column or columns that name a row: one that is unique, but for few rows, and looks like a
    key, else the composite that was found.
    """
    candidates = [
        c
        for c in profile.columns
        if c.name not in redacted
        and may_name_rows(c, profile)
        and (is_unique(c, profile) or is_nearly_unique(c, profile))
    ]
    best = min(candidates, key=lambda c: _rank(c, profile), default=None)
    if best:
        return (best.name,)
    return () if set(redacted) & set(profile.composite) else profile.composite


def _rank(c: ColumnProfile, profile: Profile) -> tuple[bool, bool, bool]:
    is_moment = c.kind in ("date", "timestamp")
    return not is_unique(c, profile), not key_hint(c.name), is_moment


def is_unique(c: ColumnProfile, profile: Profile) -> bool:
    """Whether no value occurs in two rows that differ, and none is missing."""
    return (
        profile.distinct_rows > 1
        and c.given == profile.rows
        and c.distinct == profile.distinct_rows
    )


def is_nearly_unique(c: ColumnProfile, profile: Profile) -> bool:
    """Whether a column that is called like a key repeats in so few rows that these are mistakes."""
    return names_nearly_all_rows(c, profile.rows, profile.distinct_rows)


def repeating_rows(c: ColumnProfile, profile: Profile) -> int:
    """The rows whose value another row has already."""
    return max(0, profile.distinct_rows - c.distinct)


def may_name_rows(c: ColumnProfile, profile: Profile) -> bool:
    """Whether a unique column looks as if it named the rows."""
    is_first = c.name == profile.columns[0].name
    if c.kind == "integer":  # any measure may happen to be unique
        return key_hint(c.name) or (is_first and c.high - c.low < 10 * profile.rows)
    if c.kind == "date":  # in a few rows, any date may happen to be unique
        return is_first
    if c.kind == "timestamp":
        pairs = profile.rows * (profile.rows - 1) / 2
        return c.slots is not None and pairs / c.slots >= _BY_CHANCE
    is_text = c.kind == "string" and c.longest <= 64
    return is_text and (key_hint(c.name) or (is_first and not c.spaced))
