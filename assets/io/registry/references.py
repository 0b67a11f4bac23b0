"""The names that point to versions, such as `latest` and `prod`.

Belongs here: resolving a name, moving one, going back, deleting one, what may expire because nothing points to it.
Stays out: the versions (versions.py).
A reference is the newest row of its moves, so that moving one is a single insert, and where it pointed before is never forgotten.
`latest` follows publication: each new version moves it on, also after a rollback. Every other name stays where it was put.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, columns, first_record, metadata
from assay.assets.io.registry.ledger import Ledger
from assay.assets.io.registry.versions import Version, Versions, openable
from assay.contracts.errors import EvidenceError, Where

moves = sa.Table(
    "moves", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False, index=True), sa.Column("reference", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("reason", sa.String, nullable=False),
)  # fmt: skip

sa.Index("moves_newest", moves.c.dataset, moves.c.reference, moves.c.id)
"""Where references point is found without reading where they pointed before."""

LATEST = "latest"
PUBLISHED, AGAIN = "published", "what it was made from came again"
"""Why `latest` is where it is, unless someone moved it."""
NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Reference:
    """Where a name points, who moved it there, when and why."""

    dataset: str
    reference: str
    version: str
    at: str
    actor: str
    reason: str


_REFERENCE = sa.select(*columns(moves, Reference))


class References:
    """The part of the registry that knows the names of versions."""

    def __init__(self, database: Database, log: Ledger, versions: Versions) -> None:
        self._database, self._ledger, self._versions = database, log, versions

    def all(self, dataset: str) -> dict[str, Reference]:
        """Every reference of a data set by its name; `latest` first."""
        query = _REFERENCE.where(moves.c.id.in_(_newest(dataset)), moves.c.version.is_not(None))
        references = {ref.reference: ref for ref in self._database.all(Reference, query)}
        if LATEST not in references:
            newest = self._versions.newest(dataset)
            if newest is not None:  # published by an Assay that had no references
                at = newest.published_at
                references[LATEST] = Reference(dataset, LATEST, newest.version, at, "", PUBLISHED)
        names = sorted(references, key=lambda name: (name != LATEST, name))
        return {name: references[name] for name in names}

    def resolve(self, dataset: str, name: str | None = None) -> Version | None:
        """A version by its number or by a reference; by default the one that `latest` points to."""
        name = name or LATEST
        if NUMBER.fullmatch(name):
            return self._versions.numbered(dataset, name)
        reference = self.all(dataset).get(name)
        return self._versions.numbered(dataset, reference.version) if reference else None

    def point(self, dataset: str, reference: str, version: str, reason: str) -> Version:
        """Move a reference, in one transaction with its entry in the audit log. Returns: the version it points to now.

        Raises: EvidenceError: it cannot be a reference's name, or there is no such version, or its files have expired.
        """
        with self._database.write() as connection:
            target = self.check_movable(dataset, reference, version)
            self.move(connection, dataset, reference, version, reason)
            return target

    def check_movable(self, dataset: str, reference: str, version: str) -> Version:
        """Whether a reference can point to a version. Returns: the version.

        Raises: EvidenceError: it cannot be a reference's name, or there is no such version, or its files have expired.
        """
        check_name(reference)
        with self._database.read() as connection:
            return openable(connection, dataset, version)

    def move(
        self,
        connection: sa.Connection,
        dataset: str,
        reference: str,
        version: str | None,
        reason: str,
        *,
        logged: bool = True,
    ) -> None:
        """Move or delete a reference, in a transaction that is open. Publication logs the move itself."""
        row = {"dataset": dataset, "reference": reference, "version": version, "reason": reason}
        at, actor = self._database.now(), self._database.actor
        connection.execute(sa.insert(moves).values(**row, at=at, actor=actor))
        if logged:
            action = "reference moved" if version else "reference deleted"
            details = {"reference": reference, "version": version, "reason": reason}
            self._ledger.add(connection, action, dataset, details)

    def delete(self, dataset: str, reference: str, reason: str) -> None:
        """Delete a reference; where it pointed stays on record. Raises: EvidenceError: there is none, or it is `latest`."""
        self.check_deletable(dataset, reference)
        with self._database.write() as connection:
            self.move(connection, dataset, reference, None, reason)

    def check_deletable(self, dataset: str, reference: str) -> None:
        """Whether a reference can be deleted. Raises: EvidenceError: there is none, or it is `latest`."""
        if reference == LATEST:
            raise EvidenceError(
                "`latest` cannot be deleted",
                "Move it: assay refs set, or assay versions rollback",
                Where(dataset=dataset),
            )
        if reference not in self.all(dataset):
            raise _no_reference(dataset, reference)

    def roll_back(self, dataset: str, reference: str, reason: str) -> tuple[str, Version]:
        """Move a reference to the newest version before its own that it has pointed to, and that has not expired.

        Returns: where it pointed before, and the version it points to now. Raises: EvidenceError: there is nothing to go back to.
        """
        before, target = self.plan_roll_back(dataset, reference)
        return before, self.point(dataset, reference, target, reason)

    def plan_roll_back(self, dataset: str, reference: str) -> tuple[str, str]:
        """Where a reference points, and where it would point after a roll-back. Raises: EvidenceError: there is nothing to go back to."""
        now = self.resolve(dataset, reference) if reference in self.all(dataset) else None
        if now is None:
            raise _no_reference(dataset, reference)
        query = sa.select(moves.c.version).where(
            moves.c.dataset == dataset, moves.c.reference == reference
        )
        been = set(self._database.values(query))
        earlier = [
            version
            for version in self._versions.all(dataset)
            if version.sequence < now.sequence
            and not version.expired_at
            and (reference == LATEST or version.version in been)
        ]
        if not earlier:
            raise EvidenceError(
                f"'{reference}' has no earlier version before {now.version} that still exists",
                "Choose a version: --to VERSION",
                Where(dataset=dataset),
            )
        return now.version, earlier[-1].version

    def due_to_expire(self, dataset: str, age: timedelta, kept: frozenset[str]) -> list[Version]:
        """Versions older than `age` by the registry's clock, but for the newest, for what a reference points to, and for `kept`."""
        pointed = {reference.version for reference in self.all(dataset).values()} | kept
        limit = self._database.clock() - age
        return [
            version
            for version in self._versions.published_before(dataset, limit)
            if version.version not in pointed
        ]


