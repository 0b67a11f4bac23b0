"""The quarantine: which rows runs have quarantined, and the signed decisions about them.

Belongs here: their tables and transactions. Stays out: the files (lake.py), what a decision takes (pipelines/validate/quarantine.py), signatures (lineage/handling.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from assay.assets.io.registry.clock_doubts import ClockDoubts
from assay.assets.io.registry.database import (
    Database,
    Json,
    as_row,
    columns,
    inserted_id,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger, ledger
from assay.assets.io.registry.outbox import Outbox

quarantines = sa.Table(
    "quarantines", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("run_id", sa.String, primary_key=True), sa.Column("kept_at", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_digest", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("sha256", sa.String, nullable=False), sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("personal", sa.JSON, nullable=False), sa.Column("expired_at", sa.String),
)  # fmt: skip
handlings = sa.Table(
    "handlings", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String), sa.Column("chosen", sa.JSON, nullable=False),
    sa.Column("covers", sa.JSON, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("why", sa.Text, nullable=False), sa.Column("by", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
_EXPIRED = "quarantine expired"

Action = Literal["release", "discard"]


@dataclass(frozen=True)
class NewQuarantine:
    """The rows that a run quarantines, before that is recorded. `personal`: columns that hold personal data."""

    dataset: str
    run_id: str
    source_digest: str
    window: str | None
    contract_digest: str
    rows: int
    sha256: str
    reasons: dict[str, int]
    personal: list[str]


@dataclass(frozen=True)
class QuarantineRecord:
    """The rows that a run has set aside: the file's digest, and how many rows broke which rule."""

    dataset: str
    run_id: str
    kept_at: str
    source_digest: str
    window: str | None
    contract_digest: str
    rows: int
    sha256: str
    reasons: dict[str, int]
    personal: list[str]
    expired_at: str | None


@dataclass(frozen=True)
class NewHandling:
    """A signed decision about quarantined rows, before it is kept."""

    dataset: str
    source_digest: str
    window: str | None
    run_id: str
    action: Action
    rule: str | None
    chosen: list[int]
    covers: Json
    rows: int
    why: str
    by: str
    at: str
    envelope: str


@dataclass(frozen=True)
class HandlingRecord:
    """A signed decision about quarantined rows: by their numbers (`chosen`) or by a rule."""

    id: int
    dataset: str
    source_digest: str
    window: str | None
    run_id: str
    action: Action
    rule: str | None
    chosen: list[int]
    covers: Json
    rows: int
    why: str
    by: str
    at: str
    envelope: str


class Quarantine:
    """The part of the registry that knows the quarantine."""

    def __init__(self, database: Database, log: Ledger, clock: ClockDoubts, outbox: Outbox) -> None:
        self._database, self._ledger = database, log
        self._clock_doubts, self._outbox = clock, outbox

    def keep(self, record: NewQuarantine) -> None:
        """Note the rows that a run quarantines, before their file is moved in; the same run notes them once."""
        this = sa.and_(
            quarantines.c.dataset == record.dataset, quarantines.c.run_id == record.run_id
        )
        with self._database.write() as connection:
            connection.execute(sa.delete(quarantines).where(this))
            row = {**as_row(record), "kept_at": self._database.now()}
            connection.execute(sa.insert(quarantines).values(**row))

    def all(self, dataset: str) -> list[QuarantineRecord]:
        """What runs of a data set have quarantined, the oldest first."""
        query = sa.select(*columns(quarantines, QuarantineRecord))
        query = query.where(quarantines.c.dataset == dataset)
        order = (quarantines.c.kept_at, quarantines.c.run_id)
        return self._database.all(QuarantineRecord, query.order_by(*order))

    def of_run(self, dataset: str, run_id: str) -> QuarantineRecord:
        """What one run has quarantined. Raises: LookupError: it has quarantined nothing."""
        query = sa.select(*columns(quarantines, QuarantineRecord)).where(
            quarantines.c.dataset == dataset, quarantines.c.run_id == run_id
        )
        record = self._database.first(QuarantineRecord, query)
        if record is None:
            raise LookupError(run_id)
        return record

    def unexpired(self, dataset: str, kept_before: str) -> list[QuarantineRecord]:
        """The quarantines that were kept before a time and have not expired, the oldest first."""
        query = sa.select(*columns(quarantines, QuarantineRecord)).where(
            quarantines.c.dataset == dataset,
            quarantines.c.expired_at.is_(None),
            quarantines.c.kept_at <= kept_before,
        )
        order = (quarantines.c.kept_at, quarantines.c.run_id)
        return self._database.all(QuarantineRecord, query.order_by(*order))

    def expired(self, dataset: str) -> list[str]:
        """The runs whose quarantine has expired."""
        query = sa.select(quarantines.c.run_id).where(
            quarantines.c.dataset == dataset, quarantines.c.expired_at.is_not(None)
        )
        return [str(run) for run in self._database.values(query)]

    def handle(self, decision: NewHandling) -> HandlingRecord:
        """Keep a signed decision about quarantined rows, with its entry in the audit log, and the outbox that carries it out."""
        logged = ("run_id", "source_digest", "rule", "chosen", "rows", "why")
        row = as_row(decision)
        with self._database.write() as connection:
            if decision.action == "discard":
                self._clock_doubts.check_in(connection, "nothing is discarded")
            number = inserted_id(connection.execute(sa.insert(handlings).values(**row)))
            details = {**{key: row[key] for key in logged}, "decision": number}
            action = f"quarantine {decision.action}"
            self._ledger.add(connection, action, decision.dataset, details)
            payload = {"decision": number}
            self._outbox.add(connection, "quarantine", decision.dataset, payload)
        return HandlingRecord(id=number, **row)

    def handlings(self, dataset: str) -> list[HandlingRecord]:
        """The decisions about a data set's quarantined rows, the oldest first."""
        query = sa.select(*columns(handlings, HandlingRecord))
        query = query.where(handlings.c.dataset == dataset)
        return self._database.all(HandlingRecord, query.order_by(handlings.c.id))

    def expire(self, dataset: str, run_id: str, why: str) -> bool:
        """Note that a run's quarantine has expired; the outbox signs that, then removes the file.

        Returns: False where it had expired already.
        """
        this = sa.and_(
            quarantines.c.dataset == dataset,
            quarantines.c.run_id == run_id,
            quarantines.c.expired_at.is_(None),
        )
        with self._database.write() as connection:
            self._clock_doubts.check_in(connection, "nothing expires")
            expired = sa.update(quarantines).values(expired_at=self._database.now())
            if not connection.execute(expired.where(this)).rowcount:
                return False
            self._ledger.add(connection, _EXPIRED, dataset, {"run_id": run_id, "why": why})
            self._outbox.add(connection, "quarantine_expiry", dataset, {"run_id": run_id})
        return True

    def expired_in_log(self, dataset: str) -> set[str]:
        """The runs whose quarantine has expired, as the audit log has it."""
        query = sa.select(ledger.c.details).where(
            ledger.c.action == _EXPIRED, ledger.c.dataset == dataset
        )
        return {str(json.loads(text)["run_id"]) for text in self._database.values(query)}
