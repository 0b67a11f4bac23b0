"""Licence verdict, findings and stated facts -> admitted, held or refused.

Belongs here: the one decision. Stays out: reading licences (license.py), finding personal data
(personal.py), what a contract does not state (facts.py), people's reviews (registry).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from assay.pipelines.core.frames import Finding, LicenseVerdict, Verdict


def decide(
    license_verdict: LicenseVerdict,
    findings: Sequence[Finding],
    *,
    unanswered: Sequence[str] = (),
    forbidden: Sequence[str] = (),
) -> Verdict:
    """Refused by a licence that forbids a purpose, or where the law demands what is not stated;
    held where a licence is unread, personal data undeclared or a fact unanswered; admitted
    otherwise.

    Args:
        unanswered: facts that only a person can state, as reasons.
        forbidden: what the law does not allow as the contract is, as reasons.
    """
    undeclared = tuple(
        f"column '{f.column}' {'cannot be searched' if f.kind == 'unscanned' else f'holds {f.kind}'} in {f.rows:,} rows, undeclared"
        for f in findings
        if not f.declared
    )
    outcome: Literal["admitted", "held", "refused"] = "admitted"
    reasons = (*unanswered, *undeclared)
    if license_verdict.outcome == "refused" or forbidden:
        outcome = "refused"
        reasons = tuple(forbidden)
    elif license_verdict.outcome == "review" or reasons:
        outcome = "held"
    if license_verdict.outcome in ("refused", "review"):
        reasons = (*license_verdict.reasons, *reasons)
    return Verdict(outcome, license_verdict, tuple(findings), reasons)
