"""Decide reviews: a steward's decision is signed, checked, and kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from assay.assets.io.home import SERVICE
from assay.assets.io.installation import Installation
from assay.assets.io.registry.reviews import Review
from assay.assets.io.signing_keys import public_of, read_private
from assay.assets.services.acts import carry_out_if_signed, check_valid
from assay.assets.stages.fault_points import reached
from assay.assets.stages.review_state import (
    _adopt_first_stewards,
    _allowed,
    _terms,
    counting,
    ruling,
)
from assay.contracts.errors import AdmissionError, ConfigurationError, EvidenceError, Where
from assay.lineage import approval as approvals
from assay.pipelines.admit.reasons import checked_reason
from assay.pipelines.admit.review import Standing, refusal
from assay.pipelines.core.frames import Approval, Decision


def review_of(installation: Installation, number: int) -> Review:
    """A review by its number. Raises: ConfigurationError: there is none."""
    row = next(
        (review for review in installation.registry.reviews.all() if review.id == number), None
    )
    if row is None:
        raise ConfigurationError(f"there is no review {number}", "See `assay review list`")
    return row


def sign(installation: Installation, number: int, decision: Decision, why: str, key: Path) -> str:
    """A decision on a review's digests, signed with a steward's private key. Nothing is kept.

    Raises: ConfigurationError: no reason, no such review, or no steward's key.
    """
    reason = checked_reason(why)
    _check_person(installation)
    installation.registry.clock_doubts.check("no approval is signed")
    row, private = review_of(installation, number), read_private(key)
    check_valid(installation, row)
    stewards = ruling(installation)
    steward = stewards.by_key(private.public_key.keyid)
    if steward is None:
        raise ConfigurationError(
            "this key belongs to no steward",
            "Add its public half to the stewards: see `assay review key --help`",
            Where(file=key.name),
        )
    now = installation.clock()
    decided = Approval(
        row.dataset,
        row.input_key,
        decision,
        reason,
        steward.name,
        now,
        now + timedelta(days=stewards.valid_days),
    )
    return approvals.signed(decided, private)


def submit(installation: Installation, number: int, text: str) -> Standing:
    """Check a signed decision, and keep it where it counts; carry out the act that it completes.

    Returns: the state of the review with it.
    Raises: AdmissionError: it does not count, and why; the refusal goes into the audit log.
        EvidenceError: it is forged or no approval. ConfigurationError: its reason holds personal
        data.
    """
    _check_person(installation)
    installation.registry.clock_doubts.check("approvals are not accepted")
    row = review_of(installation, number)
    check_valid(installation, row)
    _adopt_first_stewards(installation)
    steward = ruling(installation).by_key(approvals.keyid_of(text))
    if steward is None:
        _note_refusal(installation, row, "not signed by a steward")
        raise EvidenceError(
            "it is not signed by a steward",
            "Sign it with the private key of a steward that the stewards' file names",
            Where(dataset=row.dataset),
        )
    try:
        approval = approvals.opened(text, public_of(steward.key))
    except EvidenceError:
        _note_refusal(installation, row, "forged", steward.name)
        raise
    checked_reason(approval.why)
    allowed = _allowed(installation, row)
    others = [other for other, _ in counting(installation, row, allowed)]
    why = refusal(approval, steward, others=others, **_terms(installation, row, allowed))
    if why is not None:
        _note_refusal(installation, row, why, steward.name)
        raise AdmissionError(
            f"the decision is not accepted: {why}",
            "See `assay review show` for what is missing",
            Where(dataset=row.dataset),
        )
    installation.registry.reviews.approve(row, steward.name, approval.decision, text)
    reached("act signed")
    return carry_out_if_signed(installation, row)


def _check_person(installation: Installation) -> None:
    """Raises: AdmissionError: a service is at work, which decides nothing."""
    if installation.registry.actor.startswith(SERVICE):
        raise AdmissionError(
            "a service can request a decision, but only a person can sign or submit one",
            "Unset ASSAY_ACTOR, and sign under your own account",
        )


def _note_refusal(
    installation: Installation, row: Review, why: str, steward: str | None = None
) -> None:
    """Put a decision that does not count into the audit log."""
    details = {"review": row.id, "why": why, **({"steward": steward} if steward else {})}
    installation.registry.ledger.note("approval refused", row.dataset, details)
