"""Decide what follows from a version's drift, and keep the decision with all that goes with it."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any, Literal

from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json, as_row
from assay.assets.io.registry.decisions import DecisionRecord, NewDecision
from assay.assets.io.registry.triggers import ASSAY
from assay.contracts.errors import DriftError, Where
from assay.contracts.location import host_of
from assay.contracts.model import Contract
from assay.contracts.settings import DriftPolicy
from assay.lineage.facts import StageFact, Table
from assay.pipelines.act.decide import (
    ACTIONS,
    ACTS,
    Action,
    Decision,
    Override,
    Situation,
    decide,
    evidence_of,
)
from assay.pipelines.admit.reasons import checked_reason

MEASURED = "measured"
"""The cause of a decision that follows from measurements, not from a steward."""


def policy_of(contract: Contract) -> DriftPolicy:
    """The contract's drift settings. Raises: DriftError: it has none."""
    if contract.drift is None:
        raise DriftError(
            "the contract declares no comparison",
            "Add assay.drift",
            Where(file=contract.file, dataset=contract.name),
        )
    return contract.drift


def situation_of(
    installation: Installation,
    contract: Contract,
    policy: DriftPolicy,
    version: str,
    drift: Json,
    override: Override | None = None,
) -> Situation:
    """All that a decision about a version's drift consists of."""
    registry = installation.registry
    sequence = installation.version(contract.name, version).sequence
    earlier = [
        details["verdict"]
        for other in reversed(registry.versions.all(contract.name))
        if other.sequence < sequence
        and (details := registry.derived.get(contract.name, other.version, "drift"))
    ]
    moved = {m["column"] for m in drift["measurements"] if m["drifted"]}
    keeps: Literal["model", "index"] | None = (
        "model" if contract.retrain else "index" if contract.index else None
    )
    return Situation(
        dataset=contract.name,
        version=version,
        verdict=drift["verdict"],
        reasons=tuple(drift["reasons"]),
        critical=tuple(name for name in policy.acting.critical if name in moved),
        earlier=tuple(earlier[: policy.acting.of]),
        keeps=keeps,
        in_service=keeps is not None and registry.in_service(contract.name, keeps) is not None,
        acted_at=tuple(registry.decisions.acted_at(contract.name)),
        now=registry.now(),
        policy=_kept_policy(policy),
        evidence=evidence_of(drift),
        override=override,
    )


def _kept_policy(policy: DriftPolicy) -> dict[str, Any]:
    """The policy as it is kept with a decision; of a webhook its host, since its address is often
    the key to it.
    """
    kept = policy.acting.model_dump(mode="json")
    if policy.acting.webhook:
        kept["webhook"]["url"] = host_of(policy.acting.webhook.url)
    return kept


def conclude(
    installation: Installation,
    contract: Contract,
    situation: Situation,
    decision: Decision,
    cause: str,
    drift: Json | None,
    run_id: str,
) -> DecisionRecord:
    """Keep a decision with all that goes with it.

    Returns: the one that is kept, which is an earlier one where its cause was decided before.
    """
    name, version = contract.name, situation.version
    new = NewDecision(
        dataset=name,
        version=version,
        at=situation.now,
        action=decision.action,
        rule=decision.rule,
        reason=decision.reason,
        situation=situation.as_json(),
        cause=cause,
    )
    measured = {"evidence": situation.evidence, "verdict": situation.verdict}
    concluded = {
        "action": decision.action,
        "rule": decision.rule,
        "evidence": situation.evidence,
        "reason": decision.reason,
    }
    fact = StageFact(
        run_id=run_id,
        dataset=name,
        stage="decided",
        outcome="COMPLETE",
        started_at=situation.now,
        ended_at=installation.registry.now(),
        inputs=(Table(name=f"{name}/drift", version=version, tags=measured),),
        outputs=(Table(name=f"{name}/decision", tags=concluded),),
    )
    follow_ups = _follow_ups(contract, decision.action)
    return installation.registry.conclude(new, drift, follow_ups, [fact.as_json()])


def _follow_ups(contract: Contract, action: str) -> list[tuple[str, str]]:
    """The triggers that a decision sets: each action, and who carries it out."""
    if action == "alert" and contract.drift and contract.drift.acting.webhook:
        return [("alert", "webhook")]
    return [(action, actor_of(contract, action))] if action in ACTS else []


def actor_of(contract: Contract, action: str) -> str:
    """Who carries a trigger out: Assay, a job of this Dagster, or someone else's system.

    An index is always Assay's.
    """
    acting = contract.drift.acting if contract.drift else None
    if acting is None or (action == "rebuild" and contract.index):
        return ASSAY
    return "webhook" if acting.webhook else f"job:{acting.job}" if acting.job else ASSAY


def override(
    installation: Installation, name: str, action: str, why: str, version: str | None = None
) -> DecisionRecord:
    """A steward's word about a version: decided at once, kept next to what was decided before.

    Raises: DriftError: no such action, no reason, or the version was not measured.
    """
    contract = installation.contract(name)
    policy = policy_of(contract)
    chosen = _checked_action(contract, action, why)
    number = installation.version(name, version).version
    drift = installation.registry.derived.get(name, number, "drift")
    if drift is None:
        raise DriftError(
            f"version {number} has not been measured",
            f"Measure it: assay run {name}",
            Where(dataset=name),
        )
    steward = Override(chosen, installation.registry.actor, checked_reason(why))
    situation = situation_of(installation, contract, policy, number, drift, steward)
    earlier = [
        decision
        for decision in installation.registry.decisions.all(name)
        if decision.version == number and decision.cause != MEASURED
    ]
    cause = f"override {len(earlier) + 1}"
    return conclude(
        installation, contract, situation, decide(situation), cause, None, str(uuid.uuid4())
    )


def _checked_action(contract: Contract, action: str, why: str) -> Action:
    """The action, where a steward may decide it.

    Raises: DriftError: no such action, nothing it could act on, or no reason.
    """
    where = Where(dataset=contract.name)
    if action not in ACTIONS:
        raise DriftError(
            f"'{action}' is not an action",
            f"Choose one of {', '.join(ACTIONS)}",
            where,
        )
    if action == "retrain" and contract.retrain is None:
        raise DriftError(
            "the contract declares no model to retrain",
            "Add assay.retrain, or choose another action",
            where,
        )
    if action == "rebuild" and contract.index is None:
        raise DriftError(
            "the contract declares no index to rebuild",
            "Add assay.index, or choose another action",
            where,
        )
    if not why.strip():
        raise DriftError("a decision needs a reason", "Give the reason with --why", where)
    return action


def replayed(installation: Installation, number: int) -> Json:
    """A decision, repeated in the situation that was kept with it, and its evidence compared
    with the registry.

    Returns: the decision, `same`: whether it comes out the same, `evidence_is_kept`: whether the
        measurements it names are those the registry has.
    """
    row = installation.registry.decisions.get(number)
    situation = Situation.from_json(row.situation)
    again = decide(situation)
    drift = installation.registry.derived.get(row.dataset, row.version, "drift")
    same = (again.action, again.rule, again.reason) == (row.action, row.rule, row.reason)
    return {
        **as_row(row),
        "again": asdict(again),
        "same": same,
        "evidence_is_kept": drift is not None and evidence_of(drift) == situation.evidence,
    }
