"""Numbers that were seen -> round limits for a contract.

Belongs here: head-room and leading digits. Stays out: which limits are proposed (propose.py)."""

from __future__ import annotations

import math


def head_room(
    low: float, high: float, *, keeps_sign: bool = True
) -> tuple[float | None, float | None]:
    """Round limits about as far outside what was seen as it is wide; None if a limit would not fit
    its type.

    Args:
        keeps_sign: whether the limits are on the same side of zero as what was seen.

    Example: 1 and 4983 give 0 and 10,000.
    """
    width = high - low or max(abs(low), abs(high)) or 1
    if not 1e-290 <= width < math.inf or max(abs(low), abs(high)) + width >= (
        2**63 if isinstance(low, int) else 1e300
    ):
        return None, None
    step = 10.0 ** math.floor(math.log10(width))
    least = math.floor(round((low - width) / step, 6)) * step
    most = math.ceil(round((high + width) / step, 6)) * step
    if low >= 0 and keeps_sign:
        least = max(least, 0.0)
    if high <= 0 and low < 0 and keeps_sign:
        most = min(most, 0.0)
    if isinstance(low, int):
        return (round(least) if least >= -(2**63) else None), (
            round(most) if most < 2**63 else None
        )
    digits = max(0, -math.floor(math.log10(step)))
    return round(least, digits), round(most, digits)


def round_down(value: float) -> int:
    """One leading digit: 4983 gives 4000."""
    if value < 1:
        return 0
    step = 10 ** math.floor(math.log10(value))
    return int(value // step) * int(step)


def round_up(value: int) -> int:
    """The next number of a leading digit, at least a ten: 83 gives 90."""
    step = int(10 ** max(1, math.floor(math.log10(value))))
    return math.ceil(value / step) * step
