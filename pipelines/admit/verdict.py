"""Licence verdict and findings -> admitted, held or refused.

Belongs here: the one decision. Stays out: reading licences (license.py), finding personal data
(personal.py), people's reviews (registry).
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.pipelines.core.frames import Finding, LicenseVerdict, Verdict


def decide(license_verdict: LicenseVerdict, findings: Sequence[Finding]) -> Verdict:
    """Refused by a licence that forbids a purpose; held where a licence is unread or personal data
    undeclared; admitted otherwise.
    """
    undeclared = tuple(
        f"column '{f.column}' {'cannot be looked into' if f.kind == 'unscanned' else f'holds {f.kind}'} in {f.rows:,} rows, undeclared"
        for f in findings
        if not f.declared
    )
    if license_verdict.outcome == "refused":
        return Verdict("refused", license_verdict, tuple(findings), license_verdict.reasons)
    if license_verdict.outcome == "review":
        return Verdict(
            "held", license_verdict, tuple(findings), (*license_verdict.reasons, *undeclared)
        )
    return Verdict(
        "held" if undeclared else "admitted", license_verdict, tuple(findings), undeclared
    )
