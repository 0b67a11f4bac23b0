"""Texts that many rows have -> the vocabulary that is meant, without what is rare in it.

Belongs here: which values are usual, and whether all of them were there from early on. Stays out:
whether an enumeration is proposed (columns.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assay.pipelines.core.engine import run
from assay.pipelines.draft.cells import COLUMN, QUARTERS, ROWS, TEXT, Cells

FEW = 20
"""Distinct texts that make an enumeration."""
_RARE = 0.01
"""The share of rows that the values outside a vocabulary may have together."""
_EARLY = 0.9
"""The share of usual values that the first quarter of the rows must have."""
_OFTEN = 10
"""So many times as often as any rare value, a usual value occurs."""


@dataclass(frozen=True)
class Vocabulary:
    """The usual values of a column with their rows; the rows and number of the rare ones.

    `is_settled` where nearly all usual values came early, and all before the middle of the table
    and after: a new one may come in the next delivery otherwise.
    """

    values: tuple[tuple[str, int], ...]
    rare_rows: int
    rare_values: int
    is_settled: bool


def vocabularies(some: Cells, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Texts of the columns with their rows, in each quarter too, in order of the text."""
    if not names:
        return {}
    held = run(
        some.of(names).group_by(COLUMN, TEXT).agg(pl.col(ROWS, *QUARTERS).sum()).sort(COLUMN, TEXT)
    )
    return {
        some.names[key[0]]: texts
        for key, texts in held.partition_by(COLUMN, as_dict=True, include_key=False).items()
    }


def usual_values(texts: pl.DataFrame, given: int) -> Vocabulary | None:
    """The vocabulary of a column that has few values often; None if it has none.

    Args:
        texts: as `vocabularies` returns them.
        given: rows that have a value.
    """
    ordered = texts.sort(ROWS, TEXT, descending=[True, False])
    rows = ordered[ROWS].to_list()
    kept = _cut(rows, given)
    if not 1 < kept <= FEW or given < _OFTEN * kept:
        return None
    usual = ordered.head(kept)
    return Vocabulary(
        values=tuple(usual.sort(TEXT).select(TEXT, ROWS).iter_rows()),
        rare_rows=sum(rows[kept:]),
        rare_values=len(rows) - kept,
        is_settled=_is_settled(usual),
    )


def _is_settled(usual: pl.DataFrame) -> bool:
    first, second, third, fourth = (pl.col(name) for name in QUARTERS)
    came = usual.select(
        early=(first > 0).mean(),
        before=(first + second > 0).all(),
        after=(third + fourth > 0).all(),
    ).row(0, named=True)
    return bool(came["early"] >= _EARLY and came["before"] and came["after"])


def _cut(rows: Sequence[int], given: int) -> int:
    """How many of the values are usual: all, or those before a fall to a tenth where the others
    have hardly any row.
    """
    for kept in range(1, min(len(rows), FEW + 1)):
        is_fall = rows[kept - 1] >= _OFTEN * rows[kept]
        if is_fall and sum(rows[kept:]) <= _RARE * given:
            return kept
    return len(rows)
