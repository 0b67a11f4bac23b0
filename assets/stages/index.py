"""The index, done: changed documents -> a build beside the one in service, judged by the contract's questions, and served if it is not worse.

Belongs here: building, judging, swapping, rolling back, sweeping. Stays out: asking it for somebody (retrieve.py), what is carried over (pipelines/act/renewal.py).
Who dies in the middle leaves a folder that nobody points to. The pointer moves in the one transaction that also keeps the judgement and closes the trigger.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.embedders import Endpoint, Folder
from assay.assets.io.index import IndexStore, Opened, is_fitted
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.indexes import IndexBuild, NewBuild, ServingIndex
from assay.assets.io.registry.triggers import Trigger
from assay.assets.io.registry.versions import Version
from assay.assets.stages.act import Acted, carried
from assay.assets.stages.run import Run, stage
from assay.contracts.errors import ActionError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import EndpointEmbedding, FittedEmbedding, Index, ModelEmbedding
from assay.lineage.facts import Table
from assay.pipelines.act import lsa_embedder, passages, renewal, retrieve
from assay.pipelines.act.judge import judge
from assay.pipelines.act.renewal import Cutting, Embedder
from assay.pipelines.act.stemming import stems


def index_store(installation: Installation) -> IndexStore:
    """The indexes of this installation."""
    return IndexStore(installation.home.root / "index")


def policy_of(contract: Contract) -> Index:
    """What the contract asks for. Raises: ActionError: no index."""
    if contract.index is None:
        raise ActionError(
            "the contract asks for no index",
            "Add assay.index",
            Where(file=contract.file, dataset=contract.name),
        )
    return contract.index


def rebuild_if_due(run: Run) -> Acted | None:
    """Rebuild the index where documents, or how they are indexed, have changed since the one in service was built. None where nothing has.

    A version is acted on once, whatever came of it. Raises: ActionError: it cannot be built; the index in service stays, and the trigger is due.
    """
    installation, contract, policy = run.installation, run.contract, policy_of(run.contract)
    store = index_store(installation)
    with store.alone(contract.name):
        sweep(installation, store, contract)
        row = installation.version(contract.name)
        if installation.registry.derived.get(contract.name, row.version, "index") is None:
            reason = _reason(installation, contract, policy, store, row)
            if reason:
                installation.registry.triggers.request(
                    contract.name, row.version, "rebuild", reason
                )
        due = installation.registry.triggers.due(contract.name, "rebuild")
        if not due:
            return None
        with stage(run, "index") as noted:
            details = _rebuilt(installation, contract, policy, store, row, due, full=False)
            noted.inputs.append(Table(name=f"{contract.name}/published", version=row.version))
            noted.outputs.append(Table(name=f"{contract.name}/index", version=row.version))
        return Acted(row.version, details)


def rebuild(run: Run, *, full: bool) -> Acted:
    """Build and judge the newest version's index because somebody asked. Args: full: fit, cut and embed everything anew, reusing nothing."""
    installation, contract, policy = run.installation, run.contract, policy_of(run.contract)
    store = index_store(installation)
    with store.alone(contract.name):
        sweep(installation, store, contract)
        row = installation.version(contract.name)
        with stage(run, "index") as noted:
            details = _rebuilt(
                installation,
                contract,
                policy,
                store,
                row,
                installation.registry.triggers.due(contract.name, "rebuild"),
                full=full,
            )
            noted.inputs.append(Table(name=f"{contract.name}/published", version=row.version))
            noted.outputs.append(Table(name=f"{contract.name}/index", version=row.version))
    return Acted(row.version, details)


def roll_back(
    installation: Installation, name: str, build: str | None, why: str
) -> tuple[str, IndexBuild]:
    """Have an earlier build serve again, the one before unless named; the next version that is accepted moves on from it.

    Returns: the build that served, and the row of the one that serves now. Raises: ActionError: there is none to go back to, or its files are not what was built.
    """
    store = index_store(installation)
    policy_of(installation.contract(name))
    with store.alone(name):
        now = installation.registry.indexes.serving(name)
        if now is None:
            raise ActionError(
                "no index is in service", f"Build it: assay run {name}", Where(dataset=name)
            )
        to = build or str(installation.registry.indexes.earlier(name).build)
        known = next(
            (
                row
                for row in installation.registry.indexes.builds(name)
                if row.build == to and not row.dropped_at
            ),
            None,
        )
        if known:
            store.open(name, to, known.sha256)  # what serves has to be what was built
        return now.build, installation.registry.indexes.serve(name, to, why)


