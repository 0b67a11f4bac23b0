"""A feature table -> a statement signed by this installation, and back.

Belongs here: the in-toto Statement over its files and its state. Stays out: making it
(pipelines/features), the version it was derived from (evidence.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.lineage import evidence

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

PREDICATE_TYPE = "urn:assay:predicate:features:v1"
FOLDER = "features"
"""Below a data set's evidence: one file a version."""


def signed(files: Mapping[str, str], content: Mapping[str, Any], signer: Signer) -> str:
    """The feature table in a DSSE envelope, as JSON text.

    Args:
        files: path below the data set's `features` -> SHA-256: the table and every file of its
            state.
        content: data set, version and the digest of its evidence, engine of each feature with its
            difference from the CPU, classes, scores, proxies.
    """
    subject = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())
    ]
    return evidence.sign(
        {
            "_type": evidence.STATEMENT_TYPE,
            "subject": subject,
            "predicateType": PREDICATE_TYPE,
            "predicate": dict(content),
        },
        signer,
    )


def opened(text: str, key: Key) -> dict[str, Any]:
    """Check the envelope, and return its statement.

    Raises: EvidenceError: it is not one of these, or not signed by this installation.
    """
    return evidence.opened(text, key, PREDICATE_TYPE)


def digests(statement: Mapping[str, Any]) -> dict[str, str]:
    """The files of a checked statement, with their SHA-256."""
    return {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
