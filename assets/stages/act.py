"""Act, done: a due trigger -> a candidate model, judged against the one in service, which stays if it is better; and what models and indexes share.

Belongs here: carrying a trigger out once. Stays out: whether it is due (pipelines/act/decide.py), training, indexes (index.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from assets.hands.models import ModelStore
from assets.hands.office import Office
from assets.hands.registry import Row
from assets.stages.admit import verdict_from
from assets.stages.features import feature_frame, feature_state, settings
from assets.stages.run import Run, stage
from contracts.errors import ActionError, Where
from contracts.model import Contract
from contracts.settings import Retrain, Target
from lineage.facts import Table
from pipelines.act import retrain
from pipelines.act.judge import judge
from pipelines.features import table
from pipelines.frames import Judgement


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
    columns = [name for name in frame.columns if name not in (wanted.order_by, target.name)]
    train, held_back = retrain.split_in_time(frame, wanted.order_by, policy.holdout)
    candidate = retrain.train(train, columns=columns, target=target.name, seed=policy.seed)
    score = retrain.score(candidate, held_back, columns=columns, target=target.name, metric=policy.metric)
    champion = store.champion(policy.model)
    in_service = None
    if champion is not None:
        held_raw = _held_back_raw(office, contract, version, held_back)
        as_champion = _champions_view(office, run, champion.dataset_version, held_raw)
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
    """What travels with everything made from a version: its licence, obligations, and whom to name."""
    verdict = verdict_from(office.statement(office.version(contract.name, version))["predicate"]["admission"]["verdict"]).license
    return {"license": verdict.expression, "obligations": ", ".join(verdict.obligations) or "none", "attribution": "\n".join(verdict.attribution) or "none"}


def _held_back_raw(office: Office, contract: Contract, version: str, held_back: pl.DataFrame) -> pl.LazyFrame:
    """The held-back rows as the version has them, for a champion that was fitted with another state."""
    order = contract.features.order_by if contract.features else ""
    return office.scan(office.version(contract.name, version)).filter(pl.col(order) >= held_back[order].min())


def _champions_view(office: Office, run: Run, fitted_on: str, rows: pl.LazyFrame) -> pl.DataFrame:
    wanted = settings(run)
    made = table.table(rows, wanted, feature_state(office, run.contract.name, fitted_on))
    return made.drop(wanted.order_by).collect()


def model_store(office: Office) -> ModelStore:
    """The MLflow store of this installation."""
    return ModelStore(office.home.root / "models", office.home.mlflow_uri or None)


def _judged(judgement: Judgement) -> Row:
    return {**asdict(judgement), "outcome": "in service" if judgement.accepted else "rolled back"}


def _close(office: Office, contract: Contract, kind: str, trigger: Row, overtaken: list[Row], details: Mapping[str, Any]) -> None:
    office.registry.keep_derived(contract.name, details["dataset_version"], kind, dict(details))
    office.registry.finish(trigger, {key: details[key] for key in ("outcome", "reason", "metric", "candidate", "in_service")})
    for old in overtaken:
        office.registry.finish(old, {"outcome": "overtaken", "reason": f"a newer version, {details['dataset_version']}, was acted on"})
