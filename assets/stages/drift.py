"""Compare the newest version with others: measurements, a report, a decision, and a trigger where
something is to be done.

Belongs here: which sketches are compared, and the report. Stays out: comparing (pipelines/drift),
the decision and its trigger (drift_decision.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from assay.assets.io import sketches
from assay.assets.io.disk import write_atomically
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.decisions import DecisionRecord
from assay.assets.io.registry.versions import Version
from assay.assets.stages.drift_decision import MEASURED, conclude, policy_of, situation_of
from assay.assets.stages.fault_points import reached
from assay.assets.stages.model_performance import claims
from assay.assets.stages.run import Run, stage
from assay.contracts.features import Target
from assay.contracts.model import Contract
from assay.contracts.settings import DriftPolicy, PublishedVersion, SlidingWindow
from assay.lineage.facts import Table
from assay.pipelines.act.decide import decide
from assay.pipelines.core.frames import Drift
from assay.pipelines.drift.change_points import change_points
from assay.pipelines.drift.measure import measure, together
from assay.pipelines.drift.page import page
from assay.pipelines.drift.sketch import Kind, Sketch, merged, sketch

SKETCH = "sketch"
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


def kinds_of(contract: Contract, policy: DriftPolicy) -> dict[str, Kind]:
    """How each column of the policy is compared.

    Of a personal one, only whether it is there: its report must not show a value.
    """
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
    """Compare the newest version, unless it was done already, and decide what follows; both are kept in
    one transaction.

    Raises: EvidenceError: one of the versions is not what was signed.
    """
    installation, contract = run.installation, run.contract
    policy = policy_of(contract)
    row = installation.version(contract.name)
    version = row.version
    registry = installation.registry
    measured = registry.derived.get(contract.name, version, "drift")
    decided = registry.decisions.of_cause(contract.name, version, MEASURED)
    if measured is not None and decided is not None:
        return Drifted(version, measured, decided, new=False)
    with stage(run, "drift") as noted:
        comparison = _measured(run, policy, row)
        _write_report(run, policy, version, comparison)
        details = {
            **asdict(comparison.drift),
            "reference": comparison.against[0] if comparison.against else None,
            "against": comparison.against,
            "changes": comparison.changes,
        }
        situation = situation_of(installation, contract, policy, version, details)
        decision = decide(situation)
        details["intent"] = {"action": decision.action, "reason": decision.reason}
        reached("before the decision")
        kept = conclude(installation, contract, situation, decision, MEASURED, details, run.run_id)
        reached("after the decision")
        noted.inputs += [
            Table(name=f"{contract.name}/published", version=number)
            for number in (*comparison.against, version)
        ]
        noted.outputs.append(Table(name=f"{contract.name}/drift", version=version))
    details = registry.derived.get(contract.name, version, "drift") or details
    return Drifted(version, details, kept, new=True)


def _write_report(run: Run, policy: DriftPolicy, version: str, comparison: _Comparison) -> None:
    """Write the page that stewards read, where there was a version to compare with."""
    if not comparison.sides:
        return
    report = page(
        comparison.drift,
        comparison.sides,
        policy=policy,
        kinds=kinds_of(run.contract, policy),
        changes=comparison.changes,
    )
    root = run.installation.home.root
    write_atomically(report_file(root, run.contract.name, version), report)


@dataclass(frozen=True)
class _Comparison:
    """What comparing one version gave: the versions it was `against`, and the `sides` of the first
    comparison.
    """

    drift: Drift
    against: list[str]
    sides: tuple[Sketch, Sketch] | None
    changes: list[str]


def _measured(run: Run, policy: DriftPolicy, row: Version) -> _Comparison:
    installation, contract = run.installation, run.contract
    kinds, current = kinds_of(contract, policy), sketch_of(run, row)
    more = claims(installation, contract, policy)
    drifts, against, sides = list[Drift](), list[str](), None
    for name, versions in _compared(installation, contract, policy, row):
        if isinstance(versions, str):
            drifts.append(Drift("unknown", (), (versions,)))
            continue
        reference = merged([sketch_of(run, compared) for compared in versions], policy=policy)
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
        against += [compared.version for compared in versions]
        sides = sides or (reference, current)
    drift = together(drifts)
    return _Comparison(
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
    comparisons: list[tuple[str, list[Version] | str]] = []
    for target in policy.against:
        if isinstance(target, PublishedVersion):
            named = installation.registry.references.resolve(contract.name, target.version)
            missing = (
                None
                if named and not named.expired_at
                else f"no version or reference can be opened as '{target.version}': assay refs set {contract.name}@VERSION {target.version}"
            )
            itself = named is not None and named.version == row.version
            comparisons.append(
                (
                    f"{target.version}",
                    missing or ("it is the reference itself" if itself else [named]),  # type: ignore[list-item]  # not None, or it is missing
                )
            )
        elif isinstance(target, SlidingWindow):
            # the name stays while there are fewer, so that one comparison is one series
            comparisons.append(
                (
                    f"the last {target.last} versions",
                    readable[-target.last :] or "there are no earlier versions to compare with",
                )
            )
        else:
            comparisons.append(
                (BEFORE, readable[-1:] or "there is no earlier version to compare with")
            )
    return comparisons


def sketch_of(run: Run, row: Version) -> Sketch:
    """A version's sketch, made if there is none of today's policy.

    Raises: EvidenceError: the version has to be read for it, and is not what was signed.
    """
    installation, contract, policy = run.installation, run.contract, policy_of(run.contract)
    kinds, target = kinds_of(contract, policy), _target(contract)
    made_with = sketches.made_with(policy, kinds, target)
    digests_kept = (
        installation.registry.derived.get(contract.name, row.version, SKETCH) or {}
    ).get(made_with)
    folder = installation.lake.folder(contract.name, "sketches") / row.version / made_with
    if digests_kept and (kept := sketches.read(folder, digests_kept)):
        return kept
    fresh = sketch(installation.scan(row), policy=policy, kinds=kinds, target=target)
    staged = installation.lake.staging(contract.name, run.run_id) / "sketch"
    staged.mkdir()
    digests = sketches.write(staged, fresh)
    installation.lake.discard(folder)
    installation.lake.move_in(staged, folder)
    installation.registry.derived.keep(contract.name, row.version, SKETCH, {made_with: digests})
    return fresh


def _target(contract: Contract) -> Target | None:
    target = contract.features.target if contract.features else None
    return None if target is None or target.column in contract.privacy.columns else target


def _changes(installation: Installation, dataset: str, row: Version, drift: Drift) -> list[str]:
    """Where the series of scores, version by version, runs otherwise than before; described in words."""
    history = [
        (version.version, details)
        for version in installation.registry.versions.all(dataset)
        if version.sequence < row.sequence
        and (details := installation.registry.derived.get(dataset, version.version, "drift"))
    ]
    names = [version for version, _ in history] + [row.version]
    changes = []
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
        changes += [
            f"{m.column}: its {m.method} against {m.against} is computed differently since version {names[place]}"
            for place in change_points([*series, m.score])[-1:]
        ]
    return changes


# -- deciding --------------------------------------------------------------------------
