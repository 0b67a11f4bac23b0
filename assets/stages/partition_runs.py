"""Divide a run over a partition, a range of them, or what is due into a run for each partition.

Belongs here: which partitions there are and which wait. Stays out: what happens to each (the other
stages), adding them up (pipelines/publish/partitions.py).
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from assay.assets.io import sources
from assay.assets.io.disk import sha256
from assay.assets.stages.ingest import land
from assay.assets.stages.run import Run
from assay.assets.stages.run_inputs import inputs_of, published_of
from assay.assets.stages.window_rows import window_counts
from assay.contracts.errors import ConfigurationError
from assay.contracts.settings import PARTITION, Partitions
from assay.pipelines.publish import partitions


def parts(run: Run) -> list[Run]:
    """One run a partition, or the run itself where its data set has none.

    Raises: SourceError: it names a partition that there is not.
    """
    wanted = run.contract.source.partitions
    if wanted is None:
        return [run]
    names = (
        partitions.chosen(wanted, run.window, run.installation.clock()) if run.window else due(run)
    )
    return [_part(run, name, alone=len(names) == 1) for name in names]


def _part(run: Run, name: str, *, alone: bool) -> Run:
    source = run.contract.source
    contract = run.contract.model_copy(
        update={
            "source": source.model_copy(
                update={"location": source.location.replace(PARTITION, name)}
            )
        }
    )
    mine = replace(run, contract=contract, window=name, own_source=PARTITION in source.location)
    return (
        mine
        if alone
        else replace(
            mine,
            run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run.run_id}/{name}")),
            parent=run.run_id,
        )
    )


def due(run: Run) -> tuple[str, ...]:
    """The partitions that have come and that the version in service does not hold as they came.

    Where all partitions come in one file, it is landed first: a partition that it has no row of is
    not due.
    """
    wanted = run.contract.source.partitions
    if wanted is None:
        return ()
    windows = tuple(partitions.windows(wanted, run.installation.clock()))
    if PARTITION in run.contract.source.location:
        return tuple(name for name in windows if _waits(_part(run, name, alone=True)))
    return _due_of_one_file(run, wanted, windows)


def _waits(part: Run) -> bool:
    file = sources.locate(part.contract, part.installation.home.roots)
    return file.is_file() and _is_new(part, sha256(file))


def _is_new(part: Run, digest: str) -> bool:
    return published_of(part, inputs_of(part, digest)) is None


def _due_of_one_file(run: Run, wanted: Partitions, known: tuple[str, ...]) -> tuple[str, ...]:
    look = replace(
        run, run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run.run_id}/look")), parent=run.run_id
    )
    digest = land(look).receipt.digest
    run.installation.registry.runs.end(look.lease(), "looked", {})
    run.installation.lake.clear(look.contract.name, look.run_id)
    there = window_counts(look, digest, partitions.name_format(wanted))
    return tuple(
        name for name in known if there.get(name) and _is_new(_part(run, name, alone=True), digest)
    )


def none_due(run: Run) -> ConfigurationError:
    """What to report where nothing waits."""
    return ConfigurationError(
        f"no partition of {run.contract.name} is due",
        "Deliver one, or name one to publish again: --window 2013-03",
    )
