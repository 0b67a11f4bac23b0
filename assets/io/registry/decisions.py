"""Decisions: what was decided about a version, and why.

Belongs here: their table. Stays out: deciding (pipelines/act), the triggers that follow (triggers.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import (
    Database,
    Json,
    as_row,
    columns,
    inserted_id,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger
from assay.contracts.errors import ActionError

decisions = sa.Table(
    "decisions", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False), sa.Column("situation", sa.JSON, nullable=False),
    sa.Column("by", sa.String, nullable=False), sa.Column("cause", sa.String, nullable=False),
    sa.UniqueConstraint("dataset", "version", "cause"),
)  # fmt: skip


@dataclass(frozen=True)
class NewDecision:
    """A decision before it is kept. `cause`: what it was decided for, once a version."""

    dataset: str
    version: str
    at: str
    action: str
    rule: str
    reason: str
    situation: Json
    cause: str


@dataclass(frozen=True)
class DecisionRecord:
    """A decision as it is kept."""

    id: int
    dataset: str
    version: str
    at: str
    action: str
    rule: str
    reason: str
    situation: Json
    by: str
    cause: str


_DECISION = sa.select(*columns(decisions, DecisionRecord))


class Decisions:
    """The part of the registry that knows decisions."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def of_cause(self, dataset: str, version: str, cause: str) -> DecisionRecord | None:
        """The decision about a version that was created for this cause."""
        query = _DECISION.where(
            decisions.c.dataset == dataset,
            decisions.c.version == version,
            decisions.c.cause == cause,
        )
        return self._database.first(DecisionRecord, query)

    def all(self, dataset: str) -> list[DecisionRecord]:
        """Every decision of a data set, the oldest first."""
        query = _DECISION.where(decisions.c.dataset == dataset).order_by(decisions.c.id)
        return self._database.all(DecisionRecord, query)

    def get(self, number: int) -> DecisionRecord:
        """One decision. Raises: ActionError: there is none of that number."""
        query = _DECISION.where(decisions.c.id == number)
        decision = self._database.first(DecisionRecord, query)
        if decision is None:
            raise ActionError(f"there is no decision {number}", "See `assay drift decisions`")
        return decision

    def acted_at(self, dataset: str) -> list[str]:
        """When something was last decided to be done, the newest first; what a steward or a first model requested counts too."""
        acting = decisions.c.action.in_(("retrain", "rebuild"))
        query = sa.select(decisions.c.at).where(decisions.c.dataset == dataset, acting)
        return [str(at) for at in self._database.values(query.order_by(decisions.c.id.desc()))]

    def add(self, connection: sa.Connection, decision: NewDecision) -> DecisionRecord:
        """Keep a decision, in a transaction that is open."""
        row = {**as_row(decision), "by": self._database.actor}
        number = inserted_id(connection.execute(sa.insert(decisions).values(**row)))
        details = {
            "decision": number,
            "version": decision.version,
            "action": decision.action,
            "rule": decision.rule,
            "evidence": decision.situation["evidence"],
        }
        self._ledger.add(connection, "decided", decision.dataset, details)
        return DecisionRecord(id=number, **row)
