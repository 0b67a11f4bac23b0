"""Retrain the model of a data set when a trigger is due, evaluate it next to the champion, and serve
it where it is not worse.

Belongs here: carrying a retraining out once, whatever is killed when. Stays out: whether it is due
(drift.py), training and evaluating (pipelines/act), outcomes (outcomes.py).
Registering in MLflow is under the trigger's number, so that a second try finds what the first one
made. Who serves is the registry's word, given in the transaction that closes the trigger; MLflow's
aliases follow from the outbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.io.models import TRIGGER
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.models import Role, ServingModel
from assay.assets.io.registry.triggers import Trigger
from assay.assets.stages.act import Acted, carried
from assay.assets.stages.fault_points import reached
from assay.assets.stages.features import feature_frame, feature_state, settings, state_others
from assay.assets.stages.run import Run, stage
from assay.contracts.errors import ActionError, AdmissionError, Where
from assay.contracts.features import Features, Target
from assay.contracts.model import Contract
from assay.contracts.settings import Retrain
from assay.lineage.facts import Table
from assay.lineage.trace import trace_of_run
from assay.pipelines.act import retrain
from assay.pipelines.act.card import card, numbers
from assay.pipelines.act.judge import judge_model
from assay.pipelines.core.frames import Judgement
from assay.pipelines.drift.scores import METRICS, metric_of
from assay.pipelines.features import privacy, table

JUDGED_SCORES = 1_001
"""How many quantiles of the evaluated scores are kept, to hold later predictions against."""


def retrain_if_due(run: Run) -> Acted | None:
    """Carry out the newest due retraining; older ones are overtaken by it.

    None if there is none due, or another process is at it.

    Raises: ActionError: it cannot be trained; the trigger stays due and the champion in service.
    """
    installation, contract = run.installation, run.contract
    policy, target = contract.retrain, settings(run).target
    if policy is None or target is None:
        raise ActionError(
            "the contract declares no model",
            "Add assay.retrain",
            Where(file=contract.file, dataset=contract.name),
        )
    due = installation.registry.triggers.due(contract.name, "retrain")
    if not due:
        return None
    *overtaken, trigger = due
    with installation.registry.triggers.holding(trigger, run.run_id) as mine:
        if not mine:
            return None
        with stage(run, "model") as noted:
            details = _retrain(run, policy, target, trigger, overtaken)
            noted.inputs.append(Table(name=f"{contract.name}/features", version=trigger.version))
            noted.outputs.append(
                Table(name=f"{contract.name}/model", version=str(details["model_version"]))
            )
    installation.deliver_outbox()
    return Acted(trigger.version, details)


def _retrain(
    run: Run, policy: Retrain, target: Target, trigger: Trigger, overtaken: list[Trigger]
) -> Json:
    """Train, evaluate, and put the candidate where its judgement states.

    Returns: the details that the registry keeps.
    """
    installation = run.installation
    facts = _facts(run, trigger, _for_training(run, trigger))
    trial = _trial(run, policy, target, trigger, facts)
    judgement = judge_model(trial.evaluation, policy)
    installation.models.judged(
        policy.model,
        trial.registered,
        numbers(trial.evaluation),
        card(
            facts,
            policy=policy,
            features=trial.columns,
            evaluation=trial.evaluation,
            judgement=judgement,
        ),
    )
    champion = trial.serving.get("champion")
    canary = policy.canary if judgement.accepted and champion else None
    outcome = "in canary" if canary else "in service" if judgement.accepted else "refused"
    details = _details(run, policy, trigger, trial, judgement, outcome)
    serves = {**details, **trial.score_quantiles, "share": canary.share if canary else None}
    _switch(
        run,
        policy,
        trial.serving,
        details,
        serves if judgement.accepted else None,
        [trigger, *overtaken],
    )
    return details


def _details(
    run: Run,
    policy: Retrain,
    trigger: Trigger,
    trial: _Trial,
    judgement: Judgement,
    outcome: str,
) -> Json:
    """What the registry keeps of a retraining."""
    champion = trial.serving.get("champion")
    return {
        **asdict(judgement),
        "asked_because": trigger.reason,
        "candidate": None if np.isnan(judgement.candidate) else judgement.candidate,
        "outcome": outcome,
        "model": policy.model,
        "model_version": trial.registered,
        **carried(run.installation, run.contract, trigger.version),
        "trained_rows": trial.trained_rows,
        "judged_rows": trial.judged_rows,
        "dataset_version": trigger.version,
        "trace_id": trace_of_run(run.run_id),
        "evaluation": trial.evaluation.as_json(),
        "judged": trial.metrics,
        "replaced": champion.version if champion else None,
    }


@dataclass(frozen=True)
class _Trial:
    """A candidate, registered, and how it does on the rows that were held back, next to the
    champion.
    """

    registered: str
    """The candidate's version in MLflow."""
    columns: list[str]
    trained_rows: int
    judged_rows: int
    labels: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]
    serving: Mapping[Role, ServingModel]
    evaluation: retrain.Evaluation

    @property
    def metrics(self) -> dict[str, float]:
        """The candidate's metrics, those that these rows allow."""
        values = {metric: metric_of(metric)(self.labels, self.scores) for metric in METRICS}
        return {metric: value for metric, value in values.items() if value == value}

    @property
    def score_quantiles(self) -> Json:
        """Quantiles of the evaluated scores as `judged_scores`; nothing where no row was evaluated."""
        if not len(self.scores):
            return {}
        quantiles = np.quantile(self.scores, np.linspace(0, 1, JUDGED_SCORES))
        return {"judged_scores": [round(float(quantile), 6) for quantile in quantiles]}


