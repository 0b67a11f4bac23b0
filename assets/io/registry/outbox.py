"""The outbox: what still has to reach others once a transaction is through, such as lineage, Delta's log, MLflow and webhooks.

Belongs here: the table, what is put into it and taken out. Stays out: delivering (io/outbox_handlers.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from assay.assets.io.registry.database import (
    Database,
    Json,
    as_row,
    columns,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger, ledger

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String, nullable=False), sa.Column("dataset", sa.String, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False), sa.Column("delivered_at", sa.String), sa.Column("tries", sa.Integer), sa.Column("not_before", sa.String),
    sa.Column("failed_since", sa.String), sa.Column("error", sa.String), sa.Column("reason", sa.Text),
)  # fmt: skip

_waits = outbox.c.delivered_at.is_(None)
sa.Index("outbox_waiting", outbox.c.id, sqlite_where=_waits, postgresql_where=_waits)
"""Nearly all entries are delivered: those that wait are found without reading them."""

FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 3600.0
MOST_WAITING = 10_000
LONGEST_LATE = timedelta(days=7)
"""More entries of one data set, or one that is late for longer, raise the alarm."""
ALARM = "deliveries overdue"


@dataclass(frozen=True)
class OutboxEntry:
    """Something that has to go out. `error` and `reason` are of its last try."""

    id: int
    kind: str
    dataset: str
    payload: Json
    tries: int | None
    not_before: str | None
    failed_since: str | None
    error: str | None
    reason: str | None


@dataclass(frozen=True)
class Overdue:
    """The alarm of a data set: how many entries wait, and since when the oldest is late."""

    dataset: str
    entries: int
    late_since: str | None
    first: int
    """The number of the oldest entry that waits: what the alarm is about, and raised for once."""


class Outbox:
    """The part of the registry that remembers what has to go out."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def post(self, kind: str, dataset: str, payload: Json) -> None:
        """Put something into the outbox by itself."""
        with self._database.write() as connection:
            self.add(connection, kind, dataset, payload)

    def add(self, connection: sa.Connection, kind: str, dataset: str, payload: Json) -> None:
        """Put something into the outbox, in a transaction that is open."""
        connection.execute(sa.insert(outbox).values(kind=kind, dataset=dataset, payload=payload))

    def undelivered(self) -> list[OutboxEntry]:
        """What still has to go out and is not put off, the oldest first."""
        return [entry for entry in self.pending() if self.is_due(entry)]

    def pending(self) -> list[OutboxEntry]:
        """What still has to go out, put off or not, the oldest first."""
        self._database.flush()
        query = sa.select(*columns(outbox, OutboxEntry)).where(_waits)
        return self._database.all(OutboxEntry, query.order_by(outbox.c.id))

    def is_due(self, entry: OutboxEntry) -> bool:
        """Whether an entry may be tried now. A time beyond the longest wait is a clock's mistake."""
        if entry.not_before is None:
            return True
        wait = datetime.fromisoformat(entry.not_before) - self._database.clock()
        return wait <= timedelta(0) or wait > timedelta(seconds=LONGEST_WAIT_S)

    def retry_later(self, entry: OutboxEntry, error: str, reason: str) -> None:
        """Note why an entry could not be delivered, and when it is tried again.

        Args:
            error: the name of the exception's class.
            reason: one sentence of ours, never a library's text.
        """
        tries = (entry.tries or 0) + 1
        wait = timedelta(seconds=min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries - 1, 20)))
        values = {
            "tries": tries,
            "not_before": (self._database.clock() + wait).isoformat(timespec="microseconds"),
            "failed_since": entry.failed_since or self._database.now(),
            "error": error,
            "reason": reason,
        }
        with self._database.write() as connection:
            this = sa.update(outbox).where(outbox.c.id == entry.id)
            connection.execute(this.values(**values))

    def delivered(self, *entries: OutboxEntry) -> None:
        """Mark entries as gone out."""
        this = outbox.c.id.in_([entry.id for entry in entries])
        with self._database.write() as connection:
            connection.execute(
                sa.update(outbox).where(this).values(delivered_at=self._database.now())
            )

    # -- the alarm --------------------------------------------------------------------

    def overdue(self) -> list[Overdue]:
        """The data sets of which too much waits, or for too long."""
        self._database.flush()
        late_since = sa.func.min(outbox.c.failed_since)
        of_dataset = (
            sa.select(
                outbox.c.dataset,
                sa.func.count().label("entries"),
                late_since.label("late_since"),
                sa.func.min(outbox.c.id).label("first"),
            )
            .where(_waits)
            .group_by(outbox.c.dataset)
            .order_by(outbox.c.dataset)
        )
        limit = (self._database.clock() - LONGEST_LATE).isoformat(timespec="microseconds")
        is_too_much = sa.or_(sa.func.count() > MOST_WAITING, late_since < limit)
        return self._database.all(Overdue, of_dataset.having(is_too_much))

    def raise_alarms(self) -> None:
        """Note in the audit log what is overdue: once for the oldest entry that waits."""
        overdue = self.overdue()
        if not overdue:
            return
        logged = sa.select(ledger.c.dataset, ledger.c.details).where(ledger.c.action == ALARM)
        with self._database.read() as connection:
            raised = {
                (row.dataset, json.loads(row.details)["first"])
                for row in connection.execute(logged)
            }
        for alarm in overdue:
            if (alarm.dataset, alarm.first) not in raised:
                self._ledger.note(ALARM, alarm.dataset, as_row(alarm))
