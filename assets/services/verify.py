"""Verify a version by its evidence, its files and a public key.

Needs no registry, no Dagster, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.disk import sha256
from assay.assets.services.accounted import check_data_set, parts_not_evaluated
from assay.assets.services.signed import Signed, learned_files, read_signed
from assay.contracts.errors import EvidenceError, Where, errors_located_at
from assay.lineage import evidence, features, handling
from assay.lineage.approval import keyid_of, subject_of
from assay.pipelines.publish.partitions import accounting

if TYPE_CHECKING:
    from securesystemslib.signer import Key


@dataclass(frozen=True)
class Verified:
    """A version that is what was signed, and each thing that was compared with the evidence.

    `unknown` is what could not be compared here, with the extra that it needs.
    """

    dataset: str
    version: str
    checked: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def evidence_file(root: Path, name: str, version: str) -> Path:
    """Where a version's evidence lies. Raises: EvidenceError: there is none."""
    file = root / "evidence" / name / f"{version}.dsse.json"
    if not file.is_file():
        raise EvidenceError(
            f"no evidence is stored for {name}@{version}",
            "See `assay status` for what is published",
            Where(dataset=name),
        )
    return file


def verify(root: Path, name: str, version: str, key: Key, signed: Signed | None = None) -> Verified:
    """Hold a version's files against its signed evidence.

    Args:
        root: the home, or a copy of its `evidence` and `lake` folders.
        signed: of the data set, where it was read before and is checked as a whole elsewhere.
    Raises: EvidenceError: names the first thing that is not as signed.
    """
    file = evidence_file(root, name, version)
    of_all = signed or read_signed(root, name, key)
    if version in of_all.damaged:
        raise of_all.damaged[version]
    document = of_all.documents[version]
    predicate, files = document["predicate"], evidence.files(document)
    rows = _check_accounting(predicate, files, name)
    balance = (
        f"{rows['rows_in']:,} rows in = {rows['published']:,} published"
        f" + {rows['quarantined']:,} quarantined + {rows['removed']:,} removed"
    )
    checked = [
        "signature of the statement",
        *(_check_expiry(file, key) or _check_files(of_all, predicate, files)),
        balance,
        *_count_approvals(predicate),
        *_count_decisions(predicate, key),
        *_check_features(of_all, version, file),
        *(
            _check_set_aside(of_all, layer, entry, key)
            for layer, entry in predicate["set_aside"].items()
        ),
    ]
    if signed is not None:
        return Verified(name, version, tuple(checked))
    checked += check_data_set(of_all)
    return Verified(name, version, tuple(checked), parts_not_evaluated())


def _check_files(
    signed: Signed, predicate: dict[str, Any], files: tuple[evidence.PublishedFile, ...]
) -> list[str]:
    name, lake = predicate["dataset"], signed.lake
    lake.check_files(name, tuple(file for file in files if file not in signed.compared))
    signed.compared.update(files)
    learned = learned_files(predicate)
    for path, digest in learned.items():
        kept = lake.folder(name, "versions") / path
        if not kept.is_file() or signed.digest_of(kept) != digest:
            problem = "a file that cleaning learned from differs from its signed digest"
            where = Where(file=f"versions/{path}", dataset=name)
            raise EvidenceError(problem, "Restore it from a backup", where)
    return [
        f"digests of {len(files)} published file(s)",
        f"digests of {len(learned)} file(s) that cleaning had learned",
    ]


def _check_features(signed: Signed, version: str, file: Path) -> list[str]:
    """The feature table and its state, where the version has such."""
    statement = signed.features.get(version)
    if statement is None:
        return []
    bound = {"dataset": signed.name, "version": version, "digest": sha256(file)}
    if statement["predicate"]["bound_to"] != bound:
        where = Where(file=f"evidence/{signed.name}/{features.FOLDER}/{file.name}")
        problem = "the features were computed from other data"
        raise EvidenceError(problem, "Restore the evidence from a backup", where)
    signed.lake.check_features(signed.name, version, features.digests(statement))
    return [f"digests of {len(statement['subject'])} file(s) of its features"]


def _check_expiry(file: Path, key: Key) -> list[str]:
    """What a signed statement next to the evidence states about the version's end; nothing if there is
    none.
    """
    tombstone = file.with_name(evidence.expiry_name(file.name.removesuffix(".dsse.json")))
    if not tombstone.is_file():
        return []
    document = evidence.opened(tombstone.read_text(encoding="utf-8"), key, evidence.EXPIRY_TYPE)
    if document["subject"][0]["digest"]["sha256"] != sha256(file):
        raise EvidenceError(
            "the signed statement of the version's expiry does not match its evidence",
            "Restore it from a backup",
            Where(file=tombstone.name),
        )
    return [f"files expired on {document['predicate']['expired_at'][:10]}, as signed"]


