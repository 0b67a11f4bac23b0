"""Features, done: a published version -> a feature table and the state it was made with, kept together and signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import polars as pl

from assay.assets.io.contract_folder import find
from assay.assets.io.disk import sha256, write_atomically
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.versions import Version
from assay.assets.stages.related_contracts import check_related_contracts
from assay.assets.stages.run import Run, schema, stage
from assay.contracts.errors import (
    AdmissionError,
    ConfigurationError,
    EvidenceError,
    FeatureError,
    Where,
)
from assay.contracts.features import Features, Wanted
from assay.contracts.model import Contract
from assay.lineage import features as evidence
from assay.lineage.facts import Table
from assay.pipelines.core import engine
from assay.pipelines.features import parity, privacy, table
from assay.pipelines.features.state import Bound, State, from_json

STATE, PART, TABLES = (
    "state.json",
    "part-00000.parquet",
    "_state",
)  # engines that read the table pass over what starts with an underscore
COMPRESSION: Final = "snappy"  # made again from the version at any time, and read at every training: half the time of zstd to write, for half as much again on the disk
Others = dict[str, pl.LazyFrame]


@dataclass(frozen=True)
class FeatureTable:
    """A feature table of one version: `details` as the registry keeps them."""

    version: str
    details: Json
    new: bool


def settings(run: Run) -> Features:
    """The contract's features. Raises: FeatureError: it has none."""
    if run.contract.features is None:
        raise FeatureError(
            "the contract asks for no features",
            "Add assay.features",
            Where(file=run.contract.file, dataset=run.contract.name),
        )
    return run.contract.features


# -- making -------------------------------------------------------------------------------------


def make_features(run: Run, wanted: Wanted | None = None) -> FeatureTable:
    """Fit on the training rows of the newest version and write its feature table, unless that was done.

    Args:
        wanted: the engine, in place of the contract's.
    Raises: EvidenceError: the version is not what was signed. FeatureError: it cannot be fitted, or engines disagree. ConfigurationError: no such engine.
        AdmissionError: another data set that rows are joined to was not admitted for what these are.
    """
    installation, contract, features = run.installation, run.contract, settings(run)
    row = installation.version(contract.name)
    known = installation.registry.derived.get(contract.name, row.version, "features")
    if known is not None:
        if wanted:
            engine.choose(
                wanted
            )  # one that is not there is refused, though nothing is to be made: whoever asks for it believes that it works
        return FeatureTable(row.version, known, new=False)
    with stage(run, "features") as noted:
        on = engine.choose(wanted or features.engine)
        frame = installation.scan(row)
        others, bound = _others(installation, contract, features)
        protected = privacy.protected_columns(contract, features)
        state = table.fit(
            frame, features, engine.run_together, holdout=contract.holdout, others=others
        )
        state, proxies = table.looked_through(frame, state, engine.run_together, protected, others)
        inputs, by = table.lineage(frame, state, others)
        classes = privacy.feature_classes(
            inputs, contract.classes | _others_classes(installation, bound)
        )
        _refuse_what_nobody_may_use(contract, features, classes)
        staged = installation.lake.staging(contract.name, run.run_id) / "features"
        state = _written(
            staged, replace(state, version=_bound(installation, row), others=tuple(bound))
        )
        told = parity.receipt(frame, state, on, others)
        columns = write_table(staged, frame, state, told, others)
        target = installation.lake.folder(contract.name, "features") / row.version
        installation.lake.move_in(staged, target)
        files = {
            str(file.relative_to(target)): sha256(file)
            for file in sorted(target.rglob("*"))
            if file.is_file()
        }
        rows = pl.scan_parquet(target / PART).select(pl.len()).collect().item()
        transforms = {name: features.transforms[place].transform for name, place in by.items()}
        details = {
            "engine": on, "rows": rows, "columns": list(columns), "features": list(state.kept), "digests": files, "source_version": row.version,
            "training_rows": state.training_rows, "holdout": contract.holdout, "classes": classes,
            "parity": {"engine": told.engine, "rows": told.rows, "tolerance": told.tolerance, "greatest": told.greatest, "columns": [asdict(each) for each in told.columns]},
            "from": {name: {"transform": transforms[name], "columns": list(inputs[name]), "type": str(columns[name])} for name in state.kept},
            "scores": [asdict(score) for score in state.scores], "proxies": _reported(proxies, features), "others": [asdict(each) for each in bound],
        }  # fmt: skip
        said = {
            "dataset": contract.name,
            "version": row.version,
            "bound_to": asdict(_bound(installation, row)),
            "contract": contract.digest,
            "run_id": run.run_id,
            **details,
        }
        write_atomically(
            _evidence_file(installation, contract.name, row.version),
            evidence.signed(files, said, installation.keys.signer()),
        )
        size = (target / PART).stat().st_size
        installation.lake.commit_delta(
            target.parent,
            row.sequence,
            [(f"{row.version}/{PART}", size, rows)],
            columns,
            f"{contract.name} features {row.version}",
        )
        installation.registry.derived.keep(contract.name, row.version, "features", details)
        noted.inputs += [
            Table(name=f"{each.dataset}/published", version=each.version)
            for each in (_bound(installation, row), *bound)
        ]
        noted.outputs.append(
            Table(
                name=f"{contract.name}/features",
                version=row.version,
                columns=schema(dict(columns)),
                rows=rows,
                lineage=_lineage(contract, features, inputs),
            )
        )
    return FeatureTable(row.version, details, new=True)


