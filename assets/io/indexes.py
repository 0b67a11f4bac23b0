"""Which index serves: every build, and the one pointer that moves between them.

Belongs here: builds, the pointer, going back. Stays out: the builds' files (index.py), judging (pipelines/act).
The pointer is the newest row of its moves, so that moving it is a single insert, and where it pointed before is never forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from assay.assets.io.clock_doubts import ClockDoubts
from assay.assets.io.store import Row, metadata
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


class Indexes(ClockDoubts):
    """The part of the registry that knows indexes."""

    def serving_index(self, dataset: str) -> Row | None:
        """The build in service: its row, and since when. None before the first."""
        query = sa.select(
            index_builds, index_moves.c.at.label("since"), index_moves.c.reason, index_moves.c.actor
        )
        joined = query.join(
            index_moves,
            sa.and_(
                index_moves.c.dataset == index_builds.c.dataset,
                index_moves.c.build == index_builds.c.build,
            ),
        )
        return next(
            iter(
                self._rows(
                    joined.where(index_builds.c.dataset == dataset)
                    .order_by(index_moves.c.id.desc())
                    .limit(1)
                )
            ),
            None,
        )

    def index_builds(self, dataset: str) -> list[Row]:
        """Every build of a data set, the oldest first, dropped ones too."""
        return self._rows(
            sa.select(index_builds)
            .where(index_builds.c.dataset == dataset)
            .order_by(index_builds.c.made_at)
        )

    def index_moves(self, dataset: str) -> list[Row]:
        """Where the pointer has pointed, the oldest first."""
        return self._rows(
            sa.select(index_moves)
            .where(index_moves.c.dataset == dataset)
            .order_by(index_moves.c.id)
        )

    def _conclude_index(self, connection: sa.Connection, build: Row, reason: str) -> None:
        """Keep a judged build, and have it serve where it was accepted. The same build again replaces: its files were written anew."""
        this = sa.and_(
            index_builds.c.dataset == build["dataset"], index_builds.c.build == build["build"]
        )
        connection.execute(sa.delete(index_builds).where(this))
        connection.execute(
            sa.insert(index_builds).values(**build, made_at=self.now(), dropped_at=None)
        )
        if build["accepted"] and self._served(connection, build["dataset"]) != build["build"]:
            self._serve(connection, build["dataset"], build["build"], reason)

    def _serve(self, connection: sa.Connection, dataset: str, build: str, reason: str) -> None:
        connection.execute(
            sa.insert(index_moves).values(
                dataset=dataset, build=build, at=self.now(), actor=self.actor, reason=reason
            )
        )
        self._log(connection, "index in service", dataset, {"build": build, "reason": reason})

    def _served(self, connection: sa.Connection, dataset: str) -> str | None:
        found = connection.execute(
            sa.select(index_moves.c.build)
            .where(index_moves.c.dataset == dataset)
            .order_by(index_moves.c.id.desc())
            .limit(1)
        ).scalar()
        return str(found) if found is not None else None

    def serve_index(self, dataset: str, build: str, reason: str) -> Row:
        """Move the pointer to a build that is still there. Raises: ActionError: there is none of that name, it was refused, or it is gone."""
        with self._write() as connection:
            this = sa.select(index_builds).where(
                index_builds.c.dataset == dataset, index_builds.c.build == build
            )
            row = connection.execute(this).mappings().first()
            if row is None or row["dropped_at"] or not row["accepted"]:
                state = (
                    "there is no such build"
                    if row is None
                    else "the build is gone from the disk"
                    if row["dropped_at"]
                    else "the build was refused when it was judged"
                )
                raise ActionError(
                    f"{state}: {build}",
                    f"Choose one that `assay index list {dataset}` shows",
                    Where(dataset=dataset),
                )
            self._serve(connection, dataset, build, reason)
            return dict(row)

    def earlier_index(self, dataset: str) -> Row:
        """The newest build that served before the one that does, is not that one, and is still there. Raises: ActionError: there is none."""
        now = self.serving_index(dataset)
        been = [row["build"] for row in self.index_moves(dataset)]
        there: Mapping[str, Row] = {
            row["build"]: row
            for row in self.index_builds(dataset)
            if not row["dropped_at"] and row["accepted"]
        }
        order = {row["build"]: place for place, row in enumerate(self.index_builds(dataset))}
        earlier = [
            build for build in been if now and build in there and order[build] < order[now["build"]]
        ]
        if not earlier:
            raise ActionError(
                "there is no earlier index to go back to",
                f"See `assay index list {dataset}`",
                Where(dataset=dataset),
            )
        return there[max(earlier, key=order.__getitem__)]

    def drop_builds(self, dataset: str, builds: Collection[str], why: str) -> None:
        """Note that builds are no longer to be used; their files go next. The one in service is never among them."""
        with self._write() as connection:
            self._check_clock(connection, "no index is dropped")
            serving = self._served(connection, dataset)
            for build in builds:
                if build != serving:
                    this = sa.and_(
                        index_builds.c.dataset == dataset,
                        index_builds.c.build == build,
                        index_builds.c.dropped_at.is_(None),
                    )
                    if connection.execute(
                        sa.update(index_builds).where(this).values(dropped_at=self.now())
                    ).rowcount:
                        self._log(
                            connection, "index dropped", dataset, {"build": build, "why": why}
                        )
