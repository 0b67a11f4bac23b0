"""Text columns -> the smallest set of two or three that names each row.

Belongs here: which sets are tried, and whether one is more than chance. Stays out: single columns
(keys.py).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from assay.pipelines.admit.names import key_hint
from assay.pipelines.core.engine import run

if TYPE_CHECKING:
    from assay.pipelines.draft.profile import ColumnProfile

_REPEATING = 0.03
"""The share of rows that may repeat another's key by mistake."""
_SAMPLE = 20_000
_TRIED = 8
"""Columns of which sets are made."""
_BY_CHANCE = 8
"""So many pairs of rows would be equal if the columns had nothing to do with each other: that none
is, then has a probability of e^-8."""


def composite_key(
    frame: pl.LazyFrame, columns: Sequence[ColumnProfile], rows: int, distinct_rows: int
) -> tuple[str, ...]:
    """The smallest set of two or three columns that names each distinct row and does not merely
    happen to, if one of them looks like part of a key; the leftmost first.
    """
    whole = [c for c in columns if _may_be_part(c, rows)]
    if distinct_rows < 2 or any(_names_rows_alone(c, rows, distinct_rows) for c in columns):
        return ()
    ranked = sorted(whole, key=_rank)[:_TRIED]
    names = [c.name for c in columns]
    sample = run(frame.select(names).head(_SAMPLE)).unique()  # repeated rows need not be told apart
    for size in (2, 3):
        for chosen in itertools.combinations(ranked, size):
            if not any(_is_hinted(c) for c in chosen) or not _says_more_than_chance(
                [c.distinct for c in chosen], distinct_rows
            ):
                continue
            some = [c.name for c in chosen]
            if sample.select(some).n_unique() < sample.height:
                continue
            if run(frame.select(pl.struct(some).n_unique())).item() == distinct_rows:
                return tuple(name for name in names if name in some)
    return ()


def _may_be_part(c: ColumnProfile, rows: int) -> bool:
    is_whole = c.given == rows and not c.deviating
    return is_whole and c.kind != "number" and c.distinct > 1 and c.longest <= 40


def names_nearly_all_rows(c: ColumnProfile, rows: int, distinct_rows: int) -> bool:
    """Whether a column that is called like a key repeats in so few rows that these are mistakes."""
    can_be_key = c.kind in ("integer", "string") and key_hint(c.name) and not c.deviating
    repeating = distinct_rows - c.distinct
    return can_be_key and c.given == rows and repeating <= _REPEATING * distinct_rows


def _names_rows_alone(c: ColumnProfile, rows: int, distinct_rows: int) -> bool:
    if names_nearly_all_rows(c, rows, distinct_rows):
        return True
    return c.kind == "timestamp" and c.given == rows and c.distinct == distinct_rows


def _is_hinted(c: ColumnProfile) -> bool:
    return key_hint(c.name) or c.kind in ("date", "timestamp")


def _rank(c: ColumnProfile) -> tuple[bool, bool, bool]:
    return (not key_hint(c.name), c.kind not in ("date", "timestamp"), c.kind != "string")


def _says_more_than_chance(distinct: Sequence[int], rows: int) -> bool:
    """Whether columns that have nothing to do with each other would repeat in some rows.

    They can only name the rows where their values have as many combinations.
    """
    combinations = math.prod(distinct)
    if combinations < rows:
        return False
    return rows * (rows - 1) / 2 / combinations >= _BY_CHANCE
