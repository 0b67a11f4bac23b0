"""Drift, done: the newest version against others -> measurements, a report, a decision, and a trigger where something is to be done.

Belongs here: which sketches are compared, and keeping what comes of it in one transaction. Stays out: comparing (pipelines/drift), deciding (pipelines/act).
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from assay.assets.io import sketches
from assay.assets.io.disk import write_atomically
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json, as_row
from assay.assets.io.registry.decisions import DecisionRecord, NewDecision
from assay.assets.io.registry.triggers import ASSAY
from assay.assets.io.registry.versions import Version
from assay.assets.stages.fault_points import reached
from assay.assets.stages.model_performance import claims
from assay.assets.stages.run import Run, stage
from assay.contracts.errors import DriftError, Where
from assay.contracts.features import Target
from assay.contracts.location import host_of
from assay.contracts.model import Contract
from assay.contracts.settings import DriftPolicy, PublishedVersion, SlidingWindow
from assay.lineage.facts import StageFact, Table
from assay.pipelines.act.decide import (
    ACTIONS,
    ACTS,
    Decision,
    Override,
    Situation,
    decide,
    evidence_of,
)
from assay.pipelines.core.frames import Drift
from assay.pipelines.drift.change_points import change_points
from assay.pipelines.drift.measure import measure, together
from assay.pipelines.drift.page import page
from assay.pipelines.drift.sketch import Kind, Sketch, merged, sketch

SKETCH, MEASURED = "sketch", "measured"
BEFORE = "the version before"
NUMERICAL, PLAIN = ("integer", "number"), ("string", "boolean", "date", "timestamp", "time")


@dataclass(frozen=True)
class Drifted:
    """The drift of one version: `details` as the registry keeps them, and the decision about it."""

    version: str
    details: Json
    decision: DecisionRecord
    new: bool


def report_file(root: Path, dataset: str, version: str) -> Path:
    """Where a version's drift report lies."""
    return root / "reports" / dataset / version / "drift.html"


def policy_of(contract: Contract) -> DriftPolicy:
    """The contract's drift settings. Raises: DriftError: it has none."""
    if contract.drift is None:
        raise DriftError(
            "the contract asks for no comparison",
            "Add assay.drift",
            Where(file=contract.file, dataset=contract.name),
        )
    return contract.drift


def kinds_of(contract: Contract, policy: DriftPolicy) -> dict[str, Kind]:
    """How each column of the policy is compared. Of a personal one, only whether it is there: its report must not show a value."""
    types = {column.name: column.logical_type for column in contract.published_columns}
    plain = {
        name: types[name] for name in policy.columns if types.get(name) in (*NUMERICAL, *PLAIN)
    }
    return {
        name: "personal"
        if name in contract.privacy.columns
        else "numerical"
        if kind in NUMERICAL
        else "categorical"
        for name, kind in plain.items()
    }


def measure_drift(run: Run) -> Drifted:
    """Compare the newest version, unless that was done, and decide what follows; both are kept in one transaction.

    Raises: EvidenceError: one of the versions is not what was signed.
    """
    installation, contract = run.installation, run.contract
    policy = policy_of(contract)
    row = installation.version(contract.name)
    version = row.version
    known, decided = (
        installation.registry.derived.get(contract.name, version, "drift"),
        installation.registry.decisions.of_cause(contract.name, version, MEASURED),
    )
    if known is not None and decided is not None:
        return Drifted(version, known, decided, new=False)
    with stage(run, "drift") as noted:
        found = _measured(run, policy, row)
        if found.sides:
            write_atomically(
                report_file(installation.home.root, contract.name, version),
                page(
                    found.drift,
                    found.sides,
                    policy=policy,
                    kinds=kinds_of(contract, policy),
                    changes=found.changes,
                ),
            )
        details = {
            **asdict(found.drift),
            "reference": found.against[0] if found.against else None,
            "against": found.against,
            "changes": found.changes,
        }
        situation = _situation(installation, contract, policy, version, details)
        decision = decide(situation)
        details["intent"] = {"action": decision.action, "reason": decision.reason}
        reached("before the decision")
        kept = conclude(installation, contract, situation, decision, MEASURED, details, run.run_id)
        reached("after the decision")
        noted.inputs += [
            Table(name=f"{contract.name}/published", version=each)
            for each in (*found.against, version)
        ]
        noted.outputs.append(Table(name=f"{contract.name}/drift", version=version))
    return Drifted(
        version,
        installation.registry.derived.get(contract.name, version, "drift") or details,
        kept,
        new=True,
    )