def sweep(installation: Installation, store: IndexStore, contract: Contract) -> list[str]:
    """Remove builds beyond those that are kept, what died, and any build but the one in service that holds a document which the newest version does not. Hold `alone`.

    Returns: the builds that went.
    """
    name, policy = contract.name, policy_of(contract)
    if installation.registry.clock_doubts.doubt() is not None:
        return []  # nothing is dropped until the time is confirmed
    serving = installation.registry.indexes.serving(name)
    there = [
        row
        for row in installation.registry.indexes.builds(name)
        if not row.dropped_at and row.accepted
    ]
    latest = installation.registry.references.resolve(name)
    served = serving.build if serving else None
    others = [row for row in reversed(there) if row.build != served]
    living = _living(installation, contract, latest) if others and latest else None
    withdrawn = [
        row.build for row in others if living is not None and _holds_withdrawn(store, row, living)
    ]
    surplus = [row.build for row in others if row.build not in withdrawn][policy.keep - 1 :]
    installation.registry.indexes.drop(name, withdrawn, "it holds documents that are withdrawn")
    installation.registry.indexes.drop(name, surplus, f"the contract keeps {policy.keep}")
    kept = {row.build for row in there} - {*withdrawn, *surplus} | ({served} if served else set())
    return store.sweep(name, kept)


def _living(installation: Installation, contract: Contract, row: Version) -> pl.Series:
    return documents_of(installation, contract, row).get_column("document")


def _holds_withdrawn(store: IndexStore, row: IndexBuild, living: pl.Series) -> bool:
    try:
        held = store.open(row.dataset, row.build, row.sha256).documents["document"]
    except ActionError:
        return True  # nobody can tell what a build holds that is not what was built
    return not held.is_in(living.implode()).all()


def documents_of(installation: Installation, contract: Contract, row: Version) -> pl.DataFrame:
    """A version's documents, as `pipelines.act.passages.documents` gives them."""
    policy = policy_of(contract)
    columns = list(
        dict.fromkeys(
            filter(None, (policy.key, policy.text, policy.title, contract.license.column))
        )
    )
    table = installation.scan(row).select(columns).collect()
    keys = table[policy.key].drop_nulls()
    if keys.n_unique() != len(keys):
        raise ActionError(
            f"the key '{policy.key}' names several documents at once",
            "Promise it `unique`, or name another column as `key`",
            Where(file=contract.file, dataset=contract.name),
        )
    return passages.documents(
        table, key=policy.key, text=policy.text, title=policy.title, license=contract.license.column
    )


# -- whether ----------------------------------------------------------------------------------------


def _settings(policy: Index) -> dict[str, Any]:
    """What makes other vectors of the same passages."""
    said = policy.embedding.model_dump(mode="json", exclude={"batch", "refit"})
    return {
        **said,
        "dimensions": policy.dimensions,
        **({"seed": policy.seed} if isinstance(policy.embedding, FittedEmbedding) else {}),
    }


def _cutting(policy: Index) -> Cutting:
    return Cutting(policy.format, policy.chunk_chars, policy.overlap_chars, policy.language)


def _reason(
    installation: Installation, contract: Contract, policy: Index, store: IndexStore, row: Version
) -> str | None:
    """Why the index in service is not the one of this version; None where it is."""
    service = installation.registry.indexes.serving(contract.name)
    if service is None:
        return "No index is in service, so this is the first."
    try:
        old = store.open(contract.name, service.build, service.sha256)
    except ActionError as error:
        return f"The index in service cannot be used: {error.problem}."
    if old.manifest["cutting"] != asdict(_cutting(policy)) or old.manifest["settings"] != _settings(
        policy
    ):
        return "The contract has documents indexed otherwise than the index in service has them."
    changes = renewal.compare(old.documents, documents_of(installation, contract, row))
    return (
        f"Documents have changed since the index in service was made: {changes}."
        if changes
        else None
    )


# -- building ---------------------------------------------------------------------------------------


