"""What a run did -> the signed statement of its version, and the registry's row.

Belongs here: gathering, and building on the version before where the data set has partitions. Stays out: committing (publish.py).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from assay.assets.io.installation import schema_of
from assay.assets.io.registry.versions import SignedVersion, Version
from assay.assets.stages import fitted
from assay.assets.stages.admit import Admission
from assay.assets.stages.clean_validate import Refined
from assay.assets.stages.ingest import kept_mark, receipt_of
from assay.assets.stages.quality import Assessed, evidence_of, render_decisions
from assay.assets.stages.run import Run
from assay.contracts.errors import PublicationError, Where
from assay.lineage import evidence
from assay.lineage.evidence import PublishedFile
from assay.pipelines.clean import steps
from assay.pipelines.publish import partitions
from assay.pipelines.publish.naming import Previous, change_note, next_version


@dataclass(frozen=True)
class Part:
    """One partition on its way into a version, or all of a data set that has none. `files` and `set_aside` fill as they are moved to where they stay."""

    run: Run
    admission: Admission
    refined: Refined
    files: list[PublishedFile] = field(default_factory=list)
    set_aside: dict[str, Any] = field(default_factory=dict)

    @property
    def attempt(self) -> str:
        """The folder below `versions/` that is this attempt's own."""
        return f"{self.admission.inputs.key[:16]}-{self.run.lease().token}"


def signed(run: Run, parts: Sequence[Part]) -> SignedVersion:
    """The version that these parts make on top of what is registered now: its row for the registry, with the signed statement."""
    installation, contract, newest = run.installation, run.contract, parts[-1]
    last = installation.registry.versions.newest(contract.name)
    sequence = last.sequence + 1 if last else 1
    predicate = {
        **_of_part(newest),
        "sequence": sequence,
        "run_id": run.run_id,
        "signed_at": installation.registry.now(),
        "audit_head": installation.registry.ledger.head(),
    }
    files: tuple[PublishedFile, ...] = tuple(newest.files)
    if contract.source.partitions:
        predicate |= _together(run, parts, predicate)
        there = {
            file.path: file
            for file in (
                *predicate.pop("base_files"),
                *(file for part in parts for file in part.files),
            )
        }
        files = tuple(
            there[path] for each in predicate["partitions"].values() for path in each["files"]
        )
    inputs = predicate["inputs"]
    previous = _previous(run, last) if last else None
    number = next_version(
        previous,
        contract_version=contract.version,
        source_digest=inputs["source_digest"],
        window=inputs["window"],
    )
    schema = {each["name"]: each["type"] for each in predicate["schema"]}
    note = change_note(
        previous,
        rows=predicate["accounting"]["published"],
        window=inputs["window"],
        schema=schema,
        partitions=len(predicate.get("partitions", ())),
    )
    predicate |= {
        "version": number,
        "previous": previous.version if previous else None,
        "note": note,
    }
    for each in predicate.get("partitions", {}).values():
        each["made_in"] = each["made_in"] or number
    envelope = evidence.sign(evidence.statement(files, predicate), installation.keys.signer())
    return SignedVersion(
        dataset=contract.name,
        sequence=sequence,
        version=number,
        input_key=inputs["key"],
        source_digest=inputs["source_digest"],
        window=inputs["window"],
        contract_version=contract.version,
        run_id=run.run_id,
        note=note,
        rows=predicate["accounting"]["published"],
        envelope=envelope,
    )


def _previous(run: Run, row: Version) -> Previous:
    schema = run.installation.statement(row)["predicate"]["schema"]
    return Previous(
        row.version,
        row.contract_version,
        row.source_digest,
        row.window,
        row.rows,
        {each["name"]: each["type"] for each in schema},
    )


def _of_part(part: Part) -> dict[str, Any]:
    run, admission, refined = part.run, part.admission, part.refined
    assert isinstance(refined, Assessed)  # publish_parts has measured it
    contract, inputs = run.contract, admission.inputs
    return {
        "dataset": contract.name,
        "inputs": {**asdict(inputs), "key": inputs.key, "location": contract.source.shown_location, "code_digest": code_digest()},
        "contract": {"file": contract.file, "version": contract.version, "digest": contract.digest, "owners": list(contract.owners)},
        "admission": {"verdict": asdict(admission.verdict), "decided_by": admission.decided_by, "approvals": list(admission.approvals), "holder": contract.license.holder, "evidence": contract.license.evidence,
                      "purposes": list(contract.license.purposes), "sensitivity": contract.privacy.sensitivity, "region": contract.privacy.region,
                      "lawful_basis": contract.privacy.lawful_basis, "treatments": {c: t.treatment for c, t in contract.privacy.columns.items()}},
        "cleaning": {
            "steps": [step.model_dump(mode="json") for step in contract.cleaning], "fitted": {steps.label(i, step): dict(admission.fitted[i].values) for i, step in enumerate(contract.cleaning)},
            "changed": refined.changed, "flagged": refined.flagged, "learned": fitted.described(run.installation.lake, contract.name, part.attempt),
        },
        "accounting": asdict(refined.accounting), "checks": [asdict(check) for check in refined.checks], "set_aside": part.set_aside,
        "quality": evidence_of(refined.quality), "quarantine_decisions": render_decisions(refined.decisions),
        "schema": schema_of(contract), "retention": contract.retention.model_dump(mode="json"),
        "environment": {"python": platform.python_version(), "polars": installed("polars"), "pandera": installed("pandera"), "assay": installed("assay")},
        **_origin(run, inputs.source_digest),
    }  # fmt: skip


