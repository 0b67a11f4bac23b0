"""Which index serves: every build, and the one pointer that moves between them.

Belongs here: builds, the pointer, going back. Stays out: the builds' files (io/index.py), evaluating (pipelines/act).
The pointer is the newest row of its moves, so that moving it is a single insert, and where it pointed before is never forgotten.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.clock_doubts import ClockDoubts
from assay.assets.io.registry.database import (
    Database,
    Json,
    as_row,
    columns,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger
from assay.contracts.errors import ActionError, Where

index_builds = sa.Table(
    "index_builds", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("build", sa.String, primary_key=True), sa.Column("version", sa.String, nullable=False), sa.Column("made_at", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False), sa.Column("details", sa.JSON, nullable=False), sa.Column("accepted", sa.Boolean, nullable=False), sa.Column("dropped_at", sa.String),
)  # fmt: skip
index_moves = sa.Table(
    "index_moves", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False, index=True), sa.Column("build", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("reason", sa.String, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class NewBuild:
    """A build that was evaluated, before it is kept."""

    dataset: str
    build: str
    version: str
    sha256: str
    details: Json
    accepted: bool


@dataclass(frozen=True)
class IndexBuild:
    """A build of an index. `version` is the data set's."""

    dataset: str
    build: str
    version: str
    made_at: str
    sha256: str
    details: Json
    accepted: bool
    dropped_at: str | None


@dataclass(frozen=True)
class ServingIndex(IndexBuild):
    """The build in service, since when, by whom and why."""

    since: str
    reason: str
    actor: str


@dataclass(frozen=True)
class IndexMove:
    """Where the pointer has pointed."""

    id: int
    dataset: str
    build: str
    at: str
    actor: str
    reason: str


_BUILD = sa.select(*columns(index_builds, IndexBuild))


class Indexes:
    """The part of the registry that knows indexes."""

    def __init__(self, database: Database, log: Ledger, clock: ClockDoubts) -> None:
        self._database, self._ledger, self._clock_doubts = database, log, clock

    def serving(self, dataset: str) -> ServingIndex | None:
        """The build in service. None before the first."""
        same = sa.and_(
            index_moves.c.dataset == index_builds.c.dataset,
            index_moves.c.build == index_builds.c.build,
        )
        query = (
            _BUILD.add_columns(
                index_moves.c.at.label("since"), index_moves.c.reason, index_moves.c.actor
            )
            .join(index_moves, same)
            .where(index_builds.c.dataset == dataset)
            .order_by(index_moves.c.id.desc())
        )
        return self._database.first(ServingIndex, query)

    def builds(self, dataset: str) -> list[IndexBuild]:
        """Every build of a data set, the oldest first, dropped ones too."""
        query = _BUILD.where(index_builds.c.dataset == dataset).order_by(index_builds.c.made_at)
        return self._database.all(IndexBuild, query)

    def moves(self, dataset: str) -> list[IndexMove]:
        """Where the pointer has pointed, the oldest first."""
        query = sa.select(*columns(index_moves, IndexMove)).where(index_moves.c.dataset == dataset)
        return self._database.all(IndexMove, query.order_by(index_moves.c.id))

    def keep(self, build: NewBuild, reason: str) -> None:
        """Keep an evaluated build, and have it serve where it was accepted. The same build again replaces: its files were written again."""
        this = sa.and_(index_builds.c.dataset == build.dataset, index_builds.c.build == build.build)
        with self._database.write() as connection:
            connection.execute(sa.delete(index_builds).where(this))
            row = {**as_row(build), "made_at": self._database.now(), "dropped_at": None}
            connection.execute(sa.insert(index_builds).values(**row))
            if build.accepted and _served(connection, build.dataset) != build.build:
                self._point(connection, build.dataset, build.build, reason)

    def serve(self, dataset: str, build: str, reason: str) -> IndexBuild:
        """Move the pointer to a build that is still there. Raises: ActionError: no one has that name, it was refused, or it is gone."""
        with self._database.write() as connection:
            target = self.openable(dataset, build)
            self._point(connection, dataset, build, reason)
            return target

    def openable(self, dataset: str, build: str) -> IndexBuild:
        """A build that can serve. Raises: ActionError: no one has that name, it was refused, or it is gone."""
        query = _BUILD.where(index_builds.c.dataset == dataset, index_builds.c.build == build)
        target = self._database.first(IndexBuild, query)
        if target is None or target.dropped_at or not target.accepted:
            raise ActionError(
                f"{_why_not(target)}: {build}",
                f"Choose one from `assay index list {dataset}`",
                Where(dataset=dataset),
            )
        return target

    def _point(self, connection: sa.Connection, dataset: str, build: str, reason: str) -> None:
        row = {"dataset": dataset, "build": build, "reason": reason}
        at, actor = self._database.now(), self._database.actor
        connection.execute(sa.insert(index_moves).values(**row, at=at, actor=actor))
        details = {"build": build, "reason": reason}
        self._ledger.add(connection, "index in service", dataset, details)

    def earlier(self, dataset: str) -> IndexBuild:
        """The newest build that served before the one that does, is not that one, and is still there. Raises: ActionError: there is none."""
        now = self.serving(dataset)
        been = {move.build for move in self.moves(dataset)}
        builds = self.builds(dataset)
        order = [build.build for build in builds]
        before = builds[: order.index(now.build)] if now else []
        usable = [
            build
            for build in before
            if build.build in been and build.accepted and not build.dropped_at
        ]
        if not usable:
            raise ActionError(
                "there is no earlier build to roll back to",
                f"See `assay index list {dataset}`",
                Where(dataset=dataset),
            )
        return usable[-1]

    def drop(self, dataset: str, builds: Collection[str], why: str) -> None:
        """Note that builds are no longer to be used; their files go next. The one in service is never among them."""
        with self._database.write() as connection:
            self._clock_doubts.check_in(connection, "no index is dropped")
            serving = _served(connection, dataset)
            for build in builds:
                if build == serving:
                    continue
                this = sa.and_(
                    index_builds.c.dataset == dataset,
                    index_builds.c.build == build,
                    index_builds.c.dropped_at.is_(None),
                )
                dropped = sa.update(index_builds).values(dropped_at=self._database.now())
                if connection.execute(dropped.where(this)).rowcount:
                    details = {"build": build, "why": why}
                    self._ledger.add(connection, "index dropped", dataset, details)


def _served(connection: sa.Connection, dataset: str) -> str | None:
    query = sa.select(index_moves.c.build).where(index_moves.c.dataset == dataset)
    return connection.execute(query.order_by(index_moves.c.id.desc()).limit(1)).scalar()


def _why_not(build: IndexBuild | None) -> str:
    """Why a build cannot serve."""
    if build is None:
        return "there is no such build"
    if build.dropped_at:
        return "the build is no longer on the disk"
    return "the build was refused after its evaluation"
