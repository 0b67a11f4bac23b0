"""Runs: who works on which data set, under which token, and whether the process is still there.

Belongs here: the lease, its fencing token, heartbeats, declaring a run lost. Stays out: versions (versions.py), files (lake.py).
A lease has a slot: the whole data set, or one partition of it. A newer run of the same slot takes it over; other partitions go on beside it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from assay.assets.io.store import Row, Store, metadata

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

BEAT_S = 20.0
SILENCE = timedelta(
    seconds=100
)  # five beats: a run of another host that is silent for longer is lost
MAX_RUNTIME = timedelta(
    hours=6
)  # as in dagster.yaml; a stage after it is a new look at the same data


@dataclass(frozen=True)
class Lease:
    """The right to publish one data set, or one partition of it, until somebody takes a newer one."""

    dataset: str
    run_id: str
    token: int
    slot: str


def slot_of(dataset: str, partition: str | None) -> str:
    """The name of the lease. A data set's name holds no slash."""
    return f"{dataset}/{partition}" if partition else dataset


class Runs(Store):
    """The part of the registry that knows runs."""

    def begin(
        self, dataset: str, run_id: str, partition: str | None = None, parent: str | None = None
    ) -> Lease:
        """Take the lease for a run, once: a later stage of the same run gets the token the first one took.

        Args:
            partition: what is leased where the data set is published partition by partition.
            parent: the run that this one is a part of, if it is.
        """
        slot = slot_of(dataset, partition)
        this = sa.and_(runs.c.run_id == run_id, runs.c.dataset == dataset)
        with self._write() as connection:
            known = connection.execute(sa.select(runs.c.token, runs.c.slot).where(this)).first()
            if known is not None:
                return Lease(dataset, run_id, known[0], known[1] or dataset)
            token = self._next_token(connection, slot, run_id)
            here = {"host": host(), "process": process(), "heartbeat_at": self.now()}
            connection.execute(
                sa.insert(runs).values(
                    run_id=run_id,
                    dataset=dataset,
                    token=token,
                    actor=self.actor,
                    started_at=self.now(),
                    slot=slot,
                    parent=parent,
                    **here,
                )
            )
            return Lease(dataset, run_id, token, slot)

    def _next_token(self, connection: sa.Connection, slot: str, run_id: str) -> int:
        token = (
            int(
                connection.execute(
                    sa.select(leases.c.token).where(leases.c.dataset == slot)
                ).scalar()
                or 0
            )
            + 1
        )
        connection.execute(sa.delete(leases).where(leases.c.dataset == slot))
        connection.execute(sa.insert(leases).values(dataset=slot, token=token, run_id=run_id))
        return token

    def end(self, lease: Lease, outcome: str, details: Row) -> None:
        """Say how a run ended; a failure goes into the audit log, a publication is there already."""
        with self._write() as connection:
            this = sa.and_(runs.c.run_id == lease.run_id, runs.c.dataset == lease.dataset)
            connection.execute(
                sa.update(runs)
                .where(this)
                .values(ended_at=self.now(), outcome=outcome, details=details)
            )
            if outcome == "failed":
                self._log(
                    connection, "run failed", lease.dataset, {"run_id": lease.run_id, **details}
                )

    def runs(self, dataset: str, limit: int = 10) -> list[Row]:
        """The newest runs first."""
        return self._rows(
            sa.select(runs)
            .where(runs.c.dataset == dataset)
            .order_by(runs.c.started_at.desc())
            .limit(limit)
        )

    def run_ids(self, dataset: str) -> frozenset[str]:
        """Every run of a data set."""
        rows = self._rows(sa.select(runs.c.run_id).where(runs.c.dataset == dataset))
        return frozenset(str(row["run_id"]) for row in rows)

    # -- runs that nobody will end ---------------------------------------------------

    def at_work(self, dataset: str, run_id: str, stage: str | None) -> None:
        """Say which stage the run is in, None between two of them, and that its process is there. Nothing happens where the run holds no lease."""
        with self._write() as connection:
            this = sa.and_(
                runs.c.run_id == run_id, runs.c.dataset == dataset, runs.c.ended_at.is_(None)
            )
            connection.execute(
                sa.update(runs)
                .where(this)
                .values(stage=stage, heartbeat_at=self.now(), host=host(), process=process())
            )

    @contextmanager
    def working(self, dataset: str, run_id: str, stage: str) -> Iterator[None]:
        """Have it known that the run's process is there, for as long as a stage takes."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                with suppress(
                    sa.exc.OperationalError
                ):  # a database that is busy or away hears the next one
                    self.at_work(dataset, run_id, stage)

        self.at_work(dataset, run_id, stage)
        heart = threading.Thread(target=beat, name=f"heartbeat of {dataset}", daemon=True)
        heart.start()
        try:
            yield
        finally:
            done.set()
            heart.join()
        self.at_work(dataset, run_id, None)

    def lost(self) -> list[tuple[Row, str]]:
        """Runs that have not ended and never will, each with how one can tell."""
        unended = self._rows(
            sa.select(runs).where(runs.c.ended_at.is_(None)).order_by(runs.c.started_at)
        )
        return [(row, why) for row in unended if (why := why_lost(row, self._clock()))]

    def of_run(self, run_id: str) -> list[Row]:
        """What one run, or each part of it, did."""
        return self._rows(
            sa.select(runs).where(sa.or_(runs.c.run_id == run_id, runs.c.parent == run_id))
        )

    def lose(self, row: Row, why: str) -> bool:
        """End a run that was lost, and take its lease away, so that a process that was only asleep cannot publish for it. False: it has ended meanwhile.

        In the middle of a stage it has failed; after one it was only stopped: to land a source and go no further is no failure.
        """
        with self._write() as connection:
            this = sa.and_(
                runs.c.run_id == row["run_id"],
                runs.c.dataset == row["dataset"],
                runs.c.ended_at.is_(None),
            )
            outcome = "failed" if row["stage"] else "stopped"
            details = {"stage": row["stage"], "error": f"the run was lost: {why}"}
            if not connection.execute(
                sa.update(runs)
                .where(this)
                .values(ended_at=self.now(), outcome=outcome, details=details)
            ).rowcount:
                return False
            slot = row["slot"] or row["dataset"]
            if (
                connection.execute(
                    sa.select(leases.c.token).where(leases.c.dataset == slot)
                ).scalar()
                == row["token"]
            ):
                self._next_token(connection, slot, "")
            if row["stage"]:
                self._log(
                    connection, "run lost", row["dataset"], {"run_id": row["run_id"], **details}
                )
        return True


def why_lost(row: Row, now: datetime) -> str | None:
    """How one can tell that a run's process is gone; None while it may be there. A run that an earlier Assay began is judged by its time alone."""
    if row["process"] and row["host"] == host():
        silent = (
            not row["stage"] and now - datetime.fromisoformat(row["heartbeat_at"]) < SILENCE
        )  # the next stage may be starting in another process
        if not silent and not _is_there(row["process"]):
            return "its process is gone"
    elif row["heartbeat_at"] and now - datetime.fromisoformat(row["heartbeat_at"]) > SILENCE:
        return f"nothing was heard of it for {SILENCE.seconds} seconds"
    if now - datetime.fromisoformat(row["started_at"]) > MAX_RUNTIME:
        return f"it has run for more than {MAX_RUNTIME.seconds // 3600} hours"
    return None


@cache
def host() -> str:
    """This machine until it starts again: two containers of one host name have different names here only if their host says so."""
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(
            Path("/proc/self/ns/pid").readlink()
        )  # process numbers mean something within it only
    except OSError:
        booted = space = ""
    return f"{socket.gethostname()} {booted} {space}"


def process() -> str:
    """This process: its number, and when it was started, since numbers come again."""
    return f"{os.getpid()} {_started(os.getpid())}"


def _is_there(said: str) -> bool:
    number, _, started = said.partition(" ")
    return _started(int(number)) == started


def _started(number: int) -> str:
    """When a process was started, in ticks since the machine was; empty where there is none, or where it has ended and nobody has noticed."""
    try:
        fields = (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _alive(number)
    return "" if fields[0] in "ZX" else fields[19]


def _alive(number: int) -> str:
    """Without /proc: only whether the number is in use."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "?"
    return "?"