@dataclass(frozen=True)
class _Found:
    """What comparing one version gave: the versions it was `against`, and the `sides` of the first comparison."""

    drift: Drift
    against: list[str]
    sides: tuple[Sketch, Sketch] | None
    changes: list[str]


def _measured(run: Run, policy: DriftPolicy, row: Version) -> _Found:
    installation, contract = run.installation, run.contract
    kinds, current = kinds_of(contract, policy), sketch_of(run, row)
    more = claims(installation, contract, policy)
    drifts, against, sides = list[Drift](), list[str](), None
    for name, versions in _compared(installation, contract, policy, row):
        if isinstance(versions, str):
            drifts.append(Drift("unknown", (), (versions,)))
            continue
        reference = merged([sketch_of(run, each) for each in versions], policy=policy)
        drifts.append(
            measure(
                reference,
                current,
                policy=policy,
                kinds=kinds,
                against=name,
                versions=len(versions),
                published_at=row.published_at,
                more=[] if sides else more,
            )
        )
        against += [each.version for each in versions]
        sides = sides or (reference, current)
    drift = together(drifts)
    return _Found(
        drift,
        list(dict.fromkeys(against)),
        sides,
        _changes(installation, contract.name, row, drift),
    )


def _compared(
    installation: Installation, contract: Contract, policy: DriftPolicy, row: Version
) -> list[tuple[str, list[Version] | str]]:
    """What the version is compared with: a name and the versions, or why there are none."""
    readable = [
        version
        for version in installation.registry.versions.all(contract.name)
        if version.sequence < row.sequence and not version.expired_at
    ]
    found: list[tuple[str, list[Version] | str]] = []
    for each in policy.against:
        if isinstance(each, PublishedVersion):
            named = installation.registry.references.resolve(contract.name, each.version)
            missing = (
                None
                if named and not named.expired_at
                else f"nothing that can be opened is called '{each.version}': assay refs set {contract.name}@VERSION {each.version}"
            )
            itself = named is not None and named.version == row.version
            found.append(
                (
                    f"{each.version}",
                    missing or ("it is the reference itself" if itself else [named]),  # type: ignore[list-item]  # not None, or it is missing
                )
            )
        elif isinstance(each, SlidingWindow):
            # the name stays while there are fewer, so that one comparison is one series
            found.append(
                (
                    f"the last {each.last} versions",
                    readable[-each.last :] or "there are no earlier versions to compare with",
                )
            )
        else:
            found.append((BEFORE, readable[-1:] or "there is no earlier version to compare with"))
    return found


def sketch_of(run: Run, row: Version) -> Sketch:
    """A version's sketch, made where there is none of today's policy. Raises: EvidenceError: the version has to be read for it, and is not what was signed."""
    installation, contract, policy = run.installation, run.contract, policy_of(run.contract)
    kinds, target = kinds_of(contract, policy), _target(contract)
    made_with = sketches.made_with(policy, kinds, target)
    known = (installation.registry.derived.get(contract.name, row.version, SKETCH) or {}).get(
        made_with
    )
    folder = installation.lake.folder(contract.name, "sketches") / row.version / made_with
    if known and (kept := sketches.read(folder, known)):
        return kept
    made = sketch(installation.scan(row), policy=policy, kinds=kinds, target=target)
    staged = installation.lake.staging(contract.name, run.run_id) / "sketch"
    staged.mkdir()
    digests = sketches.write(staged, made)
    installation.lake.discard(folder)
    installation.lake.move_in(staged, folder)
    installation.registry.derived.keep(contract.name, row.version, SKETCH, {made_with: digests})
    return made


def _target(contract: Contract) -> Target | None:
    target = contract.features.target if contract.features else None
    return None if target is None or target.column in contract.privacy.columns else target


def _changes(installation: Installation, dataset: str, row: Version, drift: Drift) -> list[str]:
    """Where the series of scores, version by version, runs otherwise than before; told in words."""
    history = [
        (version.version, details)
        for version in installation.registry.versions.all(dataset)
        if version.sequence < row.sequence
        and (details := installation.registry.derived.get(dataset, version.version, "drift"))
    ]
    names = [version for version, _ in history] + [row.version]
    told = []
    for m in drift.measurements:
        if m.score is None:
            continue
        same = {key: getattr(m, key) for key in ("column", "method", "part", "against")}
        series = [
            next(
                (
                    old["score"]
                    for old in details["measurements"]
                    if all(old.get(key, "") == value for key, value in same.items())
                ),
                None,
            )
            for _, details in history
        ]
        told += [
            f"{m.column}: its {m.method} against {m.against} runs otherwise since version {names[place]}"
            for place in change_points([*series, m.score])[-1:]
        ]
    return told


