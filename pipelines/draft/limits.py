"""How the numbers of a column spread -> the limits that a draft proposes.

Belongs here: which ends are limited, and why. Stays out: measuring (spreads.py), round numbers
(round_numbers.py).
"""

from __future__ import annotations

from typing import Any

from assay.pipelines.draft.column_meanings import grows, is_code, may_be_negative, natural_range
from assay.pipelines.draft.profile import ColumnProfile
from assay.pipelines.draft.round_numbers import head_room
from assay.pipelines.draft.writer import WithReason

_LEAST_FOR_FLAGS = 20
_EXACT = 2.0**53


def limits(c: ColumnProfile, rows: int) -> dict[str, WithReason]:
    """`minimum` and `maximum` of a column of numbers, each with its reason; none that values which
    grow with time would reach.
    """
    spread = c.spread
    if spread is None or max(abs(spread.low), abs(spread.high)) >= _EXACT:
        return {}
    low, high = _as(c.kind, spread.low), _as(c.kind, spread.high)
    if c.distinct == 2 and (low, high) == (0, 1) and c.given >= _LEAST_FOR_FLAGS:
        return _both(0, 1, "a flag")
    if natural := natural_range(c.name, low, high):
        return _both(*natural, f"all that '{c.name}' can be, seen {_shown(low)} … {_shown(high)}")
    if is_code(c.name) or c.distinct < 2:
        return {}
    is_signed = may_be_negative(c.name) or low < 0
    least, most = head_room(low, high, keeps_sign=not is_signed)
    if spread.moves:  # where values go, no limit but zero is known
        least, most = (None if is_signed else _as(c.kind, 0.0)), None
    is_counter = grows(c.name) or (c.kind == "integer" and c.distinct == c.given == rows)
    chosen = {}
    if least is not None and not spread.is_open_below:
        chosen["minimum"] = WithReason(least, _why(low, spread.far_below, "below"))
    if most is not None and not spread.is_open_above and not is_counter:
        chosen["maximum"] = WithReason(most, _why(high, spread.far_above, "above"))
    return chosen


def _both(low: int, high: int, why: str) -> dict[str, WithReason]:
    return {"minimum": WithReason(low, why), "maximum": WithReason(high, why)}


def _why(seen: Any, far: int, side: str) -> str:
    beyond = f"; {far:,} rows are far {side} it: check them" if far else ""
    return f"seen {_shown(seen)}{beyond}"


def _as(kind: str, value: float) -> Any:
    return int(value) if kind == "integer" else value


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
