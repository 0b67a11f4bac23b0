"""What a version consists of and who decided -> a signed statement, and back.

Belongs here: the in-toto Statement, its DSSE envelope, checking both. Stays out: keys
(assets/io/signing_keys.py), files.
Source: in-toto attestation framework, Statement v1; DSSE v1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import EvidenceError
from assay.lineage import partition_tree
from assay.lineage.partition_tree import Read

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:assay:predicate:dataset-version:v1"
BY_REFERENCE_TYPE = "urn:assay:predicate:dataset-version:v2"
"""Of a version that refers to its partitions by digest: a reader of v1 would see fewer files, so it
must not open it."""


EXPIRY_TYPE = "urn:assay:predicate:expiry:v1"


@dataclass(frozen=True)
class PublishedFile:
    """One file of a version.

    Its path below the data set's `versions` folder, digest of its bytes, rows and size.
    """

    path: str
    sha256: str
    rows: int
    size_bytes: int


def statement(files: tuple[PublishedFile, ...], predicate: dict[str, Any]) -> dict[str, Any]:
    """The statement over the files.

    The subjects with `predicate.files` are the version's manifest.
    """
    subjects = [{"name": file.path, "digest": {"sha256": file.sha256}} for file in files]
    manifest = [
        {"path": file.path, "rows": file.rows, "size_bytes": file.size_bytes} for file in files
    ]
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {**predicate, "files": manifest},
    }


def statement_by_reference(
    files: tuple[PublishedFile, ...], predicate: dict[str, Any]
) -> dict[str, Any]:
    """The statement of a version that holds partitions.

    Over the files that are new in it, and the tree that lists all.
    """
    root = predicate["partition_tree"]["root"]
    subjects = [{"name": file.path, "digest": {"sha256": file.sha256}} for file in files]
    tree = {"name": partition_tree.file_name(root), "digest": {"sha256": root}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [*subjects, tree],
        "predicateType": BY_REFERENCE_TYPE,
        "predicate": predicate,
    }


def whole(document: dict[str, Any], read: Read) -> dict[str, Any]:
    """A checked statement with everything that it refers to by digest.

    Every partition, file and file of rows that left.

    Raises: EvidenceError: a document is missing, or is not what was signed.
    """
    tree = document["predicate"].get("partition_tree")
    if tree is None:
        return document
    parts = partition_tree.all_parts(tree["root"], read)
    listed = [file for part in parts.values() for file in part["manifest"]]
    predicate = {
        **document["predicate"],
        "partitions": parts,
        "set_aside": {
            f"{layer} {name}": entry
            for name, part in parts.items()
            for layer, entry in part["set_aside"].items()
        },
        "files": listed,
    }
    subjects = [{"name": file["path"], "digest": {"sha256": file["sha256"]}} for file in listed]
    return {**document, "subject": subjects, "predicate": predicate}


def expiry(row: Mapping[str, Any]) -> dict[str, Any]:
    """The statement that a version has expired, over its evidence.

    Its files are gone on purpose.
    """
    subject = {
        "name": f"{row['dataset']}/{row['version']}.dsse.json",
        "digest": {"sha256": hashlib.sha256(row["envelope"].encode()).hexdigest()},
    }
    predicate = {
        "dataset": row["dataset"],
        "version": row["version"],
        "expired_at": row["expired_at"],
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": EXPIRY_TYPE,
        "predicate": predicate,
    }


def expiry_name(version: str) -> str:
    """The file next to a version's evidence that states it has expired."""
    return f"{version}.expired.json"


def _validate(document: dict[str, Any]) -> None:
    from google.protobuf.json_format import ParseError
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement

    try:
        subjects = [
            ResourceDescriptor(name=subject["name"], digest=subject["digest"]).pb
            for subject in document["subject"]
        ]
        Statement(subjects, document["predicateType"], document["predicate"]).validate()
    except (ValueError, TypeError, KeyError, ParseError) as error:
        raise EvidenceError(
            f"this is not an in-toto statement: {type(error).__name__}",
            "Report this as a bug in Assay",
        ) from None


def sign(document: dict[str, Any], signer: Signer) -> str:
    """The statement in a DSSE envelope, as JSON text.

    Raises: EvidenceError: it is no valid in-toto Statement.
    """
    _validate(document)
    from securesystemslib.dsse import Envelope

    payload = json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), sort_keys=True)


def opened(text: str, key: Key, predicate_type: str = PREDICATE_TYPE) -> dict[str, Any]:
    """Check the envelope with the public key and return its statement.

    Raises: EvidenceError: it is no envelope, not signed by this key, or holds no statement about a
    data set's version.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    try:
        data = json.loads(text)
        envelope = Envelope.from_dict(data)
        # one spelling only: bytes that decode to the same envelope are still not those that were
        # signed
        if json.dumps(envelope.to_dict(), sort_keys=True) != text:
            raise EvidenceError(
                "the evidence is not in the format that Assay writes",
                "It was changed after signing: restore it from a backup",
            )
        if envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
            raise EvidenceError(
                "the evidence file does not contain exactly one signed statement",
                "Restore it from a backup",
            )
        envelope.verify([key], 1)
        document: dict[str, Any] = json.loads(envelope.payload)
    except VerificationError:
        raise EvidenceError(
            "the signature does not match this key and this statement",
            "Restore the evidence from a backup, or verify with the key it was signed with",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EvidenceError(
            "the evidence is not a DSSE envelope", "Restore it from a backup"
        ) from None
    kinds = {predicate_type}
    if predicate_type == PREDICATE_TYPE:
        kinds.add(BY_REFERENCE_TYPE)
    if document.get("_type") != STATEMENT_TYPE or document.get("predicateType") not in kinds:
        raise EvidenceError(
            f"the signed file is not of the kind '{predicate_type.rsplit(':', 2)[-2].replace('-', ' ')}'",
            "Use the file of this kind, or restore it from a backup",
        )
    return document


def files(document: dict[str, Any]) -> tuple[PublishedFile, ...]:
    """The manifest out of a checked statement.

    Of one that refers to partitions, out of the whole.
    """
    digests = {subject["name"]: subject["digest"]["sha256"] for subject in document["subject"]}
    return tuple(
        PublishedFile(file["path"], digests[file["path"]], file["rows"], file["size_bytes"])
        for file in document["predicate"]["files"]
    )