def _trial(
    run: Run, policy: Retrain, target: Target, trigger: Trigger, facts: dict[str, str]
) -> _Trial:
    """Train a candidate, or take the one of an earlier try, and evaluate it."""
    installation, contract, version = run.installation, run.contract, trigger.version
    features = settings(run)
    frame = feature_frame(installation, contract.name, version).collect()
    _refuse_classes(installation, contract, features, version)
    columns = [column for column in frame.columns if column not in (features.order_by, target.name)]
    train, held_back = retrain.split_in_time(frame, features.order_by, policy.holdout)
    key = f"{contract.name}/{trigger.id}"
    registered, candidate = _candidate(installation, policy, facts, key, train, columns, target)
    reached("registered")
    with_label = held_back.filter(pl.col(target.name).is_not_null())
    labels = with_label[target.name].to_numpy()
    scores = retrain.chances(candidate, with_label, columns)
    serving = installation.registry.models.serving(contract.name)
    champion, start = serving.get("champion"), held_back[features.order_by].min()
    theirs = (
        champion_scores(installation, contract, policy, champion.version, version, start)
        if champion
        else None
    )
    rows = _held_back_rows(installation, contract, version, start, target)
    return _Trial(
        registered=registered,
        columns=columns,
        trained_rows=train.height,
        judged_rows=held_back.height,
        labels=labels,
        scores=scores,
        serving=serving,
        evaluation=retrain.evaluate(labels, scores, theirs, rows, policy=policy),
    )


def _facts(run: Run, trigger: Trigger, signed: dict[str, Any]) -> dict[str, str]:
    """What a model of the trigger's version comes from, as MLflow's tags and the model card tell
    it.
    """
    installation, contract, version = run.installation, run.contract, trigger.version
    return {
        "dataset": contract.name,
        "dataset_version": version,
        "evidence_sha256": signed["sha256"],
        "files": "\n".join(signed["files"]),
        "contract": contract.digest,
        "trace_id": trace_of_run(run.run_id),
        "reason": trigger.reason,
        "filter_rules": ", ".join(signed["rules"]) or "none",
        **carried(installation, contract, version),
    }


def _candidate(
    installation: Installation,
    policy: Retrain,
    facts: dict[str, str],
    key: str,
    train: pl.DataFrame,
    columns: list[str],
    target: Target,
) -> tuple[str, Any]:
    """The version registered under the key, and the model: the one of an earlier try, or one
    trained now.
    """
    registered = installation.models.proposed(policy.model, key)
    if registered is not None:
        return registered, installation.models.served(policy.model, registered).model
    model = retrain.train(
        train, columns=columns, target=target.name, seed=policy.seed, trainer=policy.trainer
    )
    reached("trained")
    tags = {**facts, TRIGGER: key, "purpose": "training"}
    return installation.models.propose(
        policy.model,
        model,
        columns=columns,
        metrics={},
        tags=tags,
        sample=train.select(columns).head(5),
    ), model


def _switch(
    run: Run,
    policy: Retrain,
    serving: Mapping[Role, ServingModel],
    details: Json,
    serves: Json | None,
    due: Sequence[Trigger],
) -> None:
    """Put the candidate where its judgement states, if anywhere, and close what was due.

    Raises: ActionError: another process has done so.
    """
    name, version, number = run.contract.name, details["dataset_version"], details["model_version"]
    role: Role = "challenger" if details["outcome"] == "in canary" else "champion"
    refused = {} if serves else {number: details["reason"]}
    if serves and role == "challenger" and "challenger" in serving:
        refused[serving["challenger"].version] = (
            f"replaced in canary: version {number}, trained on {version}, is tried instead"
        )
    reached("before the switch")
    switched = run.installation.registry.switch(
        name,
        policy.model,
        {role: (number, serves)} if serves else {},
        details["reason"],
        closing=_outcomes(due, details),
        holder=run.run_id,
        expected={"champion": details["replaced"]},
        made=(version, details),
        refused=refused,
    )
    if not switched:
        raise ActionError(
            "another process was faster",
            "Nothing to do: its result is kept",
            Where(dataset=name),
        )
    reached("after the switch")


