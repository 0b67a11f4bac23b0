"""Columns of a delivery that the contract does not declare -> the missing column that each may be.

Belongs here: comparing names and values with what the contract declares of the missing column.
Stays out: reading a sample, refusing the delivery (assets/stages/ingest.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import polars as pl

from assay.contracts.model import Column, Rule
from assay.contracts.rules import judge
from assay.contracts.types import NESTED, read

_LIKE = 0.6
"""How alike two names are, at least, to be one name with a slip (difflib's ratio)."""
_FITS = 0.95
"""The share of a column's values that must be what the missing column declares."""
_TELLING = ("pattern", "enum", "format", "invalidValues")
"""Rules that tell one column of text from another."""


def renamed_column(
    missing: Column, rules: Sequence[Rule], others: Sequence[str], sample: pl.DataFrame
) -> str | None:
    """The one of the other columns that the missing one was perhaps renamed to; None if none or
    several may be.

    Args:
        rules: the contract's.
        others: columns of the source that the contract does not declare.
        sample: some rows of them as text.
    """
    names = {other.lower(): other for other in others}
    wanted = (missing.physical_name or missing.name).lower()
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=_LIKE)
    if close:
        return names[close[0]]
    own = [rule for rule in rules if rule.columns == (missing.name,) and rule.kind in _TELLING]
    if missing.logical_type in NESTED or (missing.logical_type == "string" and not own):
        return None  # any text fits
    fitting = [other for other in others if _fits(sample[other], missing, own)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(values: pl.Series, column: Column, rules: Sequence[Rule]) -> bool:
    """Whether nearly all of the values are of the column's type and keep its rules."""
    texts = values.drop_nulls().cast(pl.String).alias(column.name)
    if texts.is_empty():
        return False
    value = read(column)
    typed = texts.to_frame().select(value.alias(column.name))
    kept = [judge(rule, pl.col(column.name)) for rule in rules]
    is_right = pl.all_horizontal(pl.col(column.name).is_not_null(), *kept)
    return bool(typed.select(is_right.mean()).item() >= _FITS)


def describe_undeclared(places: Sequence[int]) -> str:
    """The sentence about columns that the contract does not declare, by their places."""
    if len(places) == 1:
        return f"column {places[0]} of the source is not published"
    return f"columns {', '.join(map(str, places))} of the source are not published"