def _check_accounting(
    predicate: dict[str, Any], files: tuple[evidence.PublishedFile, ...], name: str
) -> dict[str, int]:
    rows: dict[str, int] = predicate["accounting"]
    where = Where(dataset=name)
    if rows["rows_in"] != rows["published"] + rows["quarantined"] + rows["removed"]:
        raise EvidenceError(
            "the signed row account does not balance", "Do not use this version", where
        )
    if rows["published"] != sum(file.rows for file in files):
        raise EvidenceError(
            "the row counts of manifest and evidence differ", "Do not use this version", where
        )
    parts = predicate.get("partitions", {})
    is_together = "partition_tree" in predicate
    if is_together and predicate["accounting"] != accounting(parts.values()):
        raise EvidenceError(
            "the row counts of the partitions do not add up to those of the version",
            "Do not use this version",
            where,
        )
    rows_in_file = {file.path: file.rows for file in files}
    for partition, part in parts.items():
        if part["accounting"]["published"] != sum(rows_in_file[path] for path in part["files"]):
            raise EvidenceError(
                f"the manifest's rows of {partition} differ from the evidence",
                "Do not use this version",
                where,
            )
    return rows


def _count_approvals(predicate: dict[str, Any]) -> list[str]:
    """The decisions of people that the evidence carries.

    That each is of this version's inputs is checked; whose keys they are, the stewards' file
    states.
    """
    given = predicate["admission"].get("approvals", [])
    subjects = {
        predicate["inputs"]["key"],
        *(part["key"] for part in predicate.get("partitions", {}).values()),
    }
    for text in given:
        if subject_of(text) not in subjects:
            raise EvidenceError(
                "an approval in the evidence belongs to other data", "Do not use this version"
            )
    return (
        [
            f"{len(given)} signed approvals of these inputs, by keys {', '.join(keyid_of(text)[:16] for text in given)}"
        ]
        if given
        else []
    )


def _count_decisions(predicate: dict[str, Any], key: Key) -> list[str]:
    """The decisions about quarantined rows that made this version what it is, each with its
    signature.
    """
    decisions = predicate.get("quarantine_decisions", {"said": [], "signed": []})
    for entry, text in zip(decisions["said"], decisions["signed"], strict=True):
        signed = handling.opened(text, key)["predicate"]
        if signed["dataset"] != predicate["dataset"] or any(
            signed[part] != entry[part] for part in ("action", "rule", "chosen", "why", "by", "at")
        ):
            raise EvidenceError(
                "a decision about quarantined rows differs from its signed digest",
                "Do not use this version",
            )
    released = sum(entry["taken"] for entry in decisions["said"] if entry["action"] == "release")
    return (
        [
            f"{len(decisions['said'])} signed decisions about quarantined rows; {released:,} rows released into this version"
        ]
        if decisions["said"]
        else []
    )


def _check_set_aside(signed: Signed, layer: str, signed_layer: dict[str, Any], key: Key) -> str:
    path, where = signed_layer["path"], Where(file=signed_layer["path"], dataset=signed.name)
    file = signed.lake.root / path
    if not file.is_file():
        return (
            f"{layer}: {signed_layer['rows']:,} rows, {_why_gone(signed, layer, signed_layer, key)}"
        )
    digest = signed.digest_of(file)
    if digest not in handling.became(signed.handlings, path, signed_layer["sha256"]):
        raise EvidenceError(
            f"the {layer} file differs from its signed digest", "Restore it from a backup", where
        )
    emptied = (
        ", some values deleted later by signed decisions"
        if digest != signed_layer["sha256"]
        else ""
    )
    return f"{layer}: digest of {signed_layer['rows']:,} rows{emptied}"


def _why_gone(signed: Signed, layer: str, signed_layer: dict[str, Any], key: Key) -> str:
    """Why a file of rows that left may be missing. Raises: EvidenceError: nothing excuses it."""
    path, where = Path(signed_layer["path"]), Where(file=signed_layer["path"], dataset=signed.name)
    folder = signed.root / "evidence" / signed.name / "quarantine"
    tombstone = folder / handling.expiry_name(path.stem)
    if tombstone.is_file():
        with errors_located_at(
            dataset=signed.name, file=f"{signed.name}/quarantine/{tombstone.name}"
        ):
            text = tombstone.read_text(encoding="utf-8", errors="replace")
            day = handling.expired_on(text, key, signed_layer["path"], signed_layer["sha256"])
        return f"expired on {day}, as signed"
    if signed_layer["path"] in signed.recorded:
        return f"expired on {signed.recorded[signed_layer['path']][:10]}, by the registry's record"
    problem = f"the {layer} file is missing, but no signed statement records its expiry"
    raise EvidenceError(problem, "Restore it from a backup", where)
