"""Approvals, and who may give them -> where a review stands.

Belongs here: counting, and why one does not count. Stays out: signatures (lineage/approval.py),
keeping them (registry).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from assay.contracts.model import LEVELS, Level
from assay.contracts.stewards import Steward
from assay.pipelines.core.frames import Approval

EITHER = "first or second"
"""What is missing where one person signs."""


@dataclass(frozen=True)
class Standing:
    """`approved` once enough persons have, `rejected` by a single one; else what is `missing`, in
    words. `done` and `void`: an act has been carried out, or what it was about has changed.
    """

    decision: Literal["approved", "rejected", "open", "done", "void"]
    missing: tuple[str, ...]
    by: tuple[Approval, ...]


def refusal(
    approval: Approval,
    steward: Steward,
    *,
    asked_by: str | None,
    input_key: str,
    others: Sequence[Approval],
    allowed: Mapping[Level, Sequence[str]],
    valid_days: int,
    now: datetime,
) -> str | None:
    """Why a decision does not count; None if it does.

    Args:
        steward: whose key it was signed with.
        asked_by: who may not decide; None where the one who requested may be one of those who sign.
        others: decisions on the same review that count already.
        allowed: level -> names the contract gives; a level it gives none for is open to every
            steward of that level.
    """
    levels = levels_of(steward, allowed)
    if approval.approver != steward.name:
        return f"it names {approval.approver}, but is signed with the key of {steward.name}"
    if approval.input_key != input_key:
        return "it belongs to other data: another source, contract, policy or code"
    if approval.signed_at > now + timedelta(minutes=5):
        return "it is signed in the future"
    if approval.expires_at <= now:
        return "it has expired"
    if approval.expires_at - approval.signed_at > timedelta(days=valid_days):
        return f"it would be valid for longer than {valid_days} days"
    if asked_by in (steward.name, *steward.accounts):
        return "the person who requested a version cannot approve it"
    if not levels:
        return f"{steward.name} is not an approver of this data set"
    if any(other.approver == steward.name for other in others):
        return f"{steward.name} has decided already; another person must decide for the other level"
    return None


def levels_of(steward: Steward, allowed: Mapping[Level, Sequence[str]]) -> tuple[Level, ...]:
    """At which levels a steward may decide on a data set."""
    return tuple(
        level
        for level in steward.levels
        if not allowed.get(level) or steward.name in allowed[level]
    )


def standing(
    counting: Sequence[tuple[Approval, Steward]],
    allowed: Mapping[Level, Sequence[str]],
    persons: Literal[1, 2] = 2,
) -> Standing:
    """Where the review stands with the decisions that count: of two persons, one for each level, or
    of one person of either level.
    """
    rejected = [approval for approval, _ in counting if approval.decision == "reject"]
    if rejected:
        return Standing("rejected", (), tuple(rejected))
    if persons == 1:
        by = tuple(approval for approval, _ in counting[:1])
        return Standing("approved", (), by) if by else Standing("open", (EITHER,), ())
    able = [(approval, levels_of(steward, allowed)) for approval, steward in counting]
    for first, first_levels in able:
        for second, second_levels in able:
            if first is not second and "first" in first_levels and "second" in second_levels:
                return Standing("approved", (), (first, second))
    given = {level for _, levels in able for level in levels}
    missing = tuple(level for level in LEVELS if level not in given) or ("second",)
    return Standing("open", missing, tuple(approval for approval, _ in able))