# -- deciding --------------------------------------------------------------------------


def _situation(
    installation: Installation,
    contract: Contract,
    policy: DriftPolicy,
    version: str,
    drift: Json,
    override: Override | None = None,
) -> Situation:
    registry = installation.registry
    sequence = installation.version(contract.name, version).sequence
    earlier = [
        details["verdict"]
        for each in reversed(registry.versions.all(contract.name))
        if each.sequence < sequence
        and (details := registry.derived.get(contract.name, each.version, "drift"))
    ]
    moved = {m["column"] for m in drift["measurements"] if m["drifted"]}
    keeps: Literal["model", "index"] | None = (
        "model" if contract.retrain else "index" if contract.index else None
    )
    return Situation(
        contract.name, version, drift["verdict"], tuple(drift["reasons"]), tuple(name for name in policy.acting.critical if name in moved), tuple(earlier[: policy.acting.of]),
        keeps, keeps is not None and registry.in_service(contract.name, keeps) is not None, tuple(registry.decisions.acted_at(contract.name)), registry.now(),
        _kept_policy(policy), evidence_of(drift), override,
    )  # fmt: skip


def _kept_policy(policy: DriftPolicy) -> dict[str, Any]:
    """The policy as it is kept with a decision; of a webhook its host, since its address is often the key to it."""
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
    """Keep a decision with all that goes with it. Returns: the one that is kept, which is an earlier one where its cause was decided before."""
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
    fact = StageFact(
        run_id=run_id, dataset=name, stage="decided", outcome="COMPLETE", started_at=situation.now, ended_at=installation.registry.now(),
        inputs=(Table(name=f"{name}/drift", version=version, tags={"evidence": situation.evidence, "verdict": situation.verdict}),),
        outputs=(Table(name=f"{name}/decision", tags={"action": decision.action, "rule": decision.rule, "evidence": situation.evidence, "reason": decision.reason}),),
    )  # fmt: skip
    follows = (
        [(decision.action, actor_of(contract, decision.action))] if decision.action in ACTS else []
    )
    if decision.action == "alert" and contract.drift and contract.drift.acting.webhook:
        follows = [("alert", "webhook")]
    return installation.registry.conclude(new, drift, follows, [fact.as_json()])


def actor_of(contract: Contract, action: str) -> str:
    """Who carries a trigger out: Assay, a job of this Dagster, or somebody else's system. An index is always Assay's."""
    acting = contract.drift.acting if contract.drift else None
    if acting is None or (action == "rebuild" and contract.index):
        return ASSAY
    return "webhook" if acting.webhook else f"job:{acting.job}" if acting.job else ASSAY


def override(
    installation: Installation, name: str, action: str, why: str, version: str | None = None
) -> DecisionRecord:
    """A steward's word about a version: decided at once, kept beside what was decided before.

    Raises: DriftError: no such action, no reason, or the version was not measured.
    """
    contract = installation.contract(name)
    policy, where = policy_of(contract), Where(dataset=name)
    if action not in ACTIONS:
        raise DriftError(
            f"'{action}' is nothing that can be decided",
            f"Choose one of {', '.join(ACTIONS)}",
            where,
        )
    if action == "retrain" and contract.retrain is None:
        raise DriftError(
            "the contract keeps no model to retrain",
            "Add assay.retrain, or choose another action",
            where,
        )
    if action == "rebuild" and contract.index is None:
        raise DriftError(
            "the contract keeps no index to rebuild",
            "Add assay.index, or choose another action",
            where,
        )
    if not why.strip():
        raise DriftError("a decision needs a reason", "Say why: it is kept with it", where)
    number = installation.version(name, version).version
    drift = installation.registry.derived.get(name, number, "drift")
    if drift is None:
        raise DriftError(
            f"version {number} has not been measured", f"Run it first: assay run {name}", where
        )
    said = Override(action, installation.registry.actor, why.strip())
    situation = _situation(installation, contract, policy, number, drift, said)
    cause = f"override {sum(each.version == number and each.cause != MEASURED for each in installation.registry.decisions.all(name)) + 1}"
    return conclude(
        installation, contract, situation, decide(situation), cause, None, str(uuid.uuid4())
    )


def replayed(installation: Installation, number: int) -> Json:
    """A decision, made again from the situation that was kept with it, and its evidence held against the registry.

    Returns: the decision, `same`: whether it comes out the same, `evidence_is_kept`: whether the measurements it names are those the registry has.
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