def _newest(dataset: str) -> sa.Select[Any]:
    """The number of the last move of each reference."""
    last = sa.select(sa.func.max(moves.c.id)).where(moves.c.dataset == dataset)
    return last.group_by(moves.c.reference)


def last_move(connection: sa.Connection, dataset: str, reference: str) -> Reference | None:
    """The newest move of a reference."""
    this = _REFERENCE.where(moves.c.dataset == dataset, moves.c.reference == reference)
    return first_record(connection, Reference, this.order_by(moves.c.id.desc()))


def is_pointed_to(connection: sa.Connection, dataset: str, version: str) -> bool:
    """Whether a reference points to a version."""
    query = sa.select(moves.c.id).where(
        moves.c.id.in_(_newest(dataset)), moves.c.version == version
    )
    return connection.execute(query).first() is not None


def _no_reference(dataset: str, reference: str) -> EvidenceError:
    return EvidenceError(
        f"there is no reference '{reference}'",
        f"See `assay refs list {dataset}`",
        Where(dataset=dataset),
    )


def check_name(reference: str) -> None:
    """Whether a reference may be called so. Raises: EvidenceError: it may not."""
    if not _NAME.fullmatch(reference):
        raise EvidenceError(
            "this name is not allowed for a reference",
            "Use a-z, 0-9, _ and -, starting with a letter, such as prod",
        )