def _outcomes(due: Sequence[Trigger], details: Json) -> list[tuple[Trigger, Json]]:
    """The first trigger is done; the older ones are overtaken by it."""
    trigger, *overtaken = due
    done = {key: details[key] for key in ("outcome", "reason", "metric", "candidate", "in_service")}
    reason = f"a newer version, {details['dataset_version']}, has been processed"
    return [
        (trigger, done),
        *((old, {"outcome": "overtaken", "reason": reason}) for old in overtaken),
    ]


def _for_training(run: Run, trigger: Trigger) -> dict[str, Any]:
    """Whether the trigger's version may be trained on; the use is recorded before it is read.

    Raises: AdmissionError: it was not admitted for training. EvidenceError: it has expired, or is
        not what was signed.
    """
    installation, name, version = run.installation, run.contract.name, trigger.version
    row = installation.version(name, version)
    installation.scan(row)  # the signature, and every file's digest
    document = installation.statement(row)
    predicate = document["predicate"]
    allowed = "training" in predicate["admission"]["purposes"]
    rules = sorted({check["rule"] for check in predicate["checks"] if check["severity"] == "error"})
    installation.registry.uses.record(
        name,
        version,
        "training",
        allowed=allowed,
        kind="training",
        trace_id=trace_of_run(run.run_id),
        details={
            "filter_rules": rules,
            "model": run.contract.retrain.model if run.contract.retrain else None,
            "trigger": trigger.id,
            "rows": row.rows,
        },
    )
    if not allowed:
        raise AdmissionError(
            f"{name}@{version} was not admitted for 'training'",
            f"Add the purpose to assay.license and publish again, or go back to a version that was: assay refs set {name}@VERSION latest --why …",
            Where(dataset=name),
        )
    return {
        "sha256": hashlib.sha256(installation.envelope(row).encode()).hexdigest(),
        "files": [
            f"{subject['name']} {subject['digest']['sha256']}" for subject in document["subject"]
        ],
        "rules": rules,
    }


def _refuse_classes(
    installation: Installation, contract: Contract, wanted: Features, version: str
) -> None:
    """Refuse features that may not be trained on.

    Raises: ActionError: one is derived from a column of a class that the contract does not allow for
        training.
    """
    classes = (installation.registry.derived.get(contract.name, version, "features") or {})[
        "classes"
    ]
    for name, kind in privacy.refused(classes, wanted.allows, "training").items():
        raise ActionError(
            f"the feature '{name}' is {kind}, and assay.features does not allow that for training",
            "Remove it, or allow it if that is lawful",
            Where(dataset=contract.name),
        )


def _held_back_rows(
    installation: Installation, contract: Contract, version: str, start: Any, target: Target
) -> pl.DataFrame:
    """The rows from `start` on whose target is known, as the version has them: what slices are derived
    from.
    """
    held_back = _from(
        contract, installation.scan(installation.version(contract.name, version)), start
    )
    return held_back.filter(pl.col(target.column).is_not_null()).collect()


def _from(contract: Contract, rows: pl.LazyFrame, start: Any) -> pl.LazyFrame:
    return rows.filter(pl.col(contract.features.order_by if contract.features else "") >= start)


def champion_scores(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    model_version: str,
    version: str,
    start: Any,
) -> Any:
    """A registered model's chances for a version's rows from `start` on whose target is known, by
    the features that it was trained with.

    They are computed from the whole version, since some look at the rows before.
    """
    target = contract.features.target if contract.features else None
    if target is None:
        raise ActionError(
            "the contract no longer declares a target",
            "Add `target` to assay.features",
            Where(file=contract.file, dataset=contract.name),
        )
    served = installation.models.served(policy.model, model_version)
    state = feature_state(installation, contract.name, served.dataset_version)
    rows = installation.scan(installation.version(contract.name, version))
    features = (
        _from(contract, table.table(rows, state, others=state_others(installation, state)), start)
        .select(state.kept)
        .collect()
    )
    has_target = (
        _from(contract, rows, start)
        .select(pl.col(target.column).is_not_null())
        .collect()
        .to_series()
    )
    features = features.filter(has_target)
    return retrain.chances(served.model, features, features.columns)


def compared(
    installation: Installation, contract: Contract, policy: Retrain, first: str, second: str
) -> Json:
    """Two versions of a model on the same held-back rows of the newest version, resampled together."""
    wanted = contract.features
    target = wanted.target if wanted else None
    if wanted is None or target is None:
        raise ActionError(
            "the contract no longer declares a target",
            "Add `target` to assay.features",
            Where(file=contract.file, dataset=contract.name),
        )
    row = installation.version(contract.name)
    whole = installation.scan(row).filter(pl.col(target.column).is_not_null()).collect()
    _, rows = retrain.split_in_time(whole, wanted.order_by, policy.holdout)
    labels = (rows[target.column] > target.above).cast(pl.Int8).to_numpy()
    scores = [
        champion_scores(
            installation, contract, policy, version, row.version, rows[wanted.order_by].min()
        )
        for version in (first, second)
    ]
    evaluation = retrain.evaluate(labels, scores[0], scores[1], rows, policy=policy)
    return {"dataset_version": row.version, "rows": len(labels), "evaluation": evaluation.as_json()}
