"""The state of a review: which signed decisions count now, and what they come to.

It is computed at each question, because approvals expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from assay.assets.io.installation import Installation
from assay.assets.io.registry.ledger import ADOPTED
from assay.assets.io.registry.reviews import Review
from assay.assets.io.signing_keys import public_of
from assay.contracts.errors import AdmissionError, AssayError, EvidenceError, Where
from assay.contracts.model import LEVELS, Level
from assay.contracts.policy import LicensePolicy
from assay.contracts.stewards import Steward, StewardPolicy, steward_policy
from assay.lineage import approval as approvals
from assay.pipelines.admit.policy_changes import changed_lines
from assay.pipelines.admit.review import Standing, refusal, standing
from assay.pipelines.core.frames import Approval

POLICIES, STEWARDS = "policies", "stewards"
"""What reviews of the licence policy and of the stewards' file are about, in place of a data set."""
_STEWARDS_FILE = Where(file="ASSAY_STEWARDS")


def stands(installation: Installation, row: Review) -> Standing:
    """The state of a review now: open, with nothing that counts, while the contract that names the approvers cannot be read."""
    try:
        allowed = _allowed(installation, row)
    except AssayError:
        return Standing("open", LEVELS, ())
    return standing(counting(installation, row, allowed), allowed)


def counting(
    installation: Installation, row: Review, allowed: Mapping[Level, Sequence[str]]
) -> list[tuple[Approval, Steward]]:
    """The kept decisions that hold now: each signature checked again, each in time, each by
    someone who is still a steward.
    """
    found: list[tuple[Approval, Steward]] = []
    stewards, terms = ruling(installation), _terms(installation, row, allowed)
    for kept in installation.registry.reviews.approvals(row.id):
        steward = stewards.by_key(approvals.keyid_of(kept.envelope))
        if steward is None:
            continue
        try:
            decided = approvals.opened(kept.envelope, public_of(steward.key))
        except EvidenceError:
            continue  # someone changed the registry: what is not signed is not there
        if refusal(decided, steward, others=[each for each, _ in found], **terms) is None:
            found.append((decided, steward))
    return found


def ruling(installation: Installation) -> StewardPolicy:
    """Who may decide: the stewards' file as it was adopted; as it is, before one was."""
    adopted = installation.registry.ledger.adopted(STEWARDS)
    return (
        installation.stewards
        if adopted is None
        else steward_policy(adopted["text"], "the adopted stewards' file")
    )


def check_policies(installation: Installation) -> None:
    """Whether the stewards' file and the licence policy are the ones that were adopted.

    A changed one is, once two stewards of the adopted file have approved its digest.

    Raises: AdmissionError: they have not.
    """
    filed = installation.stewards
    if not _adopt_first_stewards(installation):
        changed = installation.registry.ledger.adopted(STEWARDS)
        if changed is not None and changed["digest"] != filed.digest and not filed.can_decide:
            raise AdmissionError(
                "the stewards' file has changed and no longer names two stewards who can decide",
                "Name a steward with the level `first` and another with `second`; otherwise the file could never be changed again",
                _STEWARDS_FILE,
            )
        _check(
            installation,
            STEWARDS,
            "the stewards' file",
            filed.digest,
            {"text": filed.text},
            _STEWARDS_FILE,
        )
    _check(
        installation,
        POLICIES,
        "the licence policy",
        installation.policy.digest,
        {"text": installation.policy.text},
        Where(file="contracts/policies/licenses.yaml"),
    )


def _adopt_first_stewards(installation: Installation) -> bool:
    """Whether there is no one yet who could approve a change.

    The first file that names two who could is adopted.
    """
    if installation.registry.ledger.adopted(STEWARDS) is not None:
        return False
    if installation.stewards.can_decide:
        installation.registry.ledger.note(
            ADOPTED,
            STEWARDS,
            {
                "digest": installation.stewards.digest,
                "by": "first use",
                "text": installation.stewards.text,
            },
        )
    return True


def _check(
    installation: Installation,
    what: str,
    subject: str,
    digest: str,
    kept: Mapping[str, str],
    where: Where,
) -> None:
    adopted = installation.registry.ledger.adopted(what)
    if adopted is not None and adopted["digest"] == digest:
        return
    by = "first use"
    if adopted is not None:
        row = installation.registry.reviews.request(
            what, digest, [f"{subject} has changed: {adopted['digest'][:16]} became {digest[:16]}"]
        )
        now = stands(installation, row)
        if now.decision != "approved":
            raise AdmissionError(
                f"{subject} has changed, and two stewards have not approved the change yet",
                f"Review the change, and decide: assay review show {row.id}",
                where,
            )
        by = ", ".join(each.approver for each in now.by)
    installation.registry.ledger.note(ADOPTED, what, {"digest": digest, "by": by, **kept})


def envelopes(installation: Installation, row: Review) -> list[str]:
    """The signed decisions of a review, for the evidence."""
    return [kept.envelope for kept in installation.registry.reviews.approvals(row.id)]


def describe_review(installation: Installation, row: Review) -> dict[str, Any]:
    """A review as people read it."""
    now = stands(installation, row)
    by = [
        {
            "approver": each.approver,
            "decision": each.decision,
            "why": each.why,
            "expires_at": each.expires_at.isoformat(),
        }
        for each in now.by
    ]
    return {
        **{
            key: getattr(row, key)
            for key in ("id", "dataset", "input_key", "reasons", "asked_at", "asked_by")
        },
        "decision": now.decision,
        "missing": list(now.missing),
        "by": by,
        "changes": _changes(installation, row),
        "samples": [asdict(sample) for sample in installation.registry.reviews.samples(row.id)],
    }


def _changes(installation: Installation, row: Review) -> list[str]:
    """What changed in a policy that waits for approval, line by line; nothing of other reviews."""
    policies: Mapping[str, StewardPolicy | LicensePolicy] = {
        STEWARDS: installation.stewards,
        POLICIES: installation.policy,
    }
    policy = policies.get(row.dataset)
    adopted = installation.registry.ledger.adopted(row.dataset) if policy else None
    if policy is None or adopted is None or policy.digest != row.input_key:
        return []
    if "text" not in adopted:
        return ["The text that was adopted before is not in the audit log."]
    return changed_lines(adopted["text"], policy.text)


def _allowed(installation: Installation, row: Review) -> Mapping[Level, Sequence[str]]:
    # a review of a policy is about no data set
    contract = installation.contracts.get(row.dataset)
    return contract.approvers if contract else {}


def _terms(
    installation: Installation, row: Review, allowed: Mapping[Level, Sequence[str]]
) -> dict[str, Any]:
    now: datetime = installation.registry.clock_doubts.latest_time()
    return {
        "asked_by": row.asked_by,
        "input_key": row.input_key,
        "allowed": allowed,
        "valid_days": ruling(installation).valid_days,
        "now": now,
    }
