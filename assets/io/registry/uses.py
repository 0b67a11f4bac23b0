"""Who used which version for what.

Belongs here: recording a use before it happens. Stays out: whether it is allowed (pipelines/admit, services/read.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, columns, metadata
from assay.assets.io.registry.ledger import Ledger

uses = sa.Table(
    "uses", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String), sa.Column("trace_id", sa.String, index=True), sa.Column("details", sa.JSON),
)  # fmt: skip


@dataclass(frozen=True)
class Use:
    """A use of a version, or a refused one. An earlier Assay recorded no kind."""

    id: int
    dataset: str
    version: str
    purpose: str
    actor: str
    at: str
    allowed: bool
    kind: str | None
    trace_id: str | None
    details: Json | None


_USE = sa.select(*columns(uses, Use))


class Uses:
    """The part of the registry that knows uses."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def record(
        self,
        dataset: str,
        version: str,
        purpose: str,
        *,
        allowed: bool,
        kind: str = "read",
        trace_id: str | None = None,
        details: Json | None = None,
    ) -> None:
        """Record a use of a version, or a refused one, before it happens.

        Args:
            kind: `read`, `training`, `prediction`, `search`.
            trace_id: of W3C Trace Context, by which `assay lineage trace` finds it.
            details: what else belongs to it: filter rules, rows, the model.
        """
        row = {"dataset": dataset, "version": version, "purpose": purpose, "allowed": allowed}
        row |= {"kind": kind, "trace_id": trace_id, "details": details}
        entry = {"version": version, "purpose": purpose}
        if trace_id:
            entry["trace_id"] = trace_id
        if kind != "read":
            entry["kind"] = kind
        action = "opened" if allowed else "opening refused"
        with self._database.write() as connection:
            at, actor = self._database.now(), self._database.actor
            connection.execute(sa.insert(uses).values(**row, at=at, actor=actor))
            self._ledger.add(connection, action, dataset, entry)

    def all(self, dataset: str) -> list[Use]:
        """Who used which version for what."""
        return self._database.all(Use, _USE.where(uses.c.dataset == dataset).order_by(uses.c.id))

    def of_trace(self, trace_id: str) -> list[Use]:
        """The uses of one trace."""
        query = _USE.where(uses.c.trace_id == trace_id).order_by(uses.c.id)
        return self._database.all(Use, query)
