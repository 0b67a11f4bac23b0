"""How many rows may be otherwise, for a rule to state what is plainly meant.

Belongs here: shares of rows. Stays out: what is measured (profile.py), what is proposed
(columns.py).
"""

from __future__ import annotations

from collections.abc import Iterable

_DEVIATING = 0.05
"""The share of rows that may break a rule that a draft proposes."""
_LEAST_ROWS = 20
"""Of fewer rows, one that is otherwise says as much as the others."""
_STEPS = (1, 2, 5, 10)
"""Percentages that a draft states as tolerance."""
_ROOM = 1.5
"""The next delivery may have more such rows than this one."""


def is_nearly_all(rows: int, whole: int) -> bool:
    """Whether so many of the rows say what is meant by all of them."""
    if rows == whole:
        return True
    return whole >= _LEAST_ROWS and whole - rows <= _DEVIATING * whole


def tolerance_pct(deviating: Iterable[int], rows: int) -> int:
    """The percentage of rows that each rule may quarantine, with room for the next delivery.

    Args:
        deviating: rows that break each drafted rule.
    """
    most = max(deviating, default=0)
    needed = _ROOM * 100 * most / rows if rows else 0
    return next((step for step in _STEPS if step >= needed), _STEPS[-1])
