"""When the lake of a data set was last swept, so that a sweep looks at what is new since.

Belongs here: its table. Stays out: what a sweep removes (assets/stages/sweep.py).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, metadata

sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("swept_at", sa.String, nullable=False),
)


class Sweeps:
    """The part of the registry that knows when the lake was last swept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, dataset: str) -> datetime | None:
        """When the last sweep of a data set began; None before the first."""
        query = sa.select(sweeps.c.swept_at).where(sweeps.c.dataset == dataset)
        times = self._database.values(query)
        return datetime.fromisoformat(str(times[0])) if times else None

    def note(self, dataset: str, at: datetime) -> None:
        """Record that a sweep which began at this time has removed what it found."""
        with self._database.write() as connection:
            connection.execute(sa.delete(sweeps).where(sweeps.c.dataset == dataset))
            row = {"dataset": dataset, "swept_at": at.isoformat(timespec="microseconds")}
            connection.execute(sa.insert(sweeps).values(**row))
