"""The registry: which versions exist, and everything decided about them.

Belongs here: its parts, and the transactions that cross them. Stays out: files (lake.py), deciding (pipelines/).
One transaction is the commit point of a version: it checks the token, and writes version, log entry and outbox together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from assay.assets.io.registry import partitions as partition_rows
from assay.assets.io.registry import references as reference_rows
from assay.assets.io.registry import versions as version_rows
from assay.assets.io.registry.acts import Acts
from assay.assets.io.registry.checks import CheckRecord, Checks
from assay.assets.io.registry.clock_doubts import ClockDoubts
from assay.assets.io.registry.database import Database, Json
from assay.assets.io.registry.decisions import DecisionRecord, Decisions, NewDecision
from assay.assets.io.registry.derived import Derived, DerivedRecords
from assay.assets.io.registry.indexes import Indexes, NewBuild, ServingIndex
from assay.assets.io.registry.keys import RECORDED, KeyRecords
from assay.assets.io.registry.ledger import Ledger, ledger
from assay.assets.io.registry.migrate import bring_up, check_layout
from assay.assets.io.registry.models import Models, Role
from assay.assets.io.registry.outbox import Outbox
from assay.assets.io.registry.outcomes import Outcomes
from assay.assets.io.registry.partitions import PartitionDocuments
from assay.assets.io.registry.quarantine import Quarantine
from assay.assets.io.registry.references import AGAIN, LATEST, PUBLISHED, References
from assay.assets.io.registry.reviews import Reviews
from assay.assets.io.registry.runs import Lease, Runs, newest_token
from assay.assets.io.registry.sweeps import Sweeps
from assay.assets.io.registry.triggers import MEASURE, Trigger, Triggers
from assay.assets.io.registry.uses import Uses
from assay.assets.io.registry.versions import SignedVersion, Version, Versions
from assay.contracts.errors import PublicationError, Where


class Registry:
    """Opened on a SQLAlchemy URL: SQLite in rollback-journal mode, or Postgres."""

    def __init__(self, url: str, clock: Callable[[], datetime], actor: str) -> None:
        self.database = database = Database(url, clock, actor)
        self.actor, self.read_only = actor, database.read_only
        self.ledger = log = Ledger(database)
        self.clock_doubts = ClockDoubts(database, log)
        self.keys = KeyRecords(database, log)
        self.outbox = Outbox(database, log)
        self.runs = Runs(database, log)
        self.checks = Checks(database)
        self.versions = Versions(database)
        self.partitions = PartitionDocuments(database)
        self.references = References(database, log, self.versions)
        self.sweeps = Sweeps(database)
        self.derived = DerivedRecords(database, log)
        self.decisions = Decisions(database, log)
        self.triggers = Triggers(database, log)
        self.models = Models(database, log)
        self.indexes = Indexes(database, log, self.clock_doubts)
        self.uses = Uses(database, log)
        self.outcomes = Outcomes(database, log)
        self.reviews = Reviews(database, log, self.clock_doubts)
        self.acts = Acts(database, log)
        self.quarantine = Quarantine(database, log, self.clock_doubts, self.outbox)

    # -- the database -----------------------------------------------------------------

    def create(self) -> None:
        """Create the tables, or migrate those of an earlier layout; processes that start together wait for each other.

        Raises: ConfigurationError: the layout is newer; nothing is changed.
        """
        bring_up(self.database)

    def layout(self) -> int | None:
        """The number of the tables' layout; None if there are none. Raises: ConfigurationError: it is newer than this Assay."""
        return check_layout(self.database)

    def usage(self) -> Literal["none", "empty", "used"]:
        """`none`: there are no tables; `empty`: nothing was recorded but the keys; `used`: something else was."""
        if not {ledger.name, version_rows.versions.name} <= self.database.tables:
            return "none"
        entries = sa.select(ledger.c.sequence).where(ledger.c.action != RECORDED).limit(1)
        versions = sa.select(version_rows.versions.c.sequence).limit(1)
        with self.database.read() as connection:
            used = connection.execute(entries).first() or connection.execute(versions).first()
        return "used" if used else "empty"

    def session(self) -> AbstractContextManager[None]:
        """Share one connection between what this thread reads and writes. Sessions may nest."""
        return self.database.session()

    def transaction(self) -> AbstractContextManager[Any]:
        """Write what belongs together in one transaction. Nothing slow may happen in it."""
        return self.database.write()

    def check_writable(self) -> None:
        """Raises: ConfigurationError: nothing can be recorded, because the database is read-only."""
        self.database.check_writable()

    def now(self) -> str:
        """The registry's time, ISO 8601 in UTC."""
        return self.database.now()

    # -- versions -----------------------------------------------------------------------

    def publish(
        self,
        parts: Sequence[tuple[Lease, list[CheckRecord]]],
        version: SignedVersion,
        outbox_rows: list[tuple[str, Json]],
        measures: bool = False,
        end: Callable[[Version], None] = lambda _: None,
    ) -> Version | None:
        """The commit point.

        Args:
            parts: the lease of each partition that is new in it, or of the data set; and its checks.
            version: what is published.
            outbox_rows: (kind, payload) of what must follow.
            measures: whether the contract has each version compared: the trigger is part of the transaction.
            end: records the end of the runs, in the same transaction.
        Returns: the version now registered for these inputs: this one, or the one that was there already. None: another partition was published
            meanwhile, so that this version would leave it out; build on the newest one and try again.
        Raises: PublicationError: a newer run holds the lease; nothing was written but the refusal in the audit log.
        """
        dataset = version.dataset
        with self.database.write() as connection:
            stale = self._has_lost_lease(connection, [lease for lease, _ in parts])
            if not stale:
                there = version_rows.of_inputs(connection, dataset, version.input_key)
                if there is not None:
                    end(there)
                    return there
                if version.sequence != version_rows.newest_sequence(connection, dataset) + 1:
                    return None
                published = self._insert(connection, version)
                for lease, results in parts:
                    self.checks.keep(lease, results)
                for kind, payload in outbox_rows:
                    self.outbox.add(connection, kind, dataset, payload)
                if measures:
                    reason = "a version was published"
                    self.triggers.request(dataset, version.version, MEASURE, reason)
                end(published)
                return published
        raise PublicationError(
            "a newer run of this data set has started, so this run cannot publish",
            "Nothing to do: the newer run publishes",
            Where(dataset=dataset),
        )

    def _has_lost_lease(self, connection: sa.Connection, leases: Sequence[Lease]) -> bool:
        """Whether a newer run holds one of the leases; each refusal goes into the audit log."""
        stale = False
        for lease in leases:
            newest = newest_token(connection, lease.slot)
            if newest != lease.token:
                stale = True
                entry = {"run_id": lease.run_id, "token": lease.token, "newest_token": newest}
                self.ledger.add(connection, "publication refused", lease.dataset, entry)
        return stale

    def _insert(self, connection: sa.Connection, version: SignedVersion) -> Version:
        """Write a version, have `latest` point to it, and log it."""
        dataset, number = version.dataset, version.version
        published = version_rows.insert(connection, version, self.now())
        partition_rows.keep(connection, dataset, version.documents)
        self.references.move(connection, dataset, LATEST, number, PUBLISHED, logged=False)
        entry = {
            "version": number,
            "run_id": version.run_id,
            "rows": version.rows,
            "input_key": version.input_key,
        }
        self.ledger.add(connection, "published", dataset, entry)
        return published

    def came_again(self, lease: Lease, version: str) -> bool:
        """`latest` goes back to a version whose inputs are there once more, unless someone has put it where it is, or a newer run is at work.

        Returns: whether it moved. Raises: EvidenceError: the version has expired.
        """
        with self.database.write() as connection:
            latest = reference_rows.last_move(connection, lease.dataset, LATEST)
            if (
                newest_token(connection, lease.slot) != lease.token
                or latest is None
                or latest.version == version
                or latest.reason not in (PUBLISHED, AGAIN)
            ):
                return False
            version_rows.openable(connection, lease.dataset, version)
            self.references.move(connection, lease.dataset, LATEST, version, AGAIN)
            return True

    def expire(self, version: Version, reason: str) -> bool:
        """Declare that a version is opened no longer; its record stays. False: a reference points to it by now, or it has expired already."""
        dataset, number = version.dataset, version.version
        with self.database.write() as connection:
            self.clock_doubts.check_in(connection, "nothing expires")
            if reference_rows.is_pointed_to(connection, dataset, number):
                return False
            if not version_rows.mark_expired(connection, dataset, number, self.now()):
                return False
            entry = {"version": number, "reason": reason}
            self.ledger.add(connection, "version expired", dataset, entry)
            self.outbox.add(connection, "expiry", dataset, {"version": number})
        return True

    # -- what is derived from versions -------------------------------------------------------

    def conclude(
        self,
        decision: NewDecision,
        drift: Json | None,
        follows: Sequence[tuple[str, str]],
        facts: Sequence[Json],
    ) -> DecisionRecord:
        """Keep a version's drift, what was decided about it, the trigger that follows, and what lineage hears of it, in one transaction.

        Args:
            drift: its details; None if they are kept already, and a steward has the last word.
            follows: (action, actor) of each trigger.
            facts: stage facts as JSON.
        Returns: the decision with its number; an earlier one where its cause was decided before, and nothing was written.
        """
        dataset, version = decision.dataset, decision.version
        with self.database.write() as connection:
            earlier = self.decisions.of_cause(dataset, version, decision.cause)
            if earlier is not None:
                return earlier
            kept = self.decisions.add(connection, decision)
            if drift is not None:
                self.derived.keep(dataset, version, "drift", {**drift, "decision": kept.id})
                for trigger in self.triggers.waiting_for_measurement(dataset, version):
                    is_this = trigger.version == version
                    outcome = drift["verdict"] if is_this else "overtaken"
                    done = {"outcome": outcome, "reason": decision.reason}
                    self.triggers.finish(trigger, done)
            for action, actor in follows:
                number = self.triggers.request(
                    dataset, version, action, decision.reason, cause=decision.cause, actor=actor
                )
                if number is not None and actor == "webhook":
                    self.outbox.add(connection, "webhook", dataset, {"trigger": number})
            for fact in facts:
                self.outbox.add(connection, "lineage", dataset, _numbered(fact, kept.id))
            return kept

    def conclude_index(
        self,
        build: NewBuild,
        reason: str,
        derived_details: Json,
        finished: Sequence[tuple[Trigger, Json]],
    ) -> None:
        """The one transaction after an index was built and judged: the build is kept, the pointer moves if it was accepted, and its triggers are closed.

        Args:
            finished: (trigger, outcome). One that someone else has closed meanwhile stays as it was closed.
        """
        with self.database.write():
            self.indexes.keep(build, reason)
            self.derived.keep(build.dataset, build.version, "index", derived_details)
            for trigger, outcome in finished:
                self.triggers.finish(trigger, outcome)

    def in_service(self, dataset: str, kind: str) -> Derived | ServingIndex | None:
        """The model or index in service: the data set's version it was derived from, and its details. A model's are those of its last switch, an index's what the pointer states."""
        if kind == "index":
            return self.indexes.serving(dataset)
        if kind == "model":
            champion = self.models.serving(dataset).get("champion")
            if champion is None:
                return None
            version = str(champion.details["dataset_version"])
            return Derived(dataset, version, kind, champion.at, champion.details)
        return self.derived.newest_accepted(dataset, kind)

    def switch(
        self,
        dataset: str,
        model: str,
        roles: Mapping[Role, tuple[str | None, Json | None]],
        reason: str,
        *,
        closing: Sequence[tuple[Trigger, Json]] = (),
        holder: str | None = None,
        expected: Mapping[Role, str | None] | None = None,
        made: tuple[str, Json] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> bool:
        """Say who serves from now on, in one transaction with everything that goes with it.

        Args:
            roles: role -> (version in MLflow, details), None for no one.
            closing: triggers with their outcomes. holder: the run that must still hold the first of them.
            expected: who must serve now; another process that has switched meanwhile is not overruled.
            made: (version of the data set, details) of a model that was trained, to be remembered.
            refused: version in MLflow -> why it does not serve, or no longer; it is recorded there too.
        Returns: whether it was done. False: the trigger is held by another by now or done, or someone else serves.
        """
        with self.database.write() as connection:
            if not self._holds(holder, closing):
                return False
            if expected is not None and not self._serve(dataset, expected):
                return False
            self.models.serve(dataset, model, roles, reason)
            if made:
                self.derived.keep_model(dataset, *made)
            for trigger, outcome in closing:
                self.triggers.finish(trigger, outcome)
            if roles:
                self.outbox.add(connection, "aliases", dataset, {"model": model})
            for version, why in (refused or {}).items():
                payload = {"model": model, "version": version, "reason": why}
                self.outbox.add(connection, "refusal", dataset, payload)
        return True

    def _holds(self, holder: str | None, closing: Sequence[tuple[Trigger, Json]]) -> bool:
        """Whether a run still holds the first of the triggers that it wants to close."""
        if holder is None or not closing:
            return True
        return self.triggers.is_held_by(closing[0][0], holder)

    def _serve(self, dataset: str, expected: Mapping[Role, str | None]) -> bool:
        """Whether these models serve, in their roles."""
        serving = self.models.serving(dataset)
        return all(
            (serving[role].version if role in serving else None) == version
            for role, version in expected.items()
        )


def _numbered(fact: Json, decision: int) -> Json:
    """A fact of lineage with the number of its decision."""
    number = str(decision)
    outputs = [
        {
            **table,
            "tags": {**table["tags"], "decision": number},
            "version": table["version"] or number,
        }
        for table in fact["outputs"]
    ]
    return {**fact, "outputs": outputs}
