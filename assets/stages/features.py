"""Make the features of a published version: a table and the state it was made with, kept together
and signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.contract_folder import find
from assay.assets.io.disk import sha256, write_atomically
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.versions import Version
from assay.assets.stages.feature_files import (
    PART,
    STATE,
    Others,
    read_state,
    write_state,
    write_table,
)
from assay.assets.stages.related_contracts import check_related_contracts
from assay.assets.stages.run import Run, schema, stage
from assay.contracts.errors import (
    AdmissionError,
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
from assay.pipelines.features.state import Bound, State


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
            "the contract declares no features",
            "Add assay.features",
            Where(file=run.contract.file, dataset=run.contract.name),
        )
    return run.contract.features


# -- making -------------------------------------------------------------------------------------


def make_features(run: Run, wanted: Wanted | None = None) -> FeatureTable:
    """Fit on the training rows of the newest version and write its feature table, unless it was
    done already.

    Args:
        wanted: the engine, in place of the contract's.
    Raises: EvidenceError: the version is not what was signed. FeatureError: it cannot be fitted, or
        engines disagree. ConfigurationError: no such engine. AdmissionError: another data set that
        rows are joined to was not admitted for what these are.
    """
    installation, contract, features = run.installation, run.contract, settings(run)
    row = installation.version(contract.name)
    details_kept = installation.registry.derived.get(contract.name, row.version, "features")
    if details_kept is not None:
        if wanted:
            # one that is not there is refused, though nothing is to be built: whoever asks for it believes that it works
            engine.choose(wanted)
        return FeatureTable(row.version, details_kept, new=False)
    with stage(run, "features") as noted:
        device = engine.choose(wanted or features.engine)
        fitting = _fit(run, row)
        built = _write(run, row, fitting, device)
        details = _details(run, row, fitting, built, device)
        _sign(run, row, details)
        _register(run, row, built, details)
        noted.inputs += [
            Table(name=f"{source.dataset}/published", version=source.version)
            for source in (_bound(installation, row), *fitting.bound)
        ]
        lineage = _lineage(contract, features, fitting.inputs)
        noted.outputs.append(
            Table(
                name=f"{contract.name}/features",
                version=row.version,
                columns=schema(dict(built.columns)),
                rows=built.rows,
                lineage=lineage,
                masked=_masked(lineage, _treated(installation, contract, fitting.bound)),
            )
        )
    return FeatureTable(row.version, details, new=True)


@dataclass(frozen=True)
class _Fitting:
    """A state fitted on a version's training rows, and what it was derived from."""

    frame: pl.LazyFrame
    state: State
    others: Others
    bound: list[Bound]
    """The versions that `others` are the rows of."""
    proxies: tuple[privacy.Proxy, ...]
    inputs: Mapping[str, tuple[str, ...]]
    """Feature -> the columns it is derived from."""
    places: Mapping[str, int]
    """Feature -> the place of its transform."""
    classes: Mapping[str, Any]
    """Feature -> the class of personal data it is derived from."""


def _fit(run: Run, row: Version) -> _Fitting:
    """Fit a state on the training rows of a version, and trace each feature to its columns.

    Raises: AdmissionError, FeatureError: rows are joined, or features made, that no purpose of the
        contract allows.
    """
    installation, contract, features = run.installation, run.contract, settings(run)
    frame = installation.scan(row)
    others, bound = _others(installation, contract, features)
    protected = privacy.protected_columns(contract, features)
    state = table.fit(frame, features, engine.run_together, holdout=contract.holdout, others=others)
    state, proxies = table.looked_through(frame, state, engine.run_together, protected, others)
    inputs, places = table.lineage(frame, state, others)
    column_classes = contract.classes | _others_classes(installation, bound)
    classes = privacy.feature_classes(inputs, column_classes)
    _refuse_what_nobody_may_use(contract, features, classes)
    state = replace(state, version=_bound(installation, row), others=tuple(bound))
    return _Fitting(frame, state, others, bound, proxies, inputs, places, classes)