def _bound(installation: Installation, row: Version) -> Bound:
    return Bound(
        row.dataset, row.version, hashlib.sha256(installation.envelope(row).encode()).hexdigest()
    )


def _others(
    installation: Installation, contract: Contract, features: Features
) -> tuple[Others, list[Bound]]:
    """The versions of other data sets that rows are joined to, each admitted for every purpose of this one."""
    frames: Others = {}
    bound = []
    joined = {each.dataset for each in features.transforms if each.transform == "as_of"}
    check_related_contracts(installation, contract, sorted(joined))
    for transform in features.transforms:
        if transform.transform != "as_of" or transform.dataset in frames:
            continue
        row = installation.version(transform.dataset, transform.version)
        admitted = installation.statement(row)["predicate"]["admission"]["purposes"]
        if missing := [purpose for purpose in contract.license.purposes if purpose not in admitted]:
            raise AdmissionError(
                f"rows are joined to {transform.dataset}@{row.version}, which was not admitted for '{missing[0]}'",
                "Leave the purpose out of assay.license, or admit that data set for it",
                Where(dataset=contract.name),
            )
        frames[transform.dataset] = installation.scan(row)
        bound.append(_bound(installation, row))
    return frames, bound


def _others_classes(installation: Installation, bound: list[Bound]) -> dict[str, Any]:
    return {
        f"{each.dataset}.{column}": kind
        for each in bound
        for column, kind in installation.contract(each.dataset).classes.items()
    }


def _refuse_what_nobody_may_use(
    contract: Contract, features: Features, classes: Mapping[str, str]
) -> None:
    """Only what the data of other data sets bring in can still be refused here: the contract's own columns were looked at when it was read."""
    for purpose in contract.license.purposes:
        if not privacy.refused(classes, features.allows, purpose):
            return
    if classes:
        name, kind = next(iter(classes.items()))
        raise FeatureError(
            f"the feature '{name}' is {kind}, and assay.features allows that for none of {', '.join(contract.license.purposes)}",
            f"Leave it out, or add `allows: {{{kind}: […]}}` if that is lawful",
            Where(dataset=contract.name),
        )


def _written(staged: Path, state: State) -> State:
    """Put the state where the table will lie, and read it back: what makes the table is what inference will read."""
    (staged / TABLES).mkdir(parents=True, exist_ok=True)
    (staged / STATE).write_text(state.as_json(), encoding="utf-8")
    for name, frame in state.tables.items():
        frame.write_parquet(
            staged / TABLES / f"{quote(name, safe='')}.parquet"
        )  # a column's name may hold what a file's cannot
    return _read(staged)


def _read(folder: Path) -> State:
    return from_json(
        (folder / STATE).read_text(encoding="utf-8"),
        {
            unquote(file.stem): pl.read_parquet(file)
            for file in sorted((folder / TABLES).glob("*.parquet"))
        },
    )


def write_table(
    staged: Path, frame: pl.LazyFrame, state: State, told: parity.Receipt, others: Others
) -> pl.Schema:
    """`part-00000.parquet` in a folder, by one sink. What another engine makes, or looks back with all rows in memory, is made before and put beside the rows.

    Returns: the columns. Raises: FeatureError: the engines' rows come in different orders. ConfigurationError: a device cannot hold what it has to make.
    """
    order = state.features.order_by

    def made_by(one: engine.Engine) -> pl.LazyFrame:
        return table.table(
            frame, state, others=others, on=engine.arrays(one), in_pieces=engine.in_pieces(one)
        )

    types = made_by("polars").collect_schema()
    plans = parity.plans(told, state, table.lineage(frame, state, others)[1])
    if len(plans) == 1:
        _run(
            made_by(plans[0].engine).sink_parquet(
                staged / PART, compression=COMPRESSION, lazy=True
            ),
            plans[0].engine,
        )
        return types
    row_by_row = [name for plan in plans if plan.in_rows for name in plan.features]
    before = {
        staged / f"{number}.arrow": plan for number, plan in enumerate(plans) if not plan.in_rows
    }
    for file, plan in before.items():
        _run(
            made_by(plan.engine)
            .select(*plan.features, pl.col(order).alias(file.name))
            .sink_ipc(file, lazy=True),
            plan.engine,
        )
    beside = [pl.scan_ipc(file) for file in before]

    def joined(rows: pl.LazyFrame) -> pl.LazyFrame:
        return pl.concat([rows, *beside], how="horizontal", strict=True)

    if engine.run(
        joined(frame.select(order)).select(
            pl.any_horizontal(pl.col(file.name).ne_missing(pl.col(order)) for file in before).any()
        )
    ).item():
        raise FeatureError(
            "two engines gave the rows in different orders, so their features cannot be put side by side",
            "Write `engine: polars`, or leave out what falls back",
        )
    rows = made_by("polars").select(order, *row_by_row, *_label(state))
    engine.run(
        joined(rows)
        .select(types.names())
        .sink_parquet(staged / PART, compression=COMPRESSION, lazy=True)
    )
    for file in before:
        file.unlink()
    return types


