"""The registry: which versions exist, and everything decided about them.

Belongs here: the commit of a version with its fencing token, what is made from versions, uses. Stays out: its other parts (runs.py, versions.py, acts.py, indexes.py,
reviews.py, outbox.py), files (lake.py), deciding (pipelines/).
One transaction is the commit point of a version: it checks the token, and writes version, log entry and outbox together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from assay.assets.io.indexes import Indexes
from assay.assets.io.key_records import KeyRecords
from assay.assets.io.outbox import Outbox
from assay.assets.io.registry_triggers import MEASURE, Acts, Role, services, triggers
from assay.assets.io.reviews import Reviews
from assay.assets.io.runs import Lease, Runs, leases
from assay.assets.io.store import Row, ledger, metadata
from assay.assets.io.versions import AGAIN, LATEST, PUBLISHED, Versions, moves, versions
from assay.contracts.errors import PublicationError, Where
from assay.lineage import chain

__all__ = ["Lease", "Registry", "Row"]

checks = sa.Table(
    "checks", metadata,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("rule", sa.String, primary_key=True),
    sa.Column("passed", sa.Boolean), sa.Column("failing", sa.BigInteger, nullable=False), sa.Column("total", sa.BigInteger, nullable=False), sa.Column("severity", sa.String, nullable=False),
)  # fmt: skip
derived = sa.Table(
    "derived", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("version", sa.String, primary_key=True), sa.Column("kind", sa.String, primary_key=True),
    sa.Column("made_at", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False),
)  # fmt: skip
uses = sa.Table(
    "uses", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("version", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String), sa.Column("trace_id", sa.String, index=True), sa.Column("details", sa.JSON),
)  # fmt: skip
outcomes = sa.Table(
    "outcomes", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("digest", sa.String, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("file_sha256", sa.String, nullable=False), sa.UniqueConstraint("dataset", "digest"),
)  # fmt: skip


class Registry(Runs, Versions, Acts, Indexes, Reviews, Outbox, KeyRecords):
    """Opened on a SQLAlchemy URL: SQLite in rollback-journal mode, or Postgres."""

    # -- versions -----------------------------------------------------------------

    def publish(
        self,
        parts: Sequence[tuple[Lease, list[Row]]],
        version: Row,
        outbox_rows: list[tuple[str, Row]],
        measures: bool = False,
    ) -> Row | None:
        """The commit point.

        Args:
            parts: the lease of each partition that is new in it, or of the data set; and the rows of `checks` beside it.
            version: the row of `versions`, without `published_at`.
            outbox_rows: (kind, payload) of what must follow.
            measures: whether the contract has each version compared: the trigger is part of the transaction.
        Returns: the version now registered for these inputs: this one, or the one that was there already. None: another partition was published
            meanwhile, so that this version would leave it out; build on the newest one and try again.
        Raises: PublicationError: a newer run holds the lease; nothing was written but the refusal in the audit log.
        """
        with self._write() as connection:
            newest_tokens = {
                lease: connection.execute(
                    sa.select(leases.c.token).where(leases.c.dataset == lease.slot)
                ).scalar()
                for lease, _ in parts
            }
            stale = [lease for lease, token in newest_tokens.items() if token != lease.token]
            for lease in stale:
                self._log(
                    connection,
                    "publication refused",
                    lease.dataset,
                    {
                        "run_id": lease.run_id,
                        "token": lease.token,
                        "newest_token": newest_tokens[lease],
                    },
                )
            lease = parts[0][0]
            if not stale:
                there = (
                    connection.execute(
                        sa.select(versions).where(
                            versions.c.dataset == lease.dataset,
                            versions.c.input_key == version["input_key"],
                        )
                    )
                    .mappings()
                    .first()
                )
                if there:
                    return dict(there)
                newest = (
                    connection.execute(
                        sa.select(sa.func.max(versions.c.sequence)).where(
                            versions.c.dataset == lease.dataset
                        )
                    ).scalar()
                    or 0
                )
                if version["sequence"] != newest + 1:
                    return None
                version = {**version, "published_at": self.now(), "expired_at": None}
                connection.execute(sa.insert(versions).values(**version))
                self._point(
                    connection, lease.dataset, LATEST, version["version"], PUBLISHED, logged=False
                )
                for each, found in parts:
                    self._keep_checks(connection, each, found)
                self._log(
                    connection,
                    "published",
                    lease.dataset,
                    {
                        "version": version["version"],
                        "run_id": version["run_id"],
                        "rows": version["rows"],
                        "input_key": version["input_key"],
                    },
                )
                for kind, payload in outbox_rows:
                    self._post(connection, kind, lease.dataset, payload)
                if measures:
                    self._raise(
                        connection,
                        lease.dataset,
                        version["version"],
                        MEASURE,
                        "a version was published",
                    )
        if stale:
            raise PublicationError(
                "a newer run of this data set has started, so this one may not publish",
                "Nothing to do: the newer run publishes",
                Where(dataset=lease.dataset),
            )
        return version

    def came_again(self, lease: Lease, version: str) -> bool:
        """`latest` goes back to a version whose inputs are there once more, unless somebody has put it where it is, or a newer run is at work.

        Returns: whether it moved. Raises: EvidenceError: the version has expired.
        """
        with self._write() as connection:
            newest = connection.execute(
                sa.select(leases.c.token).where(leases.c.dataset == lease.slot)
            ).scalar()
            latest = (
                connection.execute(
                    sa.select(moves)
                    .where(moves.c.dataset == lease.dataset, moves.c.reference == LATEST)
                    .order_by(moves.c.id.desc())
                )
                .mappings()
                .first()
            )
            if (
                newest != lease.token
                or latest is None
                or latest["version"] == version
                or latest["reason"] not in (PUBLISHED, AGAIN)
            ):
                return False
            self._point(
                connection,
                lease.dataset,
                LATEST,
                self._there(connection, lease.dataset, version)["version"],
                AGAIN,
            )
            return True

    def expire(self, row: Row, reason: str) -> bool:
        """Declare that a version is opened no longer; its record stays. False: a reference points to it by now, or it has expired already."""
        with self._write() as connection:
            self._check_clock(connection, "nothing expires")
            expired = self._expire(connection, row, reason)
            if expired:
                self._post(connection, "expiry", row["dataset"], {"version": row["version"]})
        return expired

    def keep_checks(self, lease: Lease, found: list[Row]) -> None:
        """Keep the checks of a run that may not publish."""
        with self._write() as connection:
            self._keep_checks(connection, lease, found)

    def _keep_checks(self, connection: sa.Connection, lease: Lease, found: list[Row]) -> None:
        connection.execute(
            sa.delete(checks).where(
                checks.c.run_id == lease.run_id, checks.c.dataset == lease.dataset
            )
        )
        if found:
            connection.execute(
                sa.insert(checks),
                [{**row, "run_id": lease.run_id, "dataset": lease.dataset} for row in found],
            )

    def checks(self, dataset: str, run_id: str) -> list[Row]:
        """The checks of one run."""
        return self._rows(
            sa.select(checks)
            .where(checks.c.dataset == dataset, checks.c.run_id == run_id)
            .order_by(checks.c.rule)
        )

    # -- what is made from versions -------------------------------------------------

    def keep_derived(self, dataset: str, version: str, kind: str, details: Row) -> None:
        """Remember what was made from a version (`features`, `drift`, `model`, `index`); made again, it replaces."""
        with self._write() as connection:
            self._keep(connection, dataset, version, kind, details)

    def _keep(
        self, connection: sa.Connection, dataset: str, version: str, kind: str, details: Row
    ) -> None:
        where = sa.and_(
            derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == kind
        )
        connection.execute(sa.delete(derived).where(where))
        connection.execute(
            sa.insert(derived).values(
                dataset=dataset, version=version, kind=kind, made_at=self.now(), details=details
            )
        )
        self._log(connection, f"{kind} made", dataset, {"version": version})

    def conclude(
        self,
        dataset: str,
        version: str,
        drift: Row | None,
        decision: Row,
        follows: Sequence[tuple[str, str]],
        facts: Sequence[Row],
    ) -> Row | None:
        """Keep a version's drift, what was decided about it, the trigger that follows, and what lineage hears of it, in one transaction.

        Args:
            drift: its details; None where they are kept already, and a steward has the last word.
            follows: (action, actor) of each trigger.
            facts: stage facts as JSON.
        Returns: the decision with its number; None where one for its cause was there already, and nothing was written.
        """
        with self._write() as connection:
            kept = self._decide(connection, decision)
            if kept is None:
                return None
            if drift is not None:
                self._keep(connection, dataset, version, "drift", {**drift, "decision": kept["id"]})
                for row in self._overtaken(connection, dataset, version):
                    self._finish(
                        connection,
                        row,
                        {
                            "outcome": drift["verdict"]
                            if row["version"] == version
                            else "overtaken",
                            "reason": decision["reason"],
                        },
                    )
            for action, actor in follows:
                number = self._raise(
                    connection,
                    dataset,
                    version,
                    action,
                    decision["reason"],
                    decision["cause"],
                    actor,
                )
                if number is not None and actor == "webhook":
                    self._post(connection, "webhook", dataset, {"trigger": number})
            for fact in facts:
                tags = {"decision": str(kept["id"])}
                outputs = [
                    {
                        **table,
                        "tags": {**table["tags"], **tags},
                        "version": table["version"] or str(kept["id"]),
                    }
                    for table in fact["outputs"]
                ]
                self._post(connection, "lineage", dataset, {**fact, "outputs": outputs})
            return kept

    def _overtaken(self, connection: sa.Connection, dataset: str, version: str) -> list[Row]:
        """What waits to be measured of this version and those before it; one that was published meanwhile goes on waiting."""
        order = (
            sa.select(versions.c.sequence)
            .where(versions.c.dataset == dataset, versions.c.version == version)
            .scalar_subquery()
        )
        upto = sa.select(versions.c.version).where(
            versions.c.dataset == dataset, versions.c.sequence <= order
        )
        waiting = sa.select(triggers).where(
            triggers.c.dataset == dataset,
            triggers.c.action == MEASURE,
            triggers.c.done_at.is_(None),
            triggers.c.version.in_(upto),
        )
        return [dict(row) for row in connection.execute(waiting).mappings()]

    def conclude_index(
        self, build: Row, reason: str, derived_details: Row, finished: Sequence[tuple[Row, Row]]
    ) -> None:
        """The one transaction after an index was built and judged: the build is kept, the pointer moves if it was accepted, and its triggers are closed.

        Args:
            build: the row of `index_builds`, without `made_at` and `dropped_at`.
            finished: (trigger, outcome). One that somebody else has closed meanwhile stays as it was closed.
        """
        with self._write() as connection:
            self._conclude_index(connection, build, reason)
            self._keep(connection, build["dataset"], build["version"], "index", derived_details)
            for trigger, outcome in finished:
                self._finish(connection, trigger, outcome)

    def derived(self, dataset: str, version: str, kind: str) -> Row | None:
        """The details of what was made from a version."""
        rows = self._rows(
            sa.select(derived.c.details).where(
                derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == kind
            )
        )
        return rows[0]["details"] if rows else None

    def _keep_model(
        self, connection: sa.Connection, dataset: str, version: str, details: Row
    ) -> None:
        """The newest model of a version is its `model`; one that was trained on it before is kept beside."""
        this = sa.and_(
            derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == "model"
        )
        before = connection.execute(sa.select(derived.c.details).where(this)).scalar()
        if before:
            connection.execute(
                sa.update(derived).where(this).values(kind=f"model {before['model_version']}")
            )
        self._keep(connection, dataset, version, "model", details)

    def trainings(self, dataset: str) -> list[Row]:
        """Every model that was trained on a version of the data set, the oldest first: `version`, `made_at`, `details`."""
        models = sa.or_(derived.c.kind == "model", derived.c.kind.startswith("model "))
        return self._rows(
            sa.select(derived)
            .where(derived.c.dataset == dataset, models)
            .order_by(derived.c.made_at)
        )

    def in_service(self, dataset: str, kind: str) -> Row | None:
        """The model or index in service: the data set's version it was made from, and its details. A model's are those of its last switch, an index's what the pointer says."""
        if kind == "index":
            return self.serving_index(dataset)
        if kind == "model":
            champion = self.serving(dataset).get("champion")
            return (
                {"version": champion["details"]["dataset_version"], "details": champion["details"]}
                if champion
                else None
            )
        query = sa.select(derived).join(
            versions,
            sa.and_(
                versions.c.dataset == derived.c.dataset, versions.c.version == derived.c.version
            ),
        )
        rows = self._rows(
            query.where(derived.c.dataset == dataset, derived.c.kind == kind).order_by(
                versions.c.sequence.desc()
            )
        )
        return next((row for row in rows if row["details"].get("accepted")), None)

    # -- services -------------------------------------------------------------------

    def switch(
        self, dataset: str, model: str, roles: Mapping[Role, tuple[str | None, Row | None]], reason: str, *, closing: Sequence[tuple[Row, Row]] = (), holder: str | None = None,
        expected: Mapping[Role, str | None] | None = None, made: tuple[str, Row] | None = None, refused: Mapping[str, str] | None = None,
    ) -> bool:  # fmt: skip
        """Say who serves from now on, in one transaction with everything that goes with it.

        Args:
            roles: role -> (version in MLflow, details), None for nobody.
            closing: triggers with their outcomes. holder: the run that must still hold the first of them.
            expected: who must serve now; another process that has switched meanwhile is not overruled.
            made: (version of the data set, details) of a model that was trained, to be remembered.
            refused: version in MLflow -> why it does not serve, or no longer; it is told there too.
        Returns: whether it was done. False: the trigger is held by another by now or done, or somebody else serves.
        """
        with self._write() as connection:
            if holder is not None and closing:
                held = connection.execute(
                    sa.select(triggers.c.held_by, triggers.c.done_at).where(
                        triggers.c.id == closing[0][0]["id"]
                    )
                ).one()
                if held[0] != holder or held[1]:
                    return False
            if expected is not None and any(
                self._serves(connection, dataset, role) != version
                for role, version in expected.items()
            ):
                return False
            for role, (version, details) in roles.items():
                connection.execute(
                    sa.insert(services).values(
                        dataset=dataset,
                        model=model,
                        role=role,
                        version=version,
                        details=details,
                        at=self.now(),
                        by=self.actor,
                        reason=reason,
                    )
                )
                self._log(
                    connection,
                    "model switched",
                    dataset,
                    {"model": model, "role": role, "version": version, "reason": reason},
                )
            if made:
                self._keep_model(connection, dataset, *made)
            for trigger, outcome in closing:
                self._finish(connection, trigger, outcome)
            if roles:
                self._post(connection, "aliases", dataset, {"model": model})
            for version, why in (refused or {}).items():
                self._post(
                    connection,
                    "refusal",
                    dataset,
                    {"model": model, "version": version, "reason": why},
                )
        return True

    # -- uses and the audit log -------------------------------------------------------

    def use(
        self,
        dataset: str,
        version: str,
        purpose: str,
        *,
        allowed: bool,
        kind: str = "read",
        trace_id: str | None = None,
        details: Row | None = None,
    ) -> None:
        """Record a use of a version, or a refused one, before it happens.

        Args:
            kind: `read`, `training`, `prediction`, `search`.
            trace_id: of W3C Trace Context, by which `assay why` finds it.
            details: what else belongs to it: filter rules, rows, the model.
        """
        with self._write() as connection:
            row = {
                "dataset": dataset,
                "version": version,
                "purpose": purpose,
                "actor": self.actor,
                "at": self.now(),
                "allowed": allowed,
            }
            connection.execute(
                sa.insert(uses).values(**row, kind=kind, trace_id=trace_id, details=details)
            )
            told = {
                "version": version,
                "purpose": purpose,
                **({"trace_id": trace_id} if trace_id else {}),
                **({"kind": kind} if kind != "read" else {}),
            }
            self._log(connection, "opened" if allowed else "opening refused", dataset, told)

    def uses(self, dataset: str) -> list[Row]:
        """Who used which version for what."""
        return self._rows(sa.select(uses).where(uses.c.dataset == dataset).order_by(uses.c.id))

    def traced(self, trace_id: str) -> list[Row]:
        """The uses of one trace."""
        return self._rows(sa.select(uses).where(uses.c.trace_id == trace_id).order_by(uses.c.id))

    # -- outcomes -------------------------------------------------------------------

    def keep_outcomes(self, dataset: str, digest: str, rows: int, file_sha256: str) -> bool:
        """Note a file of outcomes that lies in the lake. False: what it says was noted before."""
        with self._write() as connection:
            if connection.execute(
                sa.select(outcomes.c.id).where(
                    outcomes.c.dataset == dataset, outcomes.c.digest == digest
                )
            ).first():
                return False
            connection.execute(
                sa.insert(outcomes).values(
                    dataset=dataset,
                    digest=digest,
                    rows=rows,
                    at=self.now(),
                    actor=self.actor,
                    file_sha256=file_sha256,
                )
            )
            self._log(connection, "outcomes arrived", dataset, {"rows": rows, "digest": digest})
        return True

    def outcomes(self, dataset: str) -> list[Row]:
        """Files of outcomes, the oldest first."""
        return self._rows(
            sa.select(outcomes).where(outcomes.c.dataset == dataset).order_by(outcomes.c.id)
        )

    def note(self, action: str, dataset: str, details: Row) -> None:
        """Write something into the audit log by itself."""
        with self._write() as connection:
            self._log(connection, action, dataset, details)

    def check_log(self) -> tuple[int, str]:
        """Walk the audit log. Returns: number of entries and the head. Raises: EvidenceError: names the first entry that does not fit."""
        with self._connect() as connection:
            rows = (
                connection.execute(sa.select(ledger).order_by(ledger.c.sequence)).mappings().all()
            )
        entries = (
            (
                chain.Entry(
                    r["sequence"],
                    r["at"],
                    r["actor"],
                    r["action"],
                    r["dataset"],
                    json.loads(r["details"]),
                    r["previous"],
                ),
                r["hash"],
            )
            for r in rows
        )
        return len(rows), chain.check(entries)

    def heads(self) -> set[str]:
        """The hash of every entry of the log, and where it began."""
        rows = self._rows(sa.select(ledger.c.hash))
        return {chain.GENESIS, *(str(row["hash"]) for row in rows)}

    def head(self) -> str:
        """The hash of the log's newest entry."""
        rows = self._rows(sa.select(ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1))
        return rows[0]["hash"] if rows else chain.GENESIS