def _rebuilt(
    installation: Installation,
    contract: Contract,
    policy: Index,
    store: IndexStore,
    row: Version,
    due: Sequence[Trigger],
    *,
    full: bool,
) -> Json:
    """Build, judge, and conclude. Returns: the details that the registry keeps."""
    name = contract.name
    service = installation.registry.indexes.serving(name)
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(_usable, store, service)
        documents = documents_of(installation, contract, row)
        old = found.result()
    built = build(
        installation, contract, policy, store, row.version, documents, None if full else old
    )
    asked = _questions(policy, documents)
    candidate = _measured(installation, policy, store, built, asked, documents)
    before, mute = (
        (candidate, "")
        if old and old.build == built.build
        else _measured_if_possible(installation, policy, store, old, asked, documents)
    )
    judgement = judge(
        f"{policy.metric}@{policy.k}",
        getattr(candidate, policy.metric),
        getattr(before, policy.metric) if before else None,
        tolerance=policy.tolerance,
        floor=policy.floor,
    )
    objection = retrieve.objection(candidate, citations=policy.citations, p95_ms=policy.p95_ms)
    if (
        old and old.build == built.build
    ):  # what serves is not judged away by a machine that was slow today
        judgement = replace(
            judgement, accepted=True, reason="nothing has changed: it is the index in service"
        )
    elif not asked:
        none = (
            "no document holds a sentence of 6 to 30 plain words"
            if isinstance(policy.questions, int)
            else "none of the documents that answer them is there"
        )
        judgement = replace(
            judgement,
            reason=f"there is no question to judge it by: {none}; write some under `questions` in assay.index",
        )
    elif judgement.accepted and (objection or mute):
        judgement = replace(
            judgement,
            accepted=not objection,
            reason=objection or f"{judgement.reason} that could be asked: {mute}",
        )
    details = {
        **asdict(judgement), "asked_because": due[-1].reason if due else "", "outcome": "in service" if judgement.accepted else "refused", **carried(installation, contract, row.version), "build": built.build,
        "chunks": built.manifest["passages"], "documents": documents.height, "dataset_version": row.version, "changed": built.manifest["changed"], "embedder": built.manifest["embedder"],
        "measured": asdict(candidate), "measured_in_service": asdict(before) if before else None, "bytes": sum(file.stat().st_size for file in built.folder.rglob("*") if file.is_file()),
    }  # fmt: skip
    if old and not judgement.accepted:
        _take_out(installation, store, old, documents, details)
    this = NewBuild(
        dataset=name,
        build=built.build,
        version=row.version,
        sha256=store.manifest_digest(built),
        details=details,
        accepted=judgement.accepted,
    )
    installation.registry.conclude_index(
        this, judgement.reason, details, _outcomes(due, row.version, details)
    )
    sweep(installation, store, contract)
    return details


def _usable(store: IndexStore, service: ServingIndex | None) -> Opened | None:
    """The build in service, to be compared with and built upon; None where there is none, or its files are not what was built."""
    if service is None:
        return None
    try:
        opened = store.open(service.dataset, service.build, service.sha256)
        if is_fitted(opened.manifest):
            store.space(service.dataset, opened.manifest["embedder"]["digest"])
    except ActionError:
        return None
    return opened


def _outcomes(due: Sequence[Trigger], version: str, details: Json) -> list[tuple[Trigger, Json]]:
    """The newest trigger is done; older ones are overtaken by it."""
    done = {key: details[key] for key in ("outcome", "reason", "metric", "candidate", "in_service")}
    overtaken = {"outcome": "overtaken", "reason": f"a newer version, {version}, was acted on"}
    return [(trigger, overtaken if trigger is not due[-1] else done) for trigger in due]


def build(
    installation: Installation,
    contract: Contract,
    policy: Index,
    store: IndexStore,
    version: str,
    documents: pl.DataFrame,
    old: Opened | None,
) -> Opened:
    """Build beside the one in service, reusing what `old` has of the same documents, words and space. Hold `alone`."""
    cutting = _cutting(policy)
    same = old if old and old.manifest["settings"] == _settings(policy) else None
    rows = same.rows if same else None
    changes = renewal.compare(same.documents if same else documents.clear(), documents)
    cut_alike = same is not None and same.manifest["cutting"] == asdict(cutting)
    kept = renewal.carried(rows, changes) if rows is not None and cut_alike else None
    fresh = renewal.cut(
        documents.filter(pl.col("document").is_in([*changes.added, *changes.changed]))
        if cut_alike
        else documents,
        cutting,
    )
    embedder, since = _embedder_for(installation, policy, store, contract.name, same, kept, fresh)
    if same and not _is_of(embedder, same):
        rows = None
        fresh = (
            fresh if kept is None else pl.concat([kept.drop("vector").select(fresh.columns), fresh])
        )
        kept = None
    _check_promise(contract, policy, embedder)
    made, embedded = renewal.with_vectors(fresh, rows, embedder)
    every = renewal.in_order([made] if kept is None else [kept, made])
    told = {
        "cutting": asdict(cutting), "settings": _settings(policy), "since_fit": since, "probe": embedder.probe if isinstance(embedder, Endpoint) else None,
        "changed": {"added": len(changes.added), "changed": len(changes.changed), "removed": len(changes.removed), "carried": kept.height if kept is not None else 0, "embedded": embedded},
    }  # fmt: skip
    return store.write(contract.name, version, every, documents, embedder, told)


