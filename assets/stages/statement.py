"""What a run did -> the signed statement of its version, and the registry's row.

Belongs here: gathering, numbering, signing. Stays out: building on the version before (partition_statement.py), committing (publish.py).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from assay.assets.io.installation import schema_of
from assay.assets.io.registry.versions import SignedVersion, Version
from assay.assets.stages import fitted, partition_statement
from assay.assets.stages.ingest import kept_mark, receipt_of, undeclared_places
from assay.assets.stages.part import Part
from assay.assets.stages.partition_base import tree_of
from assay.assets.stages.quality import Assessed, evidence_of, render_decisions
from assay.assets.stages.run import Run
from assay.assets.stages.whole_version import WholeVersion
from assay.contracts.errors import PublicationError, Where
from assay.contracts.settings import Privacy
from assay.lineage import evidence, partition_tree
from assay.pipelines.clean import steps
from assay.pipelines.ingest.declared_columns import source_names
from assay.pipelines.publish.naming import Previous, change_note, next_version


@dataclass(frozen=True)
class Signed:
    """A signed version; of one with partitions its checks, and the root of its tree."""

    row: SignedVersion
    whole: WholeVersion | None
    root: str | None


def signed(run: Run, parts: Sequence[Part], whole: WholeVersion | None = None) -> Signed:
    """Sign the version that these parts make on top of what is registered now.

    Args:
        whole: the checks of all partitions, as far as they were evaluated.
    """
    last = run.installation.registry.versions.newest(run.contract.name)
    predicate, joined = _predicate(run, parts, last, whole)
    tree = _number(run, predicate, joined, last)
    files = tuple(file for part in parts for file in part.files)
    state = evidence.statement_by_reference if tree else evidence.statement
    envelope = evidence.sign(state(files, predicate), run.installation.keys.signer())
    inputs = predicate["inputs"]
    row = SignedVersion(
        dataset=run.contract.name,
        sequence=predicate["sequence"],
        version=predicate["version"],
        input_key=inputs["key"],
        source_digest=inputs["source_digest"],
        window=inputs["window"],
        contract_version=run.contract.version,
        run_id=run.run_id,
        note=predicate["note"],
        rows=predicate["accounting"]["published"],
        envelope=envelope,
        documents=tree.new if tree else {},
    )
    return Signed(row, joined.whole if joined else None, tree.root if tree else None)


def _predicate(
    run: Run, parts: Sequence[Part], last: Version | None, whole: WholeVersion | None
) -> tuple[dict[str, Any], partition_statement.Joined | None]:
    """What the evidence states about the version except its number, and its partitions where it has some."""
    registry = run.installation.registry
    predicate = {
        **_of_part(parts[-1]),
        "sequence": last.sequence + 1 if last else 1,
        "run_id": run.run_id,
        "signed_at": registry.now(),
        "audit_head": registry.ledger.head(),
    }
    if not run.contract.source.partitions:
        return predicate, None
    described = [_of_part(part) for part in parts]
    joined = partition_statement.join(run, parts, described, whole)
    predicate |= joined.predicate
    del predicate["set_aside"]  # in the documents of the partitions
    return predicate, joined


def _number(
    run: Run,
    predicate: dict[str, Any],
    joined: partition_statement.Joined | None,
    last: Version | None,
) -> partition_tree.Tree | None:
    """Add number, change note and partitions to the predicate. Returns: the tree of the partitions."""
    inputs = predicate["inputs"]
    previous = _previous(run, last) if last else None
    schema = {column["name"]: column["type"] for column in predicate["schema"]}
    predicate["version"] = next_version(
        previous,
        contract_version=run.contract.version,
        source_digest=inputs["source_digest"],
        window=inputs["window"],
        schema=schema,
    )
    read = run.installation.partition_reader(run.contract.name)
    tree = joined.tree(predicate["version"], read) if joined else None
    partitions = int(tree.total["partitions"]) if tree else 0
    predicate["previous"] = previous.version if previous else None
    predicate["note"] = change_note(
        previous,
        rows=predicate["accounting"]["published"],
        window=inputs["window"],
        schema=schema,
        partitions=partitions,
    )
    if tree:
        predicate["partition_tree"] = {"root": tree.root, "partitions": partitions}
    return tree


def _previous(run: Run, row: Version) -> Previous:
    document = run.installation.signed_statement(row)
    schema, source_digest = document["predicate"]["schema"], row.source_digest
    if run.contract.source.partitions:
        tree = tree_of(document, run.installation.partition_reader(row.dataset))
        source_digest = tree.total["source_digest"] if tree else source_digest
    return Previous(
        row.version,
        row.contract_version,
        source_digest,
        row.window,
        row.rows,
        {each["name"]: each["type"] for each in schema},
    )


@cache
def _installed_versions() -> dict[str, str]:
    return {name: installed(name) for name in ("polars", "pandera", "assay")}


def _of_part(part: Part) -> dict[str, Any]:
    run, admission, refined = part.run, part.admission, part.refined
    if not isinstance(refined, Assessed):
        raise PublicationError(
            "the rows of a part were not measured",
            "Report this as a bug in Assay",
            Where(dataset=run.contract.name),
        )
    contract, inputs = run.contract, admission.inputs
    return {
        "dataset": contract.name,
        "inputs": {**asdict(inputs), "key": inputs.key, "location": contract.source.shown_location, "code_digest": code_digest()},
        "contract": {"file": contract.file, "version": contract.version, "digest": contract.digest, "owners": list(contract.owners)},
        "admission": {"verdict": asdict(admission.verdict), "decided_by": admission.decided_by, "approvals": list(admission.approvals), "holder": contract.license.holder, "evidence": contract.license.evidence,
                      "purposes": list(contract.license.purposes), "sensitivity": contract.privacy.sensitivity, "region": contract.privacy.region,
                      "lawful_basis": contract.privacy.lawful_basis, "treatments": {c: t.treatment for c, t in contract.privacy.columns.items()}, **_stated_facts(contract.privacy)},
        "cleaning": {
            "steps": [step.model_dump(mode="json") for step in contract.cleaning], "fitted": {steps.label(i, step): dict(admission.fitted[i].values) for i, step in enumerate(contract.cleaning)},
            "changed": refined.changed, "flagged": refined.flagged, "learned": fitted.described(run.installation.lake, contract.name, part.attempt),
        },
        "accounting": asdict(refined.accounting), "checks": [asdict(check) for check in refined.checks], "set_aside": part.set_aside,
        "quality": evidence_of(refined.quality), "quarantine_decisions": render_decisions(refined.decisions),
        "schema": schema_of(contract), "retention": contract.retention.model_dump(mode="json"),
        "environment": {"python": platform.python_version(), **_installed_versions()},
        **({"far_years": dict(refined.far_years)} if refined.far_years else {}),
        **_origin(run, inputs.source_digest),
    }  # fmt: skip


def _stated_facts(privacy: Privacy) -> dict[str, str]:
    """What a person has stated beyond what every contract states."""
    facts = {"article_9_basis": privacy.article_9_basis, "confirmed_by": privacy.confirmed_by}
    return {name: value for name, value in facts.items() if value is not None}


def _origin(run: Run, digest: str) -> dict[str, Any]:
    """What else is known of where the rows come from: the files, where there are several, and the mark that a growing source has reached."""
    receipt, watermark = receipt_of(run, digest), run.contract.source.options.watermark
    named = set(source_names(run.contract.columns, receipt.columns).values())
    each = [
        {**asdict(file), "lacks": [name for name in file.lacks if name in named]}
        for file in receipt.files
    ]
    files: dict[str, Any] = {"source_files": each} if each else {}
    if places := undeclared_places(run.contract, receipt.columns):
        files["undeclared_columns"] = places
    files |= {"upstream": dict(receipt.upstream)} if receipt.upstream else {}
    reading = _reading(run, receipt.found)
    files |= {"reading": reading} if reading else {}
    if watermark is None or receipt.watermark is None:
        return files
    mark = kept_mark(run, watermark.column, receipt.watermark)
    return files | {"watermark": {**mark, "late": receipt.late, "missed": receipt.missed}}


def _reading(run: Run, found: Mapping[str, str]) -> dict[str, str]:
    """How the bytes were read as text: what the file showed, and an encoding that is not UTF-8."""
    stated = run.contract.source.options.encoding
    encoding = {"encoding": stated} if stated not in ("utf-8", "auto") else {}
    return encoding | {name: value for name, value in found.items() if name != "renamed"}


_DECIDING = (
    "contracts",
    "pipelines",
    "assets/io/decode",
    "assets/io/key_index.py",
    "assets/io/sources",
    "assets/io/lake.py",
    "assets/io/license_files.py",
    "assets/io/names.py",
    "assets/io/parquet_stats.py",
    "assets/io/presidio.py",
    "assets/io/rampart.py",
    "assets/io/row_spool.py",
    "assets/io/sql.py",
    "assets/stages",
)
"""Reading a source, the steps and rules, the stages that put them in order, and writing what comes out."""
_SUFFIXES = (".py", ".yaml", ".yml", ".txt", ".json")
"""Code, and the patterns and word lists that it reads. A style sheet decides nothing."""
_CONTRACT = ".odcs.yaml"
"""A contract is no code: its own digest is in the evidence, and a project may keep its contracts in these folders."""


@cache
def code_digest() -> str:
    """SHA-256 over the code and the data files that decide what a version holds; the same in a checkout and in a wheel.

    It is recorded in the evidence. The key of a version holds the content edition instead (`Inputs.code_version`).
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in deciding_files(root):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def deciding_files(root: Path) -> list[Path]:
    """The files that decide what a version holds, in order of path. Raises: PublicationError: the package lacks one."""
    files: list[Path] = []
    for name in _DECIDING:
        part = root / name
        if not part.exists():
            raise PublicationError(
                f"{name} is missing from the installation", "Install Assay again"
            )
        # each folder by itself: in a checkout the rooms are links, which a search from `root` would not follow
        files += part.rglob("*") if part.is_dir() else [part]
    return sorted(
        file
        for file in files
        if file.name.endswith(_SUFFIXES) and not file.name.endswith(_CONTRACT)
    )
