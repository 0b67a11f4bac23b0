"""Candidate rows and rules -> the rows that keep every `error` rule, the others with their reasons,
and the counts.

Belongs here: splitting. Stays out: what a rule means (contracts/rules.py), pandera's second opinion
(pandera_check.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assay.contracts.model import Rule
from assay.contracts.rules import keeps, was_found, was_read
from assay.pipelines.core.frames import REASONS, Check, Split
from assay.pipelines.validate.key_texts import Elsewhere, is_exact, stands_elsewhere

_ABOUT_PRESENCE = ("required", "nullValues", "missingValues")
KEPT = "_keeps_"  # prefix, before the rule: true where the row keeps it


def judged(
    candidate: pl.LazyFrame,
    rules: Sequence[Rule],
    related: Mapping[str, pl.LazyFrame] | None = None,
    stays: pl.Expr | None = None,
    elsewhere: Elsewhere | None = None,
) -> pl.LazyFrame:
    """Say of each row, in a column `_keeps_<rule>` for each rule that evaluates rows, whether it keeps
    the rule.

    Args:
        candidate: typed columns next to the `_was_read_` helpers.
        related: data set -> its newest version, for relationships; one to a data set that is not
            here is not evaluated.
        stays: false where a row has left already, so that no other row can repeat it.
        elsewhere: looks keys up in the other partitions of the version, which rows must not repeat
            either.
    """

    readable = typed_columns(rules)

    def is_kept(rule: Rule) -> pl.Expr:
        kept = keeps_or_is_unread(rule, readable, stays)
        if elsewhere is None or not is_exact(rule):
            return kept
        return kept & ~stands_elsewhere(rule.columns, elsewhere)

    judging = judged_rules(rules, related or {})
    evaluated = look_up(candidate, judging, related or {}).with_columns(
        is_kept(rule).alias(KEPT + rule.name) for rule in judging
    )
    return evaluated.drop(was_found(rule) for rule in judging if rule.kind == "relationship")


def split(
    judged_rows: pl.DataFrame,
    rules: Sequence[Rule],
    stays: pl.Series | None = None,
    kept: Sequence[str] | None = None,
) -> Split:
    """Part evaluated rows: `kept` keep every error rule, `set_aside` has `_reasons`, the names of the
    error rules broken. Together they are what came in and stays.

    Args:
        kept: the columns of those that are kept; all by default. Most rows are kept, so this is
            what parting costs.
    """
    if stays is None:
        stays = pl.repeat(True, judged_rows.height, eager=True)
    broken = _broken_rules(judged_rows, rules)
    is_kept = stays
    if broken:
        is_kept = stays & judged_rows.select(pl.all_horizontal(broken)).to_series()
    quarantined = judged_rows.filter(stays & ~is_kept).with_columns(_reasons(broken))
    kept_rows = judged_rows if kept is None else judged_rows.select(kept)
    if not is_kept.all():
        kept_rows = kept_rows.filter(is_kept)
    return Split(kept_rows, quarantined)


def _broken_rules(judged_rows: pl.DataFrame, rules: Sequence[Rule]) -> list[str]:
    """The `_keeps_` columns of the error rules that some row of the batch breaks: usually few."""
    names = [KEPT + rule.name for rule in rules if rule.splits_rows]
    present = [name for name in names if name in judged_rows.columns]
    if not present:
        return []
    is_kept_by_all = judged_rows.select(pl.col(present).all()).row(0, named=True)
    return [name for name in present if not is_kept_by_all[name]]


def _reasons(broken: Sequence[str]) -> pl.Expr:
    """For each row, the names of the rules that it breaks, of those in `broken`."""
    if not broken:
        return pl.lit([], pl.List(pl.String)).alias(REASONS)
    names = [pl.when(~pl.col(name)).then(pl.lit(name.removeprefix(KEPT))) for name in broken]
    return pl.concat_list(names).list.drop_nulls().alias(REASONS)


def count_breaking_rows(
    judged_rows: pl.DataFrame, stays: pl.Series | None = None
) -> dict[str, int]:
    """How many rows there are (`rows`), and how many break each rule that evaluates rows; of those
    that stay.
    """
    rows = judged_rows.height if stays is None else int(stays.sum())
    counts = {"rows": rows}
    verdicts = judged_rows.select(name for name in judged_rows.columns if name.startswith(KEPT))
    if not verdicts.width:
        return counts
    if stays is not None and not stays.all():
        verdicts = verdicts.filter(stays)
    for name, kept in verdicts.sum().row(0, named=True).items():
        counts[name.removeprefix(KEPT)] = int(rows - kept)
    return counts


def judged_rules(rules: Sequence[Rule], related: Mapping[str, pl.LazyFrame]) -> list[Rule]:
    """The rules that can be evaluated row by row with what is there."""
    return [
        rule
        for rule in rules
        if rule.judges_rows and (rule.kind != "relationship" or rule.argument.dataset in related)
    ]


def typed_columns(rules: Sequence[Rule]) -> frozenset[str]:
    """The columns whose unreadable cells break a type rule."""
    return frozenset(rule.columns[0] for rule in rules if rule.kind == "type")


def keeps_or_is_unread(rule: Rule, typed: frozenset[str], stays: pl.Expr | None = None) -> pl.Expr:
    """True where a row keeps the rule, or where a rule about presence meets a cell that holds a text
    which is not of the column's type: that cell breaks the type rule, and it is not empty.

    Args:
        typed: the columns with a type rule, as `typed_columns` returns them.
    """
    kept = keeps(rule, stays)
    if rule.kind in _ABOUT_PRESENCE and not rule.path and rule.columns[0] in typed:
        return kept | ~pl.col(was_read(rule.columns[0]))
    return kept


def look_up(
    candidate: pl.LazyFrame, rules: Sequence[Rule], related: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    """Add a helper column for each relationship: true where the row's key is in the table it points
    to, else null.
    """
    relationships = [rule for rule in rules if rule.kind == "relationship"]
    schema = candidate.collect_schema() if relationships else {}
    for rule in relationships:
        there = [
            pl.col(theirs).cast(schema[ours], strict=False).alias(ours)
            for ours, theirs in zip(rule.columns, rule.argument.columns, strict=True)
        ]
        keys = (
            related[rule.argument.dataset]
            .select(there)
            .drop_nulls()
            .unique()
            .with_columns(pl.lit(True).alias(was_found(rule)))
        )
        candidate = candidate.join(keys, on=list(rule.columns), how="left", maintain_order="left")
    return candidate


def checks(
    rules: Sequence[Rule],
    counts: Mapping[str, int],
    answers: Mapping[str, float | None] | None = None,
) -> tuple[Check, ...]:
    """Compare each count with its bound.

    `counts` has `rows` and the failing rows of each rule that was evaluated; `answers` what queries
    returned, and the rows published where that is fewer than the rows evaluated.
    """
    return tuple(_check_tolerance(rule, counts, (answers or {}).get(rule.name)) for rule in rules)


def _check_tolerance(rule: Rule, counts: Mapping[str, int], answer: float | None) -> Check:
    total = counts["rows"]
    measured = _measured(rule, counts, answer)
    passed = None if measured is None else rule.bound.holds(measured, total)
    failing = 0 if passed else total
    if rule.judges_rows:
        failing = counts.get(rule.name, 0)
    return Check(
        rule=rule.name,
        passed=passed,
        failing=failing,
        total=total,
        severity=rule.severity,
        dimension=rule.dimension,
        bound=str(rule.bound),
        columns=rule.columns,
        description=rule.description,
        measured=measured,
    )


def _measured(rule: Rule, counts: Mapping[str, int], answer: float | None) -> float | None:
    """What the rule's bound applies to; None if it could not be measured."""
    if answer is not None or rule.kind in ("sql", "anonymity", "metric"):
        return answer
    if rule.kind == "rowCount":
        return counts["rows"]
    return counts.get(rule.name)
