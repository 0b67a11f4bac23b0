"""Versions: what was published, and what has expired.

Belongs here: finding a version by its number or its inputs, its signed envelope, declaring it expired.
Stays out: the commit (registry.py), the names that point to versions (references.py), files (lake.py).
An envelope may be large: a version is read without it, and envelopes one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from assay.assets.io.registry.database import (
    Database,
    as_row,
    columns,
    first_record,
    metadata,
)
from assay.contracts.errors import EvidenceError, Where

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("input_key", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False),
    sa.Column("window", sa.String),
    sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("published_at", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("envelope", sa.Text, nullable=False),
    sa.Column("expired_at", sa.String),
    sa.UniqueConstraint("dataset", "version"),
    sa.UniqueConstraint("dataset", "input_key"),
)


_unexpired = versions.c.expired_at.is_(None)
sa.Index(
    "versions_unexpired",
    versions.c.dataset,
    versions.c.published_at,
    sqlite_where=_unexpired,
    postgresql_where=_unexpired,
)
"""What is due to expire is found without reading past the envelopes."""
sa.Index("versions_published", versions.c.dataset, versions.c.published_at)
sa.Index("versions_expired", versions.c.dataset, versions.c.expired_at)


@dataclass(frozen=True)
class Version:
    """A published version, without its signed envelope. `sequence` counts a data set's versions from 1."""

    dataset: str
    sequence: int
    version: str
    input_key: str
    source_digest: str
    window: str | None
    contract_version: str
    run_id: str
    published_at: str
    note: str
    rows: int
    expired_at: str | None


@dataclass(frozen=True)
class SignedVersion:
    """A version that is signed and waits for its commit, with the new documents that it refers to by digest."""

    dataset: str
    sequence: int
    version: str
    input_key: str
    source_digest: str
    window: str | None
    contract_version: str
    run_id: str
    note: str
    rows: int
    envelope: str
    documents: Mapping[str, str] = field(default_factory=dict)


_VERSION = sa.select(*columns(versions, Version))


class Versions:
    """The part of the registry that knows versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> list[str]:
        """The data sets that have a version, in order of name."""
        query = sa.select(versions.c.dataset).distinct().order_by(versions.c.dataset)
        return [str(name) for name in self._database.values(query)]

    def all(self, dataset: str) -> list[Version]:
        """All versions, the oldest first, expired ones too; order is by sequence, never by clock."""
        query = _VERSION.where(versions.c.dataset == dataset).order_by(versions.c.sequence)
        return self._database.all(Version, query)

    def newest(self, dataset: str) -> Version | None:
        """The version of the highest sequence, wherever references point; None before the first."""
        query = _VERSION.where(versions.c.dataset == dataset)
        return self._database.first(Version, query.order_by(versions.c.sequence.desc()))

    def numbered(self, dataset: str, version: str) -> Version | None:
        """The version of this number, if there is one."""
        query = _VERSION.where(versions.c.dataset == dataset, versions.c.version == version)
        return self._database.first(Version, query)

    def before(self, version: Version) -> Version | None:
        """The version of the next lower sequence."""
        query = _VERSION.where(
            versions.c.dataset == version.dataset, versions.c.sequence == version.sequence - 1
        )
        return self._database.first(Version, query)

    def published_before(self, dataset: str, at: datetime) -> list[Version]:
        """The unexpired versions published before a time, except the newest; the oldest first."""
        query = _VERSION.where(
            versions.c.dataset == dataset,
            versions.c.expired_at.is_(None),
            versions.c.published_at < _text(at),
        )
        earlier, newest = self._database.all(Version, query), self.newest(dataset)
        return sorted(
            (version for version in earlier if newest and version.sequence < newest.sequence),
            key=lambda version: version.sequence,
        )

    def after(self, version: Version) -> Version | None:
        """The version of the next higher sequence."""
        query = _VERSION.where(
            versions.c.dataset == version.dataset, versions.c.sequence == version.sequence + 1
        )
        return self._database.first(Version, query)

    def published_since(self, dataset: str, at: datetime) -> list[Version]:
        """The versions that were published at a time or later, by the registry's clock; the oldest first."""
        query = _VERSION.where(versions.c.dataset == dataset, versions.c.published_at >= _text(at))
        return self._database.all(Version, query.order_by(versions.c.sequence))

    def expired_between(self, dataset: str, after: datetime, until: datetime) -> list[Version]:
        """The versions that expired later than one time and not later than another; the oldest first."""
        query = _VERSION.where(
            versions.c.dataset == dataset,
            versions.c.expired_at > _text(after),
            versions.c.expired_at <= _text(until),
        )
        return self._database.all(Version, query.order_by(versions.c.sequence))

    def of_inputs(self, dataset: str, input_key: str) -> Version | None:
        """The version derived from these inputs, if there is one."""
        with self._database.read() as connection:
            return of_inputs(connection, dataset, input_key)

    def envelope(self, dataset: str, version: str) -> str:
        """The signed statement of one version. Raises: EvidenceError: there is no such version."""
        query = sa.select(versions.c.envelope).where(
            versions.c.dataset == dataset, versions.c.version == version
        )
        envelopes = self._database.values(query)
        if not envelopes:
            raise not_openable(dataset, version, None)
        return str(envelopes[0])

    def newest_envelope(self) -> str | None:
        """The signed statement of the version that was published last; None before the first."""
        query = sa.select(versions.c.envelope).order_by(versions.c.published_at.desc()).limit(1)
        return next(map(str, self._database.values(query)), None)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def of_inputs(connection: sa.Connection, dataset: str, input_key: str) -> Version | None:
    """The version derived from these inputs, in a transaction that is open."""
    query = _VERSION.where(versions.c.dataset == dataset, versions.c.input_key == input_key)
    return first_record(connection, Version, query)


def newest_sequence(connection: sa.Connection, dataset: str) -> int:
    """The highest sequence of a data set's versions; 0 before the first."""
    query = sa.select(sa.func.max(versions.c.sequence)).where(versions.c.dataset == dataset)
    return connection.execute(query).scalar() or 0


def insert(connection: sa.Connection, version: SignedVersion, published_at: str) -> Version:
    """Write a version, in the transaction that commits it."""
    row = {**as_row(version), "published_at": published_at, "expired_at": None}
    del row["documents"]
    connection.execute(sa.insert(versions).values(**row))
    del row["envelope"]
    return Version(**row)


def openable(connection: sa.Connection, dataset: str, version: str) -> Version:
    """A version that can be opened. Raises: EvidenceError: it was not published, or has expired."""
    query = _VERSION.where(versions.c.dataset == dataset, versions.c.version == version)
    row = first_record(connection, Version, query)
    if row is None or row.expired_at:
        raise not_openable(dataset, version, row.expired_at if row else None)
    return row


def not_openable(dataset: str, version: str, expired_at: str | None) -> EvidenceError:
    """The error about a version that is not there, or no longer."""
    state = f"expired on {expired_at[:10]}" if expired_at else "has not been published"
    return EvidenceError(
        f"{dataset}@{version} {state}",
        "Choose a version that `assay status` shows",
        Where(dataset=dataset),
    )


def mark_expired(connection: sa.Connection, dataset: str, version: str, now: str) -> bool:
    """Declare a version expired. False: it has expired already."""
    this = sa.and_(
        versions.c.dataset == dataset,
        versions.c.version == version,
        versions.c.expired_at.is_(None),
    )
    result = connection.execute(sa.update(versions).where(this).values(expired_at=now))
    return bool(result.rowcount)
