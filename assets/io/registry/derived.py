"""What is derived from versions: features, drift, models, indexes, descriptions.

Belongs here: their details. Stays out: their files (lake.py, io/models.py, io/index.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, columns, metadata
from assay.assets.io.registry.ledger import Ledger
from assay.assets.io.registry.versions import versions

derived = sa.Table(
    "derived", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("version", sa.String, primary_key=True), sa.Column("kind", sa.String, primary_key=True),
    sa.Column("made_at", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False),
)  # fmt: skip


CHANGES = "changes"
"""The kind of the record of what a version changed (services/diff.py)."""


@dataclass(frozen=True)
class Derived:
    """Something that was derived from a version."""

    dataset: str
    version: str
    kind: str
    made_at: str
    details: Json


_DERIVED = sa.select(*columns(derived, Derived))


class DerivedRecords:
    """The part of the registry that knows what was derived from versions."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def keep(self, dataset: str, version: str, kind: str, details: Json) -> None:
        """Remember what was derived from a version (`features`, `drift`, `model`, `index`); rebuilt, it replaces."""
        key = {"dataset": dataset, "version": version, "kind": kind}
        this = sa.and_(*(derived.c[column] == value for column, value in key.items()))
        with self._database.write() as connection:
            connection.execute(sa.delete(derived).where(this))
            row = {**key, "made_at": self._database.now(), "details": details}
            connection.execute(sa.insert(derived).values(**row))
            self._ledger.add(connection, f"{kind} made", dataset, {"version": version})

    def keep_model(self, dataset: str, version: str, details: Json) -> None:
        """The newest model of a version is its `model`; one that was trained on it before is kept next to it."""
        this = sa.and_(
            derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == "model"
        )
        with self._database.write() as connection:
            before = connection.execute(sa.select(derived.c.details).where(this)).scalar()
            if before:
                kind = f"model {before['model_version']}"
                connection.execute(sa.update(derived).where(this).values(kind=kind))
            self.keep(dataset, version, "model", details)

    def get(self, dataset: str, version: str, kind: str) -> Json | None:
        """The details of what was derived from a version."""
        query = sa.select(derived.c.details).where(
            derived.c.dataset == dataset, derived.c.version == version, derived.c.kind == kind
        )
        return next(iter(self._database.values(query)), None)

    def trainings(self, dataset: str) -> list[Derived]:
        """Every model that was trained on a version of the data set, the oldest first."""
        models = sa.or_(derived.c.kind == "model", derived.c.kind.startswith("model "))
        query = _DERIVED.where(derived.c.dataset == dataset, models)
        return self._database.all(Derived, query.order_by(derived.c.made_at))

    def newest_accepted(self, dataset: str, kind: str) -> Derived | None:
        """Of the newest version that has one, what was derived from it and accepted."""
        same = sa.and_(
            versions.c.dataset == derived.c.dataset, versions.c.version == derived.c.version
        )
        query = (
            _DERIVED.join(versions, same)
            .where(derived.c.dataset == dataset, derived.c.kind == kind)
            .order_by(versions.c.sequence.desc())
        )
        records = self._database.all(Derived, query)
        return next((record for record in records if record.details.get("accepted")), None)
