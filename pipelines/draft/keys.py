"""A profile -> the column or columns that name a row.

Belongs here: what may be a key. Stays out: counting (profile.py)."""

from __future__ import annotations

from collections.abc import Collection

from assay.pipelines.admit.names import key_hint
from assay.pipelines.draft.profile import ColumnProfile, Profile


def key_columns(profile: Profile, redacted: Collection[str] = ()) -> tuple[str, ...]:
    """The column or columns that name a row: one that is unique and looks like a key, else the
    composite that was found.
    """
    unique = [
        c
        for c in profile.columns
        if is_unique(c, profile) and may_name_rows(c, profile) and c.name not in redacted
    ]
    best = sorted(unique, key=lambda c: (not key_hint(c.name), c.kind in ("date", "timestamp")))
    return (
        (best[0].name,)
        if best
        else ()
        if set(redacted) & set(profile.composite)
        else profile.composite
    )


def is_unique(c: ColumnProfile, profile: Profile) -> bool:
    """Whether no value occurs in two rows that differ, and none is missing."""
    return (
        profile.distinct_rows > 1
        and c.given == profile.rows
        and c.distinct == profile.distinct_rows
    )


def may_name_rows(c: ColumnProfile, profile: Profile) -> bool:
    """Whether a unique column looks as if it named the rows."""
    if c.kind == "integer":  # any measure may happen to be unique
        dense = c.high - c.low < 10 * profile.rows
        return key_hint(c.name) or (c.name == profile.columns[0].name and dense)
    if c.kind == "date":  # in a few rows, any date may happen to be unique
        return c.name == profile.columns[0].name
    return c.kind == "timestamp" or (
        c.kind == "string" and c.longest <= 64 and (key_hint(c.name) or not c.spaced)
    )
