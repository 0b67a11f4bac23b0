"""Keep what the cleaning steps have learned: in a run's staging, then next to the version, so that
later data and explanations use the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.disk import sha256
from assay.assets.io.lake import LEARNED, Lake
from assay.assets.stages.run import Run
from assay.contracts.errors import EvidenceError, Where
from assay.pipelines.clean import steps
from assay.pipelines.core.fitting import Fitted

FOLDER = "fitted"
_VALUES = "values.json"


def write(folder: Path, fitted: Sequence[Fitted]) -> None:
    """One JSON of numbers and words, and a Parquet file a table."""
    folder.mkdir(exist_ok=True)
    (folder / _VALUES).write_text(json.dumps([dict(step.values) for step in fitted]))
    for index, step in enumerate(fitted):
        for name, table in step.tables.items():
            table.write_parquet(folder / f"{index + 1}.{name}.parquet")


def read(folder: Path) -> tuple[Fitted, ...]:
    """What `write` wrote."""
    values = json.loads((folder / _VALUES).read_text())
    tables: list[dict[str, pl.DataFrame]] = [{} for _ in values]
    for file in sorted(folder.glob("*.parquet")):
        index, name, _ = file.name.split(".")
        tables[int(index) - 1][name] = pl.read_parquet(file)
    return tuple(Fitted(numbers, frames) for numbers, frames in zip(values, tables, strict=True))


def described(lake: Lake, dataset: str, attempt: str) -> dict[str, Any]:
    """Where it is next to a version, and each file's SHA-256, for the evidence."""
    folder = lake.folder(dataset, "versions") / attempt / LEARNED
    return {
        "folder": f"{attempt}/{LEARNED}",
        "files": {file.name: sha256(file) for file in sorted(folder.iterdir())},
    }


def kept(run: Run) -> dict[int, Fitted]:
    """What steps with `fit: first` have learned on the first version that was cleaned by the same
    step, by the step's index.

    Raises: EvidenceError: what was kept is not what was signed.
    """
    contract, installation = run.contract, run.installation
    wanted = {
        index: step
        for index, step in enumerate(contract.cleaning)
        if step.fit == "first" and steps.KINDS[step.step].keeps
    }
    known: dict[int, Fitted] = {}
    for row in installation.registry.versions.all(contract.name) if wanted else []:
        cleaning = installation.signed_statement(row)["predicate"]["cleaning"]
        for index, step in wanted.items():
            if (
                index not in known
                and index < len(cleaning["steps"])
                and cleaning["steps"][index] == step.model_dump(mode="json")
            ):
                known[index] = of_version(run, cleaning)[index]
    return known


def of_version(run: Run, cleaning: dict[str, Any]) -> tuple[Fitted, ...]:
    """What the steps of a version had learned.

    Args:
        cleaning: of the version's checked predicate.
    Raises: EvidenceError: a file is missing or is not what was signed.
    """
    lake, name, learned = run.installation.lake, run.contract.name, cleaning["learned"]
    folder = lake.folder(name, "versions") / learned["folder"]
    if not folder.is_dir() or described(lake, name, folder.parent.name) != learned:
        raise EvidenceError(
            "a file that cleaning learned from differs from its signed digest",
            "Restore it from a backup",
            Where(file=learned["folder"], dataset=name),
        )
    return read(folder)
