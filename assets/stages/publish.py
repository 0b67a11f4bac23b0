"""Publish, done: staged files -> synced, signed, registered; then whatever follows a commit.

The order is the promise: files under their final name and on the disk, the statement signed, then one registry transaction.
Nothing before that transaction is a version; nothing after it can take the version back.
"""

from __future__ import annotations

import hashlib
import os
import platform
import signal
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from assets.hands.office import schema_of
from assets.hands.registry import Row
from assets.stages.admit import Admission
from assets.stages.ingest import receipt_of
from assets.stages.refine import Refined, check_row, keep_set_aside, refused
from assets.stages.run import Run, stage
from lineage import evidence
from lineage.facts import Table
from pipelines.publish.naming import Previous, change_note, next_version


@dataclass(frozen=True)
class Published:
    """A version, and whether this run made it."""

    row: Row
    new: bool


def publish(run: Run, admission: Admission, refined: Refined) -> Published:
    """Publish the staged rows as a version.

    Raises: QualityError: an error rule stops it; the rows set aside are kept for the steward.
        PublicationError: a newer run holds the lease, or the disk is full.
    """
    office, contract = run.office, run.contract
    with stage(run, "published") as noted:
        found = [check_row(check) for check in refined.checks]
        set_aside = {layer: {**refined.set_aside[layer], "path": path} for layer, path in keep_set_aside(run).items()}
        if refined.broken:
            office.registry.keep_checks(run.lease, found)
            raise refused(run, refined)
        _reached("staged")
        staged = office.lake.staging(contract.name, run.run_id) / "version"
        attempt = f"{admission.inputs.key[:16]}-{run.lease.token}"
        files = office.lake.move_in_version(contract.name, attempt, staged, refined.accounting.published)
        _reached("synced")
        row = _signed(run, admission, refined, files, set_aside)
        _reached("signed")
        outbox = [("evidence", {"version": row["version"]}), ("delta", {"version": row["version"]})]
        _reached("before the commit")
        registered = office.registry.publish(run.lease, row, outbox, found)
        _reached("after the commit")
        noted.inputs.append(Table(name=f"{contract.name}/cleaned"))
        noted.outputs.append(_table(run, registered))
        office.registry.end(run.lease, "published", {"version": registered["version"]})
    finish(run)
    return Published(registered, registered["run_id"] == run.run_id)


def finish(run: Run) -> None:
    """Do what follows a commit, and clear up. Safe to do twice, and done by the next run if this one dies."""
    _reached("before the outbox")
    run.office.settle()
    _reached("before the sweep")
    office = run.office
    office.lake.clear(run.contract.name, run.run_id)
    known = {Path(file.path).parts[0] for row in office.registry.versions(run.contract.name) for file in evidence.files(office.statement(row))}
    office.lake.sweep(run.contract.name, office.clock().timestamp(), known.__contains__)


def _signed(run: Run, admission: Admission, refined: Refined, files: tuple[evidence.PublishedFile, ...], set_aside: dict[str, Any]) -> Row:
    office, contract, inputs = run.office, run.contract, admission.inputs
    known = office.registry.versions(contract.name)
    previous = Previous(*(known[-1][key] for key in ("version", "contract_version", "source_digest", "window"))) if known else None
    number = next_version(previous, contract_version=contract.version, source_digest=inputs.source_digest, window=inputs.window)
    note = change_note(previous, refined.accounting, inputs.window)
    predicate = {
        "dataset": contract.name, "version": number, "sequence": len(known) + 1, "previous": previous.version if previous else None, "note": note,
        "inputs": {**asdict(inputs), "key": inputs.key, "location": contract.source.location, "code_digest": code_digest()},
        "contract": {"file": contract.file, "version": contract.version, "digest": contract.digest, "owners": list(contract.owners)},
        "admission": {"verdict": asdict(admission.verdict), "decided_by": admission.decided_by, "approvals": list(admission.approvals), "holder": contract.license.holder, "evidence": contract.license.evidence,
                      "purposes": list(contract.license.purposes), "sensitivity": contract.privacy.sensitivity, "region": contract.privacy.region,
                      "lawful_basis": contract.privacy.lawful_basis, "treatments": {c: t.treatment for c, t in contract.privacy.columns.items()}},
        "cleaning": {"steps": [step.model_dump(mode="json") for step in contract.cleaning], "fitted": admission.fitted},
        "accounting": asdict(refined.accounting), "checks": [asdict(check) for check in refined.checks], "set_aside": set_aside,
        "schema": schema_of(contract), "retention": contract.retention.model_dump(mode="json"),
        "environment": {"python": platform.python_version(), "polars": installed("polars"), "pandera": installed("pandera"), "assay": installed("assay")},
        "run_id": run.run_id, "signed_at": office.registry.now(), "audit_head": office.registry.head(),
    }  # fmt: skip
    predicate |= _origin(run, inputs.source_digest)
    envelope = evidence.sign(evidence.statement(files, predicate), office.keys.signer())
    return {
        "dataset": contract.name, "sequence": len(known) + 1, "version": number, "input_key": inputs.key, "source_digest": inputs.source_digest, "window": inputs.window,
        "contract_version": contract.version, "run_id": run.run_id, "note": note, "rows": refined.accounting.published, "envelope": envelope,
    }  # fmt: skip


def _origin(run: Run, digest: str) -> dict[str, Any]:
    """What else is known of where the rows come from: the files, where there are several, and the mark that a growing source has reached."""
    receipt, watermark = receipt_of(run, digest), run.contract.source.options.watermark
    files: dict[str, Any] = {"source_files": [asdict(file) for file in receipt.files]} if receipt.files else {}
    return files | ({"watermark": {"column": watermark.column, "value": receipt.watermark}} if watermark is not None and receipt.watermark is not None else {})


def _table(run: Run, row: Row) -> Table:
    contract = run.contract
    columns = schema_of(contract)
    tags = {"license": contract.license.expression, "sensitivity": contract.privacy.sensitivity, "region": contract.privacy.region}
    lineage = {column["name"]: ((f"{contract.name}/cleaned", column["name"]),) for column in columns}
    return Table(name=f"{contract.name}/published", version=row["version"], columns=tuple((c["name"], c["type"]) for c in columns), rows=row["rows"], lineage=lineage, tags=tags)


def code_digest() -> str:
    """SHA-256 over the code that decides what a version holds: contracts/ and pipelines/."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in sorted(file for room in ("contracts", "pipelines") for file in (root / room).rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _reached(point: str) -> None:
    """A named point where a test kills the process, as a power cut would; set by ASSAY_CRASH_AT, never in service."""
    if os.environ.get("ASSAY_CRASH_AT") == point:
        os.kill(os.getpid(), signal.SIGKILL)
