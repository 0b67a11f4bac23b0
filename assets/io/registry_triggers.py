"""Decisions, the triggers that follow from them, and which model serves: the part of the registry that knows what is done about a version.

Belongs here: their tables and transactions. Stays out: deciding (pipelines/act), doing (assets/stages), the commit of a version (registry.py).
A trigger is raised in the transaction that makes it due, under a unique key, and closed in the transaction that switches the service over: whatever
is killed in between, it is due again or it is done. Who carries one out holds it meanwhile; one whose process is gone lets go by that.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import sqlalchemy as sa

from assay.assets.io.runs import BEAT_S, host, process, why_lost
from assay.assets.io.store import Row, Store, metadata
from assay.contracts.errors import ActionError

triggers = sa.Table(
    "triggers", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False), sa.Column("raised_at", sa.String, nullable=False), sa.Column("done_at", sa.String), sa.Column("outcome", sa.JSON),
    sa.Column("cause", sa.String, server_default=""), sa.Column("actor", sa.String), sa.Column("held_by", sa.String), sa.Column("started_at", sa.String), sa.Column("heartbeat_at", sa.String),
    sa.Column("host", sa.String), sa.Column("process", sa.String), sa.Column("attempts", sa.Integer, server_default="0"),
    sa.UniqueConstraint("dataset", "version", "action", "cause"),
)  # fmt: skip
decisions = sa.Table(
    "decisions", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False), sa.Column("situation", sa.JSON, nullable=False),
    sa.Column("by", sa.String, nullable=False), sa.Column("cause", sa.String, nullable=False),
    sa.UniqueConstraint("dataset", "version", "cause"),
)  # fmt: skip
services = sa.Table(
    "services", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("model", sa.String, nullable=False), sa.Column("role", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("details", sa.JSON), sa.Column("at", sa.String, nullable=False), sa.Column("by", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip

Role = Literal["champion", "challenger"]
ROLES: tuple[Role, ...] = ("champion", "challenger")
ASSAY = "assay"
MEASURE = "measure"


class Acts(Store):
    """The part of the registry that knows decisions, triggers and services."""

    # -- triggers -------------------------------------------------------------------

    def raise_trigger(
        self,
        dataset: str,
        version: str,
        action: str,
        reason: str,
        *,
        cause: str = "",
        actor: str = ASSAY,
    ) -> None:
        """Ask for an action on a version, once: the key is unique, so asking again changes nothing."""
        with self._write() as connection:
            self._raise(connection, dataset, version, action, reason, cause, actor)

    def _raise(
        self,
        connection: sa.Connection,
        dataset: str,
        version: str,
        action: str,
        reason: str,
        cause: str = "",
        actor: str = ASSAY,
    ) -> int | None:
        key = {"dataset": dataset, "version": version, "action": action, "cause": cause}
        if (
            connection.execute(
                sa.select(triggers.c.id).where(
                    *(
                        sa.func.coalesce(triggers.c[name], "") == value
                        for name, value in key.items()
                    )
                )
            ).first()
            is not None
        ):
            return None
        made = connection.execute(
            sa.insert(triggers).values(
                **key, reason=reason, raised_at=self.now(), actor=actor, attempts=0
            )
        )
        self._log(
            connection,
            f"{action} triggered",
            dataset,
            {"version": version, "reason": reason, "by": actor},
        )
        return int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one

    def due(self, dataset: str, action: str, actor: str = ASSAY) -> list[Row]:
        """Triggers that nobody has finished, and that are for this actor, the oldest first."""
        where = (
            triggers.c.dataset == dataset,
            triggers.c.action == action,
            triggers.c.done_at.is_(None),
            sa.func.coalesce(triggers.c.actor, ASSAY) == actor,
        )
        return self._rows(sa.select(triggers).where(*where).order_by(triggers.c.id))

    def waiting(self) -> list[Row]:
        """Every trigger that nobody has finished and nobody alive holds, the oldest first."""
        open_ = self._rows(
            sa.select(triggers).where(triggers.c.done_at.is_(None)).order_by(triggers.c.id)
        )
        return [row for row in open_ if not self._is_held(row)]

    def triggers(self, dataset: str) -> list[Row]:
        """Every trigger of a data set, the oldest first."""
        return self._rows(
            sa.select(triggers).where(triggers.c.dataset == dataset).order_by(triggers.c.id)
        )

    def trigger(self, number: int) -> Row:
        """One trigger. Raises: ActionError: there is none of that number."""
        rows = self._rows(sa.select(triggers).where(triggers.c.id == number))
        if not rows:
            raise ActionError(f"there is no trigger {number}", "See `assay drift triggers`")
        return rows[0]

    def finish(self, trigger: Row, outcome: Row) -> None:
        """Close a trigger with what came of it."""
        with self._write() as connection:
            self._finish(connection, trigger, outcome)

    def _finish(self, connection: sa.Connection, trigger: Row, outcome: Row) -> None:
        this = sa.and_(triggers.c.id == trigger["id"], triggers.c.done_at.is_(None))
        if connection.execute(
            sa.update(triggers)
            .where(this)
            .values(done_at=self.now(), outcome=outcome, held_by=None)
        ).rowcount:
            self._log(
                connection,
                f"{trigger['action']} done",
                trigger["dataset"],
                {"version": trigger["version"], **outcome},
            )

    @contextmanager
    def holding(self, trigger: Row, run_id: str) -> Iterator[bool]:
        """Hold a trigger for as long as carrying it out takes. Gives: False where another process that is alive holds it, or it is done."""
        if not self._hold(trigger["id"], run_id):
            yield False
            return
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT_S):
                with (
                    suppress(sa.exc.OperationalError),
                    self._write() as connection,
                ):  # a database that is busy or away hears the next one
                    connection.execute(
                        sa.update(triggers)
                        .where(triggers.c.id == trigger["id"], triggers.c.held_by == run_id)
                        .values(heartbeat_at=self.now())
                    )

        heart = threading.Thread(
            target=beat, name=f"heartbeat of trigger {trigger['id']}", daemon=True
        )
        heart.start()
        try:
            yield True
        finally:
            ended.set()
            heart.join()
            with self._write() as connection:
                connection.execute(
                    sa.update(triggers)
                    .where(triggers.c.id == trigger["id"], triggers.c.held_by == run_id)
                    .values(held_by=None)
                )

    def _hold(self, number: int, run_id: str) -> bool:
        with self._write() as connection:
            row = (
                connection.execute(sa.select(triggers).where(triggers.c.id == number))
                .mappings()
                .one()
            )
            if row["done_at"] or self._is_held(dict(row)):
                return False
            here = {
                "held_by": run_id,
                "host": host(),
                "process": process(),
                "started_at": self.now(),
                "heartbeat_at": self.now(),
                "attempts": (row["attempts"] or 0) + 1,
            }
            connection.execute(sa.update(triggers).where(triggers.c.id == number).values(**here))
        return True

    def _is_held(self, row: Row) -> bool:
        return (
            bool(row["held_by"])
            and why_lost({**row, "stage": row["action"]}, self._clock()) is None
        )

    # -- decisions ------------------------------------------------------------------

    def decided(self, dataset: str, version: str, cause: str) -> Row | None:
        """The decision about a version that was made for this cause."""
        rows = self._rows(
            sa.select(decisions).where(
                decisions.c.dataset == dataset,
                decisions.c.version == version,
                decisions.c.cause == cause,
            )
        )
        return rows[0] if rows else None

    def decisions(self, dataset: str) -> list[Row]:
        """Every decision of a data set, the oldest first."""
        return self._rows(
            sa.select(decisions).where(decisions.c.dataset == dataset).order_by(decisions.c.id)
        )

    def decision(self, number: int) -> Row:
        """One decision. Raises: ActionError: there is none of that number."""
        rows = self._rows(sa.select(decisions).where(decisions.c.id == number))
        if not rows:
            raise ActionError(f"there is no decision {number}", "See `assay drift decisions`")
        return rows[0]

    def acted_at(self, dataset: str) -> list[str]:
        """When something was last decided to be done, the newest first; what steward or first model asked for counts too."""
        acting = decisions.c.action.in_(("retrain", "rebuild"))
        return [
            row["at"]
            for row in self._rows(
                sa.select(decisions.c.at)
                .where(decisions.c.dataset == dataset, acting)
                .order_by(decisions.c.id.desc())
            )
        ]

    def _decide(self, connection: sa.Connection, decision: Row) -> Row | None:
        """Keep a decision, unless there is one for its cause."""
        there = sa.select(decisions.c.id).where(
            *(decisions.c[name] == decision[name] for name in ("dataset", "version", "cause"))
        )
        if connection.execute(there).first() is not None:
            return None
        made = connection.execute(sa.insert(decisions).values(**decision, by=self.actor))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one
        details = {
            "decision": number,
            "version": decision["version"],
            "action": decision["action"],
            "rule": decision["rule"],
            "evidence": decision["situation"]["evidence"],
        }
        self._log(connection, "decided", decision["dataset"], details)
        return {**decision, "id": number, "by": self.actor}

    # -- services ---------------------------------------------------------------------

    def serving(self, dataset: str) -> dict[Role, Row]:
        """The models that serve, by role; a role that nobody has is not there."""
        newest = (
            sa.select(sa.func.max(services.c.id))
            .where(services.c.dataset == dataset)
            .group_by(services.c.role)
        )
        return {
            row["role"]: row
            for row in self._rows(sa.select(services).where(services.c.id.in_(newest)))
            if row["version"]
        }

    def services(self, dataset: str) -> list[Row]:
        """Every switch of a data set's models, the oldest first."""
        return self._rows(
            sa.select(services).where(services.c.dataset == dataset).order_by(services.c.id)
        )

    def switched(self, after: int) -> list[Row]:
        """The switches of all data sets' models since the one of that number, the oldest first."""
        return self._rows(sa.select(services).where(services.c.id > after).order_by(services.c.id))

    def _serves(self, connection: sa.Connection, dataset: str, role: str) -> str | None:
        found = connection.execute(
            sa.select(services.c.version)
            .where(services.c.dataset == dataset, services.c.role == role)
            .order_by(services.c.id.desc())
            .limit(1)
        ).scalar()
        return str(found) if found is not None else None
