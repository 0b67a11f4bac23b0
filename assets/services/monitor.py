"""Watch the models in service: how good they are by the outcomes that have arrived, and which
serves from then on.

Belongs here: keeping predictions and outcomes, evaluating by them, promoting and rolling back. Stays
out: training (model.py), predicting (predict.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.models import ModelSwitch, Role, ServingModel
from assay.assets.stages.fault_points import reached
from assay.assets.stages.model_performance import FEWEST, _performance
from assay.assets.stages.outcomes import keeps_model, live
from assay.contracts.errors import ActionError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import Canary, Performance, Retrain
from assay.pipelines.act.judge import Standing, judge_canary
from assay.pipelines.drift.scores import interval

_ENDED, _BACK = "ended", "rolled_back_from"


@dataclass(frozen=True)
class Switched:
    """What evaluating by outcomes changed: who went and who came, and why."""

    model: str
    role: Role
    before: str | None
    now: str | None
    reason: str


@dataclass(frozen=True)
class PlannedSwitch:
    """A switch that can be made while `expected` serve."""

    model: str
    roles: dict[Role, tuple[str | None, Json | None]]
    expected: dict[Role, str | None]
    outcome: Switched
    refused: dict[str, str] = field(default_factory=dict)


def describe_switch(switch: Switched) -> str:
    """A switch as people read it."""
    return (
        f"{switch.model}: the {switch.role} was version {switch.before or '—'},"
        f" and is now {switch.now or 'empty'}: {switch.reason}"
    )


# -- evaluating by it ---------------------------------------------------------------------


def judged_by(installation: Installation, contract: Contract) -> str:
    """What `review` evaluates by, as a digest: while it is the same, looking again changes nothing."""
    serving = {
        role: row.version
        for role, row in installation.registry.models.serving(contract.name).items()
    }
    outcomes = [row.digest for row in installation.registry.outcomes.all(contract.name)]
    predictions = sorted(
        file.name
        for file in installation.lake.folder(contract.name, "predictions").glob("*.parquet")
    )
    bounds = [each.model_dump_json() for each in (contract.retrain, contract.drift) if each]
    return hashlib.sha256(json.dumps([serving, outcomes, predictions, bounds]).encode()).hexdigest()


def review(installation: Installation, name: str) -> list[Switched]:
    """Judge who serves by the outcomes that have arrived: promote a challenger, roll back what has
    fallen.

    Safe to repeat.
    """
    contract, policy = keeps_model(installation, name)
    bounds = contract.drift.performance if contract.drift else Performance()
    return [
        *_review_challenger(installation, contract, policy, bounds),
        *_review_champion(installation, contract, policy, bounds),
    ]


def _review_challenger(
    installation: Installation, contract: Contract, policy: Retrain, bounds: Performance
) -> list[Switched]:
    serving = installation.registry.models.serving(contract.name)
    challenger, champion = serving.get("challenger"), serving.get("champion")
    if challenger is None or champion is None or policy.canary is None:
        return []
    fallen = _performance(installation, contract, policy, bounds, challenger)
    if fallen and fallen.beyond:
        return _end_canary(
            installation,
            contract,
            policy,
            challenger,
            f"rolled back in canary: {fallen.measurement.note}, at least {fallen.measurement.threshold:.4f} is required",
        )
    standing = _standing(
        installation, contract, policy, policy.canary, challenger.version, champion.version
    )
    if standing.verdict == "rolled back":
        return _end_canary(
            installation, contract, policy, challenger, f"rolled back in canary: {standing.reason}"
        )
    return (
        promote(
            installation,
            contract,
            policy,
            challenger.version,
            f"promoted from canary: {standing.reason}",
        )
        if standing.verdict == "promoted"
        else []
    )


def _standing(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    canary: Canary,
    challenger: str,
    champion: str,
) -> Standing:
    """How a challenger compares by what came true for it and for the champion while it was tried: how
    the champion did before is another time's.
    """
    outcomes = [
        live(installation, contract.name, version, beside=challenger)
        for version in (challenger, champion)
    ]
    mine, theirs = (len(labels) for labels, _ in outcomes)
    if mine < canary.outcomes or theirs < FEWEST:
        return Standing(
            "undecided",
            f"{mine:,} outcomes have arrived for it, {theirs:,} for the champion; {canary.outcomes:,} and {FEWEST:,} are needed",
        )
    measured = [
        interval(policy.metric, *each, resamples=200, confidence=0.95, seed=policy.seed)
        for each in outcomes
    ]
    return judge_canary(measured[0], measured[1], (mine, theirs), policy, canary)


def in_canary(installation: Installation, name: str) -> str | None:
    """Which challenger is still tried and its state, in words; None if there is none."""
    contract, policy = keeps_model(installation, name)
    serving = installation.registry.models.serving(contract.name)
    if policy.canary is None or not {"challenger", "champion"} <= set(serving):
        return None
    version = serving["challenger"].version
    standing = _standing(
        installation, contract, policy, policy.canary, version, serving["champion"].version
    )
    return f"version {version} of {policy.model} stays in canary: {standing.reason}"


def _end_canary(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    challenger: ServingModel,
    reason: str,
) -> list[Switched]:
    version = challenger.version
    done = installation.registry.switch(
        contract.name,
        policy.model,
        {"challenger": (None, {_ENDED: version})},
        reason,
        expected={"challenger": version},
        refused={version: reason},
    )
    installation.deliver_outbox()
    return [Switched(policy.model, "challenger", version, None, reason)] if done else []


def promote(
    installation: Installation, contract: Contract, policy: Retrain, version: str, reason: str
) -> list[Switched]:
    """Make a version champion, and end a canary of it. Raises: ActionError: nothing is known of it."""
    return make_switch(
        installation, contract, plan_promotion(installation, contract, policy, version, reason)
    )


def make_switch(
    installation: Installation,
    contract: Contract,
    planned: PlannedSwitch,
    end: Callable[[], None] = lambda: None,
) -> list[Switched]:
    """Make a switch. Returns: nothing where another process has switched in the meantime.

    Args:
        end: called in the same transaction once the switch is made; what it raises undoes it.
    """
    with installation.registry.transaction():
        is_made = installation.registry.switch(
            contract.name,
            planned.model,
            planned.roles,
            planned.outcome.reason,
            expected=planned.expected,
            refused=planned.refused,
        )
        if is_made:
            end()
    if is_made:
        reached("act carried out")
    installation.deliver_outbox()
    return [planned.outcome] if is_made else []


def plan_promotion(
    installation: Installation, contract: Contract, policy: Retrain, version: str, reason: str
) -> PlannedSwitch:
    """The switch that makes a version champion, and ends a canary; where it had been refused, the
    reason of that is reported with this one.

    Raises: ActionError: nothing is known of it, or it is champion already.
    """
    serving = installation.registry.models.serving(contract.name)
    last = next(
        (
            row.details
            for row in reversed(installation.registry.models.switches(contract.name))
            if row.version == version
        ),
        None,
    )
    details = {
        key: value
        for key, value in (last or _of_training(installation, contract, version)).items()
        if key != _BACK
    }
    before = serving["champion"].version if "champion" in serving else None
    if before == version:
        raise ActionError(
            f"version {version} of {policy.model} is champion already",
            "Nothing to do",
            Where(dataset=contract.name),
        )
    roles: dict[Role, tuple[str | None, Json | None]] = {"champion": (version, details)}
    expected: dict[Role, str | None] = {"champion": before}
    if "challenger" in serving:
        roles["challenger"] = (None, {_ENDED: serving["challenger"].version})
    if ("challenger" not in serving or serving["challenger"].version != version) and (
        refusal := installation.models.refusal(policy.model, version)
    ):
        reason = f"{reason} (refused earlier: {refusal})"
    outcome = Switched(policy.model, "champion", before, version, reason)
    return PlannedSwitch(policy.model, roles, expected, outcome)


def _of_training(installation: Installation, contract: Contract, version: str) -> Json:
    found: Json | None = next(
        (
            each.details
            for each in installation.registry.derived.trainings(contract.name)
            if each.details.get("model_version") == version
        ),
        None,
    )
    if found is None:
        raise ActionError(
            f"there is no version {version}",
            f"See `assay models list {contract.name}`",
            Where(dataset=contract.name),
        )
    return found


def _review_champion(
    installation: Installation, contract: Contract, policy: Retrain, bounds: Performance
) -> list[Switched]:
    champion = installation.registry.models.serving(contract.name).get("champion")
    if champion is None or not champion.details.get("replaced"):
        return []  # no one to go back to: the drift of the next version tells of the fall
    fallen = _performance(installation, contract, policy, bounds, champion)
    if fallen is None or not fallen.beyond or not predecessor(installation, contract.name):
        return []
    return roll_back(
        installation,
        contract,
        policy,
        f"rolled back: {fallen.measurement.note}, at least {fallen.measurement.threshold:.4f} is required",
    )


def predecessor(installation: Installation, name: str) -> ModelSwitch | None:
    """The switch that made the champion before this one: each switch adds one to those that are
    there, each rolling back takes off those that came after.
    """
    stack = list[ModelSwitch]()
    for row in installation.registry.models.switches(name):
        if row.role != "champion" or not row.version:
            continue
        if row.details and row.details.get(_BACK):
            while stack and stack[-1].version != row.version:
                stack.pop()
        if not stack or stack[-1].version != row.version:
            stack.append(row)
    return stack[-2] if len(stack) > 1 else None


def roll_back(
    installation: Installation, contract: Contract, policy: Retrain, reason: str
) -> list[Switched]:
    """Put the champion before this one back. Raises: ActionError: there was none."""
    return make_switch(
        installation, contract, plan_roll_back(installation, contract, policy, reason)
    )


def plan_roll_back(
    installation: Installation, contract: Contract, policy: Retrain, reason: str
) -> PlannedSwitch:
    """The switch that puts the champion before this one back. Raises: ActionError: there was none."""
    now, before = (
        installation.registry.models.serving(contract.name).get("champion"),
        predecessor(installation, contract.name),
    )
    if now is None or before is None or before.version is None:
        raise ActionError(
            f"no earlier version was champion of {policy.model}",
            "Train another: assay drift override NAME retrain --why …",
            Where(dataset=contract.name),
        )
    details = {**(before.details or {}), _BACK: now.version, "replaced": None}
    return PlannedSwitch(
        policy.model,
        {"champion": (before.version, details)},
        {"champion": now.version},
        Switched(policy.model, "champion", now.version, before.version, reason),
        {now.version: reason},
    )
