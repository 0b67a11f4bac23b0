"""The checks of each run.

Belongs here: their table. Stays out: checking (stages), what a failed check means (contracts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, as_row, columns, metadata
from assay.assets.io.registry.runs import Lease

checks = sa.Table(
    "checks", metadata,
    sa.Column("run_id", sa.String, primary_key=True), sa.Column("dataset", sa.String, primary_key=True), sa.Column("rule", sa.String, primary_key=True),
    sa.Column("passed", sa.Boolean), sa.Column("failing", sa.BigInteger, nullable=False), sa.Column("total", sa.BigInteger, nullable=False), sa.Column("severity", sa.String, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class CheckRecord:
    """What one rule found in one run. `passed` is None if it could not be checked."""

    rule: str
    passed: bool | None
    failing: int
    total: int
    severity: str


class Checks:
    """The part of the registry that knows what was checked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, lease: Lease, results: Sequence[CheckRecord]) -> None:
        """Keep the checks of a run; the same run's earlier ones are replaced."""
        this = sa.and_(checks.c.run_id == lease.run_id, checks.c.dataset == lease.dataset)
        with self._database.write() as connection:
            connection.execute(sa.delete(checks).where(this))
            if results:
                run = {"run_id": lease.run_id, "dataset": lease.dataset}
                rows = [{**as_row(result), **run} for result in results]
                connection.execute(sa.insert(checks), rows)

    def of_run(self, dataset: str, run_id: str) -> list[CheckRecord]:
        """The checks of one run."""
        query = sa.select(*columns(checks, CheckRecord)).where(
            checks.c.dataset == dataset, checks.c.run_id == run_id
        )
        return self._database.all(CheckRecord, query.order_by(checks.c.rule))
