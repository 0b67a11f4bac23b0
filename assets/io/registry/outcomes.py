"""Files of outcomes: what later turned out to be true of rows that a model predicted.

Belongs here: their table. Stays out: the files (lake.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, columns, metadata
from assay.assets.io.registry.ledger import Ledger

outcomes = sa.Table(
    "outcomes", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("digest", sa.String, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("file_sha256", sa.String, nullable=False), sa.UniqueConstraint("dataset", "digest"),
)  # fmt: skip


@dataclass(frozen=True)
class OutcomesFile:
    """A file of outcomes that is in the lake. `digest` is of its content."""

    id: int
    dataset: str
    digest: str
    rows: int
    at: str
    actor: str
    file_sha256: str


class Outcomes:
    """The part of the registry that knows outcomes."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def keep(self, dataset: str, digest: str, rows: int, file_sha256: str) -> bool:
        """Note a file of outcomes that is in the lake. False: its content was noted before."""
        this = sa.and_(outcomes.c.dataset == dataset, outcomes.c.digest == digest)
        with self._database.write() as connection:
            if connection.execute(sa.select(outcomes.c.id).where(this)).first():
                return False
            row = {"dataset": dataset, "digest": digest, "rows": rows, "file_sha256": file_sha256}
            at, actor = self._database.now(), self._database.actor
            connection.execute(sa.insert(outcomes).values(**row, at=at, actor=actor))
            details = {"rows": rows, "digest": digest}
            self._ledger.add(connection, "outcomes arrived", dataset, details)
        return True

    def all(self, dataset: str) -> list[OutcomesFile]:
        """Files of outcomes, the oldest first."""
        query = sa.select(*columns(outcomes, OutcomesFile)).where(outcomes.c.dataset == dataset)
        return self._database.all(OutcomesFile, query.order_by(outcomes.c.id))
