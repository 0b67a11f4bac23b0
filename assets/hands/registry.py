"""The registry: which versions exist, and everything decided about them.

Belongs here: tables, transactions, the fencing token, the audit log, the outbox. Stays out: files (lake.py), deciding (pipelines/).
One transaction is the commit point of a version: it checks the token, and writes version, log entry and outbox together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from contracts.errors import ConfigurationError, PublicationError, Where
from lineage import chain

Row = dict[str, Any]

metadata = sa.MetaData()
leases = sa.Table(
    "leases", metadata, sa.Column("dataset", sa.String, primary_key=True), sa.Column("token", sa.Integer, nullable=False), sa.Column("run_id", sa.String, nullable=False)
)
runs = sa.Table(
    "runs", metadata,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("token", sa.Integer, nullable=False),
    sa.Column("actor", sa.String, nullable=False), sa.Column("started_at", sa.String, nullable=False), sa.Column("ended_at", sa.String), sa.Column("outcome", sa.String), sa.Column("details", sa.JSON),
)  # fmt: skip
versions = sa.Table(
    "versions", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("published_at", sa.String, nullable=False), sa.Column("note", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
    sa.UniqueConstraint("dataset", "version"), sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip
checks = sa.Table(
    "checks", metadata,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("rule", sa.String, primary_key=True),
    sa.Column("passed", sa.Boolean), sa.Column("failing", sa.BigInteger, nullable=False), sa.Column("total", sa.BigInteger, nullable=False), sa.Column("severity", sa.String, nullable=False),
)  # fmt: skip
reviews = sa.Table(
    "reviews", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False), sa.Column("asked_at", sa.String, nullable=False), sa.Column("asked_by", sa.String),
    sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip
approvals = sa.Table(
    "approvals", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("review_id", sa.Integer, nullable=False), sa.Column("approver", sa.String, nullable=False),
    sa.Column("decision", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
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
derived = sa.Table(
    "derived", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("version", sa.String, primary_key=True), sa.Column("kind", sa.String, primary_key=True),
    sa.Column("made_at", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False),
)  # fmt: skip
triggers = sa.Table(
    "triggers", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False), sa.Column("raised_at", sa.String, nullable=False), sa.Column("done_at", sa.String), sa.Column("outcome", sa.JSON),
    sa.UniqueConstraint("dataset", "version", "action"),
)  # fmt: skip
outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String, nullable=False), sa.Column("dataset", sa.String, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False), sa.Column("delivered_at", sa.String),
)  # fmt: skip
uses = sa.Table(
    "uses", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("allowed", sa.Boolean, nullable=False),
)  # fmt: skip
ledger = sa.Table(
    "ledger", metadata,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("dataset", sa.String, nullable=False), sa.Column("details", sa.Text, nullable=False), sa.Column("previous", sa.String, nullable=False), sa.Column("hash", sa.String, nullable=False),
)  # fmt: skip

ADOPTED = "policy adopted"
_LOCK = 0x455341  # 'ESA': one advisory lock for creating tables and for appending to the log


@dataclass(frozen=True)
class Lease:
    """The right to publish one data set, until somebody takes a newer one."""

    dataset: str
    run_id: str
    token: int


class Registry:
    """Opened on a SQLAlchemy URL: SQLite in rollback-journal mode, or Postgres."""

    def __init__(self, url: str, clock: Callable[[], datetime], actor: str) -> None:
        self._clock, self.actor = clock, actor
        try:
            self.engine = sa.create_engine(url, poolclass=sa.NullPool)  # a connection a transaction: nothing stays open between stages or across processes
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
            raise ConfigurationError(
                "the registry's URL is not one", "Set ASSAY_REGISTRY_URL to sqlite:///path or postgresql+psycopg://…", Where(file="ASSAY_REGISTRY_URL")
            ) from None
        if self.engine.dialect.name == "sqlite":
            _careful_sqlite(self.engine)

    def create(self) -> None:
        """Make the tables and columns that are not there; processes that start together wait for each other."""
        with self._write() as connection:
            metadata.create_all(connection)
            there = sa.inspect(connection)
            for table in metadata.sorted_tables:
                known = {column["name"] for column in there.get_columns(table.name)}
                for column in table.columns:
                    if column.name not in known:  # an installation of an earlier Assay; what is new may be null
                        connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {column.type.compile(self.engine.dialect)}"))

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self.engine.connect().execution_options(assay_write=True) as connection, connection.begin():
            if self.engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def now(self) -> str:
        """The registry's time, ISO 8601 in UTC."""
        return self._clock().isoformat(timespec="microseconds")

    # -- runs and the token -----------------------------------------------------

    def begin(self, dataset: str, run_id: str) -> Lease:
        """Take the lease for a run, once: a later stage of the same run gets the token the first one took."""
        with self._write() as connection:
            known = connection.execute(sa.select(runs.c.token).where(runs.c.run_id == run_id, runs.c.dataset == dataset)).scalar()
            if known is not None:
                return Lease(dataset, run_id, known)
            token = (connection.execute(sa.select(leases.c.token).where(leases.c.dataset == dataset)).scalar() or 0) + 1
            connection.execute(sa.delete(leases).where(leases.c.dataset == dataset))
            connection.execute(sa.insert(leases).values(dataset=dataset, token=token, run_id=run_id))
            connection.execute(sa.insert(runs).values(run_id=run_id, dataset=dataset, token=token, actor=self.actor, started_at=self.now()))
            return Lease(dataset, run_id, token)

    def end(self, lease: Lease, outcome: str, details: Row) -> None:
        """Say how a run ended; a failure goes into the audit log, a publication is there already."""
        with self._write() as connection:
            this = sa.and_(runs.c.run_id == lease.run_id, runs.c.dataset == lease.dataset)
            connection.execute(sa.update(runs).where(this).values(ended_at=self.now(), outcome=outcome, details=details))
            if outcome == "failed":
                self._log(connection, "run failed", lease.dataset, {"run_id": lease.run_id, **details})

    def runs(self, dataset: str, limit: int = 10) -> list[Row]:
        """The newest runs first."""
        return self._rows(sa.select(runs).where(runs.c.dataset == dataset).order_by(runs.c.started_at.desc()).limit(limit))

    # -- versions -----------------------------------------------------------------

    def publish(self, lease: Lease, version: Row, outbox_rows: list[tuple[str, Row]], found: list[Row]) -> Row:
        """The commit point.

        Args:
            version: the row of `versions`, without `published_at`.
            outbox_rows: (kind, payload) of what must follow.
            found: the rows of `checks`.
        Returns: the version now registered for these inputs: this one, or the one that was there already.
        Raises: PublicationError: a newer run holds the lease; nothing was written but the refusal in the audit log.
        """
        with self._write() as connection:
            token = connection.execute(sa.select(leases.c.token).where(leases.c.dataset == lease.dataset)).scalar()
            if token != lease.token:
                self._log(connection, "publication refused", lease.dataset, {"run_id": lease.run_id, "token": lease.token, "newest_token": token})
                stale = True
            else:
                stale = False
                there = connection.execute(sa.select(versions).where(versions.c.dataset == lease.dataset, versions.c.input_key == version["input_key"])).mappings().first()
                if there:
                    return dict(there)
                version = {**version, "published_at": self.now()}
                connection.execute(sa.insert(versions).values(**version))
                self._keep_checks(connection, lease, found)
                self._log(
                    connection, "published", lease.dataset, {"version": version["version"], "run_id": lease.run_id, "rows": version["rows"], "input_key": version["input_key"]}
                )
                connection.execute(sa.insert(outbox), [{"kind": kind, "dataset": lease.dataset, "payload": payload} for kind, payload in outbox_rows])
        if stale:
            raise PublicationError("a newer run of this data set has started, so this one may not publish", "Nothing to do: the newer run publishes", Where(dataset=lease.dataset))
        return version

    def by_inputs(self, dataset: str, input_key: str) -> Row | None:
        """The version made from these inputs, if there is one."""
        return next(iter(self._rows(sa.select(versions).where(versions.c.dataset == dataset, versions.c.input_key == input_key))), None)

    def versions(self, dataset: str) -> list[Row]:
        """All versions, the oldest first; order is by sequence, never by clock."""
        return self._rows(sa.select(versions).where(versions.c.dataset == dataset).order_by(versions.c.sequence))

    def version(self, dataset: str, version: str | None = None) -> Row | None:
        """One version, or the newest."""
        query = sa.select(versions).where(versions.c.dataset == dataset).order_by(versions.c.sequence.desc()).limit(1)
        return next(iter(self._rows(query.where(versions.c.version == version) if version else query)), None)

    def keep_checks(self, lease: Lease, found: list[Row]) -> None:
        """Keep the checks of a run that may not publish."""
        with self._write() as connection:
            self._keep_checks(connection, lease, found)

    def _keep_checks(self, connection: sa.Connection, lease: Lease, found: list[Row]) -> None:
        connection.execute(sa.delete(checks).where(checks.c.run_id == lease.run_id, checks.c.dataset == lease.dataset))
        if found:
            connection.execute(sa.insert(checks), [{**row, "run_id": lease.run_id, "dataset": lease.dataset} for row in found])

    def checks(self, dataset: str, run_id: str) -> list[Row]:
        """The checks of one run."""
        return self._rows(sa.select(checks).where(checks.c.dataset == dataset, checks.c.run_id == run_id).order_by(checks.c.rule))

    # -- reviews ------------------------------------------------------------------

    def ask(self, dataset: str, input_key: str, reasons: list[str]) -> Row:
        """The review of these inputs, asked for now if nobody has."""
        with self._write() as connection:
            query = sa.select(reviews).where(reviews.c.dataset == dataset, reviews.c.input_key == input_key)
            there = connection.execute(query).mappings().first()
            if there is None:
                connection.execute(sa.insert(reviews).values(dataset=dataset, input_key=input_key, reasons=reasons, asked_at=self.now(), asked_by=self.actor))
                self._log(connection, "held for review", dataset, {"input_key": input_key, "reasons": reasons})
                there = connection.execute(query).mappings().one()
            elif there["asked_by"] is None:  # asked by an earlier Assay, which did not note by whom
                connection.execute(sa.update(reviews).where(reviews.c.id == there["id"]).values(asked_by=self.actor))
            return {**there, "asked_by": there["asked_by"] or self.actor}

    def approve(self, review: Row, approver: str, decision: str, envelope: str) -> None:
        """Keep a signed decision on a review."""
        with self._write() as connection:
            connection.execute(sa.insert(approvals).values(review_id=review["id"], approver=approver, decision=decision, at=self.now(), envelope=envelope))
            self._log(connection, f"review {decision}", review["dataset"], {"review": review["id"], "input_key": review["input_key"], "approver": approver})

    def approvals(self, review_id: int) -> list[Row]:
        """The signed decisions on a review, the oldest first."""
        return self._rows(sa.select(approvals).where(approvals.c.review_id == review_id).order_by(approvals.c.id))

    def adopted(self, what: str) -> Row | None:
        """What was last adopted of that name, as the audit log has it: its digest, by whom, and the text where it is kept; None before the first."""
        rows = self._rows(sa.select(ledger.c.details).where(ledger.c.action == ADOPTED, ledger.c.dataset == what).order_by(ledger.c.sequence.desc()).limit(1))
        return dict(json.loads(rows[0]["details"])) if rows else None

    def note(self, action: str, dataset: str, details: Row) -> None:
        """Write something into the audit log by itself."""
        with self._write() as connection:
            self._log(connection, action, dataset, details)

    def reviews(self) -> list[Row]:
        """All reviews, the oldest first."""
        return self._rows(sa.select(reviews).order_by(reviews.c.id))

    # -- the quarantine --------------------------------------------------------------

    def keep_quarantine(self, row: Row) -> None:
        """Note the rows that a run sets aside, before their file is moved in; the same run notes them once."""
        with self._write() as connection:
            where = sa.and_(quarantines.c.dataset == row["dataset"], quarantines.c.run_id == row["run_id"])
            connection.execute(sa.delete(quarantines).where(where))
            connection.execute(sa.insert(quarantines).values(**row, kept_at=self.now()))

    def quarantines(self, dataset: str) -> list[Row]:
        """What runs of a data set have set aside, the oldest first."""
        return self._rows(sa.select(quarantines).where(quarantines.c.dataset == dataset).order_by(quarantines.c.kept_at, quarantines.c.run_id))

    def handle(self, decision: Row) -> Row:
        """Keep a signed decision about quarantined rows, with its entry in the audit log, and the outbox that carries it out."""
        with self._write() as connection:
            made = connection.execute(sa.insert(handlings).values(**decision))
            number = int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one
            details = {**{key: decision[key] for key in ("run_id", "source_digest", "rule", "chosen", "rows", "why")}, "decision": number}
            self._log(connection, f"quarantine {decision['action']}", decision["dataset"], details)
            connection.execute(sa.insert(outbox).values(kind="quarantine", dataset=decision["dataset"], payload={"decision": number}))
        return {**decision, "id": number}

    def handlings(self, dataset: str) -> list[Row]:
        """The decisions about a data set's quarantined rows, the oldest first."""
        return self._rows(sa.select(handlings).where(handlings.c.dataset == dataset).order_by(handlings.c.id))

    def expire_quarantine(self, dataset: str, run_id: str, why: str) -> None:
        """Note that a run's quarantine is gone from the disk."""
        with self._write() as connection:
            this = sa.and_(quarantines.c.dataset == dataset, quarantines.c.run_id == run_id)
            connection.execute(sa.update(quarantines).where(this).values(expired_at=self.now()))
            self._log(connection, "quarantine expired", dataset, {"run_id": run_id, "why": why})

    # -- what is made from versions -------------------------------------------------

    def keep_derived(self, dataset: str, version: str, kind: str, details: Row) -> None:
        """Remember what was made from a version (`features`, `drift`, `model`, `index`); made again, it replaces."""
        with self._write() as connection:
            where = sa.and_(derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == kind)
            connection.execute(sa.delete(derived).where(where))
            connection.execute(sa.insert(derived).values(dataset=dataset, version=version, kind=kind, made_at=self.now(), details=details))
            self._log(connection, f"{kind} made", dataset, {"version": version})

    def derived(self, dataset: str, version: str, kind: str) -> Row | None:
        """The details of what was made from a version."""
        rows = self._rows(sa.select(derived.c.details).where(derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == kind))
        return rows[0]["details"] if rows else None

    def in_service(self, dataset: str, kind: str) -> Row | None:
        """The newest model or index whose judgement put it in service: its version and details."""
        query = sa.select(derived).join(versions, sa.and_(versions.c.dataset == derived.c.dataset, versions.c.version == derived.c.version))
        rows = self._rows(query.where(derived.c.dataset == dataset, derived.c.kind == kind).order_by(versions.c.sequence.desc()))
        return next((row for row in rows if row["details"].get("accepted")), None)

    # -- triggers -------------------------------------------------------------------

    def raise_trigger(self, dataset: str, version: str, action: str, reason: str) -> None:
        """Ask for an action on a version, once: the key is unique, so asking again changes nothing."""
        with self._write() as connection:
            where = sa.and_(triggers.c.dataset == dataset, triggers.c.version == version, triggers.c.action == action)
            if connection.execute(sa.select(triggers.c.id).where(where)).first() is None:
                connection.execute(sa.insert(triggers).values(dataset=dataset, version=version, action=action, reason=reason, raised_at=self.now()))
                self._log(connection, f"{action} triggered", dataset, {"version": version, "reason": reason})

    def due(self, dataset: str, action: str) -> list[Row]:
        """Triggers nobody has finished, the oldest first."""
        where = (triggers.c.dataset == dataset, triggers.c.action == action, triggers.c.done_at.is_(None))
        return self._rows(sa.select(triggers).where(*where).order_by(triggers.c.id))

    def finish(self, trigger: Row, outcome: Row) -> None:
        """Close a trigger with what came of it."""
        with self._write() as connection:
            connection.execute(sa.update(triggers).where(triggers.c.id == trigger["id"]).values(done_at=self.now(), outcome=outcome))
            self._log(connection, f"{trigger['action']} done", trigger["dataset"], {"version": trigger["version"], **outcome})

    def triggers(self, dataset: str) -> list[Row]:
        """Every trigger of a data set, the oldest first."""
        return self._rows(sa.select(triggers).where(triggers.c.dataset == dataset).order_by(triggers.c.id))

    # -- the outbox -----------------------------------------------------------------

    def post(self, kind: str, dataset: str, payload: Row) -> None:
        """Put something into the outbox by itself."""
        with self._write() as connection:
            connection.execute(sa.insert(outbox).values(kind=kind, dataset=dataset, payload=payload))

    def undelivered(self) -> list[Row]:
        """What still has to go out, the oldest first."""
        return self._rows(sa.select(outbox).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id))

    def delivered(self, entry: Row) -> None:
        """Mark one entry as gone out."""
        with self._write() as connection:
            connection.execute(sa.update(outbox).where(outbox.c.id == entry["id"]).values(delivered_at=self.now()))

    # -- uses and the audit log -------------------------------------------------------

    def use(self, dataset: str, version: str, purpose: str, *, allowed: bool) -> None:
        """Record a read, or a refused one, before it happens."""
        with self._write() as connection:
            connection.execute(sa.insert(uses).values(dataset=dataset, version=version, purpose=purpose, actor=self.actor, at=self.now(), allowed=allowed))
            self._log(connection, "opened" if allowed else "opening refused", dataset, {"version": version, "purpose": purpose})

    def uses(self, dataset: str) -> list[Row]:
        """Who opened which version for what."""
        return self._rows(sa.select(uses).where(uses.c.dataset == dataset).order_by(uses.c.id))

    def check_log(self) -> tuple[int, str]:
        """Walk the audit log. Returns: number of entries and the head. Raises: EvidenceError: names the first entry that does not fit."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(ledger).order_by(ledger.c.sequence)).mappings().all()
        entries = ((chain.Entry(r["sequence"], r["at"], r["actor"], r["action"], r["dataset"], json.loads(r["details"]), r["previous"]), r["hash"]) for r in rows)
        return len(rows), chain.check(entries)

    def head(self) -> str:
        """The hash of the log's newest entry."""
        rows = self._rows(sa.select(ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1))
        return rows[0]["hash"] if rows else chain.GENESIS

    def _log(self, connection: sa.Connection, action: str, dataset: str, details: Row) -> None:
        newest = connection.execute(sa.select(ledger.c.sequence, ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1)).first()
        sequence, previous = (newest[0] + 1, newest[1]) if newest else (1, chain.GENESIS)
        entry = chain.Entry(sequence, self.now(), self.actor, action, dataset, details, previous)
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


def _careful_sqlite(engine: sa.Engine) -> None:
    """Rollback journal and full sync: many hosts' SQLite can corrupt a WAL (versions before 3.51.3), and a commit must survive power loss."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins, not the driver
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # a writer takes the lock at once: two that read first and write later would fail instead of waiting
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("assay_write") else "BEGIN")
