"""The outbox: what still has to reach others once a transaction is through, such as lineage, Delta's log, MLflow and webhooks.

Belongs here: the table, what is put into it and taken out. Stays out: delivering (io/outbox_handlers.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, columns, metadata

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String, nullable=False), sa.Column("dataset", sa.String, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False), sa.Column("delivered_at", sa.String), sa.Column("tries", sa.Integer), sa.Column("not_before", sa.String),
    sa.Column("failed_since", sa.String), sa.Column("error", sa.String), sa.Column("reason", sa.Text),
)  # fmt: skip

FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 3600.0


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


class Outbox:
    """The part of the registry that remembers what has to go out."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        query = sa.select(*columns(outbox, OutboxEntry)).where(outbox.c.delivered_at.is_(None))
        return self._database.all(OutboxEntry, query.order_by(outbox.c.id))

    def is_due(self, entry: OutboxEntry) -> bool:
        """Whether an entry may be tried now. A time beyond the longest wait is a clock's mistake."""
        if entry.not_before is None:
            return True
        wait = datetime.fromisoformat(entry.not_before) - self._database.clock()
        return wait <= timedelta(0) or wait > timedelta(seconds=LONGEST_WAIT_S)

    def put_off(self, entry: OutboxEntry, error: str, reason: str) -> None:
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
