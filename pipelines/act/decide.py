"""What was measured, the policy, what happened before, and a clock -> what is to be done.

Belongs here: whether to act, and why. Stays out: doing it, measuring, evaluating the candidate.
Everything that a decision depends on is in its `Situation`, which is kept with it: the same
situation is decided the same, today and in a year.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from assay.contracts.settings import Acting
from assay.pipelines.core.frames import Intent

Action = Literal["retrain", "rebuild", "hold", "alert", "ignore"]
ACTIONS: tuple[Action, ...] = ("retrain", "rebuild", "hold", "alert", "ignore")
ACTS = ("retrain", "rebuild")


@dataclass(frozen=True)
class Override:
    """A steward's word, which is before everything that was measured."""

    action: Action
    by: str
    reason: str


@dataclass(frozen=True)
class Situation:
    """All that a decision is made of.

    Args:
        verdict, reasons: of the version's drift. `critical`: its columns that drifted and that the
            policy calls so.
        earlier: the verdicts of the versions before it, the newest first.
        keeps: what is made of the data set. in_service: whether one serves.
        acted_at: when something was last done, ISO 8601, the newest first.
        now: the registry's clock.
        evidence: SHA-256 of the measurements.
    """

    dataset: str
    version: str
    verdict: Literal["drifted", "stable", "unknown"]
    reasons: tuple[str, ...]
    critical: tuple[str, ...]
    earlier: tuple[str, ...]
    keeps: Literal["model", "index"] | None
    in_service: bool
    acted_at: tuple[str, ...]
    now: str
    policy: Mapping[str, Any]
    evidence: str
    override: Override | None = None

    def as_json(self) -> dict[str, Any]:
        """As the registry keeps it; `from_json` gives the same back."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Situation:
        """A situation that was kept."""
        lists = {name: tuple(data[name]) for name in ("reasons", "critical", "earlier", "acted_at")}
        return cls(
            **{
                **data,
                **lists,
                "override": Override(**data["override"]) if data["override"] else None,
            }
        )


@dataclass(frozen=True)
class Decision:
    """What is to be done about a version, why, and which part of the policy said so."""

    action: Action
    reason: str
    rule: Literal[
        "override",
        "first",
        "nothing compared",
        "stable",
        "nothing kept",
        "alert only",
        "hysteresis",
        "cool-down",
        "budget",
        "drift",
    ]


def decide(situation: Situation) -> Decision:
    """What should be done. Pure: it looks at nothing but the situation."""
    policy = Acting.model_validate(situation.policy)
    reasons = "; ".join(reason.rstrip(".") for reason in situation.reasons)
    return (
        _without_drift(situation, reasons)
        or _not_to_act(situation, policy, reasons)
        or _held_back(situation, policy, reasons)
        or _act(situation, policy, reasons)
    )


def _without_drift(situation: Situation, reasons: str) -> Decision | None:
    """What is done whatever the policy says of drift: a steward's decision, the first model, data
    that have not drifted.
    """
    override = situation.override
    if override:
        reason = f"{override.by} decided so: {override.reason}."
        return Decision(override.action, reason, "override")
    if situation.keeps == "model" and not situation.in_service:
        return Decision("retrain", "No model is in service, so this is the first.", "first")
    if situation.verdict == "unknown":
        return Decision("hold", f"Nothing could be compared: {reasons}.", "nothing compared")
    if situation.verdict == "stable":
        return Decision("ignore", f"The data are stable: {reasons}.", "stable")
    return None


def _not_to_act(situation: Situation, policy: Acting, reasons: str) -> Decision | None:
    """An alert where nothing is made of the data, or the policy wants no more."""
    if situation.keeps is None:
        return Decision(
            "alert",
            f"The data have drifted, and nothing is made of them that could be made anew: {reasons}.",
            "nothing kept",
        )
    if policy.do == "alert":
        return Decision("alert", f"The data have drifted: {reasons}.", "alert only")
    return None


def _held_back(situation: Situation, policy: Acting, reasons: str) -> Decision | None:
    """What holds an action back: too few drifted versions, one that was taken lately, the month's
    budget.
    """
    times = _drifted_versions(situation, policy)
    if times < policy.k and not situation.critical:
        return Decision(
            "hold",
            f"{times} of the last {policy.of} versions have drifted, {policy.k} are asked for: {reasons}.",
            "hysteresis",
        )
    now = datetime.fromisoformat(situation.now)
    rest = timedelta(days=int(policy.cool_down[1:-1]))
    if situation.acted_at and now - datetime.fromisoformat(situation.acted_at[0]) < rest:
        return Decision(
            "hold",
            f"Something was done on {situation.acted_at[0][:10]}, and {policy.cool_down} has not passed: {reasons}.",
            "cool-down",
        )
    this_month = sum(at[:7] == situation.now[:7] for at in situation.acted_at)
    if policy.monthly_budget is not None and this_month >= policy.monthly_budget:
        return Decision(
            "alert",
            f"{this_month} action(s) were taken this month, and the policy allows {policy.monthly_budget}: {reasons}.",
            "budget",
        )
    return None


def _act(situation: Situation, policy: Acting, reasons: str) -> Decision:
    times, why = _drifted_versions(situation, policy), ""
    if times < policy.k:
        why = f" (critical column(s) {', '.join(situation.critical)})"
    elif policy.of > 1:
        why = f" ({times} of the last {policy.of} versions)"
    action: Action = "rebuild" if situation.keeps == "index" else "retrain"
    return Decision(action, f"The data have drifted{why}: {reasons}.", "drift")


def _drifted_versions(situation: Situation, policy: Acting) -> int:
    """How many of the versions that the policy looks at have drifted."""
    return [situation.verdict, *situation.earlier[: policy.of - 1]].count("drifted")


def evidence_of(drift: Mapping[str, Any]) -> str:
    """SHA-256 of a drift's measurements as the registry keeps them, by which a decision names
    them.
    """
    return hashlib.sha256(
        json.dumps(
            {key: drift[key] for key in ("verdict", "measurements", "reasons")}, sort_keys=True
        ).encode()
    ).hexdigest()


def rebuild_due(documents_changed: int | None, *, in_service: bool) -> Intent:
    """Whether an index is to be built.

    Args:
        documents_changed: how many documents were added, changed or removed since the index in
            service; None if not known.
    """
    if not in_service:
        return Intent("rebuild", "No index is in service, so this is the first.")
    if documents_changed is None:
        return Intent("none", "The documents could not be compared, so the index in service stays.")
    if documents_changed > 0:
        return Intent(
            "rebuild",
            f"{documents_changed:,} documents have changed since the index in service was made.",
        )
    return Intent("none", "No document has changed since the index in service was made.")
