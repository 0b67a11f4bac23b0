"""Doubts about the clock: what is decided by time stops until an operator confirms the time.

Belongs here: reading the doubts, confirming. Stays out: which step raises one (lineage/clock_guard.py), noticing it while an entry is written (ledger.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa

from assay.assets.io.registry.database import Database
from assay.assets.io.registry.ledger import Ledger, clock_doubts, ledger, step_columns
from assay.contracts.errors import ClockError
from assay.lineage.clock_guard import Step, clock_step, doubt

CONFIRMED, SEEN = "clock confirmed", "clock seen"
WATCH = timedelta(days=7)
"""How often an installation at work notes the time, though nothing else happens: this distinguishes quiet months from a clock that jumps."""
REMEDY = "Compare it with another clock, see `assay clock`, and confirm it: assay clock confirm --today YYYY-MM-DD --why …"


class ClockDoubts:
    """The part of the registry that knows whether its clock can be trusted."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def steps(self) -> list[Step]:
        """The unconfirmed steps, oldest first; the step from the newest entry to now comes last."""
        with self._database.read() as connection:
            return self._steps(connection)

    def _steps(self, connection: sa.Connection) -> list[Step]:
        there = sa.inspect(connection).get_table_names()
        if ledger.name not in there:
            return []
        open_doubts = (
            sa.select(clock_doubts)
            .where(clock_doubts.c.confirmed_at.is_(None))
            .order_by(clock_doubts.c.sequence)
        )
        rows = connection.execute(open_doubts).all() if clock_doubts.name in there else []
        steps = [Step(row.before, row.after, row.seconds) for row in rows]
        newest = connection.execute(
            sa.select(ledger.c.at).order_by(ledger.c.sequence.desc()).limit(1)
        ).scalar()
        now = clock_step(newest, self._database.now()) if newest else None
        return [*steps, now] if now else steps

    def doubt(self) -> str | None:
        """Why the clock is in doubt; None if it is not."""
        return doubt(self.steps())

    def latest_time(self) -> datetime:
        """Now, or, while the clock is in doubt, the latest time that it has shown: what had ended then does not begin again because the clock stepped back."""
        shown = [datetime.fromisoformat(step.before) for step in self.steps()]
        return max([self._database.clock(), *shown])

    def check(self, stopped: str) -> None:
        """Raises: ClockError: the clock is in doubt, so what is `stopped` does not happen, such as 'nothing expires'."""
        with self._database.read() as connection:
            self.check_in(connection, stopped)

    def check_in(self, connection: sa.Connection, stopped: str) -> None:
        """The same, in a transaction that is open. Raises: ClockError: the clock is in doubt."""
        reason = doubt(self._steps(connection))
        if reason is not None:
            raise ClockError(f"{stopped}: {reason}", REMEDY)

    def keep_watch(self) -> None:
        """Note the time where no entry has been written for a week and the clock is not in doubt."""
        newest = sa.select(ledger.c.at).order_by(ledger.c.sequence.desc()).limit(1)
        times = self._database.values(newest)
        if (
            times
            and self._database.clock() - datetime.fromisoformat(times[0]) > WATCH
            and not self.steps()
        ):
            self._ledger.note(SEEN, "", {})

    def confirm(self, today: date, why: str) -> list[Step]:
        """Record that a person has compared the time; what is decided by it goes on.

        Args:
            today: the date as the person knows it, from elsewhere.
        Returns: the steps that were confirmed; none where the clock was not in doubt, and nothing was written.
        Raises: ClockError: the clock shows another date.
        """
        with self._database.write() as connection:
            now = self._database.clock()
            if abs((now.date() - today).days) > 1:  # the same moment is in two dates somewhere
                raise ClockError(
                    f"the clock shows {now.date()}, but --today is {today}",
                    "Correct the machine's clock first, then confirm it",
                )
            steps = self._steps(connection)
            if not steps:
                return []
            details = {"why": why, "steps": [step_columns(step) for step in steps]}
            self._ledger.add(connection, CONFIRMED, "", details)
            connection.execute(
                sa.update(clock_doubts)
                .where(clock_doubts.c.confirmed_at.is_(None))
                .values(confirmed_at=self._database.now())
            )
            return steps
