"""Acts that persons sign: request one, and carry it out when the last signature is there.

Belongs here: requesting, carrying out, ending what is void, and finishing what a crash left.
Stays out: what an act does (act_kinds.py), signing (review.py), whose signature counts
(stages/review_state.py).
The effect and the end of an act are one transaction: a process that dies leaves an act that is signed
and waits, which the next command carries out, or one that is done.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict

from assay.assets.io.installation import Installation
from assay.assets.io.registry.acts import ActRecord, NewAct, Outcome
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.references import LATEST
from assay.assets.io.registry.reviews import Review
from assay.assets.services.act_kinds import PROCEDURES, Signed, changed
from assay.assets.stages.review_state import checked, stands
from assay.contracts.errors import (
    ActionError,
    AdmissionError,
    AssayError,
    EvidenceError,
    QualityError,
    Where,
)
from assay.contracts.settings import Approvals
from assay.pipelines.admit.acts import Act, ActKind, describe_act
from assay.pipelines.admit.reasons import checked_reason
from assay.pipelines.admit.review import Standing


class _EndedAlready(Exception):
    """Another process has ended the act: nothing of this one may take effect."""


def request(
    installation: Installation, dataset: str, kind: ActKind, wish: Json, why: str
) -> ActRecord:
    """Request an act; it waits in `assay review list`.

    Returns: the request; an earlier one that waits where it has the same effect.
    Raises: ConfigurationError: no reason, or one that holds personal data. What planning it raises:
        it cannot be done now.
    """
    reason = checked_reason(why)
    installation.home.check_writable()
    settle(installation)
    effect = PROCEDURES[kind].plan(installation, dataset, wish)
    act = Act(dataset, kind, effect, reason, secrets.token_hex(16))
    reasons = [describe_act(act), f"requested: {reason}"]
    new = NewAct(**asdict(act))
    return installation.registry.acts.request(new, act.digest, reasons)


def is_signed_for(installation: Installation, dataset: str, reference: str) -> bool:
    """Whether a reference moves only with a signature: `prod`, what the contract names, and every
    other but `latest` while the contract cannot be read.
    """
    try:
        contract = installation.contracts.get(dataset)
    except AssayError:
        return reference != LATEST
    approvals = contract.approvals if contract else Approvals()
    return reference in approvals.signed_references


def check_valid(installation: Installation, row: Review) -> None:
    """Whether a review's act can still be signed. It is void where what it is about has changed.

    Raises: AdmissionError: it has ended. EvidenceError: the registry was changed.
    """
    record = installation.registry.acts.of_review(row.id)
    if record is None:
        return
    if record.outcome is None:
        problem = _problem_of(installation, row, record)
        if problem is None:
            return
        _end_void(installation, row, record, problem)
        record = installation.registry.acts.of_review(row.id) or record
    raise AdmissionError(
        f"request {row.id} is {record.outcome}: {record.note}",
        "Request it again if it is still needed",
        Where(dataset=row.dataset),
    )


def carry_out_if_signed(installation: Installation, row: Review) -> Standing:
    """Carry out the act of a review once enough persons have signed it; end it if one has rejected
    it.

    Returns: the state of the review, as without an act where it has none.
    Raises: ActionError: what it is about has changed, so it is void. What its effect raises: it
        waits, and the next command tries again.
    """
    record, standing = installation.registry.acts.of_review(row.id), stands(installation, row)
    if record is None or record.outcome is not None:
        return standing
    if standing.decision == "rejected":
        names = ", ".join(approval.approver for approval in standing.by)
        _end(installation, row, record, "rejected", f"rejected by {names}", standing)
    elif standing.decision == "approved":
        _carry_out(installation, row, record, standing)
    return stands(installation, row)


def settle(installation: Installation) -> None:
    """Carry out what is signed and was interrupted, and end what is void or rejected; one act that
    fails keeps none from the others.
    """
    registry = installation.registry
    if registry.read_only or not (waiting := registry.acts.waiting()):
        return
    rows = {row.id: row for row in registry.reviews.all()}
    for record in waiting:
        row = rows.get(record.review_id)
        if row is None:
            continue
        try:
            problem = _problem_of(installation, row, record)
            if problem is not None:
                _end_void(installation, row, record, problem)
            else:
                carry_out_if_signed(installation, row)
        except (AssayError, OSError):
            continue  # it waits: whoever signs or shows it gets the reason


def _problem_of(installation: Installation, row: Review, record: ActRecord) -> str | None:
    """Why an act is void; None if it still does what was requested."""
    try:
        act = checked(row, record)
        effect = PROCEDURES[act.kind].plan(installation, act.dataset, dict(act.effect))
    except (ActionError, EvidenceError, QualityError) as error:
        return error.problem
    return None if effect == act.effect else changed(act, effect).problem


def _carry_out(
    installation: Installation, row: Review, record: ActRecord, standing: Standing
) -> None:
    act = checked(row, record)
    names = tuple(approval.approver for approval in standing.by)
    kept = installation.registry.reviews.approvals(row.id)
    signed = Signed(names, [each.envelope for each in kept if each.approver in names])

    def end(note: str) -> None:
        if not _end(installation, row, record, "done", note, standing):
            raise _EndedAlready

    try:
        PROCEDURES[act.kind].carry_out(installation, act, signed, end)
    except _EndedAlready:
        return
    except (ActionError, EvidenceError, QualityError):
        now = installation.registry.acts.of_review(row.id)
        if now is not None and now.outcome == "done":
            return  # another process was faster: what it did is what has changed
        problem = _problem_of(installation, row, record)
        if problem is not None:
            _end_void(installation, row, record, problem)
        raise


def _end_void(installation: Installation, row: Review, record: ActRecord, problem: str) -> None:
    _end(installation, row, record, "void", problem, stands(installation, row))


def _end(
    installation: Installation,
    row: Review,
    record: ActRecord,
    outcome: Outcome,
    note: str,
    standing: Standing,
) -> bool:
    by = [approval.approver for approval in standing.by]
    details = {"digest": row.input_key, "requested_by": row.asked_by, "by": by}
    return installation.registry.acts.end(record, outcome, note, details)
