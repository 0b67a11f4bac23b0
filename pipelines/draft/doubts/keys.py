"""A column that nearly names the rows -> the values that occur in several.

Belongs here: telling a key from a random draw. Stays out: keys that hold (draft/keys.py).
"""

from __future__ import annotations

import polars as pl

from assay.pipelines.admit.names import key_hint
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

_MOST = 0.05
"""Share of rows that may repeat another's key."""
_MOST_UNNAMED = 0.001
"""Share of rows that may repeat another, where no name or form says that values name rows."""
_LONG = 8
"""Digits of a number that is a code."""
_MOST_GAPS = 0.01
_LEAST_UNNAMED = 100
"""Rows of a table in which a column may be a key that neither its name nor its place says."""
_BY_CHANCE = (0.3, 3.0)
"""Between these multiples of the repetitions that random draws would have, a column is no key."""


def repeated_keys(column: Column) -> Suspicion | None:
    """Values of a key that occur in several rows, beyond rows that are repeated as a whole."""
    distinct = column.texts.height
    extra = column.given - distinct
    beyond = extra - column.repeated_rows
    if column.given < LEAST_ROWS or beyond <= 0 or extra > _MOST * column.given:
        return None
    is_hinted = key_hint(column.name) or column.position == 0
    if not is_hinted and column.given < _LEAST_UNNAMED:
        return None
    least, most = (factor * _expected_repetitions(column) for factor in _BY_CHANCE)
    is_by_chance = least <= extra <= most
    if not _may_be_key(column) or is_by_chance:
        return None
    values = column.values_where(pl.col("rows") > 1)
    return Suspicion(
        problem=f"{len(values):,} values of a nearly unique column occur in several rows",
        rule="unique: true",
        confidence=0.9 if is_hinted else 0.75,
        values=values,
        count=beyond,
    )


def missing_keys(column: Column) -> Suspicion | None:
    """Rows without a key, where nearly all have one."""
    missing = column.table_rows - column.given
    is_key = column.texts.height >= (1 - _MOST) * column.given and _may_be_key(column)
    if column.given < LEAST_ROWS or not 0 < missing <= _MOST * column.table_rows or not is_key:
        return None
    if not (key_hint(column.name) or column.position == 0):
        return None
    return Suspicion(
        problem="a nearly unique column has no value in some rows",
        rule="required: true",
        confidence=0.85,
        count=missing,
        rows=column.table_rows,
    )


def gaps_in_sequence(column: Column) -> Suspicion | None:
    """Numbers left out of a key that counts the rows without a gap otherwise."""
    is_counter = key_hint(column.name) or column.position == 0
    if column.profile.kind != "integer" or column.given < _LEAST_UNNAMED or not is_counter:
        return None
    numbers = column.numbers["number"].unique().sort()
    left_out = int(numbers[-1] - numbers[0]) + 1 - len(numbers)
    gaps = int((numbers.diff().drop_nulls() > 1).sum())
    if not 0 < left_out <= _MOST_GAPS * len(numbers) or len(numbers) < 0.95 * column.given:
        return None
    return Suspicion(
        problem=f"{left_out:,} numbers are left out of a sequence, in {gaps:,} places",
        rule="a rule on the table: the greatest less the least is the number of rows less 1",
        confidence=0.65,
        count=left_out,
    )


def _may_be_key(column: Column) -> bool:
    few = column.given - column.texts.height <= _MOST_UNNAMED * column.given
    profile = column.profile
    if profile.kind == "integer":
        is_long = profile.shortest == profile.longest >= _LONG
        return key_hint(column.name) or column.position == 0 or (is_long and few)
    if column.profile.kind != "string" or column.profile.longest > 64:
        return False
    code = r"^[A-Za-z0-9][A-Za-z0-9._:/#-]*[0-9][A-Za-z0-9._:/#-]*$"
    pattern = r"^\S{8,}$" if few and not key_hint(column.name) else code
    return column.share(pl.col("value").str.contains(pattern)) > 0.95


def _expected_repetitions(column: Column) -> float:
    """How many rows would repeat another's value if values were drawn at random from their range.

    Source: the birthday problem, n² / 2R for n draws from R values.
    """
    text = pl.col("value").str.replace_all("[^0-9]", "")
    if column.share(pl.col("value").str.contains("(?:[A-Za-z].*){5}")) > 0.5:
        return 0.0  # letters all over: a range far larger than any table
    number = column.texts.select(text.str.tail(15).cast(pl.Float64, strict=False)).to_series()
    low, high = number.quantile(0.005), number.quantile(0.995)
    if low is None or high is None or high <= low:
        return 0.0
    return float(column.given**2 / (2 * (high - low + 1)))