@dataclass(frozen=True)
class _Written:
    """A feature table where it lies: its state as it was read back, its columns and rows, and the
    digest of each file.
    """

    state: State
    receipt: parity.Receipt
    columns: pl.Schema
    rows: int
    digests: dict[str, str]


def _write(run: Run, row: Version, fitting: _Fitting, device: engine.Engine) -> _Written:
    """Write the state and the table, and move both to their place."""
    lake, name = run.installation.lake, run.contract.name
    staged = lake.staging(name, run.run_id) / "features"
    state = write_state(staged, fitting.state)
    receipt = parity.receipt(fitting.frame, state, device, fitting.others)
    columns = write_table(staged, fitting.frame, state, receipt, fitting.others)
    target = lake.folder(name, "features") / row.version
    lake.move_in(staged, target)
    files = [file for file in sorted(target.rglob("*")) if file.is_file()]
    digests = {str(file.relative_to(target)): sha256(file) for file in files}
    rows = pl.scan_parquet(target / PART).select(pl.len()).collect().item()
    return _Written(state, receipt, columns, rows, digests)


def _details(
    run: Run, row: Version, fitting: _Fitting, built: _Written, device: engine.Engine
) -> Json:
    """What the registry keeps of a feature table."""
    state, receipt, features = built.state, built.receipt, settings(run)
    return {
        "engine": device,
        "rows": built.rows,
        "columns": list(built.columns),
        "features": list(state.kept),
        "digests": built.digests,
        "source_version": row.version,
        "training_rows": state.training_rows,
        "holdout": run.contract.holdout,
        "classes": fitting.classes,
        "parity": {
            "engine": receipt.engine,
            "rows": receipt.rows,
            "tolerance": receipt.tolerance,
            "greatest": receipt.greatest,
            "columns": [asdict(column) for column in receipt.columns],
        },
        "from": {
            name: {
                "transform": features.transforms[fitting.places[name]].transform,
                "columns": list(fitting.inputs[name]),
                "type": str(built.columns[name]),
            }
            for name in state.kept
        },
        "scores": [asdict(score) for score in state.scores],
        "proxies": _reported(fitting.proxies, features),
        "others": [asdict(source) for source in fitting.bound],
    }


def _sign(run: Run, row: Version, details: Json) -> None:
    """Sign what was built, next to the version's evidence."""
    installation, contract = run.installation, run.contract
    predicate = {
        "dataset": contract.name,
        "version": row.version,
        "bound_to": asdict(_bound(installation, row)),
        "contract": contract.digest,
        "run_id": run.run_id,
        **details,
    }
    write_atomically(
        _evidence_file(installation, contract.name, row.version),
        evidence.signed(details["digests"], predicate, installation.keys.signer()),
    )


def _register(run: Run, row: Version, built: _Written, details: Json) -> None:
    """Add the table to the Delta log that other engines read, and keep its details."""
    installation, name = run.installation, run.contract.name
    folder = installation.lake.folder(name, "features")
    size = (folder / row.version / PART).stat().st_size
    installation.lake.commit_delta(
        folder,
        row.sequence,
        [(f"{row.version}/{PART}", size, built.rows)],
        built.columns,
        f"{name} features {row.version}",
    )
    installation.registry.derived.keep(name, row.version, "features", details)


def _bound(installation: Installation, row: Version) -> Bound:
    return Bound(
        row.dataset, row.version, hashlib.sha256(installation.envelope(row).encode()).hexdigest()
    )


def _others(
    installation: Installation, contract: Contract, features: Features
) -> tuple[Others, list[Bound]]:
    """The versions of other data sets that rows are joined to, each admitted for every purpose of
    this one.
    """
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
                "Remove the purpose from assay.license, or admit that data set for it",
                Where(dataset=contract.name),
            )
        frames[transform.dataset] = installation.scan(row)
        bound.append(_bound(installation, row))
    return frames, bound


