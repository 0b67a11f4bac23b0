"""A version's rows and the groups that its contract declares -> how each group is represented, and
how the outcome falls among them.

Belongs here: shares, balance, differences. Stays out: floors for them (contracts/measures.py). A
group of fewer rows than the contract's `smallest` is neither named nor part of a measure: someone
in it could be distinguished.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assay.contracts.settings import Bias, Outcome
from assay.pipelines.core.engine import run_together

MOST = 50
"""Groups that are listed one by one; measures count all that are large enough."""
_ROWS, _POSITIVE, _JUDGED, _GROUP = "rows", "positive", "judged", "group"


@dataclass(frozen=True)
class Group:
    """One group: its share of all rows, and the share of its rows with the outcome, of those where
    it is known; None if no outcome is declared or known.
    """

    value: str | None
    rows: int
    share_pct: float
    label_pct: float | None


@dataclass(frozen=True)
class Balance:
    """One column's groups, the largest first, and what they come to; None if it is
    unknown.
    """

    column: str
    groups: tuple[Group, ...]
    unlisted: int
    suppressed: int
    """Groups that are too small to be named."""
    smallest_share_pct: float | None
    balance: float | None
    label_pct: float | None
    parity_difference: float | None
    impact_ratio: float | None


def measure(rows: pl.LazyFrame, bias: Bias) -> tuple[Balance, ...]:
    """Count each column's groups, all of them in one pass over the columns that are named."""
    counted = run_together([_counts(rows, column, bias.label) for column in bias.groups])
    return tuple(
        balance(column, counts, bias.smallest)
        for column, counts in zip(bias.groups, counted, strict=True)
    )


def _counts(rows: pl.LazyFrame, column: str, label: Outcome | None) -> pl.LazyFrame:
    group = pl.col(column).cast(pl.String).alias(_GROUP)
    if label is None:
        return rows.group_by(group).agg(
            pl.len().alias(_ROWS), pl.lit(0).alias(_POSITIVE), pl.lit(0).alias(_JUDGED)
        )
    outcome = (
        pl.col(label.column) > label.above
        if label.above is not None
        else pl.col(label.column) == pl.lit(label.equals)
    )
    return rows.group_by(group).agg(
        pl.len().alias(_ROWS), outcome.sum().alias(_POSITIVE), outcome.count().alias(_JUDGED)
    )


def balance(column: str, counts: pl.DataFrame, smallest: int) -> Balance:
    """What the counts come to.

    Args:
        counts: a row a group: `group` (text, null is a group like any other), `rows`, `positive`
            (with the outcome) and `judged` (where it is known).
        smallest: rows from which on a group is counted.
    Returns: `balance` is Pielou's evenness, entropy over its maximum: 1 where all groups are
    equally large. `parity_difference` is the highest less the lowest share of the outcome,
    `impact_ratio` the lowest over the highest; under 0.8 the latter breaks the four-fifths rule.
    Source: Pielou (1966), J. Theor. Biol. 13, 131. Dwork et al. (2012), ITCS, for parity;
    fairlearn's demographic_parity_difference and _ratio with `between_groups`. 29 CFR 1607.4 D
    (EEOC, 1978) for four fifths; Feldman et al. (2015), KDD.
    """
    total = int(counts[_ROWS].sum())
    large = counts.filter(pl.col(_ROWS) >= smallest).sort(
        [_ROWS, _GROUP], descending=[True, False], nulls_last=True
    )
    groups = [
        Group(value, size, _pct(size, total) or 0.0, _pct(positive, judged))
        for value, size, positive, judged in large.select(
            _GROUP, _ROWS, _POSITIVE, _JUDGED
        ).iter_rows()
    ]
    # an outcome that is known of a few in a large group tells of those few
    rates = [
        positive / judged
        for positive, judged in large.filter(pl.col(_JUDGED) >= smallest)
        .select(_POSITIVE, _JUDGED)
        .iter_rows()
    ]
    groups = [
        group if judged >= smallest else Group(group.value, group.rows, group.share_pct, None)
        for group, judged in zip(groups, large[_JUDGED], strict=True)
    ]
    compared = len(rates) > 1
    return Balance(
        column=column,
        groups=tuple(groups[:MOST]),
        unlisted=max(len(groups) - MOST, 0),
        suppressed=counts.height - large.height,
        smallest_share_pct=min((group.share_pct for group in groups), default=None),
        balance=_evenness(large[_ROWS].to_list()),
        label_pct=_pct(int(large[_POSITIVE].sum()), int(large[_JUDGED].sum())) if rates else None,
        parity_difference=round(max(rates) - min(rates), 6) if compared else None,
        impact_ratio=round(min(rates) / max(rates), 6) if compared and max(rates) > 0 else None,
    )


def _pct(count: int, total: int) -> float | None:
    return round(100.0 * count / total, 4) if total else None


def _evenness(sizes: Sequence[int]) -> float | None:
    if len(sizes) < 2:
        return None
    total = sum(sizes)
    entropy = -sum(size / total * math.log(size / total) for size in sizes)
    return round(entropy / math.log(len(sizes)), 6)
