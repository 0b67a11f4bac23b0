"""Review, done: a signed decision is checked and kept; what was decided is counted anew each time it is asked, for approvals expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assets.hands.keys import public_of, read_private
from assets.hands.office import Office
from assets.hands.registry import ADOPTED, Row
from contracts.errors import AdmissionError, ConfigurationError, EvidenceError, Where
from contracts.model import Level
from contracts.stewards import Steward
from lineage import approval as approvals
from pipelines.admit.review import Standing, refusal, standing
from pipelines.frames import Approval, Decision

POLICIES = "policies"
"""What reviews of the licence policy are about, in place of a data set."""


def review_of(office: Office, number: int) -> Row:
    """A review by its number. Raises: ConfigurationError: there is none."""
    row = next((each for each in office.registry.reviews() if each["id"] == number), None)
    if row is None:
        raise ConfigurationError(f"there is no review {number}", "See `assay review list`")
    return row


def sign(office: Office, number: int, decision: Decision, why: str, key: Path) -> str:
    """A decision on a review's digests, signed with a steward's private key. Nothing is kept.

    Raises: ConfigurationError: no reason, no such review, or no steward's key.
    """
    if not why.strip():
        raise ConfigurationError("a decision needs a reason", 'Say it: --why "…"')
    row, private = review_of(office, number), read_private(key)
    steward = office.stewards.by_key(private.public_key.keyid)
    if steward is None:
        raise ConfigurationError("this is no key of a steward", "Add its public half to the stewards: see `assay review key --help`", Where(file=key.name))
    now = office.clock()
    decided = Approval(row["dataset"], row["input_key"], decision, why.strip(), steward.name, now, now + timedelta(days=office.stewards.valid_days))
    return approvals.signed(decided, private)


def submit(office: Office, number: int, text: str) -> Standing:
    """Check a signed decision, and keep it where it counts.

    Returns: where the review stands with it.
    Raises: AdmissionError: it does not count, and why; the refusal goes into the audit log. EvidenceError: it is forged or no approval.
    """
    row = review_of(office, number)
    steward = office.stewards.by_key(approvals.keyid_of(text))
    if steward is None:
        office.registry.note("approval refused", row["dataset"], {"review": number, "why": "not signed by a steward"})
        raise EvidenceError("it is not signed by a steward", "Sign it with a key of the stewards' policy", Where(dataset=row["dataset"]))
    try:
        decided = approvals.opened(text, public_of(steward.key))
    except EvidenceError:
        office.registry.note("approval refused", row["dataset"], {"review": number, "why": "forged", "steward": steward.name})
        raise
    allowed = _allowed(office, row)
    others = [each for each, _ in counting(office, row, allowed)]
    why = refusal(decided, steward, others=others, **_terms(office, row, allowed))
    if why is not None:
        office.registry.note("approval refused", row["dataset"], {"review": number, "why": why, "steward": steward.name})
        raise AdmissionError(f"the decision does not count: {why}", "See `assay review show` for what it waits for", Where(dataset=row["dataset"]))
    office.registry.approve(row, steward.name, decided.decision, text)
    return stands(office, row)


def stands(office: Office, row: Row) -> Standing:
    """Where a review stands now."""
    allowed = _allowed(office, row)
    return standing(counting(office, row, allowed), allowed)


def counting(office: Office, row: Row, allowed: Mapping[Level, Sequence[str]]) -> list[tuple[Approval, Steward]]:
    """The kept decisions that hold now: each signature checked again, each in time, each by somebody who is still a steward."""
    found: list[tuple[Approval, Steward]] = []
    for kept in office.registry.approvals(row["id"]):
        steward = office.stewards.by_key(approvals.keyid_of(kept["envelope"]))
        if steward is None:
            continue
        try:
            decided = approvals.opened(kept["envelope"], public_of(steward.key))
        except EvidenceError:
            continue  # somebody changed the registry: what is not signed is not there
        if refusal(decided, steward, others=[each for each, _ in found], **_terms(office, row, allowed)) is None:
            found.append((decided, steward))
    return found


def check_policy(office: Office) -> None:
    """Whether the licence policy is the one that was adopted; the first one is, and a changed one once two stewards have approved its digest.

    Raises: AdmissionError: they have not.
    """
    digest, adopted = office.policy.digest, office.registry.adopted()
    if digest == adopted:
        return
    by = "first use"
    if adopted is not None:
        row = office.registry.ask(POLICIES, digest, [f"the licence policy has changed: {adopted[:16]} became {digest[:16]}"])
        now = stands(office, row)
        if now.decision != "approved":
            where = Where(file="contracts/policies/licenses.yaml")
            raise AdmissionError("the licence policy has changed, and two stewards have not approved that", f"Read the change, and decide: assay review show {row['id']}", where)
        by = ", ".join(each.approver for each in now.by)
    office.registry.note(ADOPTED, POLICIES, {"digest": digest, "by": by})


def envelopes(office: Office, row: Row) -> list[str]:
    """The signed decisions of a review, for the evidence."""
    return [kept["envelope"] for kept in office.registry.approvals(row["id"])]


def told(office: Office, row: Row) -> dict[str, Any]:
    """A review as people read it."""
    now = stands(office, row)
    by = [{"approver": each.approver, "decision": each.decision, "why": each.why, "expires_at": each.expires_at.isoformat()} for each in now.by]
    return {**{key: row[key] for key in ("id", "dataset", "input_key", "reasons", "asked_at", "asked_by")}, "decision": now.decision, "missing": list(now.missing), "by": by}


def _allowed(office: Office, row: Row) -> Mapping[Level, Sequence[str]]:
    contract = office.contracts.get(row["dataset"])  # a review of the policy is about no data set
    return contract.approvers if contract else {}


def _terms(office: Office, row: Row, allowed: Mapping[Level, Sequence[str]]) -> dict[str, Any]:
    now: datetime = office.clock()
    return {"asked_by": row["asked_by"], "input_key": row["input_key"], "allowed": allowed, "valid_days": office.stewards.valid_days, "now": now}
