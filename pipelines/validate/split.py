"""Candidate rows and rules -> the rows that keep every `error` rule, the others with their reasons, and the counts.

Belongs here: splitting. Stays out: what a rule means (contracts/rules.py), pandera's second opinion (gate.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from contracts.model import Rule
from contracts.rules import keeps
from pipelines.frames import REASONS, Check, Split

_KEPT = "_keeps_"


@dataclass(frozen=True)
class Judged:
    """The split, and the plan of one row that counts `rows` and, for each rule by name, the rows that break it."""

    split: Split
    counts: pl.LazyFrame


def split(candidate: pl.LazyFrame, rules: Sequence[Rule]) -> Judged:
    """Judge each row by each rule.

    Args:
        candidate: typed columns beside the `_was_read_` helpers.
    Returns: `kept` and `set_aside` together are the candidate; `set_aside` has `_reasons`, the names of the error rules broken.
    """
    splitting = [rule for rule in rules if rule.splits_rows]
    judged = candidate.with_columns(keeps(rule).alias(_KEPT + rule.name) for rule in splitting)
    errors = [rule.name for rule in splitting if rule.severity == "error"]
    keeps_all = pl.all_horizontal(_KEPT + name for name in errors) if errors else pl.lit(True)
    reasons = pl.concat_list(pl.when(~pl.col(_KEPT + name)).then(pl.lit(name)) for name in errors).list.drop_nulls() if errors else pl.lit([], pl.List(pl.String))
    helpers = [_KEPT + rule.name for rule in splitting]
    return Judged(
        split=Split(
            kept=judged.filter(keeps_all).drop(helpers),
            set_aside=judged.filter(~keeps_all).with_columns(reasons.alias(REASONS)).drop(helpers),
        ),
        counts=judged.select(pl.len().alias("rows"), *((~pl.col(_KEPT + rule.name)).sum().alias(rule.name) for rule in splitting)),
    )


def checks(rules: Sequence[Rule], counts: dict[str, int]) -> tuple[Check, ...]:
    """Hold each count against its bound. `counts` has `rows` and the failing rows of each rule that splits rows."""
    return tuple(_check(rule, counts) for rule in rules)


def _check(rule: Rule, counts: dict[str, int]) -> Check:
    total = counts["rows"]
    count = counts[rule.name] if rule.splits_rows else total
    passed = rule.bound.holds(count, total)
    failing = count if rule.splits_rows else (0 if passed else total)
    return Check(rule.name, passed, failing, total, rule.severity, rule.dimension, str(rule.bound), rule.columns, rule.description)
