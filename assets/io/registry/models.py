"""Which model serves: every switch of a data set's models.

Belongs here: their table, who serves now. Stays out: the models (io/models.py), the transaction that switches (registry.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, Json, columns, metadata
from assay.assets.io.registry.ledger import Ledger

services = sa.Table(
    "services", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("model", sa.String, nullable=False), sa.Column("role", sa.String, nullable=False),
    sa.Column("version", sa.String), sa.Column("details", sa.JSON), sa.Column("at", sa.String, nullable=False), sa.Column("by", sa.String, nullable=False), sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip

Role = Literal["champion", "challenger"]
ROLES: tuple[Role, ...] = ("champion", "challenger")


@dataclass(frozen=True)
class ModelSwitch:
    """Who serves in a role since a switch; `version` is MLflow's, None for no one."""

    id: int
    dataset: str
    model: str
    role: Role
    version: str | None
    details: Json | None
    at: str
    by: str
    reason: str


@dataclass(frozen=True)
class ServingModel:
    """The model that serves in a role."""

    id: int
    dataset: str
    model: str
    role: Role
    version: str
    details: Json
    at: str
    by: str
    reason: str


_SWITCH = sa.select(*columns(services, ModelSwitch))


class Models:
    """The part of the registry that knows which models serve."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def serving(self, dataset: str) -> dict[Role, ServingModel]:
        """The models that serve, by role; a role that no one has is not there."""
        newest = (
            sa.select(sa.func.max(services.c.id))
            .where(services.c.dataset == dataset)
            .group_by(services.c.role)
        )
        query = _SWITCH.where(services.c.id.in_(newest), services.c.version.is_not(None))
        return {model.role: model for model in self._database.all(ServingModel, query)}

    def switches(self, dataset: str) -> list[ModelSwitch]:
        """Every switch of a data set's models, the oldest first."""
        query = _SWITCH.where(services.c.dataset == dataset).order_by(services.c.id)
        return self._database.all(ModelSwitch, query)

    def switches_after(self, number: int) -> list[ModelSwitch]:
        """The switches of all data sets' models since the one of that number, the oldest first."""
        query = _SWITCH.where(services.c.id > number).order_by(services.c.id)
        return self._database.all(ModelSwitch, query)

    def serve(
        self,
        dataset: str,
        model: str,
        roles: Mapping[Role, tuple[str | None, Json | None]],
        reason: str,
    ) -> None:
        """Say who serves in each role from now on: (version in MLflow, details), None for no one."""
        with self._database.write() as connection:
            for role, (version, details) in roles.items():
                row: Json = {"dataset": dataset, "model": model, "role": role, "version": version}
                row |= {"details": details, "reason": reason}
                at, by = self._database.now(), self._database.actor
                connection.execute(sa.insert(services).values(**row, at=at, by=by))
                entry = {"model": model, "role": role, "version": version, "reason": reason}
                self._ledger.add(connection, "model switched", dataset, entry)
