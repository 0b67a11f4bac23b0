"""Doubts about the clock: the part of the registry that stops what is decided by time, until an operator confirms the time.

Belongs here: reading the doubts, confirming. Stays out: which step raises one (lineage/clock_guard.py), noticing it while an entry is written (store.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa

from assay.assets.io.store import Store, clock_doubts, ledger, step_columns
from assay.contracts.errors import ClockError
from assay.lineage.clock_guard import Step, clock_step, doubt

CONFIRMED, SEEN = "clock confirmed", "clock seen"
WATCH = timedelta(days=7)
"""How often an installation at work notes the time, though nothing else happens: this distinguishes quiet months from a clock that jumps."""
REMEDY = "Compare it with another clock, see `assay clock`, and confirm it: assay clock confirm --today YYYY-MM-DD --why …"


class ClockDoubts(Store):
    """The part of the registry that knows whether its clock can be trusted."""

    def clock_steps(self) -> list[Step]:
        """The unconfirmed steps, oldest first; the step from the newest entry to now comes last."""
        with self.engine.connect() as connection:
            return self._clock_steps(connection)

    def _clock_steps(self, connection: sa.Connection) -> list[Step]:
        there = sa.inspect(connection).get_table_names()
        if ledger.name not in there:
            return []
        open_doubts = (
            sa.select(clock_doubts)
            .where(clock_doubts.c.confirmed_at.is_(None))
            .order_by(clock_doubts.c.sequence)
        )
        rows = (
            connection.execute(open_doubts).mappings().all() if clock_doubts.name in there else []
        )
        steps = [Step(row["before"], row["after"], row["seconds"]) for row in rows]
        newest = connection.execute(
            sa.select(ledger.c.at).order_by(ledger.c.sequence.desc()).limit(1)
        ).scalar()
        now = clock_step(newest, self.now()) if newest else None
        return [*steps, now] if now else steps

    def clock_doubt(self) -> str | None:
        """Why the clock is in doubt; None where it is not."""
        return doubt(self.clock_steps())

    def latest_time(self) -> datetime:
        """Now, or, while the clock is in doubt, the latest time that it has shown: what had ended then does not begin again because the clock stepped back."""
        return max(
            [self._clock(), *(datetime.fromisoformat(step.before) for step in self.clock_steps())]
        )

    def check_clock(self, stopped: str) -> None:
        """Raises: ClockError: the clock is in doubt, so what is `stopped` does not happen, such as 'nothing expires'."""
        with self.engine.connect() as connection:
            self._check_clock(connection, stopped)

    def _check_clock(self, connection: sa.Connection, stopped: str) -> None:
        reason = doubt(self._clock_steps(connection))
        if reason is not None:
            raise ClockError(f"{stopped}: {reason}", REMEDY)

    def keep_watch(self) -> None:
        """Note the time where no entry has been written for a week and the clock is not in doubt."""
        rows = self._rows(sa.select(ledger.c.at).order_by(ledger.c.sequence.desc()).limit(1))
        if (
            rows
            and self._clock() - datetime.fromisoformat(rows[0]["at"]) > WATCH
            and not self.clock_steps()
        ):
            with self._write() as connection:
                self._log(connection, SEEN, "", {})

    def confirm_clock(self, today: date, why: str) -> list[Step]:
        """Record that a person has compared the time; what is decided by it goes on.

        Args:
            today: the date as the person knows it, from elsewhere.
        Returns: the steps that were confirmed; none where the clock was not in doubt, and nothing was written.
        Raises: ClockError: the clock shows another date.
        """
        with self._write() as connection:
            now = self._clock()
            if abs((now.date() - today).days) > 1:  # the same moment is in two dates somewhere
                raise ClockError(
                    f"the clock shows {now.date()}, and you say that it is {today}",
                    "Set the machine's clock first, then confirm it",
                )
            steps = self._clock_steps(connection)
            if not steps:
                return []
            self._log(
                connection,
                CONFIRMED,
                "",
                {"why": why, "steps": [step_columns(step) for step in steps]},
            )
            connection.execute(
                sa.update(clock_doubts)
                .where(clock_doubts.c.confirmed_at.is_(None))
                .values(confirmed_at=self.now())
            )
            return steps
