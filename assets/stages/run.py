"""One run over one data set: its identity, and the facts it leaves.

Belongs here: the run's lease, timing a stage, posting its fact. Stays out: the stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from assay.assets.io.disk import room_on_disk
from assay.assets.io.failures import must_stop, unexpected
from assay.assets.io.installation import Installation
from assay.assets.io.runs import Lease
from assay.contracts.errors import errors_located_at
from assay.contracts.model import Contract
from assay.lineage.facts import StageFact, Table

LEASED = ("landed", "admitted", "cleaned", "published")
"""The stages that lead to a version; what is made from versions needs no lease."""


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

    @property
    def lease(self) -> Lease:
        """The right to publish, taken by the run's first stage."""
        return self.installation.registry.begin(
            self.contract.name, self.run_id, self.partition, self.parent
        )


@dataclass
class Noted:
    """What a stage notes of its inputs and outputs while it works."""

    inputs: list[Table] = field(default_factory=list)
    outputs: list[Table] = field(default_factory=list)


@contextmanager
def stage(run: Run, name: str) -> Iterator[Noted]:
    """Time a stage, tell errors which data set they are about, and post its OpenLineage fact, whether it ends well or not."""
    installation, started = run.installation, run.installation.registry.now()
    noted = Noted()

    def fact(outcome: str, error: str | None = None) -> StageFact:
        return StageFact.model_validate(
            {
                "run_id": run.run_id, "dataset": run.contract.name, "stage": name, "outcome": outcome, "started_at": started, "ended_at": installation.registry.now(),
                "inputs": noted.inputs, "outputs": noted.outputs, "error": error,
            }
        )  # fmt: skip

    try:
        if name in LEASED:
            _ = run.lease
        with (
            errors_located_at(dataset=run.contract.name),
            room_on_disk(),
            installation.registry.working(run.contract.name, run.run_id, name),
        ):
            yield noted
    except BaseException as error:
        if must_stop(error):
            raise
        failure = unexpected(installation.home.root, error, run.contract.name, f"stage '{name}'")
        installation.lake.clear(
            run.contract.name, run.run_id
        )  # at once: on a full disk it is what the words about it are written on
        with room_on_disk():
            installation.registry.end(run.lease, "failed", {"stage": name, "error": str(failure)})
            installation.registry.post(
                "lineage", run.contract.name, fact("FAIL", str(failure)).as_json()
            )
        if failure is error:
            raise
        raise failure from error
    installation.registry.post("lineage", run.contract.name, fact("COMPLETE").as_json())


def schema(columns: Mapping[str, pl.DataType]) -> tuple[tuple[str, str], ...]:
    """Columns as facts tell them."""
    return tuple((name, str(kind)) for name, kind in columns.items())


def sources(
    table: str, lineage: Mapping[str, Iterable[str]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Column lineage from one input table."""
    return {column: tuple((table, field) for field in fields) for column, fields in lineage.items()}
