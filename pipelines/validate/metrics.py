"""The account of a run, its checks, and what files and samples say -> the quality metrics of a
version.

Belongs here: what each metric is. Stays out: reading files (assets/stages/quality.py), bounds on
them (contracts/measures.py).
What no one measured, or declared, is None: unknown, never good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.contracts.model import Rule
from assay.pipelines.core.frames import Accounting, Check
from assay.pipelines.validate.bias import Balance
from assay.pipelines.validate.stability import STABLE

CLEANING = "cleaning: "
"""How the reasons begin of rows that a cleaning step has quarantined."""
_OF_GROUPS = {
    "smallestShare": "smallest_share_pct",
    "balance": "balance",
    "labelShare": "label_pct",
    "parityDifference": "parity_difference",
    "impactRatio": "impact_ratio",
}


@dataclass(frozen=True)
class ColumnQuality:
    """One column: the share of rows with a value, the share of judgements by rules about it that
    failed, the share of rows in which cleaning changed it, and its stability index against the
    version before.
    """

    column: str
    completeness_pct: float | None
    error_rate_pct: float | None
    changed_pct: float | None
    stability_psi: float | None


@dataclass(frozen=True)
class Quality:
    """A version's quality, as its evidence keeps it.

    Percentages are of the rows that came in; freshness is in hours at publication.
    """

    noise_rate_pct: float | None
    duplicate_rate_pct: float | None
    coverage_pct: float | None
    error_rate_pct: float | None
    completeness_pct: float | None
    error_rates_pct: Mapping[str, float]
    """Quality dimension -> the share of judgements by its rules that failed."""
    freshness_hours: Mapping[str, float] = field(default_factory=dict)
    """Time column -> the age of its newest value; `source` -> the age of the source's file."""
    stability_psi: float | None = None
    """The largest index of a column against the version before."""
    stable_columns_pct: float | None = None
    columns: tuple[ColumnQuality, ...] = ()
    bias: tuple[Balance, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What was read for the metrics, apart from the account: nulls a column (None if unknown),
    ages, indices, groups.
    """

    nulls: Mapping[str, int | None]
    freshness_hours: Mapping[str, float] = field(default_factory=dict)
    stability: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    """Column -> cells that cleaning changed."""
    bias: tuple[Balance, ...] = ()


def quality(
    accounting: Accounting, rules: Sequence[Rule], checks: Iterable[Check], measured: Measured
) -> Quality:
    """Gather the metrics of one version.

    Noise is what cleaning took out or quarantined, duplicates apart; coverage what was published; the
    error rate what was quarantined.
    """
    rows_in, published = accounting.rows_in, accounting.published
    duplicates, noise = _duplicates_and_noise(accounting)
    judging = {rule.name: rule for rule in rules if rule.judges_rows}
    judged = [
        (judging[check.rule], check)
        for check in checks
        if check.rule in judging and check.passed is not None
    ]
    columns = tuple(
        ColumnQuality(
            name,
            None if nulls is None else _pct(published - nulls, published),
            _failed([check for rule, check in judged if name in rule.columns]),
            _pct(measured.changed.get(name, 0), rows_in),
            measured.stability.get(name),
        )
        for name, nulls in measured.nulls.items()
    )
    indices = list(measured.stability.values())
    return Quality(
        noise_rate_pct=_pct(noise, rows_in),
        duplicate_rate_pct=_pct(duplicates, rows_in),
        coverage_pct=_pct(published, rows_in),
        error_rate_pct=_pct(accounting.quarantined, rows_in),
        completeness_pct=_mean_completeness(columns),
        error_rates_pct=_failed_by_dimension([check for _, check in judged]),
        freshness_hours=dict(measured.freshness_hours),
        stability_psi=max(indices, default=None),
        stable_columns_pct=_pct(sum(index < STABLE for index in indices), len(indices)),
        columns=columns,
        bias=measured.bias,
    )


def _duplicates_and_noise(accounting: Accounting) -> tuple[int, int]:
    """Rows that steps took out as duplicates, and rows that they took out for another reason or set
    aside.
    """
    duplicates = sum(rows for step, rows in accounting.removed_by.items() if "duplicate" in step)
    set_aside = sum(
        rows for reason, rows in accounting.quarantined_by.items() if reason.startswith(CLEANING)
    )
    # a row may have several reasons
    return duplicates, accounting.removed - duplicates + min(set_aside, accounting.quarantined)


def _mean_completeness(columns: Sequence[ColumnQuality]) -> float | None:
    values = [c.completeness_pct for c in columns if c.completeness_pct is not None]
    return round(sum(values) / len(values), 4) if values else None


def _failed_by_dimension(checks: Sequence[Check]) -> dict[str, float]:
    """Quality dimension -> the share of judgements by its rules that failed."""
    dimensions = sorted({check.dimension for check in checks})
    rates = {
        name: _failed([check for check in checks if check.dimension == name]) for name in dimensions
    }
    return {name: rate for name, rate in rates.items() if rate is not None}


def answers(rules: Iterable[Rule], found: Quality) -> dict[str, float | None]:
    """What each rule of kind `metric` is answered; None if it was not measured."""
    return {rule.name: _answer(rule, found) for rule in rules if rule.kind == "metric"}


def _answer(rule: Rule, found: Quality) -> float | None:
    name, column = rule.argument.name, rule.argument.column
    match name:
        case "freshness":
            return found.freshness_hours.get(column or "source")
        case "completeness":
            return next(
                (each.completeness_pct for each in found.columns if each.column == column), None
            )
        case "stability":
            return found.stability_psi
        case "noiseRate" | "duplicateRate" | "coverage" | "errorRate":
            return {
                "noiseRate": found.noise_rate_pct,
                "duplicateRate": found.duplicate_rate_pct,
                "coverage": found.coverage_pct,
                "errorRate": found.error_rate_pct,
            }[name]
    group: Any = next((each for each in found.bias if each.column == column), None)
    value: float | None = getattr(group, _OF_GROUPS[name], None)
    return value


def _failed(checks: Sequence[Check]) -> float | None:
    return _pct(sum(check.failing for check in checks), sum(check.total for check in checks))


def _pct(count: int, total: int) -> float | None:
    return round(100.0 * count / total, 4) if total else None
