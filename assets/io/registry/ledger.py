"""The audit log: a chain of hashes that every change goes into.

Belongs here: adding an entry, checking the chain. Stays out: the hashes (lineage/chain.py).
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, metadata
from assay.lineage import chain
from assay.lineage.clock_guard import Step, clock_step

ledger = sa.Table(
    "ledger", metadata,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("dataset", sa.String, nullable=False), sa.Column("details", sa.Text, nullable=False), sa.Column("previous", sa.String, nullable=False), sa.Column("hash", sa.String, nullable=False),
)  # fmt: skip

clock_doubts = sa.Table(
    "clock_doubts", metadata,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("before", sa.String, nullable=False), sa.Column("after", sa.String, nullable=False), sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("confirmed_at", sa.String),
)  # fmt: skip

ADOPTED = "policy adopted"


class Ledger:
    """The part of the registry that keeps the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, action: str, dataset: str, details: Json) -> None:
        """Write something into the audit log by itself."""
        with self._database.write() as connection:
            self.add(connection, action, dataset, details)

    def add(self, connection: sa.Connection, action: str, dataset: str, details: Json) -> None:
        """Append an entry, in a transaction that is open. A step of the clock is noted with it."""
        newest = connection.execute(
            sa.select(ledger.c.sequence, ledger.c.hash, ledger.c.at)
            .order_by(ledger.c.sequence.desc())
            .limit(1)
        ).first()
        sequence, previous = (newest[0] + 1, newest[1]) if newest else (1, chain.GENESIS)
        now, actor = self._database.now(), self._database.actor
        entry = chain.Entry(sequence, now, actor, action, dataset, details, previous)
        values = {
            "sequence": sequence,
            "at": entry.at,
            "actor": entry.actor,
            "action": action,
            "dataset": dataset,
            "details": json.dumps(details),
            "previous": previous,
            "hash": entry.hash,
        }
        connection.execute(sa.insert(ledger).values(**values))
        step = clock_step(newest[2], entry.at) if newest else None
        if step is not None:
            connection.execute(
                sa.insert(clock_doubts).values(sequence=sequence, **step_columns(step))
            )

    def check(self) -> tuple[int, str]:
        """Walk the audit log. Returns: number of entries and the head. Raises: EvidenceError: names the first entry that does not fit."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(ledger).order_by(ledger.c.sequence)).all()
        entries = (
            (
                chain.Entry(
                    row.sequence,
                    row.at,
                    row.actor,
                    row.action,
                    row.dataset,
                    json.loads(row.details),
                    row.previous,
                ),
                row.hash,
            )
            for row in rows
        )
        return len(rows), chain.check(entries)

    def heads(self) -> set[str]:
        """The hash of every entry of the log, and where it began."""
        return {chain.GENESIS, *map(str, self._database.values(sa.select(ledger.c.hash)))}

    def head(self) -> str:
        """The hash of the log's newest entry."""
        newest = sa.select(ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1)
        hashes = self._database.values(newest)
        return str(hashes[0]) if hashes else chain.GENESIS

    def adopted(self, policy: str) -> Json | None:
        """What was last adopted of that name: its digest, by whom, and the text where it is kept; None before the first."""
        newest = (
            sa.select(ledger.c.details)
            .where(ledger.c.action == ADOPTED, ledger.c.dataset == policy)
            .order_by(ledger.c.sequence.desc())
            .limit(1)
        )
        details = self._database.values(newest)
        return dict(json.loads(details[0])) if details else None


def step_columns(step: Step) -> Json:
    """A step of the clock as the columns that keep it."""
    return {"before": step.before, "after": step.after, "seconds": step.seconds}
