"""One run over one data set: its identity, and the facts it leaves.

Belongs here: the run's lease, timing a stage, posting its fact. Stays out: the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assay.assets.io.disk import room_on_disk
from assay.assets.io.failures import must_stop, unexpected
from assay.assets.io.installation import Installation
from assay.assets.io.registry.runs import Lease
from assay.contracts.errors import errors_located_at
from assay.contracts.model import Contract
from assay.lineage.facts import StageFact, Table

LEASED = ("landed", "admitted", "cleaned", "published")
"""The stages that lead to a version; what is derived from versions needs no lease."""


@dataclass(frozen=True)
class Run:
    """A run of one data set, or of one partition of it. `window` names the part of the source to publish; None takes the next one due."""

    installation: Installation
    contract: Contract
    run_id: str
    window: str | None = None
    parent: str | None = None
    """The run that this one is a part of."""
    own_source: bool = False
    """Whether the partition comes in a file of its own, so that every row of it must belong there."""

    @property
    def partition(self) -> str | None:
        """The partition, where the data set has such."""
        return self.window if self.contract.source.partitions else None

    def lease(self) -> Lease:
        """Take the right to publish, once a run: its later stages get the same."""
        return self.installation.registry.runs.begin(
            self.contract.name, self.run_id, self.partition, self.parent
        )


@dataclass
class Noted:
    """What a stage notes of its inputs and outputs while it works."""

    run: Run
    name: str
    started_at: str
    inputs: list[Table] = field(default_factory=list)
    outputs: list[Table] = field(default_factory=list)
    is_ended: bool = False

    def fact(self, outcome: str, error: str | None = None) -> dict[str, Any]:
        """What lineage hears of the stage, as JSON."""
        fact = StageFact.model_validate(
            {
                "run_id": self.run.run_id,
                "dataset": self.run.contract.name,
                "stage": self.name,
                "outcome": outcome,
                "started_at": self.started_at,
                "ended_at": self.run.installation.registry.now(),
                "inputs": self.inputs,
                "outputs": self.outputs,
                "error": error,
            }
        )
        return fact.as_json()

    def begin(self) -> None:
        """Record that the run's process is in the stage; the first stage takes the lease."""
        registry = self.run.installation.registry
        with registry.transaction():
            if self.name in LEASED:
                self.run.lease()
            registry.runs.at_work(self.run.contract.name, self.run.run_id, self.name)

    def end(self) -> None:
        """Record that the stage is complete, with the next transaction; inside one, as a part of it."""
        registry, fact = self.run.installation.registry, self.fact("COMPLETE")
        dataset, run_id = self.run.contract.name, self.run.run_id

        def record() -> None:
            registry.runs.at_work(dataset, run_id, None)
            registry.outbox.post("lineage", dataset, fact)

        self.is_ended = True
        registry.database.later(record)

    def fail(self, error: str) -> None:
        """Record that the stage has failed, and with it the run."""
        registry, dataset = self.run.installation.registry, self.run.contract.name
        details = {"stage": self.name, "error": error}
        with room_on_disk(), registry.transaction():
            registry.runs.end(self.run.lease(), "failed", details)
            registry.outbox.post("lineage", dataset, self.fact("FAIL", error))


@contextmanager
def stage(run: Run, name: str) -> Iterator[Noted]:
    """Time a stage, tell errors which data set they are about, and post its OpenLineage fact, whether it ends well or not.

    The stage has one connection to the registry, which is idle while the body works on data.
    """
    installation, dataset = run.installation, run.contract.name
    registry = installation.registry
    noted = Noted(run, name, registry.now())
    with registry.session():
        try:
            with errors_located_at(dataset=dataset), room_on_disk():
                noted.begin()
                with registry.runs.working(dataset, run.run_id, name):
                    yield noted
        except BaseException as error:
            if must_stop(error):
                raise
            failure = unexpected(installation.home.root, error, dataset, f"stage '{name}'")
            # at once: on a full disk it is what the words about it are written on
            installation.lake.clear(dataset, run.run_id)
            noted.fail(str(failure))
            if failure is error:
                raise
            raise failure from error
        if not noted.is_ended:
            noted.end()


def schema(columns: Mapping[str, pl.DataType]) -> tuple[tuple[str, str], ...]:
    """Columns as facts describe them."""
    return tuple((name, str(kind)) for name, kind in columns.items())


def sources(
    table: str, lineage: Mapping[str, Iterable[str]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Column lineage from one input table."""
    return {column: tuple((table, field) for field in fields) for column, fields in lineage.items()}


def masked_columns(contract: Contract, lineage: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The columns that are derived from personal columns, which admission replaces or makes coarser."""
    treated = contract.privacy.columns
    return tuple(
        column for column, fields in lineage.items() if not treated.keys().isdisjoint(fields)
    )
