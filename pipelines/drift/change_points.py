"""A series of scores, one a version -> where it changed for good.

Belongs here: finding the versions from which on a series runs otherwise. Stays out: what the scores
are (measure.py), what follows (act/).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHORTEST = 5
"""Points of a stretch: a line and a spread need so many, and a single odd version is none."""


def change_points(series: Sequence[float | None]) -> list[int]:
    """The places, from 0, where a new stretch begins; none in fewer than two stretches' points.

    A stretch is a straight line with noise of its own; stretches are chosen together, as those of
    the largest likelihood less a penalty for each.
    Args:
        series: in order; a gap (None, NaN) is bridged by a line.
    Source: the optimal partition is that of Jackson et al. (2005), IEEE Signal Processing Letters
    12, 105; the penalty that of Zhang and Siegmund (2007), Biometrics 63, 22: 3 log n for the place
    of a change, log n for each of the three numbers that describe a stretch.
    """
    values = np.asarray([np.nan if value is None else value for value in series], dtype=float)
    known = np.flatnonzero(np.isfinite(values))
    n = len(values)
    if n < 2 * SHORTEST or len(known) < 2:
        return []
    values = np.interp(np.arange(n), known, values[known])
    if values.std() == 0:
        return []
    values = (values - values.mean()) / values.std()
    penalty = 6 * np.log(n)
    sums = _Sums(values)
    best, before = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=int)
    best[0] = -penalty
    for end in range(SHORTEST, n + 1):
        starts = np.arange(0, end - SHORTEST + 1)
        costs = best[starts] + sums.cost(starts, end) + penalty
        before[end] = starts[np.argmin(costs)]
        best[end] = costs.min()
    found, end = [], n
    while (end := int(before[end])) > 0:
        found.append(end)
    return found[::-1]


class _Sums:
    """Running sums, from which the residuals of a line through any stretch follow at once."""

    def __init__(self, values: np.ndarray) -> None:
        x = np.arange(len(values)) / len(values)
        self._sums = np.array(
            [
                np.concatenate(([0.0], np.cumsum(part)))
                for part in (values, values**2, x, x**2, x * values)
            ]
        )

    def cost(self, starts: np.ndarray, end: int) -> np.ndarray:
        """Twice the negative log likelihood of each stretch from a start to the end, but for a
        constant.
        """
        rows = end - starts
        y, yy, x, xx, xy = self._sums[:, [end]] - self._sums[:, starts]
        spread, slope = xx - x * x / rows, xy - x * y / rows
        residual = (
            yy - y * y / rows - np.where(spread > 1e-12, slope**2 / np.maximum(spread, 1e-12), 0.0)
        )
        # a thousandth of the whole's variance is as little noise as a stretch may claim: equal
        # values in a row would else be worth any number of changes
        return np.asarray(rows * np.log(np.maximum(residual / rows, 1e-3)))