def _run(plan: pl.LazyFrame, on: engine.Engine) -> None:
    """Raises: ConfigurationError: a device ran the sample, and not the whole: most often its memory is too small."""
    if on == "polars":
        engine.run(plan)
        return
    _, reason = engine.tried(plan, on)
    if reason:
        raise ConfigurationError(
            f"the engine '{on}' made the sample and not the table: {reason}",
            "Write `engine: polars`, or use a device with more memory",
        )


def _label(state: State) -> list[str]:
    return [state.features.target.name] if state.features.target else []


def _reported(proxies: tuple[privacy.Proxy, ...], features: Features) -> list[Json]:
    """The features that give a protected column away, and were not made from it; what was is told by its class."""
    return [asdict(proxy) for proxy in proxies if proxy.skill >= features.proxy_above]


def _lineage(
    contract: Contract, features: Features, inputs: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Column lineage as facts tell it, the ordering column and the target with it."""
    of = {
        name: [_source(contract, column) for column in columns] for name, columns in inputs.items()
    }
    of[features.order_by] = [(f"{contract.name}/published", features.order_by)]
    if features.target:
        of[features.target.name] = [(f"{contract.name}/published", features.target.column)]
    return {name: tuple(sources) for name, sources in of.items()}


def _source(contract: Contract, column: str) -> tuple[str, str]:
    """`dataset.column` is another data set's; a column of ours can have no such name where it is promised."""
    dataset, _, other = column.partition(".")
    return (
        (f"{dataset}/published", other)
        if other and column not in contract.column_names
        else (f"{contract.name}/published", column)
    )


# -- reading --------------------------------------------------------------------------------------


def feature_frame(installation: Installation, dataset: str, version: str) -> pl.LazyFrame:
    """The feature table of a version, its digest checked."""
    return pl.scan_parquet(_checked(installation, dataset, version) / PART)


def feature_state(installation: Installation, dataset: str, version: str) -> State:
    """The fitted state of a version, its digests checked, and that it is of this version."""
    state = _read(_checked(installation, dataset, version))
    if state.version != _bound(installation, installation.version(dataset, version)):
        raise EvidenceError(
            "the state was fitted on another version",
            "Restore it from a backup",
            Where(file=f"features/{version}/{STATE}", dataset=dataset),
        )
    return state


def state_others(installation: Installation, state: State) -> Others:
    """The rows of other data sets as they were when the features were made. Raises: EvidenceError: that version is not what it was."""
    frames: Others = {}
    for each in state.others:
        row = installation.version(each.dataset, each.version)
        if _bound(installation, row) != each:
            raise EvidenceError(
                f"{each.dataset}@{each.version} is not what the features were made from",
                "Restore the registry from a backup",
                Where(dataset=each.dataset),
            )
        frames[each.dataset] = installation.scan(row)
    return frames


def without_features(installation: Installation, dataset: str, version: str) -> FeatureError:
    """The error of a version without features, and how it comes to have some."""
    contract = find(installation.contracts, dataset)
    latest = installation.version(dataset).version
    if contract is not None and contract.features is None:
        remedy = f"Add assay.features to its contract, then: assay run {dataset}"
    elif version != latest:
        remedy = f"Open {latest}: they are made for what `latest` points to"
    else:
        remedy = f"Make them: assay run {dataset}"
    return FeatureError(f"version {version} has no features", remedy, Where(dataset=dataset))


def _evidence_file(installation: Installation, dataset: str, version: str) -> Path:
    return installation.home.root / "evidence" / dataset / evidence.FOLDER / f"{version}.dsse.json"


def _checked(installation: Installation, dataset: str, version: str) -> Path:
    """The folder of a feature table, every file as it was signed."""
    if installation.registry.derived.get(dataset, version, "features") is None:
        raise without_features(installation, dataset, version)
    file = _evidence_file(installation, dataset, version)
    if not file.is_file():
        raise EvidenceError(
            "the evidence of the features is missing",
            "Restore it from a backup",
            Where(file=f"evidence/{dataset}/{evidence.FOLDER}/{version}.dsse.json"),
        )
    statement = evidence.opened(
        file.read_text(encoding="utf-8", errors="replace"), installation.keys.public()
    )
    return installation.lake.check_features(dataset, version, evidence.digests(statement))
