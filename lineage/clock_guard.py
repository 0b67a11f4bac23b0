"""Whether the clock can be trusted, by the times that the audit log was written at.

Belongs here: comparing two times. Stays out: reading the log, keeping doubts, confirming
(assets/io/registry/clock_doubts.py). Retention and approvals are decided by the clock, and what
expired is gone. So a step that an honest clock of an installation at work does not make puts the
clock in doubt, until a person has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_GAP = timedelta(days=40)
TOLERANCE = timedelta(seconds=2)
"""How far back a time may lie: a leap second takes one second, and hosts that NTP keeps differ by
less than another."""


@dataclass(frozen=True)
class Step:
    """A step of the clock from one entry's time to the next one's, ISO 8601 in UTC.

    `seconds` is negative where it went back.
    """

    before: str
    after: str
    seconds: float

    def __str__(self) -> str:
        verb = "steps back" if self.seconds < 0 else "jumps ahead"
        return (
            f"it {verb} by {_length(abs(self.seconds))}, "
            f"from {_minute(self.before)} to {_minute(self.after)}"
        )


def clock_step(before: str, after: str) -> Step | None:
    """The step from one time to the next, where it puts the clock in doubt.

    None if an honest clock may make it.

    Args:
        before, after: ISO 8601 with an offset from UTC.
    """
    gap = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    return (
        Step(before, after, gap.total_seconds()) if gap > LONGEST_GAP or gap < -TOLERANCE else None
    )


def doubt(steps: Sequence[Step]) -> str | None:
    """What puts the clock in doubt, in words; None if nothing does."""
    if not steps:
        return None
    more = f", and {len(steps) - 1} more" if len(steps) > 1 else ""
    return f"the clock is in doubt: {steps[0]}{more}"


def _length(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


def _minute(time: str) -> str:
    return f"{time[:10]} {time[11:16]}"
