"""Counts of all rows of two sketches -> claims of drift: volume, missing values, categories,
constants, schema, target, newest time.

Belongs here: what a test on samples cannot see. Stays out: distributions (sample_claims.py), texts
(text_claims.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import exp, log

import polars as pl

from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.frames import ColumnDrift
from assay.pipelines.drift import significance
from assay.pipelines.drift.claims import (
    ALL_COLUMNS,
    CONSTANT,
    LABEL,
    MISSING,
    NEW,
    NEWEST,
    SCHEMA,
    VANISHED,
    VOLUME,
    Claim,
    unmeasured,
)
from assay.pipelines.drift.sketch import Kind, Sketch


def count_claims(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """What the counts of all rows say of columns: missing values, categories, constants, schema."""
    for column in kinds:
        if column in before.missing and column in now.missing:
            yield _missing(column, before, now, policy)
    yield from _categories(before, now, policy)
    yield from _constants(before, now)
    yield from _schema(before, now, kinds, policy)


def volume_claim(before: Sketch, now: Sketch, policy: DriftPolicy, versions: int) -> Claim:
    """The change in rows, against the mean of so many versions."""
    rows = before.rows / versions
    change_pct = 100 * (now.rows - rows) / rows
    average = " on average" if versions > 1 else ""
    note = f"{rows:,.0f} rows before{average}, {now.rows:,} now ({change_pct:+.1f} %)"
    return Claim(
        ColumnDrift(ALL_COLUMNS, VOLUME, change_pct, policy.volume_change_pct, None, note),
        abs(change_pct) >= policy.volume_change_pct,
    )


def _missing(column: str, before: Sketch, now: Sketch, policy: DriftPolicy) -> Claim:
    before_pct, now_pct = before.missing_pct(column), now.missing_pct(column)
    change_pct = now_pct - before_pct
    note = f"missing in {before_pct:.2f} % of rows before, {now_pct:.2f} % now"
    chance = significance.of_shares(
        before.missing[column], before.rows, now.missing[column], now.rows
    )
    return Claim(
        ColumnDrift(column, MISSING, change_pct, policy.missing_change_pct, None, note),
        abs(change_pct) >= policy.missing_change_pct,
        chance,
    )


# -- categories and constants ----------------------------------------------------------------


def _categories(before: Sketch, now: Sketch, policy: DriftPolicy) -> Iterator[Claim]:
    """Rows with a value that the other side never had; the values themselves are not named."""
    for column in before.categories:
        if column not in now.categories:
            continue
        if column in before.bucketed or column in now.bucketed:
            if policy.new_categories:
                note = "more distinct values than are kept, so new ones cannot be detected"
                yield unmeasured(column, NEW, 0.0, note)
            continue
        old, young = before.categories[column], now.categories[column]
        if not old["rows"].sum() or not young["rows"].sum():
            continue
        unseen = young.join(old, on="value", how="anti")
        gone = old.join(young, on="value", how="anti")
        different = old.height + unseen.height
        if policy.new_categories:
            yield _new(column, unseen, gone, (old, young), different, now.rows)
        if policy.vanished_categories:
            yield _vanished(column, unseen, gone, (old, young), different, before.rows)


def _new(
    column: str,
    unseen: pl.DataFrame,
    gone: pl.DataFrame,
    sides: tuple[pl.DataFrame, pl.DataFrame],
    different: int,
    rows: int,
) -> Claim:
    """How many of the rows now have a value that was never seen before."""
    old, young = (int(side["rows"].sum()) for side in sides)
    share_pct = 100 * int(unseen["rows"].sum()) / rows
    note = f"categories never seen before: {unseen.height:,}, in {share_pct:.2f} % of rows"
    chance = significance.of_unseen(
        unseen["rows"].to_list(), gone["rows"].to_list(), old, young, different
    )
    drift = ColumnDrift(column, NEW, share_pct, 0.0, None, note)
    return Claim(drift, unseen.height > 0, chance)


def _vanished(
    column: str,
    unseen: pl.DataFrame,
    gone: pl.DataFrame,
    sides: tuple[pl.DataFrame, pl.DataFrame],
    different: int,
    rows: int,
) -> Claim:
    """How many of the rows before had a value that is not there any more."""
    old, young = (int(side["rows"].sum()) for side in sides)
    share_pct = 100 * int(gone["rows"].sum()) / rows
    note = f"categories that vanished: {gone.height:,} of {sides[0].height:,}, in {share_pct:.2f} % of rows before"
    chance = significance.of_unseen(
        gone["rows"].to_list(), unseen["rows"].to_list(), young, old, different
    )
    drift = ColumnDrift(column, VANISHED, share_pct, 0.0, None, note)
    return Claim(drift, gone.height > 0, chance)


def _constants(before: Sketch, now: Sketch) -> Iterator[Claim]:
    """Columns that had several values and have a single one now.

    A column that has none is noticed by what is missing.
    """
    for column in (*before.numbers, *before.categories):
        if column not in now.numbers and column not in now.categories:
            continue
        if before.different(column) < 2 or now.different(column) != 1:
            continue
        side = before.numbers if column in before.numbers else before.categories
        counts = side[column]["rows"]
        share = float(counts.max()) / float(counts.sum())  # type: ignore[arg-type]  # more than one value
        # by chance, all rows could have the value that was the most frequent
        chance = exp((now.rows - now.missing[column]) * log(share))
        note = f"the same value in all rows; {before.different(column):,} before"
        yield Claim(ColumnDrift(column, CONSTANT, 1.0, 1.0, None, note), True, chance)


# -- schema, target and time -----------------------------------------------------------------


def _schema(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """Columns that came, went, or changed their type; those that are compared whatever the policy
    states.
    """
    for column in dict.fromkeys([*before.schema, *now.schema, *kinds]):
        old, young = before.schema.get(column), now.schema.get(column)
        if old is None and young is None:
            yield unmeasured(column, SCHEMA, 0.0, "in neither version")
        elif old != young and (policy.schema_changes or column in kinds):
            note = _schema_note(old, young)
            yield Claim(ColumnDrift(column, SCHEMA, None, 0.0, None, note), True)
        elif kinds.get(column) == "numerical" and column not in now.numbers:
            yield unmeasured(column, SCHEMA, 0.0, f"no number in either version ({young})")


def _schema_note(old: str | None, young: str | None) -> str:
    if old is None:
        return "not in the reference version"
    return "not in the current version" if young is None else f"was {old}, is {young}"


def label_claims(before: Sketch, now: Sketch, policy: DriftPolicy) -> Iterator[Claim]:
    """The change of the share of rows whose target is true."""
    if not (before.label and now.label and before.label[0] and now.label[0]):
        return
    (labelled, true), (labelled_now, true_now) = before.label, now.label
    change_pct = 100 * (true_now / labelled_now - true / labelled)
    note = f"the target is true in {100 * true / labelled:.2f} % of rows before, {100 * true_now / labelled_now:.2f} % now"
    chance = significance.of_shares(true, labelled, true_now, labelled_now)
    yield Claim(
        ColumnDrift("target", LABEL, change_pct, policy.label_change_pct, None, note),
        abs(change_pct) >= policy.label_change_pct,
        chance,
    )


def newest_claims(now: Sketch, policy: DriftPolicy, published_at: str | None) -> Iterator[Claim]:
    """How old the newest row was when the version was published."""
    if not policy.newest or not published_at:
        return
    column, limit = policy.newest.column, policy.newest.within_hours
    if now.newest is None:
        yield Claim(ColumnDrift(column, NEWEST, None, limit, None, "no row has a time"), True)
        return
    at = datetime.fromisoformat(now.newest)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    age = (datetime.fromisoformat(published_at) - at).total_seconds() / 3600
    note = f"the newest row was {age:,.1f} hours old when the version was published"
    yield Claim(ColumnDrift(column, NEWEST, age, limit, None, note), age > limit)
