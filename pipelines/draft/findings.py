"""Text columns -> what admission's detectors find in them, counted over all rows.

Belongs here: counts; no value leaves. Stays out: the detectors (pipelines/admit), what a draft
proposes because of them (personal_columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from assay.pipelines.admit import decode, encoded_text, personal, special_categories
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.frames import ROW

_SAMPLE = 2_000
"""Rows that are searched first: a column that holds one kind throughout need not be searched on."""
_THROUGHOUT = 0.95
"""The share of a sample's cells, and of their text, that tells that a column holds one kind."""


@dataclass(frozen=True)
class Found:
    """Personal data of one kind in a column: rows that hold it, and the share of their text that it
    is. `searched` is how many rows were searched, if not all: then `rows` is estimated by them.
    """

    kind: str
    rows: int
    share_of_text: float
    searched: int | None = None


def findings(
    frame: pl.LazyFrame,
    means: Mapping[str, float],
    searched: Sequence[str],
    texts: Sequence[str],
    region: str = "global",
) -> dict[str, tuple[Found, ...]]:
    """What is found in each column: admission holds a table for a single row that is undeclared.

    Args:
        frame: `_row` and text columns.
        means: every column -> characters of a cell that is given, on average.
        searched: the columns in which values are searched.
        texts: those of them that may be marked as secret, or hold words of special categories.
    """
    regions = PhoneRegions(region)
    frame = frame.with_columns(pl.col(ROW).cast(pl.Int64))  # as the search counts rows
    rows = run(frame.select(pl.len())).item()
    first = frame.filter((pl.col(ROW) - 1) % max(1, -(-rows // _SAMPLE)) == 0)
    found = _count_findings(personal.spans_together(first, searched, regions), means)
    if rows > _SAMPLE:
        counts = [pl.col(name).count() for name in found]
        given, of_all = run(first.select(counts)), run(frame.select(counts))
        samples = {
            name: _throughout(kinds, given[name].item(), of_all[name].item())
            for name, kinds in found.items()
        }
        found = {name: kinds for name, kinds in samples.items() if kinds}
        others = [name for name in searched if name not in found]
        found |= _count_findings(personal.spans(frame, others, regions=regions), means)
    _merge(found, _count_findings(_hidden(frame, searched, regions), means))
    for name, kind, count in _special(frame, list(means), texts):
        found.setdefault(name, {})[kind] = Found(kind, count, 1.0)
    return {name: tuple(kinds.values()) for name, kinds in found.items()}


def _throughout(kinds: Mapping[str, Found], given: int, of_all: int) -> dict[str, Found]:
    """What the cells of a column are throughout, as far as a sample tells.

    Args:
        given: cells of the sample that are no null.
        of_all: those of the table.
    """
    return {
        kind: replace(one, rows=round(one.rows * of_all / given), searched=given)
        for kind, one in kinds.items()
        if one.rows >= _THROUGHOUT * given and one.share_of_text >= _THROUGHOUT
    }


def _count_findings(
    plans: Sequence[pl.LazyFrame], means: Mapping[str, float]
) -> dict[str, dict[str, Found]]:
    """Column -> kind -> what searches find."""
    counts = run_together(
        [
            plan.group_by("column", "kind").agg(
                pl.col(ROW).n_unique().alias("rows"),
                pl.col("value").str.len_chars().sum().alias("chars"),
            )
            for plan in plans
        ]
    )
    found = dict[str, dict[str, Found]]()
    for name, kind, rows, chars in (row for count in counts for row in count.iter_rows()):
        share = min(1.0, chars / rows / max(1.0, means[name]))
        _merge(found, {name: {kind: Found(kind, rows, share)}})
    return found


def _merge(found: dict[str, dict[str, Found]], others: Mapping[str, Mapping[str, Found]]) -> None:
    """Add findings to others; of one kind in one column the more frequent: two ways of writing one
    kind often meet the same rows.
    """
    for name, kinds in others.items():
        known = found.setdefault(name, {})
        for kind, one in kinds.items():
            if kind not in known or one.rows > known[kind].rows:
                known[kind] = one


def _hidden(
    frame: pl.LazyFrame, searched: Sequence[str], regions: PhoneRegions
) -> list[pl.LazyFrame]:
    """Plan the search of cells that a reader sees otherwise, or does not see, in the columns that
    have some.
    """
    if not searched:
        return []
    marks = {
        "encoded": {name: personal.may_be_encoded(name) for name in searched},
        "escaped": {name: pl.col(name).str.contains(decode.MARKS) for name in searched},
    }
    looks = [
        frame.select(mark.any().alias(name) for name, mark in of.items()) for of in marks.values()
    ]
    disguised, *marked = run_together([personal.disguises(frame, searched), *looks])
    encoded, escaped = ([name for name in searched if look[name].item()] for look in marked)
    tokens = run_together(personal.encoded(frame, encoded))
    return [
        *personal.undisguised(frame, disguised, regions),
        *personal.within(pl.concat([pl.DataFrame(schema=personal.HIDDEN), *tokens]), regions),
        *(
            plan.filter(pl.col("confidence") != encoded_text.SUPERSEDED)
            for plan in encoded_text.escaped(frame, escaped, regions)
        ),
    ]


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
