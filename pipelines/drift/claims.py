"""What two sketches give to say of each column, before and after chance is considered.

Belongs here: the names of measurements, a claim, the correction over all of them. Stays out: making
claims (count_claims.py, sample_claims.py, text_claims.py), the verdict (measure.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.frames import ColumnDrift
from assay.pipelines.drift import significance

MISSING = "missing_change_pct"
VOLUME = "volume_change_pct"
NEW = "new_categories"
VANISHED = "vanished_categories"
SCHEMA = "schema"
CONSTANT = "constant"
TEXT = "text"
LABEL = "label_change_pct"
NEWEST = "newest_hours"
STATISTICS = frozenset(
    {"ks", "wasserstein", "psi", "jensenshannon", "chisquare", "kl_div", "hellinger"}
)
ALL_COLUMNS = "*"
FEWEST = 50
"""Rows of a slice, and texts, on each side, from which on a statistic says something."""


@dataclass(frozen=True)
class Claim:
    """A measurement before chance is considered: `beyond` its threshold or not (None: not
    measured), and how probable that would be without any drift.
    """

    measurement: ColumnDrift
    beyond: bool | None
    p_value: float | None = None
    level: float | None = None
    """What the corrected p-value is compared with; the policy's `alpha` by default."""


def unmeasured(column: str, method: str, threshold: float, note: str, part: str = "") -> Claim:
    """A claim that states why nothing could be measured."""
    return Claim(ColumnDrift(column, method, None, threshold, None, note, part=part), None)


def judge_columns(claims: Sequence[Claim], policy: DriftPolicy) -> list[ColumnDrift]:
    """Which claims are drift, once their p-values are corrected for how many there are."""
    tests = [claim for claim in claims if claim.p_value is not None and claim.beyond is not None]
    # what claims no drift is no discovery, however improbable: it counts as a test, and lends the
    # others nothing
    p_values = [claim.p_value or 0.0 if claim.beyond else 1.0 for claim in tests]
    corrected = significance.corrected_for_many_tests(p_values, policy.correction)
    of_claim = dict(zip(map(id, tests), corrected, strict=True))
    return [judge_column(claim, of_claim.get(id(claim)), policy.alpha) for claim in claims]


def judge_column(claim: Claim, p_value: float | None, alpha: float) -> ColumnDrift:
    """The measurement with its verdict, by its p-value after the correction."""
    level = alpha if claim.level is None else claim.level
    by_chance = p_value is not None and p_value > level
    drifted = None if claim.beyond is None else claim.beyond and not by_chance
    note = claim.measurement.note
    if claim.beyond and by_chance and claim.level is None:
        note = f"{note}; may be chance" if note else "may be chance"
    return replace(claim.measurement, drifted=drifted, p_value=p_value, note=note)
