"""How probable a difference would be if nothing had changed, and what to make of many such answers.

Belongs here: p-values on all rows, from counts and summaries; their correction. Stays out: whether
a difference matters (measure.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, sqrt
from typing import Literal

import numpy as np
import polars as pl

RARE = 5  # expected rows under which categories are counted together, as a chi-squared test needs


def of_numbers(before: pl.DataFrame, now: pl.DataFrame) -> float:
    """Kolmogorov and Smirnov's test of two summaries (`value` in order, `rows`).

    Many equal values make it more careful than it states. Source: Smirnov (1948), Annals of
    Mathematical Statistics 19, 279.
    """
    from scipy.stats import kstwobign

    if not before.height or not now.height:
        return 1.0
    at = np.union1d(before["value"].to_numpy(), now["value"].to_numpy())
    reached = []
    for side in (before, now):
        rows = np.cumsum(side["rows"].to_numpy())
        place = np.searchsorted(side["value"].to_numpy(), at, side="right")
        reached.append(np.where(place > 0, rows[np.maximum(place, 1) - 1], 0) / rows[-1])
    n, m = float(before["rows"].sum()), float(now["rows"].sum())
    return float(kstwobign.sf(np.max(np.abs(reached[0] - reached[1])) * sqrt(n * m / (n + m))))


def of_categories(before: pl.DataFrame, now: pl.DataFrame) -> float:
    """Pearson's chi-squared test of two tables of `value` and `rows`; rare values are counted
    together.
    """
    from scipy.stats import chi2

    counts = (
        before.join(now, on="value", how="full", coalesce=True)
        .select(pl.col("rows", "rows_right").fill_null(0))
        .to_numpy()
        .astype(float)
    )
    n, m = counts.sum(axis=0)
    if not n or not m:
        return 1.0
    rare = counts.sum(axis=1) * min(n, m) / (n + m) < RARE
    table = np.vstack([counts[~rare], counts[rare].sum(axis=0)]) if rare.any() else counts
    table = table[table.sum(axis=1) > 0]
    if len(table) < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), [n, m]) / (n + m)
    return float(chi2.sf(((table - expected) ** 2 / expected).sum(), len(table) - 1))


def of_shares(first: int, rows: int, second: int, rows_now: int) -> float:
    """Whether two shares are one: the pooled normal test, with Yates' correction."""
    share = (first + second) / (rows + rows_now)
    spread = sqrt(share * (1 - share) * (1 / rows + 1 / rows_now))
    if not spread:
        return 1.0
    apart = max(0.0, abs(first / rows - second / rows_now) - 0.5 * (1 / rows + 1 / rows_now))
    return erfc(apart / spread / sqrt(2))


def of_unseen(
    here: Sequence[int], there: Sequence[int], rows_there: int, rows_here: int, different: int
) -> float:
    """How probable it is, if both sides are drawn from the same rows, that values are on one side
    alone as these are.

    Args:
        here: rows of each value that only this side has. there: of each that only the other has.
            different: values on both sides together.
    Two questions, corrected for being two: whether a value of several rows could have all of them
    here, which is a share to their power, asked of the most telling of all values; and whether so
    many of the values of a single row could be here, which is binomial. Fisher (1935), The Design
    of Experiments.
    """
    from scipy.stats import binom

    if not here:
        return 1.0
    share = rows_here / (rows_here + rows_there)
    several = min(1.0, different * share ** max(here))
    once, others = sum(rows == 1 for rows in here), sum(rows == 1 for rows in there)
    singles = float(binom.sf(once - 1, once + others, share)) if once else 1.0
    return min(1.0, 2 * min(several, singles))


def of_area(area: float, n: int, m: int) -> float:
    """Whether an area under the curve is more than the 0.5 of chance.

    Source: Mann and Whitney (1947), Annals of Mathematical Statistics 18, 50.
    """
    return erfc((area - 0.5) / sqrt((n + m + 1) / (12 * n * m)) / sqrt(2)) / 2


def corrected_for_many_tests(
    p_values: Sequence[float], how: Literal["benjamini-hochberg", "bonferroni", "none"]
) -> list[float]:
    """Each p-value made as large as the number of questions asks for: compared with a level as if it
    had been the only one.

    Bonferroni bounds the chance of any false alarm; Benjamini and Hochberg (1995, JRSS B 57) the
    share of false ones among the alarms, and the same chance where nothing has drifted.
    """
    count = len(p_values)
    if how == "none" or not count:
        return list(p_values)
    if how == "bonferroni":
        return [min(1.0, value * count) for value in p_values]
    values = np.asarray(p_values)
    order = np.argsort(values)
    steps = np.minimum.accumulate((values[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    made = np.empty(count)
    made[order] = np.minimum(steps, 1.0)
    return [float(value) for value in made]
