"""Runs: who works on which data set, under which token, and whether the process is still there.

Belongs here: the lease, its fencing token, recording heartbeats, declaring a run lost. Stays out: versions (versions.py), files (lake.py).
A lease has a slot: the whole data set, or one partition of it. A newer run of the same slot takes it over; other partitions go on next to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, columns, metadata
from assay.assets.io.registry.ledger import Ledger
from assay.assets.io.registry.liveness import Worker, heartbeat, host, process, why_lost

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
)
runs = sa.Table(
    "runs", metadata,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("token", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False), sa.Column("started_at", sa.String, nullable=False), sa.Column("ended_at", sa.String), sa.Column("outcome", sa.String), sa.Column("details", sa.JSON),
    sa.Column("slot", sa.String), sa.Column("parent", sa.String), sa.Column("host", sa.String), sa.Column("process", sa.String), sa.Column("heartbeat_at", sa.String),
    sa.Column("stage", sa.String),
)  # fmt: skip


@dataclass(frozen=True)
class Lease:
    """The right to publish one data set, or one partition of it, until someone takes a newer one."""

    dataset: str
    run_id: str
    token: int
    slot: str


@dataclass(frozen=True)
class RunRecord:
    """What the registry knows of a run. An earlier Assay recorded no slot, host and process."""

    run_id: str
    dataset: str
    token: int
    actor: str
    started_at: str
    ended_at: str | None
    outcome: str | None
    details: Json | None
    slot: str | None
    parent: str | None
    host: str | None
    process: str | None
    heartbeat_at: str | None
    stage: str | None

    @property
    def worker(self) -> Worker:
        """The process that carries it out."""
        return Worker(self.host, self.process, self.stage, self.started_at, self.heartbeat_at)


_RUN = sa.select(*columns(runs, RunRecord))


def slot_of(dataset: str, partition: str | None) -> str:
    """The name of the lease. A data set's name holds no slash."""
    return f"{dataset}/{partition}" if partition else dataset


class Runs:
    """The part of the registry that knows runs."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def begin(
        self, dataset: str, run_id: str, partition: str | None = None, parent: str | None = None
    ) -> Lease:
        """Take the lease for a run, once: a later stage of the same run gets the token the first one took.

        Args:
            partition: what is leased where the data set is published partition by partition.
            parent: the run that this one is a part of, if it is.
        """
        slot = slot_of(dataset, partition)
        with self._database.read() as connection:
            lease = _taken(connection, dataset, run_id)
        if lease is not None:
            return lease
        with self._database.write() as connection:
            lease = _taken(connection, dataset, run_id)
            if lease is not None:
                return lease
            token = _next_token(connection, slot, run_id)
            now = self._database.now()
            row = {
                "run_id": run_id,
                "dataset": dataset,
                "token": token,
                "actor": self._database.actor,
                "started_at": now,
                "slot": slot,
                "parent": parent,
                "host": host(),
                "process": process(),
                "heartbeat_at": now,
            }
            connection.execute(sa.insert(runs).values(**row))
            return Lease(dataset, run_id, token, slot)

    def end(self, lease: Lease, outcome: str, details: Json) -> None:
        """Say how a run ended; a failure goes into the audit log, a publication is there already."""
        this = sa.and_(runs.c.run_id == lease.run_id, runs.c.dataset == lease.dataset)
        with self._database.write() as connection:
            ended = {"ended_at": self._database.now(), "outcome": outcome, "details": details}
            connection.execute(sa.update(runs).where(this).values(**ended))
            if outcome == "failed":
                entry = {"run_id": lease.run_id, **details}
                self._ledger.add(connection, "run failed", lease.dataset, entry)

    def newest(self, dataset: str, limit: int = 10) -> list[RunRecord]:
        """The newest runs first."""
        self._database.flush()
        query = _RUN.where(runs.c.dataset == dataset).order_by(runs.c.started_at.desc())
        return self._database.all(RunRecord, query.limit(limit))

    def ids(self, dataset: str) -> frozenset[str]:
        """Every run of a data set."""
        query = sa.select(runs.c.run_id).where(runs.c.dataset == dataset)
        return frozenset(map(str, self._database.values(query)))

    def of_run(self, run_id: str) -> list[RunRecord]:
        """What one run, or each part of it, did."""
        self._database.flush()
        this = sa.or_(runs.c.run_id == run_id, runs.c.parent == run_id)
        return self._database.all(RunRecord, _RUN.where(this))

    # -- runs that no one will end ---------------------------------------------------

    def at_work(self, dataset: str, run_id: str, stage: str | None) -> None:
        """Say which stage the run is in, None between two of them, and that its process is there. Nothing happens where the run holds no lease."""
        this = sa.and_(
            runs.c.run_id == run_id, runs.c.dataset == dataset, runs.c.ended_at.is_(None)
        )
        with self._database.write() as connection:
            here = {"host": host(), "process": process(), "heartbeat_at": self._database.now()}
            connection.execute(sa.update(runs).where(this).values(stage=stage, **here))

    @contextmanager
    def working(self, dataset: str, run_id: str, stage: str) -> Iterator[None]:
        """Have it recorded that the run's process is there, for as long as a stage takes; by whoever calls, that it begins and ends."""
        with heartbeat(dataset, lambda: self.at_work(dataset, run_id, stage)):
            yield

    def lost(self) -> list[tuple[RunRecord, str]]:
        """Runs that have not ended and never will, each with how one can tell."""
        self._database.flush()
        query = _RUN.where(runs.c.ended_at.is_(None)).order_by(runs.c.started_at)
        unended = self._database.all(RunRecord, query)
        now = self._database.clock()
        return [(run, why) for run in unended if (why := why_lost(run.worker, now))]

    def lose(self, run: RunRecord, why: str) -> bool:
        """End a run that was lost, and take its lease away, so that a process that was only asleep cannot publish for it. False: it has ended meanwhile.

        In the middle of a stage it has failed; after one it was only stopped: to land a source and go no further is no failure.
        """
        this = sa.and_(
            runs.c.run_id == run.run_id, runs.c.dataset == run.dataset, runs.c.ended_at.is_(None)
        )
        outcome = "failed" if run.stage else "stopped"
        details = {"stage": run.stage, "error": f"the run was lost: {why}"}
        with self._database.write() as connection:
            ended = {"ended_at": self._database.now(), "outcome": outcome, "details": details}
            if not connection.execute(sa.update(runs).where(this).values(**ended)).rowcount:
                return False
            slot = run.slot or run.dataset
            if newest_token(connection, slot) == run.token:
                _next_token(connection, slot, "")
            if run.stage:
                entry = {"run_id": run.run_id, **details}
                self._ledger.add(connection, "run lost", run.dataset, entry)
        return True


def _taken(connection: sa.Connection, dataset: str, run_id: str) -> Lease | None:
    """The lease that a run took before."""
    this = sa.and_(runs.c.run_id == run_id, runs.c.dataset == dataset)
    row = connection.execute(sa.select(runs.c.token, runs.c.slot).where(this)).first()
    return None if row is None else Lease(dataset, run_id, row.token, row.slot or dataset)


def newest_token(connection: sa.Connection, slot: str) -> int | None:
    """The token of whoever took the lease last."""
    query = sa.select(leases.c.token).where(leases.c.dataset == slot)
    return connection.execute(query).scalar()


def _next_token(connection: sa.Connection, slot: str, run_id: str) -> int:
    token = (newest_token(connection, slot) or 0) + 1
    connection.execute(sa.delete(leases).where(leases.c.dataset == slot))
    connection.execute(sa.insert(leases).values(dataset=slot, token=token, run_id=run_id))
    return token
