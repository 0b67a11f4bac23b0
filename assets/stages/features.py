"""Features, done: a published version -> a feature table and the state it was made with, kept together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.hands.disk import sha256
from assets.hands.office import Office
from assets.hands.registry import Row
from assets.stages.run import Run, schema, stage
from contracts.errors import EvidenceError, FeatureError, Where
from contracts.settings import Features
from lineage.columns import lineage_of
from lineage.facts import Table
from pipelines.engine import choose, run_together
from pipelines.features import table

STATE, PART = "state.json", "part-00000.parquet"


@dataclass(frozen=True)
class FeatureTable:
    """A feature table of one version: `details` as the registry keeps them."""

    version: str
    details: Row
    new: bool


def settings(run: Run) -> Features:
    """The contract's features. Raises: FeatureError: it has none."""
    if run.contract.features is None:
        raise FeatureError("the contract asks for no features", "Add assay.features", Where(file=run.contract.file, dataset=run.contract.name))
    return run.contract.features


def make_features(run: Run) -> FeatureTable:
    """Fit on the newest version and write its feature table, unless that was done.

    Raises: EvidenceError: the version is not what was signed. FeatureError: it cannot be fitted. ConfigurationError: no such engine.
    """
    office, contract, wanted = run.office, run.contract, settings(run)
    row = office.version(contract.name)
    known = office.registry.derived(contract.name, row["version"], "features")
    if known is not None:
        return FeatureTable(row["version"], known, new=False)
    with stage(run, "features") as noted:
        engine = choose(wanted.engine)
        frame = office.scan(row)
        state = table.fit(frame, wanted, engine)
        made = table.table(frame, wanted, state)
        staged = office.lake.staging(contract.name, run.run_id) / "features"
        staged.mkdir(exist_ok=True)
        run_together([made.sink_parquet(staged / PART, compression="zstd", lazy=True)])
        (staged / STATE).write_text(json.dumps(state, sort_keys=True))
        target = office.lake.folder(contract.name, "features") / row["version"]
        office.lake.move_in(staged, target)
        columns = made.collect_schema()
        details = {
            "engine": engine, "rows": row["rows"], "columns": list(columns.names()), "features": list(table.expressions(wanted, state)),
            "digests": {PART: sha256(target / PART), STATE: sha256(target / STATE)}, "source_version": row["version"],
        }  # fmt: skip
        office.lake.commit_delta(
            target.parent, row["sequence"], [(f"{row['version']}/{PART}", (target / PART).stat().st_size, row["rows"])], columns, f"{contract.name} features {row['version']}"
        )
        office.registry.keep_derived(contract.name, row["version"], "features", details)
        published = f"{contract.name}/published"
        lineage = {name: tuple((published, field) for field in fields) for name, fields in lineage_of(table.expressions(wanted, state), [wanted.order_by]).items()}
        noted.inputs.append(Table(name=published, version=row["version"]))
        noted.outputs.append(Table(name=f"{contract.name}/features", version=row["version"], columns=schema(dict(columns)), rows=row["rows"], lineage=lineage))
    return FeatureTable(row["version"], details, new=True)


def feature_frame(office: Office, dataset: str, version: str) -> pl.LazyFrame:
    """The feature table of a version, its digest checked."""
    return pl.scan_parquet(_checked(office, dataset, version, PART))


def feature_state(office: Office, dataset: str, version: str) -> dict[str, Any]:
    """The fitted state of a version, its digest checked."""
    state: dict[str, Any] = json.loads(_checked(office, dataset, version, STATE).read_text())
    return state


def _checked(office: Office, dataset: str, version: str, name: str) -> Any:
    details = office.registry.derived(dataset, version, "features")
    file = office.lake.folder(dataset, "features") / version / name
    where = Where(file=f"features/{version}/{name}", dataset=dataset)
    if details is None:
        raise FeatureError(f"version {version} has no features", f"Make them: assay run {dataset}", where)
    if not file.is_file() or sha256(file) != details["digests"][name]:
        raise EvidenceError("a feature file is not what was made", "Restore it from a backup", where)
    return file
