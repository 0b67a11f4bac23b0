"""A decision about quarantined rows -> a statement signed by this installation, and back.

Belongs here: the in-toto Statement about the quarantine's files. Stays out: what a decision takes
(pipelines/validate/quarantine.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import EvidenceError
from assay.lineage import evidence

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

PREDICATE_TYPE = "urn:assay:predicate:quarantine-decision:v1"
EXPIRY_TYPE = "urn:assay:predicate:quarantine-expiry:v1"


def signed(files: list[dict[str, Any]], content: dict[str, Any], signer: Signer) -> str:
    """The decision in a DSSE envelope, as JSON text.

    Args:
        files: of each quarantine file of the delivery its `path` below the lake, its `sha256` when
            it was decided on, and what it `becomes` where values are removed.
        content: the decision: data set, action, rows or rule, how many, by whom, when and why.
    """
    subject = [{"name": file["path"], "digest": {"sha256": file["sha256"]}} for file in files]
    becomes = {file["path"]: file["becomes"] for file in files if file.get("becomes")}
    return evidence.sign(
        {
            "_type": evidence.STATEMENT_TYPE,
            "subject": subject,
            "predicateType": PREDICATE_TYPE,
            "predicate": {**content, "becomes": becomes},
        },
        signer,
    )


def opened(text: str, key: Key) -> dict[str, Any]:
    """Check the envelope, and return its statement.

    Raises: EvidenceError: it is not one of these, or not signed by this installation.
    """
    return evidence.opened(text, key, PREDICATE_TYPE)


def became(statements: list[dict[str, Any]], path: str, sha256: str) -> set[str]:
    """Every digest that a quarantine file may have after the decisions about it, the one it began
    with included.
    """
    digests = {sha256}
    for statement in statements:  # in the order they were created
        becomes = statement["predicate"]["becomes"].get(path)
        if becomes and any(
            subject["name"] == path and subject["digest"]["sha256"] in digests
            for subject in statement["subject"]
        ):
            digests.add(becomes)
    return digests


def expiry(row: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The statement that a run's quarantine has expired, so that its file is gone on purpose.

    Args:
        row: of the registry's `quarantines`, with the digest the file had when it was kept.
        path: of the file, below the lake.
    """
    subject = {"name": path, "digest": {"sha256": row["sha256"]}}
    keys = ("dataset", "run_id", "rows", "kept_at", "expired_at")
    predicate = {key: row[key] for key in keys}
    return {
        "_type": evidence.STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": EXPIRY_TYPE,
        "predicate": predicate,
    }


def expiry_name(run_id: str) -> str:
    """The file below a data set's `evidence/NAME/quarantine` that states it."""
    return f"{run_id}.expired.json"


def expired_on(text: str, key: Key, path: str, sha256: str) -> str:
    """The day on which a quarantine file expired, as signed.

    Raises: EvidenceError: it is no such statement, or it is about another file.
    """
    document = evidence.opened(text, key, EXPIRY_TYPE)
    if document["subject"] != [{"name": path, "digest": {"sha256": sha256}}]:
        problem = "the statement of its expiry belongs to another file"
        raise EvidenceError(problem, "Restore it from a backup")
    return str(document["predicate"]["expired_at"])[:10]
