"""The keys of rows as text that is the same wherever the same key stands.

Belongs here: one spelling for each key. Stays out: digests of it and where they are kept
(assets/io/key_index.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import polars as pl

from assay.contracts.model import Contract, Rule

REPEATING = ("unique", "duplicateValues")
"""The kinds of rules that compare rows with each other."""
Elsewhere = Callable[[tuple[str, ...], pl.DataFrame], pl.Series]
"""Columns and their values -> true where another partition of the version has that key."""


def compared_columns(contract: Contract) -> dict[str, tuple[str, ...]]:
    """Rule -> the columns whose values must not repeat, of the rules about published columns."""
    published = {column.name for column in contract.published_columns}
    return {
        rule.name: rule.columns
        for rule in contract.rules
        if rule.kind in REPEATING and published.issuperset(rule.columns)
    }


def repeated_columns(contract: Contract) -> list[tuple[str, ...]]:
    """The columns whose repeated values are only counted, and stay in the version."""
    compared = compared_columns(contract)
    counted = [rule for rule in contract.rules if rule.name in compared and not is_exact(rule)]
    return list(dict.fromkeys(rule.columns for rule in counted))


def is_exact(rule: Rule) -> bool:
    """Whether rows that repeat a key are quarantined, so that no version holds two of them."""
    return rule.kind in REPEATING and rule.splits_rows


def key_texts(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """One text for each row's key; null where a key of one column is null.

    A missing part of a key of several columns counts as a value, as in `contracts.rules.keeps`.
    """
    parts = [_part(name, rows.schema[name]) for name in columns]
    if len(parts) == 1:
        return rows.select(parts[0].alias("key")).to_series()
    lengths = [
        pl.when(part.is_null())
        .then(pl.lit("-"))
        .otherwise(pl.concat_str(part.str.len_bytes().cast(pl.String), pl.lit(":"), part))
        for part in parts
    ]
    return rows.select(pl.concat_str(lengths).alias("key")).to_series()


def _part(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as text: equal values have equal texts, different values different ones."""
    value = pl.col(name)
    if kind == pl.String:
        return value
    if kind.is_nested():
        encoded = pl.struct(value).struct.json_encode()
        return pl.when(value.is_not_null()).then(encoded)
    if kind == pl.Binary:
        return value.bin.encode("hex")
    if kind.is_float():
        return pl.when(value == 0).then(0.0).otherwise(value).cast(pl.String)  # zero has one sign
    if kind.is_temporal():
        return value.to_physical().cast(pl.String)
    return value.cast(pl.String)


def stands_elsewhere(columns: tuple[str, ...], elsewhere: Elsewhere) -> pl.Expr:
    """True where another partition has the row's key; never null."""

    def looked_up(keys: pl.Series) -> pl.Series:
        return elsewhere(columns, keys.struct.unnest())

    return pl.struct(columns).map_batches(looked_up, return_dtype=pl.Boolean, is_elementwise=True)


def repeats(rows: pl.LazyFrame, names: Collection[tuple[str, ...]]) -> list[pl.LazyFrame]:
    """For each set of columns a plan of one number: the rows that repeat an earlier row's key."""
    plans = []
    for columns in names:
        keys = rows.select(columns)
        keys = keys.drop_nulls() if len(columns) == 1 else keys
        plans.append(keys.select(pl.len() - pl.struct(columns).n_unique()))
    return plans
