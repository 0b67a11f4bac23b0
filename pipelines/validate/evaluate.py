"""A table that is published and rules that may be new -> how many rows would break each, and which.

Belongs here: evaluating without splitting, and not reading what statistics prove. Stays out: what a
rule means (contracts/rules.py).
"""

from __future__ import annotations

import operator
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.contracts.model import Column, Contract, Rule
from assay.contracts.rules import keeps, was_read
from assay.contracts.typed_arguments import limit_of
from assay.contracts.types import dtype, read, readable
from assay.pipelines.clean.duplicates import SAMPLE, distinguishing_columns, suspects
from assay.pipelines.core.engine import run_together
from assay.pipelines.validate.split import (
    judged_rules,
    keeps_or_is_unread,
    look_up,
    typed_columns,
)

EXAMPLES = 5
_COMPARED = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_ROW = "_position"
Proving = Generator[list[pl.LazyFrame], list[pl.DataFrame], tuple[str, ...]]
"""Yields the plans of one pass and is sent their frames; returns the names of the rules that are
proven.
"""


@dataclass(frozen=True)
class Statistics:
    """What the footers of a table's files state about one column: exact, over all rows.

    `low` and `high` are None if one file lacks them.
    """

    nulls: int | None
    low: Any = None
    high: Any = None


def proven(rule: Rule, statistics: Mapping[str, Statistics]) -> bool:
    """Whether the statistics alone prove that every row keeps the rule, so that the column need not
    be read.

    The high end of fractions proves nothing: writers leave NaN out of it, and NaN is above every
    limit.
    """
    if rule.path or len(rule.columns) != 1:
        return False
    known = statistics.get(rule.columns[0])
    if known is None:
        return False
    match rule.kind:
        case "required" | "nullValues":
            return known.nulls == 0
        case "minimum" | "exclusiveMinimum":
            return known.low is not None and _within(known.low, rule)
        case "maximum" | "exclusiveMaximum":
            is_proof = known.high is not None and not isinstance(known.high, float)
            return is_proof and _within(known.high, rule)
        case _:
            return False


def _within(value: Any, rule: Rule) -> bool:
    """Whether one end of a column keeps a limit, both in the column's type."""
    limit = limit_of(rule)
    return bool(_COMPARED[limit.comparison](value, limit.value))


def kept_by_all(
    rules: Sequence[Rule], contract: Contract, values: Mapping[str, pl.Series]
) -> tuple[str, ...]:
    """The rules about one column that every different value of it keeps, so that no row need be
    asked.

    Args:
        values: column -> its different values as text, null among them where there is one.
    """
    asked: dict[str, list[Rule]] = {}
    for rule in rules:
        if (
            rule.judges_rows
            and len(rule.columns) == 1
            and rule.columns[0] in values
            and rule.kind not in ("unique", "duplicateValues", "relationship")
        ):
            asked.setdefault(rule.columns[0], []).append(rule)
    plans = [
        typed_values(contract.column(name), values[name]).select(
            keeps(rule).all().alias(rule.name) for rule in about
        )
        for name, about in asked.items()
    ]
    return tuple(
        rule
        for answer in run_together(plans)
        for rule, holds in answer.row(0, named=True).items()
        if holds
    )


def without_repeats(
    rows: pl.LazyFrame, contract: Contract, rules: Sequence[Rule], parts: int
) -> Proving:
    """The rules against repeated values that no row can break, since no two hashes of their values
    are equal. What repeats is left to the apply pass.

    To know a repeated value as it goes by, that pass must remember every one before it: its memory
    grows with the rows. This one sorts hashes, part after part,
    first of the columns that distinguish rows: where those repeat nowhere, the whole does not.

    Args:
        rows: `_row` and the contract's columns as text.
        parts: how many parts the hashes are divided into.
    Yields: the plans of one pass, and is sent their frames.
    """
    asked = {
        rule.name: _typed(rows, contract, rule)
        for rule in rules
        if rule.kind in ("unique", "duplicateValues")
        and not set(rule.columns) & set(contract.privacy.columns)
    }
    samples = (yield [keys.head(SAMPLE) for keys in asked.values()]) if asked else []
    few = {
        name: distinguishing_columns(
            sample.select(pl.all().n_unique()).row(0, named=True), sample.height
        )
        for name, sample in zip(asked, samples, strict=True)
    }
    proven = yield from _unrepeated(
        {name: keys.select(few[name]) for name, keys in asked.items()}, parts
    )
    wider = {
        name: keys
        for name, keys in asked.items()
        if name not in proven and few[name] != keys.collect_schema().names()
    }
    return proven + (yield from _unrepeated(wider, parts))


def _unrepeated(keys: Mapping[str, pl.LazyFrame], parts: int) -> Proving:
    """Of rules and the values that they are about, those without any repeated hash."""
    left = dict(keys)
    for part in range(parts):
        if left:
            repeat_counts = yield [
                suspects(frame, frame.collect_schema().names(), part, parts).select(pl.len())
                for frame in left.values()
            ]
            left = {
                name: frame
                for (name, frame), repeats in zip(left.items(), repeat_counts, strict=True)
                if not repeats.item()
            }
    return tuple(left)


def _typed(rows: pl.LazyFrame, contract: Contract, rule: Rule) -> pl.LazyFrame:
    """The values that a rule is about, as `keeps` evaluates them."""
    typed = rows.select(read(contract.column(name)).alias(name) for name in rule.columns)
    return typed.drop_nulls() if len(rule.columns) == 1 else typed


def typed_values(column: Column, values: pl.Series) -> pl.LazyFrame:
    """A column of text, read as its type, next to the `_was_read_` helper."""
    text = values.alias(column.name).to_frame().lazy()
    return text.select(read(column), readable(column, read(column)).alias(was_read(column.name)))


def retyped(frame: pl.LazyFrame, columns: Sequence[Column]) -> pl.LazyFrame:
    """A published table under another contract: its columns cast to the types declared now, next to
    the `_was_read_` helpers; columns it lacks stay away.
    """
    schema = frame.collect_schema()
    there = [column for column in columns if column.name in schema]

    def cast(column: Column) -> pl.Expr:
        value = pl.col(column.name)
        return (
            value
            if schema[column.name] == dtype(column)
            else value.cast(dtype(column), strict=False)
        )

    return frame.select(
        *(cast(column) for column in there),
        *(
            (pl.col(c.name).is_null() | cast(c).is_not_null()).alias(was_read(c.name))
            for c in there
        ),
    )


def counting(
    frame: pl.LazyFrame,
    rules: Sequence[Rule],
    related: Mapping[str, pl.LazyFrame] | None = None,
    *,
    examples: int = EXAMPLES,
) -> pl.LazyFrame:
    """The plan of one row: `rows`, for each rule by name the rows that break it, and under
    `<name>?` the positions of the first of them, from 1.

    Args:
        frame: typed columns, as `retyped` makes them. Rules about columns it lacks must have been
            left out.
        examples: positions a rule; none for 0, which spares numbering the rows.
    """
    judging = judged_rules(rules, related or {})
    table = look_up(frame, judging, related or {})
    if examples:
        table = table.with_row_index(_ROW, offset=1)
    typed = typed_columns(rules)
    broken = {rule.name: ~keeps_or_is_unread(rule, typed) for rule in judging}
    positions = (
        [
            pl.col(_ROW).filter(wrong).head(examples).implode().alias(f"{name}?")
            for name, wrong in broken.items()
        ]
        if examples
        else []
    )
    return table.select(
        pl.len().alias("rows"),
        *(wrong.sum().alias(name) for name, wrong in broken.items()),
        *positions,
    )
