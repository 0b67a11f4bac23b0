"""Act, done: due triggers -> a candidate model or index, judged against the one in service, which stays if it is better.

Belongs here: carrying a trigger out once. Stays out: whether it is due (pipelines/act/decide.py), training, embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from assets.hands.index import IndexStore
from assets.hands.models import ModelStore
from assets.hands.office import Office
from assets.hands.registry import Row
from assets.stages.admit import verdict_from
from assets.stages.features import feature_frame, feature_state, settings, state_others
from assets.stages.run import Run, stage
from contracts.errors import ActionError, Where
from contracts.features import Target
from contracts.model import Contract
from contracts.settings import Index, Retrain
from lineage.facts import Table
from pipelines.act import retrain, retrieve
from pipelines.act.changes import changed
from pipelines.act.decide import decide
from pipelines.act.judge import judge
from pipelines.features import privacy, table
from pipelines.frames import Drift, Judgement


@dataclass(frozen=True)
class Acted:
    """What came of a trigger: `details` as the registry keeps them."""

    version: str
    details: Row


def retrain_if_due(run: Run) -> Acted | None:
    """Carry out the newest due retraining; older ones are overtaken by it. None where none is due.

    Raises: ActionError: it cannot be trained; the trigger stays due and the champion in service.
    """
    office, contract = run.office, run.contract
    policy, target = contract.retrain, settings(run).target
    if policy is None or target is None:
        raise ActionError("the contract asks for no model", "Add assay.retrain", Where(file=contract.file, dataset=contract.name))
    due = office.registry.due(contract.name, "retrain")
    if not due:
        return None
    *overtaken, trigger = due
    with stage(run, "model") as noted:
        version = trigger["version"]
        details = _retrain(run, policy, target, trigger)
        _close(office, contract, "model", trigger, overtaken, details)
        noted.inputs.append(Table(name=f"{contract.name}/features", version=version))
        noted.outputs.append(Table(name=f"{contract.name}/model", version=str(details["model_version"])))
    return Acted(version, details)


def _retrain(run: Run, policy: Retrain, target: Target, trigger: Row) -> Row:
    office, contract, version = run.office, run.contract, trigger["version"]
    store = model_store(office)
    wanted = settings(run)
    frame = feature_frame(office, contract.name, version).collect()
    classes = (office.registry.derived(contract.name, version, "features") or {})["classes"]
    for name, kind in privacy.refused(classes, wanted.allows, "training").items():
        raise ActionError(
            f"the feature '{name}' is {kind}, and assay.features does not allow that for training", "Leave it out, or allow it if that is lawful", Where(dataset=contract.name)
        )
    columns = [name for name in frame.columns if name not in (wanted.order_by, target.name)]
    train, held_back = retrain.split_in_time(frame, wanted.order_by, policy.holdout)
    candidate = retrain.train(train, columns=columns, target=target.name, seed=policy.seed)
    score = retrain.score(candidate, held_back, columns=columns, target=target.name, metric=policy.metric)
    champion = store.champion(policy.model)
    in_service = None
    if champion is not None:
        as_champion = _champions_view(office, run, champion.dataset_version, version, held_back)
        in_service = retrain.score(champion.model, as_champion, columns=[c for c in as_champion.columns if c != target.name], target=target.name, metric=policy.metric)
    judgement = judge(policy.metric, score, in_service, tolerance=policy.tolerance)
    tags = {
        "dataset": contract.name, "dataset_version": version, "contract": contract.digest, "trace_id": run.run_id, "reason": trigger["reason"], **carried(office, contract, version),
    }  # fmt: skip
    registered = store.propose(policy.model, candidate, columns=columns, metrics={policy.metric: score}, tags=tags, sample=train.select(columns).head(5))
    if judgement.accepted:
        store.promote(policy.model, registered)
    else:
        store.reject(policy.model, registered, judgement.reason)
    return {
        **_judged(judgement),
        "model": policy.model,
        "model_version": registered,
        **carried(office, contract, version),
        "trained_rows": train.height,
        "judged_rows": held_back.height,
        "dataset_version": version,
    }


def carried(office: Office, contract: Contract, version: str) -> dict[str, str]:
    """What travels with everything made from a version, and from the versions its features are joined to: licences, obligations, and whom to name."""
    joined = (office.registry.derived(contract.name, version, "features") or {}).get("others", [])
    rows = [office.version(contract.name, version), *(office.version(each["dataset"], each["version"]) for each in joined)]
    verdicts = [verdict_from(office.statement(row)["predicate"]["admission"]["verdict"]).license for row in rows]
    obligations = dict.fromkeys(each for verdict in verdicts for each in verdict.obligations)
    attribution = dict.fromkeys(each for verdict in verdicts for each in verdict.attribution)
    license_ = " AND ".join(dict.fromkeys(verdict.expression for verdict in verdicts))
    return {"license": license_, "obligations": ", ".join(obligations) or "none", "attribution": "\n".join(attribution) or "none"}


def _champions_view(office: Office, run: Run, fitted_on: str, version: str, held_back: pl.DataFrame) -> pl.DataFrame:
    """The held-back rows with the features that the champion knows: of the whole version, since some look at the rows before."""
    wanted, state = settings(run), feature_state(office, run.contract.name, fitted_on)
    made = table.table(office.scan(office.version(run.contract.name, version)), state, others=state_others(office, state))
    return made.filter(pl.col(wanted.order_by) >= held_back[wanted.order_by].min()).drop(wanted.order_by).collect()


def model_store(office: Office) -> ModelStore:
    """The MLflow store of this installation."""
    return ModelStore(office.home.root / "models", office.home.mlflow_uri or None)


# -- the index ------------------------------------------------------------------------


def rebuild_if_due(run: Run) -> Acted | None:
    """Rebuild the index where documents have changed since the one in service was built. None where none have.

    Raises: ActionError: it cannot be built; the index in service stays.
    """
    office, contract, policy = run.office, run.contract, run.contract.index
    if policy is None:
        raise ActionError("the contract asks for no index", "Add assay.index", Where(file=contract.file, dataset=contract.name))
    row = office.version(contract.name)
    documents = office.scan(row)
    service = office.registry.in_service(contract.name, "index")
    if office.registry.derived(contract.name, row["version"], "index") is None:
        moved = None
        if service is not None:
            before = office.scan(office.version(contract.name, service["version"]))
            moved = sum(changed(before, documents, key=policy.key, text=policy.text).collect().row(0))
        intent = decide(Drift("unknown", (), ()), retrain=False, rebuild=True, in_service=service is not None, documents_changed=moved)
        if intent.action == "rebuild":
            office.registry.raise_trigger(contract.name, row["version"], "rebuild", intent.reason)
    due = office.registry.due(contract.name, "rebuild")
    if not due:
        return None
    *overtaken, trigger = due
    with stage(run, "index") as noted:
        details = _rebuild(run, policy, documents.collect(), row, service)
        _close(office, contract, "index", trigger, overtaken, details)
        noted.inputs.append(Table(name=f"{contract.name}/published", version=row["version"]))
        noted.outputs.append(Table(name=f"{contract.name}/index", version=row["version"]))
    return Acted(row["version"], details)


def _rebuild(run: Run, policy: Index, documents: pl.DataFrame, row: Row, service: Row | None) -> Row:
    store = index_store(run.office)
    chunks = retrieve.chunks(documents, key=policy.key, text=policy.text, chunk_chars=policy.chunk_chars)
    embedder = retrieve.fit_embedder(chunks["text"].to_list(), dimensions=policy.dimensions, seed=policy.seed)
    built = store.build(run.contract.name, row["version"], chunks, retrieve.embed(embedder, chunks["text"].to_list()), embedder)
    asked = retrieve.questions(documents, key=policy.key, text=policy.text, count=policy.questions, seed=policy.seed)
    texts, wanted = asked["question"].to_list(), asked["key"].to_list()
    recall = retrieve.recall_at(store.search(built.table, texts, 10), wanted)
    in_service = retrieve.recall_at(store.search(service["details"]["table"], texts, 10), wanted) if service else None
    judgement = judge("recall@10", recall, in_service, tolerance=policy.tolerance, floor=policy.floor)
    if not judgement.accepted and built.table != (service["details"]["table"] if service else None):
        store.drop(built.table)  # unless the same content is in service
    terms = carried(run.office, run.contract, row["version"])
    return {**_judged(judgement), **terms, "table": built.table, "chunks": chunks.height, "documents": documents.height, "questions": len(texts), "dataset_version": row["version"]}


def index_store(office: Office) -> IndexStore:
    """The LanceDB store of this installation."""
    return IndexStore(office.home.root / "index")


def _judged(judgement: Judgement) -> Row:
    return {**asdict(judgement), "outcome": "in service" if judgement.accepted else "rolled back"}


def _close(office: Office, contract: Contract, kind: str, trigger: Row, overtaken: list[Row], details: Mapping[str, Any]) -> None:
    office.registry.keep_derived(contract.name, details["dataset_version"], kind, dict(details))
    office.registry.finish(trigger, {key: details[key] for key in ("outcome", "reason", "metric", "candidate", "in_service")})
    for old in overtaken:
        office.registry.finish(old, {"outcome": "overtaken", "reason": f"a newer version, {details['dataset_version']}, was acted on"})