def _is_of(embedder: Embedder, old: Opened) -> bool:
    """Whether it would give the passages of a build the vectors they have."""
    return embedder.digest == old.manifest["embedder"]["digest"] and (
        not isinstance(embedder, Endpoint) or embedder.is_of(old.manifest["probe"])
    )


def _embedder_for(
    installation: Installation,
    policy: Index,
    store: IndexStore,
    dataset: str,
    old: Opened | None,
    kept: pl.DataFrame | None,
    fresh: pl.DataFrame,
) -> tuple[Embedder, int]:
    """What gives the passages their vectors, and how many passages have come or gone since it was fitted."""
    if not isinstance(policy.embedding, FittedEmbedding):
        return embedder_of(installation, store, dataset, _settings(policy), None), 0
    every = fresh if kept is None else pl.concat([kept.select(fresh.columns), fresh])
    if old is not None and is_fitted(old.manifest):
        since = old.manifest["since_fit"] + renewal.turnover(old.rows["digest"], every["digest"])
        space = store.space(dataset, old.manifest["embedder"]["digest"])
        if not renewal.is_worn(space.passages, since, policy.embedding.refit):
            return space, since
    return lsa_embedder.fit(
        every["words"].to_list(), dimensions=policy.dimensions, seed=policy.seed
    ), 0


def embedder_of(
    installation: Installation,
    store: IndexStore,
    dataset: str,
    settings: Json,
    manifest: Json | None,
) -> Embedder:
    """The embedder of these settings; of a build where its manifest is given, which it must be the very one of.

    Raises: ActionError: it is gone, or another one by now.
    """
    said = {key: value for key, value in settings.items() if key not in ("dimensions", "seed")}
    dimensions = settings["dimensions"]
    made: Embedder
    match settings["method"]:
        case "fitted":
            if manifest is None:
                raise ValueError("a fitted space belongs to a build")
            return store.space(dataset, manifest["embedder"]["digest"])
        case "sentence-transformers":
            wanted = ModelEmbedding.model_validate(said)
            made = Folder(
                Path(wanted.model).name,
                model_folder(installation, wanted.model),
                dimensions,
                wanted.before_question,
                wanted.before_passage,
                wanted.batch,
            )
        case _:
            endpoint = EndpointEmbedding.model_validate(said)
            key = installation.home.embedding_key.get_secret_value()
            made = Endpoint(
                endpoint.url,
                endpoint.model,
                dimensions,
                installation.home.embedders,
                key,
                endpoint.batch,
                tuple(manifest["probe"]) if manifest else (),
            )
    if manifest and made.digest != manifest["embedder"]["digest"]:
        raise ActionError(
            "the embedder is not the one that the index was built with",
            f"Put the model back, or build the index again: assay index rebuild {dataset}",
            Where(dataset=dataset),
        )
    return made


def model_folder(installation: Installation, said: str) -> Path:
    """The folder of a model. Raises: ActionError: it lies in none of the folders that may be read, or is not there."""
    for root in installation.home.roots:
        folder = (root / said).resolve()
        if folder.is_relative_to(root) and folder.is_dir():
            return folder
    raise ActionError(
        f"there is no folder '{said}'",
        "Put the model below ASSAY_HOME, or below a folder of ASSAY_SOURCE_ROOTS",
        Where(file="assay.index"),
    )


def _check_promise(contract: Contract, policy: Index, embedder: Embedder) -> None:
    """The contract's column of type vector says which model; an index of another one is none that its readers can use."""
    if policy.vector is None:
        return
    column = contract.column(policy.vector)
    where = Where(file=contract.file, dataset=contract.name, field=column.name)
    if column.embedding_model and column.embedding_model != embedder.name:
        raise ActionError(
            f"the contract promises vectors of '{column.embedding_model}', and the index has '{embedder.name}'",
            "Name the same model in both",
            where,
        )
    if column.embedding_version and not embedder.digest.startswith(column.embedding_version):
        raise ActionError(
            f"the contract promises version '{column.embedding_version}' of the model, and its digest begins with {embedder.digest[:12]}",
            "Write how the digest begins",
            where,
        )


