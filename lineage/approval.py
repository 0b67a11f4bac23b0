"""A person's decision -> a statement signed with that person's key, and back.

Belongs here: the in-toto Statement about the digests that were decided on. Stays out: whose key it
is (contracts/stewards.py), whether it counts (pipelines/admit/review.py). The statement stands by
itself: whoever has the steward's public key can check it without trusting this service.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import EvidenceError
from assay.lineage import evidence
from assay.pipelines.core.frames import Approval

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer

PREDICATE_TYPE = "urn:assay:predicate:review:v1"


def signed(approval: Approval, signer: Signer) -> str:
    """The decision in a DSSE envelope, as JSON text."""
    subject = [{"name": f"{approval.dataset}/inputs", "digest": {"sha256": approval.input_key}}]
    predicate = {
        "dataset": approval.dataset,
        "decision": approval.decision,
        "why": approval.why,
        "approver": approval.approver,
        "signed_at": approval.signed_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
    }
    return evidence.sign(
        {
            "_type": evidence.STATEMENT_TYPE,
            "subject": subject,
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        },
        signer,
    )


def opened(text: str, key: Key) -> Approval:
    """Check the envelope with a steward's public key.

    Raises: EvidenceError: it is no approval, or not signed with that key.
    """
    document = evidence.opened(text, key, PREDICATE_TYPE)
    try:
        approval = _approval(document)
    except (KeyError, ValueError, TypeError):
        raise EvidenceError(
            "the approval is incomplete", "Sign it again: assay review sign"
        ) from None
    moments = (approval.signed_at, approval.expires_at)
    has_zones = all(moment.tzinfo is not None for moment in moments)
    if approval.decision not in ("approve", "reject") or not has_zones:
        raise EvidenceError(
            "the approval's decision is neither approve nor reject, or a time has no zone",
            "Sign it again: assay review sign",
        )
    return approval


def _approval(document: dict[str, Any]) -> Approval:
    predicate = document["predicate"]
    (subject,) = document["subject"]
    return Approval(
        predicate["dataset"],
        subject["digest"]["sha256"],
        predicate["decision"],
        predicate["why"],
        predicate["approver"],
        datetime.fromisoformat(predicate["signed_at"]),
        datetime.fromisoformat(predicate["expires_at"]),
    )


def keyid_of(text: str) -> str:
    """Which key an envelope states it was signed with; nothing is proved by it.

    Raises: EvidenceError: it is no envelope with one signature.
    """
    try:
        (signature,) = json.loads(text)["signatures"]
        return str(signature["keyid"])
    except (ValueError, KeyError, TypeError):
        raise EvidenceError(
            "this is not a signed approval", "Give what `assay review sign` printed"
        ) from None


def reason_in(text: str) -> str | None:
    """The reason that an envelope holds, as its payload states; None if it is no approval."""
    try:
        reason = json.loads(base64.b64decode(json.loads(text)["payload"]))["predicate"]["why"]
    except (ValueError, KeyError, TypeError):
        return None
    return reason if isinstance(reason, str) else None


def subject_of(text: str) -> str:
    """Which inputs an envelope speaks of, as its payload states.

    Raises: EvidenceError: it is no approval.
    """
    try:
        (subject,) = json.loads(base64.b64decode(json.loads(text)["payload"]))["subject"]
        return str(subject["digest"]["sha256"])
    except (ValueError, KeyError, TypeError):
        raise EvidenceError(
            "this is not a signed approval", "Restore the evidence from a backup"
        ) from None
