"""Keep the index of a data set up to date: build it from changed documents, evaluate it, and serve it
if it is not worse.

Belongs here: whether to rebuild, swapping, rolling back, sweeping. Stays out: building
(index_build.py), evaluating (index_trial.py), asking it for someone (retrieve.py), what is carried
over (pipelines/act/renewal.py).
Who dies in the middle leaves a folder that no one points to. The pointer moves in the one
transaction that also keeps the judgement and closes the trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import polars as pl

from assay.assets.io.index import Opened, is_fitted
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.indexes import IndexBuild, NewBuild
from assay.assets.io.registry.triggers import Trigger
from assay.assets.io.registry.versions import Version
from assay.assets.stages.act import Acted, carried
from assay.assets.stages.fault_points import reached
from assay.assets.stages.index_build import build
from assay.assets.stages.index_embedder import embedder_of_build
from assay.assets.stages.index_trial import Trial, try_candidate
from assay.assets.stages.indexed_data_set import IndexedDataSet
from assay.assets.stages.run import Run, stage
from assay.contracts.errors import ActionError, Where
from assay.lineage.facts import Table
from assay.pipelines.act import renewal


def rebuild_if_due(run: Run) -> Acted | None:
    """Rebuild the index where documents, or how they are indexed, have changed since the one in
    service was built.

    A version is acted on once, whatever came of it.
    Returns: what came of it; None if nothing has changed.
    Raises: ActionError: it cannot be built; the index in service stays, and the trigger is due.
    """
    registry, name = run.installation.registry, run.contract.name
    data_set = IndexedDataSet.of(run.installation, run.contract)
    with data_set.store.alone(name):
        sweep(data_set)
        row = run.installation.version(name)
        if registry.derived.get(name, row.version, "index") is None:
            reason = _reason(data_set, row)
            if reason:
                registry.triggers.request(name, row.version, "rebuild", reason)
        due = registry.triggers.due(name, "rebuild")
        return _rebuilt(run, data_set, row, due, full=False) if due else None


def rebuild(run: Run, *, full: bool) -> Acted:
    """Build and evaluate the newest version's index because someone asked.

    Args: full: fit, cut and embed everything again, reusing nothing.
    """
    data_set = IndexedDataSet.of(run.installation, run.contract)
    with data_set.store.alone(data_set.name):
        sweep(data_set)
        row = run.installation.version(data_set.name)
        due = run.installation.registry.triggers.due(data_set.name, "rebuild")
        return _rebuilt(run, data_set, row, due, full=full)


def plan_roll_back(installation: Installation, name: str, build: str | None) -> tuple[str, str]:
    """Which build serves, and which would serve after a roll-back: the one before by default.

    Raises: ActionError: no index is in service, or there is none to go back to.
    """
    indexes = installation.registry.indexes
    now = indexes.serving(name)
    if now is None:
        raise ActionError(
            "no index is in service", f"Build it: assay run {name}", Where(dataset=name)
        )
    if build is None:
        return now.build, str(indexes.earlier(name).build)
    return now.build, str(indexes.openable(name, build).build)


def roll_back(
    installation: Installation,
    name: str,
    build: str | None,
    why: str,
    end: Callable[[str, IndexBuild], None] = lambda _before, _now: None,
) -> tuple[str, IndexBuild]:
    """Have an earlier build serve again, the one before by default; the next version that is
    accepted moves on from it.

    Args:
        end: called with the build that served and the one that serves now, in the same transaction;
            what it raises undoes the roll-back.

    Returns: the build that served, and the row of the one that serves now.
    Raises: ActionError: there is none to go back to, or its files are not what was built.
    """
    indexes = installation.registry.indexes
    store = IndexedDataSet.of(installation, installation.contract(name)).store
    with store.alone(name):
        before, target = plan_roll_back(installation, name, build)
        for row in indexes.builds(name):
            if row.build == target and not row.dropped_at:
                store.open(name, target, row.sha256)  # what serves has to be what was built
                break
        with installation.registry.transaction():
            now = indexes.serve(name, target, why)
            end(before, now)
        reached("act carried out")
        return before, now


# -- sweeping ---------------------------------------------------------------------------------------


def sweep(data_set: IndexedDataSet) -> list[str]:
    """Remove builds beyond those that are kept, what died, and any build but the one in service
    that holds a document which the newest version does not.

    Hold `alone`.

    Returns: the builds that went.
    """
    name, keep, registry = data_set.name, data_set.policy.keep, data_set.installation.registry
    if registry.clock_doubts.doubt() is not None:
        return []  # nothing is dropped until the time is confirmed
    serving = registry.indexes.serving(name)
    served = {serving.build} if serving else set()
    present = [row for row in registry.indexes.builds(name) if not row.dropped_at and row.accepted]
    others = [row for row in reversed(present) if row.build not in served]
    withdrawn = _holding_withdrawn(data_set, others)
    surplus = [row.build for row in others if row.build not in withdrawn][keep - 1 :]
    registry.indexes.drop(name, withdrawn, "it contains documents that were withdrawn")
    registry.indexes.drop(name, surplus, f"the contract retains {keep}")
    kept = {row.build for row in present} - {*withdrawn, *surplus} | served
    return data_set.store.sweep(name, kept)


def _holding_withdrawn(data_set: IndexedDataSet, builds: Sequence[IndexBuild]) -> list[str]:
    """The builds that hold a document which the newest version does not."""
    latest = data_set.installation.registry.references.resolve(data_set.name)
    if not builds or latest is None:
        return []
    living = data_set.documents(latest).get_column("document")
    return [row.build for row in builds if _holds_withdrawn(data_set, row, living)]


def _holds_withdrawn(data_set: IndexedDataSet, row: IndexBuild, living: pl.Series) -> bool:
    try:
        opened = data_set.store.open(row.dataset, row.build, row.sha256)
    except ActionError:
        return True  # it is not known what a build holds that has changed since it was built
    return not opened.documents["document"].is_in(living.implode()).all()


# -- rebuilding -------------------------------------------------------------------------------------


def _reason(data_set: IndexedDataSet, row: Version) -> str | None:
    """Why the index in service is not the one of this version; None if it is."""
    service = data_set.installation.registry.indexes.serving(data_set.name)
    if service is None:
        return "No index is in service, so this is the first."
    try:
        old = data_set.store.open(data_set.name, service.build, service.sha256)
    except ActionError as error:
        return f"The index in service cannot be used: {error.problem}."
    wanted = (asdict(data_set.cutting), data_set.embedding_settings)
    if (old.manifest["cutting"], old.manifest["settings"]) != wanted:
        return "The contract's index settings differ from those of the index in service."
    changes = renewal.compare(old.documents, data_set.documents(row))
    if not changes:
        return None
    return f"Documents have changed since the index in service was built: {changes}."


def _rebuilt(
    run: Run, data_set: IndexedDataSet, row: Version, due: Sequence[Trigger], *, full: bool
) -> Acted:
    """Build and conclude as a stage of the run."""
    with stage(run, "index") as noted:
        details = _build_and_conclude(data_set, row, due, full=full)
        noted.inputs.append(Table(name=f"{data_set.name}/published", version=row.version))
        noted.outputs.append(Table(name=f"{data_set.name}/index", version=row.version))
    return Acted(row.version, details)


def _build_and_conclude(
    data_set: IndexedDataSet, row: Version, due: Sequence[Trigger], *, full: bool
) -> Json:
    """Build, evaluate, and conclude. Returns: the details that the registry keeps."""
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(_usable_in_service, data_set)
        documents = data_set.documents(row)
        serving = opening.result()
    built = build(data_set, row.version, documents, None if full else serving)
    trial = try_candidate(data_set, built, serving, documents)
    details = _details(data_set, row.version, built, trial, due)
    if serving and not trial.judgement.accepted:
        _serve_without_withdrawn(data_set, serving, documents, details["reason"])
    data_set.installation.registry.conclude_index(
        _new_build(data_set, built, row.version, details, accepted=trial.judgement.accepted),
        trial.judgement.reason,
        details,
        _outcomes(due, row.version, details),
    )
    sweep(data_set)
    return details


def _usable_in_service(data_set: IndexedDataSet) -> Opened | None:
    """The build in service, to be compared with and built upon; None if there is none, or its
    files are not what was built.
    """
    service, store = data_set.installation.registry.indexes.serving(data_set.name), data_set.store
    if service is None:
        return None
    try:
        opened = store.open(service.dataset, service.build, service.sha256)
        if is_fitted(opened.manifest):
            store.space(service.dataset, opened.manifest["embedder"]["digest"])
    except ActionError:
        return None
    return opened


def _details(
    data_set: IndexedDataSet, version: str, built: Opened, trial: Trial, due: Sequence[Trigger]
) -> Json:
    files = (file for file in built.folder.rglob("*") if file.is_file())
    return {
        **asdict(trial.judgement),
        "asked_because": due[-1].reason if due else "",
        "outcome": "in service" if trial.judgement.accepted else "refused",
        **carried(data_set.installation, data_set.contract, version),
        "build": built.build,
        "chunks": built.manifest["passages"],
        "documents": trial.documents,
        "dataset_version": version,
        "changed": built.manifest["changed"],
        "embedder": built.manifest["embedder"],
        "measured": asdict(trial.candidate),
        "measured_in_service": asdict(trial.in_service) if trial.in_service else None,
        "bytes": sum(file.stat().st_size for file in files),
    }


def _outcomes(due: Sequence[Trigger], version: str, details: Json) -> list[tuple[Trigger, Json]]:
    """The newest trigger is done; older ones are overtaken by it."""
    done = {key: details[key] for key in ("outcome", "reason", "metric", "candidate", "in_service")}
    overtaken = {
        "outcome": "overtaken",
        "reason": f"a newer version, {version}, has been processed",
    }
    return [(trigger, overtaken if trigger is not due[-1] else done) for trigger in due]


def _new_build(
    data_set: IndexedDataSet, built: Opened, version: str, details: Json, *, accepted: bool
) -> NewBuild:
    return NewBuild(
        dataset=data_set.name,
        build=built.build,
        version=version,
        sha256=data_set.store.manifest_digest(built),
        details=details,
        accepted=accepted,
    )


def _serve_without_withdrawn(
    data_set: IndexedDataSet, old: Opened, documents: pl.DataFrame, refused_because: str
) -> None:
    """The candidate was refused, but what is withdrawn has to go all the same: serve the old index
    without it.
    """
    withdrawn = renewal.compare(old.documents, documents).removed
    if not withdrawn:
        return
    stays = ~pl.col("document").is_in(withdrawn)
    left, rows = old.documents.filter(stays), old.rows.filter(stays)
    embedder, manifest = embedder_of_build(data_set, old), old.manifest
    changed = {
        "added": 0,
        "changed": 0,
        "removed": len(withdrawn),
        "carried": rows.height,
        "embedded": 0,
    }
    settings = {key: manifest[key] for key in ("cutting", "settings", "since_fit", "probe")}
    built = data_set.store.write(
        data_set.name,
        manifest["version"],
        renewal.in_order([rows]),
        left,
        embedder,
        {**settings, "changed": changed},
    )
    registry = data_set.installation.registry
    service = registry.indexes.serving(data_set.name)
    reason = f"{len(withdrawn):,} withdrawn documents were removed from the index in service; the candidate was refused: {refused_because}"
    details = {
        **(service.details if service else {}),
        "build": built.build,
        "documents": left.height,
        "chunks": rows.height,
        "changed": changed,
        "reason": reason,
    }
    this = _new_build(data_set, built, manifest["version"], details, accepted=True)
    registry.conclude_index(this, reason, details, [])
