"""Quarantined rows and decisions about them -> which are released, which are discarded, which still
wait; and what today's rules say of them.

Belongs here: what a decision takes, and evaluating again. Stays out: files and who decides
(assets/services/quarantine.py).
A quarantine holds `_row`, `_reasons`, and the published columns as text, personal ones already
treated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from assay.contracts.model import Contract, Rule
from assay.contracts.rules import keeps, was_read
from assay.contracts.types import dtype, read, readable
from assay.pipelines.clean.steps import label
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.metrics import CLEANING
from assay.pipelines.validate.split import judged_rules, look_up

NEVER = {
    "license: ": (
        "its own licence does not allow the purposes, and a steward cannot allow them in place of the holder",
        "Change the purposes in assay.license, or get another licence for the row",
    ),
    "unreadable: ": (
        "it could not be parsed, so it has no values",
        "Fix the line in the source, and deliver it again",
    ),
}
"""How reasons begin that no decision can overrule, why, and what to do instead."""
DECISION = "_decision"
PASSES = "_passes"

Action = Literal["release", "discard"]


@dataclass(frozen=True)
class Handling:
    """A decision about quarantined rows of one delivery: of the `rows` named, or of all that broke
    `rule`.

    `covers` is what a release overrules: reason -> the digest of the rule that gave it. A rule that
    has changed since is not overruled.
    """

    number: int
    action: Action
    rows: tuple[int, ...] = ()
    rule: str | None = None
    covers: Mapping[str, str] = field(default_factory=dict)


def reason_digests(contract: Contract) -> dict[str, str]:
    """Reason -> the digest of the rule or cleaning step that gives it today; words for people do
    not count.
    """
    rules = {
        rule.name: rule.model_dump_json(exclude={"line", "description", "dimension"})
        for rule in contract.rules
        if rule.splits_rows
    }
    steps = {
        f"{CLEANING}{label(index, step)}": step.model_dump_json()
        for index, step in enumerate(contract.cleaning)
    }
    return {
        reason: hashlib.sha256(text.encode()).hexdigest()
        for reason, text in {**rules, **steps}.items()
    }


def never(reason: str) -> tuple[str, str] | None:
    """Why a reason cannot be overruled, and what to do instead; None if it can."""
    return next((why for start, why in NEVER.items() if reason.startswith(start)), None)


def decided(handlings: Sequence[Handling], digests: Mapping[str, str]) -> pl.Expr:
    """The number of the first decision that takes a row, as `_decision`; null where none does.

    Args:
        digests: reason -> digest of today's rule, as `reason_digests` gives them.
    """
    standing: set[str] = (
        set()
    )  # rules released as such, by any decision so far: a row that broke two of them is free once both are
    taken = []
    for each in handlings:
        valid = {reason for reason, digest in each.covers.items() if digests.get(reason) == digest}
        if each.action == "release" and not each.rows:
            standing |= valid
        taken.append(pl.when(_takes(each, standing | valid)).then(pl.lit(each.number, pl.Int64)))
    return (pl.coalesce(taken) if taken else pl.lit(None, pl.Int64)).alias(DECISION)


def _takes(handling: Handling, overruled: Iterable[str]) -> pl.Expr:
    named = pl.col(ROW).is_in(list(handling.rows)) if handling.rows else pl.lit(True)
    if handling.action == "discard":
        return named if handling.rows else pl.col(REASONS).list.contains(pl.lit(handling.rule))
    return named & pl.col(REASONS).list.set_difference(
        pl.lit(sorted(overruled), pl.List(pl.String))
    ).list.len().eq(0)


def decisions_digest(handlings: Sequence[Handling]) -> str | None:
    """SHA-256 over the releases: they are an input of the version.

    None if there are none, and a discard makes no other version.
    """
    releases = [
        [list(each.rows), each.rule, dict(each.covers)]
        for each in handlings
        if each.action == "release"
    ]
    return (
        hashlib.sha256(json.dumps(releases, sort_keys=True).encode()).hexdigest()
        if releases
        else None
    )


def released(quarantined: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Quarantined rows as a version holds them: the published columns, as they came, in their
    types.
    """
    return as_text(quarantined, contract).select(
        read(column) for column in contract.published_columns
    )


