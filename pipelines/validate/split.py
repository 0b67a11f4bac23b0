"""Candidate rows and rules -> the rows that keep every `error` rule, the others with their reasons, and the counts.

Belongs here: splitting. Stays out: what a rule means (contracts/rules.py), pandera's second opinion (gate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from contracts.model import Rule
from contracts.rules import keeps, was_found
from pipelines.frames import REASONS, Check, Split

_KEPT = "_keeps_"


@dataclass(frozen=True)
class Judged:
    """The split, and the plan of one row that counts `rows` and, for each rule by name, the rows that break it."""

    split: Split
    counts: pl.LazyFrame


def split(candidate: pl.LazyFrame, rules: Sequence[Rule], related: Mapping[str, pl.LazyFrame] | None = None) -> Judged:
    """Judge each row by each rule.

    Args:
        candidate: typed columns beside the `_was_read_` helpers.
        related: data set -> its newest version, for relationships; one to a data set that is not here is not judged.
    Returns: `kept` and `set_aside` together are the candidate; `set_aside` has `_reasons`, the names of the error rules broken.
    """
    judging = judged_rules(rules, related or {})
    judged = look_up(candidate, judging, related or {}).with_columns(keeps(rule).alias(_KEPT + rule.name) for rule in judging)
    splitting = [rule.name for rule in judging if rule.splits_rows]
    keeps_all = pl.all_horizontal(_KEPT + name for name in splitting) if splitting else pl.lit(True)
    reasons = pl.concat_list(pl.when(~pl.col(_KEPT + name)).then(pl.lit(name)) for name in splitting).list.drop_nulls() if splitting else pl.lit([], pl.List(pl.String))
    helpers = [*(_KEPT + rule.name for rule in judging), *(was_found(rule) for rule in judging if rule.kind == "relationship")]
    return Judged(
        split=Split(
            kept=judged.filter(keeps_all).drop(helpers),
            set_aside=judged.filter(~keeps_all).with_columns(reasons.alias(REASONS)).drop(helpers),
        ),
        counts=judged.select(pl.len().alias("rows"), *((~pl.col(_KEPT + rule.name)).sum().alias(rule.name) for rule in judging)),
    )


def judged_rules(rules: Sequence[Rule], related: Mapping[str, pl.LazyFrame]) -> list[Rule]:
    """The rules that can be judged row by row with what is there."""
    return [rule for rule in rules if rule.judges_rows and (rule.kind != "relationship" or rule.argument.dataset in related)]


def look_up(candidate: pl.LazyFrame, rules: Sequence[Rule], related: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Add a helper column for each relationship: true where the row's key is in the table it points to, else null."""
    relationships = [rule for rule in rules if rule.kind == "relationship"]
    schema = candidate.collect_schema() if relationships else {}
    for rule in relationships:
        there = [pl.col(theirs).cast(schema[ours], strict=False).alias(ours) for ours, theirs in zip(rule.columns, rule.argument.columns, strict=True)]
        keys = related[rule.argument.dataset].select(there).drop_nulls().unique().with_columns(pl.lit(True).alias(was_found(rule)))
        candidate = candidate.join(keys, on=list(rule.columns), how="left", maintain_order="left")
    return candidate


def checks(rules: Sequence[Rule], counts: Mapping[str, int], answers: Mapping[str, float | None] | None = None) -> tuple[Check, ...]:
    """Hold each count against its bound. `counts` has `rows` and the failing rows of each rule that was judged; `answers` what queries returned."""
    return tuple(_check(rule, counts, (answers or {}).get(rule.name)) for rule in rules)


def _check(rule: Rule, counts: Mapping[str, int], answer: float | None) -> Check:
    total = counts["rows"]
    measured: float | None = answer if rule.kind in ("sql", "anonymity", "metric") else total if rule.kind == "rowCount" else counts.get(rule.name)
    passed = None if measured is None else rule.bound.holds(measured, total)
    failing = counts.get(rule.name, 0) if rule.judges_rows else 0 if passed else total
    return Check(rule.name, passed, failing, total, rule.severity, rule.dimension, str(rule.bound), rule.columns, rule.description, measured)
