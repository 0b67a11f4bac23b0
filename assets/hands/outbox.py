"""The outbox: what still has to reach others once a transaction is through, such as lineage, Delta's log, MLflow and webhooks.

Belongs here: the table, what is put into it and taken out. Stays out: delivering (office.py).
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from assets.hands.store import Row, Store, metadata

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String, nullable=False), sa.Column("dataset", sa.String, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False), sa.Column("delivered_at", sa.String), sa.Column("tries", sa.Integer), sa.Column("not_before", sa.String),
)  # fmt: skip


class Outbox(Store):
    """The part of the registry that remembers what has to go out."""

    def post(self, kind: str, dataset: str, payload: Row) -> None:
        """Put something into the outbox by itself."""
        with self._write() as connection:
            self._post(connection, kind, dataset, payload)

    def _post(self, connection: sa.Connection, kind: str, dataset: str, payload: Row) -> None:
        connection.execute(sa.insert(outbox).values(kind=kind, dataset=dataset, payload=payload))

    def undelivered(self) -> list[Row]:
        """What still has to go out and is not put off, the oldest first."""
        ready = sa.or_(outbox.c.not_before.is_(None), outbox.c.not_before <= self.now())
        return self._rows(sa.select(outbox).where(outbox.c.delivered_at.is_(None), ready).order_by(outbox.c.id))

    def put_off(self, entry: Row, seconds: float) -> None:
        """Try an entry again later: a receiver that does not answer is not asked each time."""
        later = (self._clock() + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        with self._write() as connection:
            connection.execute(sa.update(outbox).where(outbox.c.id == entry["id"]).values(tries=(entry["tries"] or 0) + 1, not_before=later))

    def delivered(self, entry: Row) -> None:
        """Mark one entry as gone out."""
        with self._write() as connection:
            connection.execute(sa.update(outbox).where(outbox.c.id == entry["id"]).values(delivered_at=self.now()))