def unreadable_cells(quarantined: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """`_row` and `column` of the first rows with a cell that cannot be read as its type, in
    order.
    """
    typed = [column for column in contract.published_columns if not column.is_text]
    if not typed:
        return pl.LazyFrame(schema={ROW: pl.Int64, "column": pl.String})
    first = pl.coalesce(
        pl.when(~readable(column, read(column))).then(pl.lit(column.name)) for column in typed
    )
    return (
        as_text(quarantined, contract)
        .select(ROW, first.alias("column"))
        .filter(pl.col("column").is_not_null())
        .sort(ROW)
        .head(1)
    )


def without_values(quarantined: pl.LazyFrame, discarded: pl.Expr) -> pl.LazyFrame:
    """The same rows with their reasons, and no value where `discarded` is true."""
    values = [name for name in quarantined.collect_schema() if name not in (ROW, REASONS, DECISION)]
    return quarantined.with_columns(
        pl.when(~discarded).then(pl.col(name)).alias(name) for name in values
    )


def as_text(quarantined: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """The columns of today's contract, as text; one that the quarantine lacks is null."""
    there = quarantined.collect_schema()
    missing = [
        pl.lit(None, pl.String).alias(column.name)
        for column in contract.published_columns
        if column.name not in there
    ]
    return quarantined.with_columns(missing) if missing else quarantined


def judged_again(
    quarantined: pl.LazyFrame,
    contract: Contract,
    related: Mapping[str, pl.LazyFrame],
    newest: pl.LazyFrame | None,
) -> pl.LazyFrame:
    """Hold quarantined rows against today's rules: `_row`, `_reasons`, and whether the row
    `_passes` now.

    Args:
        related: the versions that relationships point to, as splitting takes them; what cannot be
            evaluated does not pass.
        newest: the newest published rows: what must not repeat must not repeat one of them either.
    """
    names = {column.name for column in contract.published_columns}
    rules = [rule for rule in contract.rules if rule.splits_rows and set(rule.columns) <= names]
    judging = judged_rules(rules, related)
    all_judged = pl.lit(len(rules) == len(judging))
    judged = look_up(_typed(quarantined, contract), judging, related).with_columns(
        pl.all_horizontal(all_judged, *(keeps(rule) for rule in judging)).alias(PASSES)
    )
    for rule in judging:
        if rule.kind in ("unique", "duplicateValues") and newest is not None:
            judged = _not_published(judged, contract, rule, newest)
    overruled = (
        pl.col(REASONS)
        .list.eval(pl.any_horizontal(pl.element().str.starts_with(start) for start in NEVER))
        .list.any()
        .fill_null(False)
    )
    return judged.select(ROW, REASONS, (pl.col(PASSES) & ~overruled).alias(PASSES))


def _typed(quarantined: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """`_row`, `_reasons`, the published columns in their types, and whether each cell could be
    read.
    """
    columns = contract.published_columns
    return as_text(quarantined, contract).select(
        ROW,
        REASONS,
        *(read(column) for column in columns),
        *(
            readable(column, read(column)).alias(was_read(column.name))
            for column in columns
            if not column.is_text
        ),
    )


def _not_published(
    judged: pl.LazyFrame, contract: Contract, rule: Rule, newest: pl.LazyFrame
) -> pl.LazyFrame:
    """The rows; one whose key a published row has does not pass."""
    if not set(rule.columns) <= set(newest.collect_schema()):
        return judged
    keys = newest.select(
        pl.col(name).cast(dtype(contract.column(name)), strict=False) for name in rule.columns
    ).unique()
    published = keys.with_columns(pl.lit(True).alias("_published"))
    joined = judged.join(published, on=list(rule.columns), how="left", maintain_order="left")
    passes = pl.col(PASSES) & pl.col("_published").is_null()
    return joined.with_columns(passes).drop("_published")
