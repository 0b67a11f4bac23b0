"""The state of a review: which signed decisions count now, and what they come to.

It is computed at each question, because approvals expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from assay.assets.io.installation import Installation
from assay.assets.io.registry.acts import ActRecord
from assay.assets.io.registry.ledger import ADOPTED
from assay.assets.io.registry.reviews import Review
from assay.assets.io.signing_keys import public_of
from assay.contracts.errors import AdmissionError, AssayError, EvidenceError, Where
from assay.contracts.model import LEVELS, Level
from assay.contracts.policy import LicensePolicy
from assay.contracts.stewards import Steward, StewardPolicy, steward_policy
from assay.lineage import approval as approvals
from assay.pipelines.admit.acts import Act, ActKind, describe_act, persons_of
from assay.pipelines.admit.policy_changes import changed_lines
from assay.pipelines.admit.review import Standing, refusal, standing
from assay.pipelines.core.frames import Approval

POLICIES, STEWARDS = "policies", "stewards"
"""What reviews of the licence policy and of the stewards' file are about, in place of a data set."""
_STEWARDS_FILE = Where(file="ASSAY_STEWARDS")


def stands(installation: Installation, row: Review) -> Standing:
    """The state of a review now: open, with nothing that counts, while the contract that names the approvers cannot be read."""
    act = installation.registry.acts.of_review(row.id)
    outcome = act.outcome if act else None
    try:
        allowed = _allowed(installation, row)
        persons = (
            persons_of(checked(row, act), installation.contracts.get(row.dataset)) if act else 2
        )
    except AssayError:
        return Standing(outcome or "open", () if outcome else LEVELS, ())
    valid = counting(installation, row, allowed)
    if outcome is not None:
        return Standing(outcome, (), tuple(approval for approval, _ in valid))
    return standing(valid, allowed, persons)


def checked(row: Review, act: ActRecord) -> Act:
    """An act as it was requested. Raises: EvidenceError: the registry was changed since."""
    requested = Act(act.dataset, cast("ActKind", act.kind), act.effect, act.why, act.nonce)
    if act.dataset != row.dataset or requested.digest != row.input_key:
        raise EvidenceError(
            "the request was changed in the registry after it was made",
            "Request it again",
            Where(dataset=row.dataset),
        )
    return requested


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
        **_describe_act(installation, row),
        "decision": now.decision,
        "missing": list(now.missing),
        "by": by,
        "changes": _changes(installation, row),
        "samples": [asdict(sample) for sample in installation.registry.reviews.samples(row.id)],
    }


def _describe_act(installation: Installation, row: Review) -> dict[str, Any]:
    """What an act does, and how it ended, in place of the reasons; nothing of other reviews."""
    record = installation.registry.acts.of_review(row.id)
    if record is None:
        return {}
    try:
        act = checked(row, record)
    except EvidenceError as error:
        return {"reasons": [error.problem], "act": {"kind": record.kind, "note": record.note}}
    described = {"kind": act.kind, "effect": dict(act.effect), "why": act.why, "note": record.note}
    reasons = [describe_act(act), f"requested: {act.why}"]
    return {"reasons": [*reasons, *([record.note] if record.note else [])], "act": described}


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
    act = installation.registry.acts.of_review(row.id)
    now: datetime = installation.registry.clock_doubts.latest_time()
    if act is not None and act.ended_at is not None:
        now = datetime.fromisoformat(act.ended_at)  # what counted then is shown
    return {
        "asked_by": None if act else row.asked_by,
        "input_key": row.input_key,
        "allowed": allowed,
        "valid_days": ruling(installation).valid_days,
        "now": now,
    }
