"""Text columns -> what admission's detectors find in them, counted over all rows.

Belongs here: counts; no value leaves. Stays out: the detectors (pipelines/admit), what a draft
proposes because of them (personal_columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assay.pipelines.admit import encoded_text, personal, special_categories
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import ROW


@dataclass(frozen=True)
class Found:
    """Personal data of one kind in a column: rows that hold it, and the share of their text that it
    is.
    """

    kind: str
    rows: int
    share_of_text: float


def findings(
    frame: pl.LazyFrame,
    means: Mapping[str, float],
    searched: Sequence[str],
    texts: Sequence[str],
    region: str = "global",
) -> dict[str, tuple[Found, ...]]:
    """What is found in each column: admission holds a table for a single row that is undeclared.

    Args:
        means: every column -> characters of a cell that is given, on average.
        searched: the columns in which values are searched.
        texts: those of them that may be marked as secret, or hold words of special categories.
    """
    found: dict[str, dict[str, Found]] = {}
    for name, kind, rows, chars in _counts(frame, searched, PhoneRegions(region)):
        known = found.setdefault(name, {})
        # two ways of writing one kind often meet the same rows
        if rows and (kind not in known or rows > known[kind].rows):
            share = chars / rows / max(1.0, means[name])
            known[kind] = Found(kind, rows, min(1.0, share))
    for name, kind, rows in _special(frame, list(means), texts):
        found.setdefault(name, {})[kind] = Found(kind, rows, 1.0)
    return {name: tuple(kinds.values()) for name, kinds in found.items()}


def _counts(
    frame: pl.LazyFrame, searched: Sequence[str], regions: PhoneRegions
) -> list[tuple[str, str, int, int]]:
    """Column, kind, rows and characters of what each search finds."""
    frame = frame.with_columns(pl.col(ROW).cast(pl.Int64))  # as the search counts rows
    looks = [personal.disguises(frame, searched), *personal.encoded(frame, searched)]
    disguised, *encoded = run_together(looks)
    plans = [
        *personal.spans(frame, searched, regions=regions),
        *personal.undisguised(frame, disguised, regions),
        *personal.within(pl.concat([pl.DataFrame(schema=personal.HIDDEN), *encoded]), regions),
        *(
            plan.filter(pl.col("confidence") != encoded_text.SUPERSEDED)
            for plan in encoded_text.escaped(frame, searched, regions)
        ),
    ]
    counts = run_together(
        [
            plan.group_by("column", "kind").agg(
                pl.col(ROW).n_unique().alias("rows"),
                pl.col("value").str.len_chars().sum().alias("chars"),
            )
            for plan in plans
        ]
    )
    return [row for count in counts for row in count.rows()]


def _special(
    frame: pl.LazyFrame, names: Sequence[str], texts: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Column, kind and rows of what belongs to a special category, or is marked as secret."""
    looks = run_together(special_categories.looks(frame, names, texts))
    plans = special_categories.holding(frame, texts, looks)
    counts = run_together(
        [
            plan.group_by("column", "kind").agg(pl.col(ROW).n_unique().alias("rows"))
            for plan in plans
        ]
    )
    return [row for count in counts for row in count.rows()]
