"""Drift, done: the newest version against the one before -> measurements, a report, and a trigger where the policy wants one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assets.hands.disk import write_atomically
from assets.hands.registry import Row
from assets.stages.run import Run, stage
from contracts.errors import DriftError, Where
from lineage.facts import Table
from pipelines.act.decide import decide
from pipelines.drift.measure import measure
from pipelines.frames import Drift

NUMERICAL = ("integer", "number")


@dataclass(frozen=True)
class Drifted:
    """The drift of one version: `details` as the registry keeps them."""

    version: str
    details: Row
    new: bool


def report_file(root: Path, dataset: str, version: str) -> Path:
    """Where a version's drift report lies."""
    return root / "reports" / dataset / version / "drift.html"


def measure_drift(run: Run) -> Drifted:
    """Compare the newest version with the one before, unless that was done; ask for a retraining where it is due.

    Raises: EvidenceError: one of the two is not what was signed.
    """
    office, contract = run.office, run.contract
    policy = contract.drift
    if policy is None:
        raise DriftError("the contract asks for no comparison", "Add assay.drift", Where(file=contract.file, dataset=contract.name))
    row = office.version(contract.name)
    known = office.registry.derived(contract.name, row["version"], "drift")
    if known is not None:
        return Drifted(row["version"], known, new=False)
    with stage(run, "drift") as noted:
        earlier = [version for version in office.registry.versions(contract.name) if version["sequence"] < row["sequence"]]
        details: dict[str, Any]
        if earlier:
            types = {column.name: column.logical_type for column in contract.columns}
            measured = measure(
                office.scan(earlier[-1]), office.scan(row), policy=policy,
                numerical=[name for name in policy.columns if types[name] in NUMERICAL], categorical=[name for name in policy.columns if types[name] not in NUMERICAL],
            )  # fmt: skip
            write_atomically(report_file(office.home.root, contract.name, row["version"]), measured.html)
            drift = measured.drift
        else:
            drift = Drift("unknown", (), ("there is no earlier version to compare with",))
        intent = decide(
            drift, retrain=contract.retrain is not None, rebuild=False, in_service=office.registry.in_service(contract.name, "model") is not None, documents_changed=None
        )
        details = {**asdict(drift), "reference": earlier[-1]["version"] if earlier else None, "intent": asdict(intent)}
        if intent.action != "none":
            office.registry.raise_trigger(contract.name, row["version"], intent.action, intent.reason)
        office.registry.keep_derived(contract.name, row["version"], "drift", details)
        noted.inputs += [Table(name=f"{contract.name}/published", version=version["version"]) for version in (*earlier[-1:], row)]
        noted.outputs.append(Table(name=f"{contract.name}/drift", version=row["version"]))
    return Drifted(row["version"], details, new=True)
