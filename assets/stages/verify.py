"""Evidence, files and a public key -> what was checked. Needs no registry, no Dagster, no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.hands.disk import sha256
from assets.hands.lake import Lake
from contracts.errors import EvidenceError, Where, about
from lineage import evidence, features, handling
from lineage.approval import keyid_of, subject_of

if TYPE_CHECKING:
    from securesystemslib.signer import Key


@dataclass(frozen=True)
class Verified:
    """A version that is what was signed, and each thing that was held against the evidence."""

    dataset: str
    version: str
    checked: tuple[str, ...]


def evidence_file(root: Path, name: str, version: str) -> Path:
    """Where a version's evidence lies. Raises: EvidenceError: there is none."""
    file = root / "evidence" / name / f"{version}.dsse.json"
    if not file.is_file():
        raise EvidenceError(f"there is no evidence of {name}@{version}", "See `assay status` for what is published", Where(dataset=name))
    return file


def verify(root: Path, name: str, version: str, key: Key) -> Verified:
    """Hold a version's files against its signed evidence.

    Args:
        root: the home, or a copy of its `evidence` and `lake` folders.
    Raises: EvidenceError: names the first thing that is not as signed.
    """
    file = evidence_file(root, name, version)
    with about(dataset=name, file=f"evidence/{name}/{version}.dsse.json"):
        try:
            document = evidence.opened(file.read_text(encoding="utf-8"), key)
        except UnicodeDecodeError:
            raise EvidenceError("the evidence is no text", "Restore it from a copy") from None
        predicate = document["predicate"]
        if (predicate["dataset"], predicate["version"]) != (name, version):
            raise EvidenceError(f"it is evidence of {predicate['dataset']}@{predicate['version']}", "Put each file under its own name")
    lake = Lake(root / "lake")
    files = evidence.files(document)
    rows = _check_accounting(predicate, files, name)
    handlings = [_decision(each, key) for each in sorted((root / "evidence" / name / "quarantine").glob("*.dsse.json"))]
    checked = [
        "signature of the statement", *(_check_expiry(file, key) or _check_files(lake, predicate, files)),
        f"{rows['rows_in']:,} rows in = {rows['published']:,} published + {rows['quarantined']:,} quarantined + {rows['removed']:,} removed",
        *_count_approvals(predicate),
        *_count_decisions(predicate, key),
        *_check_features(root, lake, name, version, file, key),
        *(_check_set_aside(lake, layer, said, handlings) for layer, said in predicate["set_aside"].items()),
    ]  # fmt: skip
    return Verified(name, version, tuple(checked))


def _check_files(lake: Lake, predicate: dict[str, Any], files: tuple[evidence.PublishedFile, ...]) -> list[str]:
    name = predicate["dataset"]
    lake.check_files(name, files)
    lake.check_delta(lake.folder(name, "versions"), predicate["sequence"], [f.path for f in files])
    return [f"digests of {len(files)} published file(s)", "commit in the Delta log"]


def _check_features(root: Path, lake: Lake, name: str, version: str, file: Path, key: Key) -> list[str]:
    """The feature table and its state, where the version has such."""
    said = root / "evidence" / name / features.FOLDER / file.name
    if not said.is_file():
        return []
    with about(file=f"evidence/{name}/{features.FOLDER}/{file.name}"):
        statement = features.opened(said.read_text(encoding="utf-8", errors="replace"), key)
        if statement["predicate"]["bound_to"] != {"dataset": name, "version": version, "digest": sha256(file)}:
            raise EvidenceError("the features were made from other data", "Restore the evidence from a copy")
    lake.check_features(name, version, features.digests(statement))
    return [f"digests of {len(statement['subject'])} file(s) of its features"]


def _check_expiry(file: Path, key: Key) -> list[str]:
    """What a signed statement beside the evidence says of the version's end; nothing where there is none."""
    tombstone = file.with_name(evidence.expiry_name(file.name.removesuffix(".dsse.json")))
    if not tombstone.is_file():
        return []
    document = evidence.opened(tombstone.read_text(encoding="utf-8"), key, evidence.EXPIRY_TYPE)
    if document["subject"][0]["digest"]["sha256"] != sha256(file):
        raise EvidenceError("the statement of its expiry is about other evidence", "Restore it from a copy", Where(file=tombstone.name))
    return [f"files expired on {document['predicate']['expired_at'][:10]}, as signed"]


def _check_accounting(predicate: dict[str, Any], files: tuple[evidence.PublishedFile, ...], name: str) -> dict[str, int]:
    rows: dict[str, int] = predicate["accounting"]
    where = Where(dataset=name)
    if rows["rows_in"] != rows["published"] + rows["quarantined"] + rows["removed"]:
        raise EvidenceError("the signed row account does not balance", "Do not use this version", where)
    if rows["published"] != sum(file.rows for file in files):
        raise EvidenceError("the manifest's rows are not the account's", "Do not use this version", where)
    counted = {file.path: file.rows for file in files}
    for partition, part in predicate.get("partitions", {}).items():
        if part["accounting"]["published"] != sum(counted[path] for path in part["files"]):
            raise EvidenceError(f"the manifest's rows of {partition} are not the account's", "Do not use this version", where)
    return rows


def _count_approvals(predicate: dict[str, Any]) -> list[str]:
    """The decisions of people that the evidence carries. That each is of this version's inputs is checked; whose keys they are, the stewards' policy says."""
    given = predicate["admission"].get("approvals", [])
    subjects = {predicate["inputs"]["key"], *(part["key"] for part in predicate.get("partitions", {}).values())}
    for text in given:
        if subject_of(text) not in subjects:
            raise EvidenceError("an approval in the evidence is about other data", "Do not use this version")
    return [f"{len(given)} signed approvals of these inputs, by keys {', '.join(keyid_of(text)[:16] for text in given)}"] if given else []


def _decision(file: Path, key: Key) -> dict[str, Any]:
    with about(file=f"{file.parent.parent.name}/quarantine/{file.name}"):
        return handling.opened(file.read_text(encoding="utf-8", errors="replace"), key)


def _count_decisions(predicate: dict[str, Any], key: Key) -> list[str]:
    """The decisions about quarantined rows that made this version what it is, each with its signature."""
    decisions = predicate.get("quarantine_decisions", {"said": [], "signed": []})
    for said, text in zip(decisions["said"], decisions["signed"], strict=True):
        signed = handling.opened(text, key)["predicate"]
        if signed["dataset"] != predicate["dataset"] or any(signed[part] != said[part] for part in ("action", "rule", "chosen", "why", "by", "at")):
            raise EvidenceError("a decision about quarantined rows is not what was signed", "Do not use this version")
    released = sum(said["taken"] for said in decisions["said"] if said["action"] == "release")
    return [f"{len(decisions['said'])} signed decisions about quarantined rows; {released:,} rows released into this version"] if decisions["said"] else []


def _check_set_aside(lake: Lake, layer: str, said: dict[str, Any], handlings: list[dict[str, Any]]) -> str:
    file = lake.root / said["path"]
    if not file.exists():
        return f"{layer}: {said['rows']:,} rows, expired since"
    found = sha256(file)
    if found not in handling.became(handlings, said["path"], said["sha256"]):
        raise EvidenceError(f"the {layer} file is not what was signed", "Restore it from a backup", Where(file=said["path"]))
    return f"{layer}: digest of {said['rows']:,} rows" + (", values of some removed since by signed decisions" if found != said["sha256"] else "")
