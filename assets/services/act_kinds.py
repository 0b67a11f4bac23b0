"""Each kind of act that persons sign: planning what it would do now, and carrying it out.

Belongs here: one pair of functions a kind. Stays out: who signs, when it is carried out (acts.py).
An effect holds what was requested, and the states that it goes from and to: planned again, it is the
same while nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.indexes import IndexBuild
from assay.assets.services import monitor
from assay.assets.services import quarantine_decisions as decisions
from assay.assets.stages import index
from assay.assets.stages.fault_points import reached
from assay.assets.stages.outcomes import keeps_model
from assay.contracts.errors import ActionError, Where
from assay.pipelines.admit.acts import Act, ActKind
from assay.pipelines.validate.quarantine import Action

CHANGED = "what it was about has changed"


@dataclass(frozen=True)
class Signed:
    """Who signed an act, and their DSSE envelopes."""

    names: tuple[str, ...]
    envelopes: Sequence[str]


End = Callable[[str], None]
"""Ends the act with a sentence about its outcome, in the transaction of its effect; raises where the
act has ended already.
"""


@dataclass(frozen=True)
class Procedure:
    """How one kind of act is planned and carried out.

    Args:
        plan: the effect that it would have now, of what was requested or of an earlier effect.
            Raises: QualityError, ActionError, EvidenceError: it cannot be done now.
        carry_out: has the effect that was planned last.
    """

    plan: Callable[[Installation, str, Json], Json]
    carry_out: Callable[[Installation, Act, Signed, End], None]


# -- quarantined rows ----------------------------------------------------------------------


def _plan_rows(action: Action, installation: Installation, name: str, wish: Json) -> Json:
    return _planned_rows(action, installation, name, wish).effect(installation)


def _planned_rows(
    action: Action, installation: Installation, name: str, wish: Json
) -> decisions.PlannedDecision:
    return decisions.plan_decision(
        installation, name, action, run_id=wish["run_id"], rule=wish["rule"], rows=wish["chosen"]
    )


def _carry_out_rows(
    action: Action, installation: Installation, act: Act, signed: Signed, end: End
) -> None:
    planned = _planned_rows(action, installation, act.dataset, dict(act.effect))
    _check_unchanged(act, planned.effect(installation))
    if action == "release":
        outcome = f"released. To publish them: assay run {act.dataset}"
    else:
        outcome = "discarded. Their values are deleted; the rows stay counted"
    decisions.carry_out(
        installation,
        planned,
        why=act.why,
        by=", ".join(signed.names),
        approvals=signed.envelopes,
        end=lambda kept: end(f"decision {kept.id}: {kept.rows:,} rows of {act.dataset} {outcome}"),
    )


# -- models and indexes --------------------------------------------------------------------


def _plan_promotion(installation: Installation, name: str, wish: Json) -> Json:
    contract, policy = keeps_model(installation, name)
    planned = monitor.plan_promotion(installation, contract, policy, wish["to"], "")
    return _effect_of_switch(planned)


def _plan_model_roll_back(installation: Installation, name: str, _: Json) -> Json:
    contract, policy = keeps_model(installation, name)
    return _effect_of_switch(monitor.plan_roll_back(installation, contract, policy, ""))


def _effect_of_switch(planned: monitor.PlannedSwitch) -> Json:
    outcome = planned.outcome
    effect = {"model": planned.model, "from": outcome.before, "to": outcome.now}
    roles = {role: version for role, (version, _) in planned.roles.items()}
    return {**effect, "roles": roles, "refused": sorted(planned.refused)}


def _carry_out_switch(installation: Installation, act: Act, _: Signed, end: End) -> None:
    contract, policy = keeps_model(installation, act.dataset)
    if act.kind == "promote model":
        planned = monitor.plan_promotion(installation, contract, policy, act.effect["to"], act.why)
    else:
        planned = monitor.plan_roll_back(installation, contract, policy, act.why)
    _check_unchanged(act, _effect_of_switch(planned))
    reached("act prepared")
    sentence = monitor.describe_switch(planned.outcome)
    if not monitor.make_switch(installation, contract, planned, lambda: end(sentence)):
        raise changed(act)


def _plan_index_roll_back(installation: Installation, name: str, wish: Json) -> Json:
    before, target = index.plan_roll_back(installation, name, wish["to"])
    builds = {build.build: build.sha256 for build in installation.registry.indexes.builds(name)}
    return {"from": before, "to": target, "sha256": builds[target]}


def _carry_out_index_roll_back(installation: Installation, act: Act, _: Signed, end: End) -> None:
    def ended(before: str, now: IndexBuild) -> None:
        if before != act.effect["from"] or now.sha256 != act.effect["sha256"]:
            raise changed(act)
        documents = f"{now.details['documents']:,} documents of version {now.version}"
        end(
            f"the index of {act.dataset} was build {before} and is now build {now.build}: {documents}"
        )

    reached("act prepared")
    index.roll_back(installation, act.dataset, act.effect["to"], act.why, ended)


# -- references ----------------------------------------------------------------------------


def _plan_move(installation: Installation, name: str, wish: Json) -> Json:
    reference, to = wish["reference"], wish["to"]
    current = installation.registry.references.all(name).get(reference)
    if to is not None:
        to = installation.version(name, to).version
        installation.registry.references.check_movable(name, reference, to)
    else:
        installation.registry.references.check_deletable(name, reference)
    return {"reference": reference, "from": current.version if current else None, "to": to}


def _carry_out_move(installation: Installation, act: Act, _: Signed, end: End) -> None:
    references, name = installation.registry.references, act.dataset
    reference, target = act.effect["reference"], act.effect["to"]
    reached("act prepared")
    with installation.registry.transaction():
        _check_unchanged(act, _plan_move(installation, name, dict(act.effect)))
        if target is None:
            references.delete(name, reference, act.why)
            end(f"{reference} of {name} is deleted")
        else:
            row = references.point(name, reference, target, act.why)
            end(
                f"{reference} of {name} now points to {row.version},"
                f" published on {row.published_at[:10]}: {row.rows:,} rows"
            )
    reached("act carried out")


PROCEDURES: dict[ActKind, Procedure] = {
    "release rows": Procedure(partial(_plan_rows, "release"), partial(_carry_out_rows, "release")),
    "discard rows": Procedure(partial(_plan_rows, "discard"), partial(_carry_out_rows, "discard")),
    "promote model": Procedure(_plan_promotion, _carry_out_switch),
    "roll back model": Procedure(_plan_model_roll_back, _carry_out_switch),
    "roll back index": Procedure(_plan_index_roll_back, _carry_out_index_roll_back),
    "move reference": Procedure(_plan_move, _carry_out_move),
}


def _check_unchanged(act: Act, effect: Json) -> None:
    if effect != act.effect:
        raise changed(act, effect)


def changed(act: Act, effect: Json | None = None) -> ActionError:
    """The error about an act that no longer does what was requested."""
    problem = CHANGED
    if effect is not None and "from" in effect and effect["from"] != act.effect["from"]:
        was, now = act.effect["from"] or "nothing", effect["from"] or "nothing"
        problem = f"{CHANGED}: it was {was}, and is now {now}"
    return ActionError(problem, "Request it again", Where(dataset=act.dataset))
