"""Triggers: what has to be done about a version, by whom, and what came of it.

Belongs here: raising, holding and closing them. Stays out: deciding (pipelines/act), doing (assets/stages), the commit of a version (registry.py).
A trigger is raised in the transaction that makes it due, under a unique key, and closed in the transaction that switches the service over: whatever
is killed in between, it is due again or it is done. Who carries one out holds it meanwhile; one whose process is gone lets go by that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import (
    Database,
    Json,
    all_records,
    columns,
    first_record,
    inserted_id,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger
from assay.assets.io.registry.liveness import Worker, heartbeat, host, process, why_lost
from assay.assets.io.registry.versions import versions
from assay.contracts.errors import ActionError

triggers = sa.Table(
    "triggers", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False), sa.Column("raised_at", sa.String, nullable=False), sa.Column("done_at", sa.String), sa.Column("outcome", sa.JSON),
    sa.Column("cause", sa.String, server_default=""), sa.Column("actor", sa.String), sa.Column("held_by", sa.String), sa.Column("started_at", sa.String), sa.Column("heartbeat_at", sa.String),
    sa.Column("host", sa.String), sa.Column("process", sa.String), sa.Column("attempts", sa.Integer, server_default="0"),
    sa.UniqueConstraint("dataset", "version", "action", "cause"),
)  # fmt: skip

ASSAY = "assay"
MEASURE = "measure"


@dataclass(frozen=True)
class Trigger:
    """Something to be done about a version. An earlier Assay recorded neither cause nor actor."""

    id: int
    dataset: str
    version: str
    action: str
    reason: str
    raised_at: str
    done_at: str | None
    outcome: Json | None
    cause: str | None
    actor: str | None
    held_by: str | None
    started_at: str | None
    heartbeat_at: str | None
    host: str | None
    process: str | None
    attempts: int | None


_TRIGGER = sa.select(*columns(triggers, Trigger))


class Triggers:
    """The part of the registry that knows triggers."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def request(
        self,
        dataset: str,
        version: str,
        action: str,
        reason: str,
        *,
        cause: str = "",
        actor: str = ASSAY,
    ) -> int | None:
        """Request an action on a version, once: the key is unique, so a second request changes nothing.

        Returns: the number of the new trigger; None if there was one.
        """
        key = {"dataset": dataset, "version": version, "action": action, "cause": cause}
        there = [sa.func.coalesce(triggers.c[column], "") == value for column, value in key.items()]
        with self._database.write() as connection:
            if connection.execute(sa.select(triggers.c.id).where(*there)).first() is not None:
                return None
            row = {**key, "reason": reason, "raised_at": self._database.now(), "actor": actor}
            number = inserted_id(connection.execute(sa.insert(triggers).values(**row, attempts=0)))
            details = {"version": version, "reason": reason, "by": actor}
            self._ledger.add(connection, f"{action} triggered", dataset, details)
            return number

    def due(self, dataset: str, action: str, actor: str = ASSAY) -> list[Trigger]:
        """Triggers that no one has finished, and that are for this actor, the oldest first."""
        query = _TRIGGER.where(
            triggers.c.dataset == dataset,
            triggers.c.action == action,
            triggers.c.done_at.is_(None),
            sa.func.coalesce(triggers.c.actor, ASSAY) == actor,
        )
        return self._database.all(Trigger, query.order_by(triggers.c.id))

    def waiting(self) -> list[Trigger]:
        """Every trigger that no one has finished and no one alive holds, the oldest first."""
        query = _TRIGGER.where(triggers.c.done_at.is_(None)).order_by(triggers.c.id)
        return [
            trigger for trigger in self._database.all(Trigger, query) if not self._is_held(trigger)
        ]

    def all(self, dataset: str) -> list[Trigger]:
        """Every trigger of a data set, the oldest first."""
        query = _TRIGGER.where(triggers.c.dataset == dataset).order_by(triggers.c.id)
        return self._database.all(Trigger, query)

    def get(self, number: int) -> Trigger:
        """One trigger. Raises: ActionError: there is none of that number."""
        trigger = self._database.first(Trigger, _TRIGGER.where(triggers.c.id == number))
        if trigger is None:
            raise ActionError(f"there is no trigger {number}", "See `assay drift triggers`")
        return trigger

    def finish(self, trigger: Trigger, outcome: Json) -> None:
        """Close a trigger with what came of it; one that is closed stays as it was closed."""
        this = sa.and_(triggers.c.id == trigger.id, triggers.c.done_at.is_(None))
        with self._database.write() as connection:
            done = {"done_at": self._database.now(), "outcome": outcome, "held_by": None}
            if connection.execute(sa.update(triggers).where(this).values(**done)).rowcount:
                details = {"version": trigger.version, **outcome}
                self._ledger.add(connection, f"{trigger.action} done", trigger.dataset, details)

    def waiting_for_measurement(self, dataset: str, version: str) -> list[Trigger]:
        """What waits to be measured of this version and those before it; one that was published in the meantime goes on waiting."""
        order = (
            sa.select(versions.c.sequence)
            .where(versions.c.dataset == dataset, versions.c.version == version)
            .scalar_subquery()
        )
        upto = sa.select(versions.c.version).where(
            versions.c.dataset == dataset, versions.c.sequence <= order
        )
        waiting = _TRIGGER.where(
            triggers.c.dataset == dataset,
            triggers.c.action == MEASURE,
            triggers.c.done_at.is_(None),
            triggers.c.version.in_(upto),
        )
        with self._database.read() as connection:
            return all_records(connection, Trigger, waiting)

    # -- who carries one out ----------------------------------------------------------

    @contextmanager
    def holding(self, trigger: Trigger, run_id: str) -> Iterator[bool]:
        """Hold a trigger for as long as carrying it out takes. Gives: False where another process that is alive holds it, or it is done."""
        if not self._hold(trigger.id, run_id):
            yield False
            return
        held = sa.update(triggers).where(triggers.c.id == trigger.id, triggers.c.held_by == run_id)

        def beat() -> None:
            with self._database.write() as connection:
                connection.execute(held.values(heartbeat_at=self._database.now()))

        try:
            with heartbeat(f"trigger {trigger.id}", beat):
                yield True
        finally:
            with self._database.write() as connection:
                connection.execute(held.values(held_by=None))

    def _hold(self, number: int, run_id: str) -> bool:
        this = triggers.c.id == number
        with self._database.write() as connection:
            trigger = first_record(connection, Trigger, _TRIGGER.where(this))
            if trigger is None or trigger.done_at or self._is_held(trigger):
                return False
            now = self._database.now()
            holder = {
                "held_by": run_id,
                "host": host(),
                "process": process(),
                "started_at": now,
                "heartbeat_at": now,
                "attempts": (trigger.attempts or 0) + 1,
            }
            connection.execute(sa.update(triggers).where(this).values(**holder))
        return True

    def is_held_by(self, trigger: Trigger, run_id: str) -> bool:
        """Whether a run still holds a trigger that is not done."""
        query = sa.select(triggers.c.held_by, triggers.c.done_at).where(triggers.c.id == trigger.id)
        with self._database.read() as connection:
            row = connection.execute(query).one()
        return row.held_by == run_id and not row.done_at

    def _is_held(self, trigger: Trigger) -> bool:
        if not trigger.held_by or trigger.started_at is None:
            return False
        worker = Worker(
            trigger.host,
            trigger.process,
            trigger.action,
            trigger.started_at,
            trigger.heartbeat_at,
        )
        return why_lost(worker, self._database.clock()) is None