def _others_classes(installation: Installation, bound: list[Bound]) -> dict[str, Any]:
    return {
        f"{source.dataset}.{column}": kind
        for source in bound
        for column, kind in installation.contract(source.dataset).classes.items()
    }


def _refuse_what_nobody_may_use(
    contract: Contract, features: Features, classes: Mapping[str, str]
) -> None:
    """Only what the data of other data sets bring in can still be refused here: the contract's own
    columns were looked at when it was read.
    """
    for purpose in contract.license.purposes:
        if not privacy.refused(classes, features.allows, purpose):
            return
    if classes:
        name, kind = next(iter(classes.items()))
        raise FeatureError(
            f"the feature '{name}' is {kind}, and assay.features allows that for none of {', '.join(contract.license.purposes)}",
            f"Remove it, or add `allows: {{{kind}: […]}}` if that is lawful",
            Where(dataset=contract.name),
        )


def _reported(proxies: tuple[privacy.Proxy, ...], features: Features) -> list[Json]:
    """The features that give a protected column away, and were not derived from it; what was is reported
    by its class.
    """
    return [asdict(proxy) for proxy in proxies if proxy.skill >= features.proxy_above]


def _lineage(
    contract: Contract, features: Features, inputs: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Column lineage as facts describe it, the ordering column and the target with it."""
    of = {
        name: [_source(contract, column) for column in columns] for name, columns in inputs.items()
    }
    of[features.order_by] = [(f"{contract.name}/published", features.order_by)]
    if features.target:
        of[features.target.name] = [(f"{contract.name}/published", features.target.column)]
    return {name: tuple(sources) for name, sources in of.items()}


def _treated(
    installation: Installation, contract: Contract, bound: list[Bound]
) -> set[tuple[str, str]]:
    """The (table, column) of every treated column that features may be built from."""
    contracts = [contract, *(installation.contract(source.dataset) for source in bound)]
    return {(f"{each.name}/published", name) for each in contracts for name in each.privacy.columns}


def _masked(
    lineage: Mapping[str, tuple[tuple[str, str], ...]], treated: set[tuple[str, str]]
) -> tuple[str, ...]:
    """The columns that are derived from treated ones."""
    return tuple(name for name, sources in lineage.items() if not treated.isdisjoint(sources))


def _source(contract: Contract, column: str) -> tuple[str, str]:
    """`dataset.column` is another data set's; a column of ours can have no such name where it is
    declared.
    """
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
    state = read_state(_checked(installation, dataset, version))
    if state.version != _bound(installation, installation.version(dataset, version)):
        raise EvidenceError(
            "the state was fitted on another version",
            "Restore it from a backup",
            Where(file=f"features/{version}/{STATE}", dataset=dataset),
        )
    return state


def state_others(installation: Installation, state: State) -> Others:
    """The rows of other data sets as they were when the features were built.

    Raises: EvidenceError: that version is not what it was.
    """
    frames: Others = {}
    for source in state.others:
        row = installation.version(source.dataset, source.version)
        if _bound(installation, row) != source:
            raise EvidenceError(
                f"{source.dataset}@{source.version} is not the version that the features were computed from",
                "Restore the registry from a backup",
                Where(dataset=source.dataset),
            )
        frames[source.dataset] = installation.scan(row)
    return frames


def without_features(installation: Installation, dataset: str, version: str) -> FeatureError:
    """The error of a version without features, and how it comes to have some."""
    contract = find(installation.contracts, dataset)
    latest = installation.version(dataset).version
    if contract is not None and contract.features is None:
        remedy = f"Add assay.features to its contract, then: assay run {dataset}"
    elif version != latest:
        remedy = f"Open {latest}: features exist for the version that `latest` points to"
    else:
        remedy = f"Create them: assay run {dataset}"
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
