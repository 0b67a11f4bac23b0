"""Numbers in cells -> how they spread, without what is far from the rest, and whether they grow.

Belongs here: shares of rows, all columns at once. Stays out: which limits are proposed
(columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assay.pipelines.core.engine import run
from assay.pipelines.draft.cells import COLUMN, QUARTERS, ROWS, Cells

_TAIL = 0.01
"""The share of rows at each end that does not say how wide a column is."""
_FAR = 10
"""So many widths beyond nearly all rows, a value is far from them."""
_GAP = 5
"""A far value is apart where it is so many times the greatest one that is not; else it belongs to
a long tail."""
_SHIFT = 0.5
"""Quartile ranges between the middles of two quarters of the rows, in a column that moves."""
_SHARES = {"tail": _TAIL, "lower": 0.25, "upper": 0.75, "head": 1 - _TAIL}


@dataclass(frozen=True)
class Spread:
    """The least and the greatest value near the others, and what is beyond them.

    `far` counts the rows that are far and apart; an end is `open` where values thin out and no
    limit is plain, and `moves` where one quarter of the rows lies elsewhere than another.
    """

    low: float
    high: float
    far_below: int = 0
    far_above: int = 0
    is_open_below: bool = False
    is_open_above: bool = False
    moves: bool = False


def spreads(some: Cells, kinds: Mapping[str, str]) -> dict[str, Spread]:
    """How the numbers of each column spread.

    Args:
        kinds: the columns that hold numbers -> `integer` or `number`.
    """
    if not kinds:
        return {}
    numbers = (
        some.of(list(kinds))
        .select(COLUMN, pl.col("number").cast(pl.Float64).alias("value"), ROWS, *QUARTERS)
        .filter(pl.col("value").is_not_null())
        .group_by(COLUMN, "value")
        .agg(pl.col(ROWS, *QUARTERS).sum())
        .sort(COLUMN, "value")
    )
    held = run(numbers)
    quantiles = held.lazy().with_columns(
        pl.col(ROWS).cum_sum().over(COLUMN).alias("below"),
        *(pl.col(name).cum_sum().over(COLUMN).alias(f"{name} below") for name in QUARTERS),
    )
    ends = quantiles.group_by(COLUMN).agg(
        *(_quantile("below", share).alias(name) for name, share in _SHARES.items()),
        *(_quantile(f"{name} below", 0.5).alias(f"{name} middle") for name in QUARTERS),
    )
    width = pl.col("head") - pl.col("tail")
    value, rows = pl.col("value"), pl.col(ROWS)
    is_low = value < pl.col("tail") - _FAR * width
    is_high = value > pl.col("head") + _FAR * width
    measured = run(
        held.lazy()
        .join(ends, on=COLUMN)
        .group_by(COLUMN)
        .agg(
            value.filter(~is_low & ~is_high).min().alias("low"),
            value.filter(~is_low & ~is_high).max().alias("high"),
            value.filter(is_low).max().alias("next_below"),
            value.filter(is_high).min().alias("next_above"),
            rows.filter(is_low).sum().alias("far_below"),
            rows.filter(is_high).sum().alias("far_above"),
            pl.col(*_SHARES, *(f"{name} middle" for name in QUARTERS)).first(),
        )
    )
    return {some.names[row[COLUMN]]: _spread(row) for row in measured.iter_rows(named=True)}


def _quantile(below: str, share: float) -> pl.Expr:
    reached = pl.col(below) >= share * pl.col(below).max()
    return pl.col("value").filter(reached & (pl.col(below) > 0)).first()


def _spread(m: Mapping[str, float]) -> Spread:
    low, high = m["low"], m["high"]
    is_constant = m["head"] == m["tail"]  # nearly all rows are equal: the others say little
    is_open = {
        "below": _is_open(m["next_below"], low, high, is_constant=is_constant),
        "above": _is_open(m["next_above"], high, low, is_constant=is_constant),
    }
    return Spread(
        low,
        high,
        0 if is_open["below"] else int(m["far_below"]),
        0 if is_open["above"] else int(m["far_above"]),
        is_open["below"],
        is_open["above"],
        _moves(m),
    )


def _is_open(beyond: float | None, end: float, other: float, *, is_constant: bool) -> bool:
    """Whether the values beyond an end belong to a long tail: they are not apart from the rest."""
    if beyond is None:
        return False
    return is_constant or abs(beyond) < _GAP * max(abs(end), abs(end - other))


def _moves(m: Mapping[str, float]) -> bool:
    middles = [m[f"{name} middle"] for name in QUARTERS if m[f"{name} middle"] is not None]
    shift = max(middles) - min(middles)
    return shift > _SHIFT * (m["upper"] - m["lower"])
