"""Two sketches -> measurements of how far they lie apart, and a verdict.

Belongs here: gathering what was measured (count_claims.py, sample_claims.py, text_claims.py), and
the verdict. Stays out: what to do about it (act/), choosing what is compared, the page (page.py).

Two questions are asked of each distance: is it large enough to matter (the policy's threshold), and
could it be chance (a p-value on all rows, corrected over everything that was compared)? Both have
to say yes. A test that gives a p-value answers both at once, on the sample, whose size is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.frames import ColumnDrift, Drift
from assay.pipelines.drift.claims import (
    ALL_COLUMNS,
    MISSING,
    STATISTICS,
    TEXT,
    VOLUME,
    Claim,
    judge_columns,
    unmeasured,
)
from assay.pipelines.drift.count_claims import (
    count_claims,
    label_claims,
    newest_claims,
    volume_claim,
)
from assay.pipelines.drift.sample_claims import sample_claims, slice_claims
from assay.pipelines.drift.sketch import Kind, Sketch
from assay.pipelines.drift.text_claims import text_claims

Verdict = Literal["drifted", "stable", "unknown"]


def measure(
    reference: Sketch,
    current: Sketch,
    *,
    policy: DriftPolicy,
    kinds: Mapping[str, Kind],
    against: str = "the version before",
    versions: int = 1,
    published_at: str | None = None,
    more: Sequence[Claim] = (),
) -> Drift:
    """Compare two sketches in the columns of the policy.

    Args:
        reference: what it is compared with: a version, or several merged. current: the newest
            version.
        policy: tests, thresholds, correction.
        kinds: how to read the policy's columns. A column in none of them is not compared, and said
            to be not.
        against: what the reference is, as reasons say it. versions: how many are merged in it; the
            newest is compared with their mean number of rows.
        published_at: ISO 8601, by which the newest time is old or not.
        more: what was measured elsewhere (predictions, performance) and is corrected and evaluated
            together with the rest.
    """
    unread = _unread(policy, kinds)
    if not reference.rows or not current.rows:
        return _without_rows(reference, current, policy, unread, against)
    claims = [
        *sample_claims(reference, current, kinds, policy),
        *count_claims(reference, current, kinds, policy),
        *text_claims(reference, current, policy.texts, policy.seed),
        *label_claims(reference, current, policy),
        *newest_claims(current, policy, published_at),
        *slice_claims(reference, current, kinds, policy),
        volume_claim(reference, current, policy, versions),
        *more,
    ]
    measurements = tuple(
        replace(measurement, against=against)
        for measurement in (*judge_columns(claims, policy), *unread)
    )
    return _verdict(measurements, policy, against)


def _unread(policy: DriftPolicy, kinds: Mapping[str, Kind]) -> list[ColumnDrift]:
    """The columns of the policy that cannot be compared."""
    note = "not compared: neither a number nor a category"
    return [
        unmeasured(column, MISSING, policy.missing_change_pct, note).measurement
        for column in policy.columns
        if column not in kinds
    ]


def _without_rows(
    reference: Sketch,
    current: Sketch,
    policy: DriftPolicy,
    unread: Sequence[ColumnDrift],
    against: str,
) -> Drift:
    """What is said where a side has no rows."""
    empty = "reference" if not reference.rows else "current"
    note = f"{reference.rows:,} rows before, {current.rows:,} now"
    volume = unmeasured(ALL_COLUMNS, VOLUME, policy.volume_change_pct, note).measurement
    measurements = tuple(replace(measurement, against=against) for measurement in (volume, *unread))
    reason = f"The {empty} side has no rows, so there is nothing to compare."
    return Drift("unknown", measurements, (reason,))


def _verdict(measurements: tuple[ColumnDrift, ...], policy: DriftPolicy, against: str) -> Drift:
    compared = [
        m for m in measurements if m.method in STATISTICS and not m.part and m.drifted is not None
    ]
    moved = [m for m in compared if m.drifted]
    critical = [m.column for m in measurements if m.drifted and m.column in policy.acting.critical]
    others = [
        _describe(m) for m in measurements if m.drifted and (m.part or m.method not in STATISTICS)
    ]
    enough = bool(moved) and len(moved) >= policy.share * len(compared)
    texts_compared = any(m.method == TEXT and m.drifted is not None for m in measurements)
    verdict: Verdict = "unknown"
    if enough or others or critical:
        verdict = "drifted"
    elif compared or texts_compared:
        verdict = "stable"
    if not compared:
        nothing = ("No column's values could be compared.",)
        return Drift(verdict, measurements, tuple(others) or nothing)
    reasons = [_describe_share(moved, len(compared), policy.share, enough, against)]
    if critical:
        reasons.append(f"Critical: {', '.join(dict.fromkeys(critical))}.")
    return Drift(verdict, measurements, (*reasons, *others))


def _describe(m: ColumnDrift) -> str:
    """One measurement that is drift by itself."""
    name = "all rows" if m.column == ALL_COLUMNS else m.column
    part = f" [{m.part}]" if m.part else ""
    return f"{name}{part}: {m.note or f'{m.method} {m.score:.4g}'}."


def _describe_share(
    moved: Sequence[ColumnDrift], compared: int, share: float, enough: bool, against: str
) -> str:
    """How many of the compared columns moved, and by how much."""
    bound = "at least" if enough else "less than"
    columns = [f"{m.column} ({m.method} {m.score:.4g}, threshold {m.threshold:g})" for m in moved]
    listed = f": {', '.join(columns)}" if columns else ""
    return f"{len(moved)} of {compared} columns moved against {against}, {bound} the share of {100 * share:g} %{listed}."


def together(drifts: Sequence[Drift]) -> Drift:
    """Several comparisons of one version as one verdict: drift against any of them is drift."""
    verdicts = {drift.verdict for drift in drifts}
    order: tuple[Verdict, ...] = ("drifted", "stable", "unknown")
    return Drift(
        next((verdict for verdict in order if verdict in verdicts), "unknown"),
        tuple(m for drift in drifts for m in drift.measurements),
        tuple(reason for drift in drifts for reason in drift.reasons),
    )
