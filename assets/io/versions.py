"""Versions, and the names that point to them.

Belongs here: finding a version by number or reference, moving references, declaring versions expired. Stays out: the commit (registry.py), files (lake.py).
A reference is the newest row of its moves, so that moving one is a single insert, and where it pointed before is never forgotten.
`latest` follows publication: each new version moves it on, also after a rollback. Every other name stays where it was put.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import sqlalchemy as sa

from assay.assets.io.store import Row, Store, metadata
from assay.contracts.errors import EvidenceError, Where

versions = sa.Table(
    "versions", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("published_at", sa.String, nullable=False), sa.Column("note", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("envelope", sa.Text, nullable=False), sa.Column("expired_at", sa.String),
    sa.UniqueConstraint("dataset", "version"), sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip
moves = sa.Table(
    "moves", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False, index=True), sa.Column("reference", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("reason", sa.String, nullable=False),
)  # fmt: skip

LATEST = "latest"
PUBLISHED, AGAIN = "published", "what it was made from came again"
"""Why `latest` is where it is, unless somebody moved it."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class Versions(Store):
    """The part of the registry that knows versions and references."""

    def published_names(self) -> list[str]:
        """The data sets that have a version, in order of name."""
        query = sa.select(versions.c.dataset).distinct().order_by(versions.c.dataset)
        return [row["dataset"] for row in self._rows(query)]

    def by_inputs(self, dataset: str, input_key: str) -> Row | None:
        """The version made from these inputs, if there is one."""
        return next(
            iter(
                self._rows(
                    sa.select(versions).where(
                        versions.c.dataset == dataset, versions.c.input_key == input_key
                    )
                )
            ),
            None,
        )

    def versions(self, dataset: str) -> list[Row]:
        """All versions, the oldest first, expired ones too; order is by sequence, never by clock."""
        return self._rows(
            sa.select(versions).where(versions.c.dataset == dataset).order_by(versions.c.sequence)
        )

    def version(self, dataset: str, name: str | None = None) -> Row | None:
        """A version by its number or by a reference; by `latest` unless said."""
        name = name or LATEST
        number = (
            name
            if NUMBER.fullmatch(name)
            else self.references(dataset).get(name, {}).get("version")
        )
        if number is None:
            return None
        return next(
            iter(
                self._rows(
                    sa.select(versions).where(
                        versions.c.dataset == dataset, versions.c.version == number
                    )
                )
            ),
            None,
        )

    # -- references -------------------------------------------------------------------

    def references(self, dataset: str) -> dict[str, Row]:
        """Where each reference of a data set points, who moved it there, when and why; `latest` first."""
        newest = (
            sa.select(sa.func.max(moves.c.id))
            .where(moves.c.dataset == dataset)
            .group_by(moves.c.reference)
        )
        found = {
            row["reference"]: row
            for row in self._rows(
                sa.select(moves).where(moves.c.id.in_(newest)).order_by(moves.c.reference)
            )
            if row["version"]
        }
        if LATEST not in found and (
            known := self.versions(dataset)
        ):  # published by an Assay that knew no references
            last = known[-1]
            found[LATEST] = {
                "dataset": dataset,
                "reference": LATEST,
                "version": last["version"],
                "at": last["published_at"],
                "actor": "",
                "reason": PUBLISHED,
            }
        return {
            name: found[name] for name in sorted(found, key=lambda name: (name != LATEST, name))
        }

    def point(self, dataset: str, reference: str, version: str, reason: str) -> Row:
        """Move a reference, in one transaction with its entry in the audit log. Returns: the version it points to now.

        Raises: EvidenceError: it cannot be a reference's name, or there is no such version, or its files have expired.
        """
        check_name(reference)
        with self._write() as connection:
            row = self._there(connection, dataset, version)
            self._point(connection, dataset, reference, version, reason)
            return row

    def _there(self, connection: sa.Connection, dataset: str, version: str) -> Row:
        """A version that can be opened."""
        row = (
            connection.execute(
                sa.select(versions).where(
                    versions.c.dataset == dataset, versions.c.version == version
                )
            )
            .mappings()
            .first()
        )
        if row is None or row["expired_at"]:
            state = (
                "has not been published" if row is None else f"expired on {row['expired_at'][:10]}"
            )
            raise EvidenceError(
                f"{dataset}@{version} {state}",
                "Choose a version that `assay status` shows",
                Where(dataset=dataset),
            )
        return dict(row)

    def _point(
        self,
        connection: sa.Connection,
        dataset: str,
        reference: str,
        version: str | None,
        reason: str,
        *,
        logged: bool = True,
    ) -> None:
        connection.execute(
            sa.insert(moves).values(
                dataset=dataset,
                reference=reference,
                version=version,
                at=self.now(),
                actor=self.actor,
                reason=reason,
            )
        )
        if logged:
            self._log(
                connection,
                "reference moved" if version else "reference deleted",
                dataset,
                {"reference": reference, "version": version, "reason": reason},
            )

    def forget(self, dataset: str, reference: str, reason: str) -> None:
        """Delete a reference; where it pointed stays on record. Raises: EvidenceError: there is none, or it is `latest`."""
        if reference == LATEST:
            raise EvidenceError(
                "`latest` cannot be deleted",
                "Move it: assay refs set, or assay rollback",
                Where(dataset=dataset),
            )
        if reference not in self.references(dataset):
            raise EvidenceError(
                f"there is no reference '{reference}'",
                f"See `assay refs list {dataset}`",
                Where(dataset=dataset),
            )
        with self._write() as connection:
            self._point(connection, dataset, reference, None, reason)

    def roll_back(self, dataset: str, reference: str, reason: str) -> tuple[str, Row]:
        """Move a reference to the newest version before its own that it has pointed to, and that has not expired.

        Returns: where it pointed before, and the version it points to now. Raises: EvidenceError: there is nothing to go back to.
        """
        now = self.version(dataset, reference) if reference in self.references(dataset) else None
        if now is None:
            raise EvidenceError(
                f"there is no reference '{reference}'",
                f"See `assay refs list {dataset}`",
                Where(dataset=dataset),
            )
        been = {
            row["version"]
            for row in self._rows(
                sa.select(moves.c.version).where(
                    moves.c.dataset == dataset, moves.c.reference == reference
                )
            )
        }
        earlier = [
            row
            for row in self.versions(dataset)
            if row["sequence"] < now["sequence"]
            and not row["expired_at"]
            and (reference == LATEST or row["version"] in been)
        ]
        if not earlier:
            raise EvidenceError(
                f"'{reference}' has pointed to nothing before {now['version']} that is still there",
                "Say where to: --to VERSION",
                Where(dataset=dataset),
            )
        return now["version"], self.point(dataset, reference, earlier[-1]["version"], reason)

    # -- expiry -------------------------------------------------------------------------

    def due_to_expire(self, dataset: str, age: timedelta, kept: frozenset[str]) -> list[Row]:
        """Versions older than `age` by the registry's clock, but for the newest, for what a reference points to, and for `kept`."""
        pointed = {row["version"] for row in self.references(dataset).values()} | kept
        known = self.versions(dataset)
        return [
            row for row in known[:-1]
            if not row["expired_at"] and row["version"] not in pointed and self._clock() - datetime.fromisoformat(row["published_at"]) > age
        ]  # fmt: skip

    def _expire(self, connection: sa.Connection, row: Row, reason: str) -> bool:
        dataset, version = row["dataset"], row["version"]
        newest = (
            sa.select(sa.func.max(moves.c.id))
            .where(moves.c.dataset == dataset)
            .group_by(moves.c.reference)
        )
        if connection.execute(
            sa.select(moves.c.id).where(moves.c.id.in_(newest), moves.c.version == version)
        ).first():
            return False
        this = sa.and_(
            versions.c.dataset == dataset,
            versions.c.version == version,
            versions.c.expired_at.is_(None),
        )
        if not connection.execute(
            sa.update(versions).where(this).values(expired_at=self.now())
        ).rowcount:
            return False
        self._log(connection, "version expired", dataset, {"version": version, "reason": reason})
        return True


def check_name(reference: str) -> None:
    """Whether a reference may be called so. Raises: EvidenceError: it may not."""
    if not _NAME.fullmatch(reference):
        raise EvidenceError(
            "that is no name for a reference",
            "Write it with a-z, 0-9, _ and -, starting with a letter, such as prod",
        )
