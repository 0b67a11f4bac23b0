"""A decision about quarantined rows -> a statement signed by this installation, and back.

Belongs here: the in-toto Statement about the quarantine's files. Stays out: what a decision takes (pipelines/validate/quarantine.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import evidence

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

PREDICATE_TYPE = "urn:assay:predicate:quarantine-decision:v1"


def signed(files: list[dict[str, Any]], said: dict[str, Any], signer: Signer) -> str:
    """The decision in a DSSE envelope, as JSON text.

    Args:
        files: of each quarantine file of the delivery its `path` below the lake, its `sha256` when it was decided on, and what it `becomes` where values are removed.
        said: the decision: data set, action, rows or rule, how many, by whom, when and why.
    """
    subject = [{"name": file["path"], "digest": {"sha256": file["sha256"]}} for file in files]
    becomes = {file["path"]: file["becomes"] for file in files if file.get("becomes")}
    return evidence.sign({"_type": evidence.STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": {**said, "becomes": becomes}}, signer)


def opened(text: str, key: Key) -> dict[str, Any]:
    """Check the envelope, and return its statement. Raises: EvidenceError: it is none of these, or not signed by this installation."""
    return evidence.opened(text, key, PREDICATE_TYPE)


def became(statements: list[dict[str, Any]], path: str, sha256: str) -> set[str]:
    """Every digest that a quarantine file may have after the decisions about it, the one it began with included."""
    known = {sha256}
    for statement in statements:  # in the order they were made
        becomes = statement["predicate"]["becomes"].get(path)
        if becomes and any(subject["name"] == path and subject["digest"]["sha256"] in known for subject in statement["subject"]):
            known.add(becomes)
    return known