def _origin(run: Run, digest: str) -> dict[str, Any]:
    """What else is known of where the rows come from: the files, where there are several, and the mark that a growing source has reached."""
    receipt, watermark = receipt_of(run, digest), run.contract.source.options.watermark
    named = set(run.contract.column_names)
    each = [
        {**asdict(file), "lacks": [name for name in file.lacks if name in named]}
        for file in receipt.files
    ]
    files: dict[str, Any] = {"source_files": each} if each else {}
    files |= {"upstream": dict(receipt.upstream)} if receipt.upstream else {}
    if watermark is None or receipt.watermark is None:
        return files
    return files | {"watermark": kept_mark(run, watermark.column, receipt.watermark)}


def _together(run: Run, parts: Sequence[Part], newest: dict[str, Any]) -> dict[str, Any]:
    """What the statement says otherwise of a version that holds every partition.

    Each partition has its own account and checks here; its verdict, approvals and fitted state stand whole in the evidence of the version that made it.
    Raises: PublicationError: a partition that stays was made with other columns.
    """
    installation, contract = run.installation, run.contract
    row = installation.registry.references.resolve(contract.name)
    base = installation.statement(row) if row else None
    held = dict(base["predicate"].get("partitions", {})) if base else {}
    made = {str(part.admission.inputs.window): part for part in parts}
    stays = [name for name in held if name not in made]
    if base and stays and base["predicate"]["schema"] != newest["schema"]:
        raise PublicationError(
            f"the columns are no longer those of {len(stays)} other partition(s), {partitions.describe_partitions(stays)}",
            f"Make all of them again in one version: assay run {contract.name} --window {partitions.describe_partitions(sorted([*held, *made]))}",
            Where(dataset=contract.name),
        )
    held = dict(sorted({**held, **{name: _summary(part) for name, part in made.items()}}.items()))
    keys = {name: part.admission.inputs.key for name, part in made.items()}
    verdict, judged = newest["admission"]["verdict"], [_of_part(part) for part in parts]
    licenses = [
        each["admission"]["verdict"]["license"]
        for each in ([base["predicate"], *judged] if base and stays else judged)
    ]
    admission = {
        **newest["admission"],
        "verdict": {**verdict, "findings": partitions.findings(held.values()), "license": {**verdict["license"], **{key: _union(each[key] for each in licenses) for key in ("obligations", "attribution")}}},
        "purposes": partitions.purposes(newest["admission"]["purposes"], held.values()),
        "approvals": [approval for part in parts for approval in part.admission.approvals],
    }  # fmt: skip
    inputs = {
        **newest["inputs"], "key": partitions.key(row.input_key if row else None, keys), "source_digest": partitions.digest(held), "window": partitions.describe_partitions(sorted(made)),
        "location": contract.source.shown_location,
    }  # fmt: skip
    return {
        "inputs": inputs, "admission": admission, "accounting": partitions.accounting(held.values()), "checks": partitions.checks(newest["checks"], held.values()),
        "set_aside": {f"{layer} {name}": each for name, part in held.items() for layer, each in part["set_aside"].items()},
        "built_on": row.version if row else None, "partitions": held, "base_files": evidence.files(base) if base else (),
    }  # fmt: skip


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(each for one in lists for each in one))


def _summary(part: Part) -> dict[str, Any]:
    """A partition as every version that holds it tells it."""
    run, inputs, refined = part.run, part.admission.inputs, part.refined
    return {
        "key": inputs.key, "source_digest": inputs.source_digest, "made_in": "", "run_id": run.run_id, "location": run.contract.source.shown_location,
        "contract_digest": inputs.contract_digest, "accounting": asdict(refined.accounting),
        "checks": {check.rule: {"failing": check.failing, "total": check.total, "passed": check.passed} for check in refined.checks},
        "purposes": list(run.contract.license.purposes), "findings": [asdict(finding) for finding in part.admission.verdict.findings],
        "files": [file.path for file in part.files], "set_aside": part.set_aside,
        "learned": fitted.described(run.installation.lake, run.contract.name, part.attempt),
    }  # fmt: skip


_DECIDING = ("contracts", "pipelines", "assets/io/decode", "assets/io/sources", "assets/stages")
"""Reading a source, the steps and rules, and the stages that put them in order."""


def code_digest() -> str:
    """SHA-256 over the code that decides what a version holds; the same in a checkout and in a wheel.

    It is recorded in the evidence. The key of a version holds the release's number instead (`Inputs.code_version`).
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    # each folder by itself: in a checkout the rooms are links, which a search from `root` would not follow
    files = [file for folder in _DECIDING for file in (root / folder).rglob("*.py")]
    for file in sorted(files):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
