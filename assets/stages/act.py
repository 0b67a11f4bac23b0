"""Act, done: a due trigger -> a candidate index, judged against the one in service, which stays if it is better; and what models and indexes share.

Belongs here: carrying a trigger out once. Stays out: whether it is due (pipelines/act/decide.py), models (model.py), embedding.
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
from assets.stages.run import Run, stage
from contracts.errors import ActionError, Where
from contracts.model import Contract
from contracts.settings import Index
from lineage.facts import Table
from pipelines.act import retrieve
from pipelines.act.changes import changed
from pipelines.act.decide import rebuild_due
from pipelines.act.judge import judge
from pipelines.frames import Judgement


@dataclass(frozen=True)
class Acted:
    """What came of a trigger: `details` as the registry keeps them."""

    version: str
    details: Row


def carried(office: Office, contract: Contract, version: str) -> dict[str, str]:
    """What travels with everything made from a version, and from the versions its features are joined to: licences, obligations, and whom to name."""
    joined = (office.registry.derived(contract.name, version, "features") or {}).get("others", [])
    rows = [office.version(contract.name, version), *(office.version(each["dataset"], each["version"]) for each in joined)]
    verdicts = [verdict_from(office.statement(row)["predicate"]["admission"]["verdict"]).license for row in rows]
    obligations = dict.fromkeys(each for verdict in verdicts for each in verdict.obligations)
    attribution = dict.fromkeys(each for verdict in verdicts for each in verdict.attribution)
    license_ = " AND ".join(dict.fromkeys(verdict.expression for verdict in verdicts))
    return {"license": license_, "obligations": ", ".join(obligations) or "none", "attribution": "\n".join(attribution) or "none"}


def model_store(office: Office) -> ModelStore:
    """The MLflow store of this installation."""
    return office.models


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
        intent = rebuild_due(moved, in_service=service is not None)
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