def _take_out(
    installation: Installation,
    store: IndexStore,
    old: Opened,
    documents: pl.DataFrame,
    details: Json,
) -> None:
    """The candidate was refused, but what is withdrawn has to go all the same: serve the old index without it."""
    gone = renewal.compare(old.documents, documents).removed
    if not gone:
        return
    left = old.documents.filter(~pl.col("document").is_in(gone))
    rows = old.rows.filter(~pl.col("document").is_in(gone))
    manifest = old.manifest
    embedder = embedder_of(
        installation, store, manifest["dataset"], manifest["settings"], dict(manifest)
    )
    told = {
        **{key: manifest[key] for key in ("cutting", "settings", "since_fit", "probe")},
        "changed": {
            "added": 0,
            "changed": 0,
            "removed": len(gone),
            "carried": rows.height,
            "embedded": 0,
        },
    }
    made = store.write(
        manifest["dataset"], manifest["version"], renewal.in_order([rows]), left, embedder, told
    )
    kept = installation.registry.indexes.serving(manifest["dataset"])
    reason = f"{len(gone):,} withdrawn documents were taken out of the index in service; the candidate was refused: {details['reason']}"
    before = {
        **(kept.details if kept else {}),
        "build": made.build,
        "documents": left.height,
        "chunks": rows.height,
        "changed": told["changed"],
        "reason": reason,
    }
    this = NewBuild(
        dataset=manifest["dataset"],
        build=made.build,
        version=manifest["version"],
        sha256=store.manifest_digest(made),
        details=before,
        accepted=True,
    )
    installation.registry.conclude_index(this, reason, before, [])


# -- judging ----------------------------------------------------------------------------------------


def _questions(policy: Index, documents: pl.DataFrame) -> list[tuple[str, frozenset[str]]]:
    """Questions with the documents that answer them; a document that is not in this version answers nothing."""
    if isinstance(policy.questions, int):
        made = retrieve.questions(
            documents, key="document", text="text", count=policy.questions, seed=policy.seed
        )
        return [(question, frozenset([key])) for question, key in made.iter_rows()]
    there = frozenset(documents["document"])
    asked = [(question.ask, frozenset(question.documents) & there) for question in policy.questions]
    return [(ask, wanted) for ask, wanted in asked if wanted]


def _measured(
    installation: Installation,
    policy: Index,
    store: IndexStore,
    opened: Opened,
    asked: Sequence[tuple[str, frozenset[str]]],
    documents: pl.DataFrame,
) -> retrieve.Measured:
    embedder = embedder_of(
        installation,
        store,
        opened.manifest["dataset"],
        opened.manifest["settings"],
        dict(opened.manifest),
    )
    answers, times = [], []
    if asked:
        answer(
            installation, policy, opened, embedder, asked[0][0], policy.k
        )  # the first one also opens files and reads the model
    for question, _ in asked:
        started = time.perf_counter()
        answers.append(answer(installation, policy, opened, embedder, question, policy.k * _DEEPER))
        times.append(1000 * (time.perf_counter() - started))
    found = [list(dict.fromkeys(each["document"]))[: policy.k] for each in answers]
    texts = dict(documents.select("document", "text").iter_rows())
    cited = (
        retrieve.standing(texts, pl.concat([each.head(policy.k) for each in answers]))
        if answers
        else []
    )
    return retrieve.measured(
        found, [wanted for _, wanted in asked], policy.k, cited=cited, times_ms=times
    )


def _measured_if_possible(
    installation: Installation,
    policy: Index,
    store: IndexStore,
    old: Opened | None,
    asked: Sequence[tuple[str, frozenset[str]]],
    documents: pl.DataFrame,
) -> tuple[retrieve.Measured | None, str]:
    """What was measured of the index in service, or why it could not be asked: its model may be gone, which must not keep a new one from taking over."""
    try:
        return (
            (_measured(installation, policy, store, old, asked, documents), "")
            if old
            else (None, "")
        )
    except ActionError as error:
        return None, error.problem


_DEEPER = 5  # passages looked at for each document wanted: several passages of one document may come first


def answer(
    installation: Installation,
    policy: Index,
    opened: Opened,
    embedder: Embedder,
    question: str,
    k: int,
) -> pl.DataFrame:
    """The `k` best passages for a question."""
    (words,) = stems([question], opened.manifest["cutting"]["language"])
    model = model_folder(installation, policy.reranker.model) if policy.reranker.model else None
    return opened.ask(
        words, embedder.of_question(question, words), k, policy.reranker, question, model
    )
