"""Columns of numbers -> personal values in them: cards, phone numbers, national ids.

Belongs here: which numbers are long enough, how many must be confirmed. Stays out: the detectors,
the search in texts (personal.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assay.pipelines.admit import personal
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.admit.names import personal_hint
from assay.pipelines.core.frames import ROW

MOST = 0.5
"""The share of a column's numbers that must be confirmed: one long number in ten has the check
digit of a card."""
_PHONE, _NAMED = 7, 4
"""Digits of the shortest number that is searched, and where the column's name states its kind."""


def worth_a_search(
    frame: pl.LazyFrame, schema: Mapping[str, pl.DataType], columns: Sequence[str]
) -> pl.LazyFrame:
    """Plan the look for columns in which most numbers are long: one row, with the count of their
    numbers, and null for other columns.
    """
    return frame.select(
        pl.lit(0).alias(ROW),
        *(
            pl.when(_is_searched(column, schema[column]).sum() >= MOST * pl.col(column).count())
            .then(pl.col(column).count())
            .alias(column)
            for column in columns
        ),
    )


def spans(
    frame: pl.LazyFrame, dtype: pl.DataType, column: str, least: float, regions: PhoneRegions
) -> list[pl.LazyFrame]:
    """Plan the search of one column; the result is as `personal.spans` gives it.

    Args:
        least: rows in which a kind must be confirmed.
    """
    digits = frame.select(ROW, as_digits(column, dtype).alias(column)).drop_nulls(column)
    return [
        plan.filter(pl.col(ROW).n_unique().over("kind") >= least)
        for plan in personal.spans(
            digits, [column], alone=False, of_words=[column], regions=regions
        )
    ]


def as_digits(column: str, dtype: pl.DataType) -> pl.Expr:
    """Long whole numbers without a sign or a fraction, as text; null for others."""
    cell = pl.col(column)
    if dtype == pl.String:
        digits = cell.str.extract("([0-9]+)")
    else:
        digits = cell.cast(pl.Int128, strict=False).cast(pl.String)
    return pl.when(_is_searched(column, dtype)).then(digits)


def _is_searched(column: str, dtype: pl.DataType) -> pl.Expr:
    cell, least = pl.col(column), _NAMED if personal_hint(column) else _PHONE
    if dtype == pl.String:
        found = cell.str.contains(rf"^\s*\+?[0-9]{{{least},}}(?:\.0*)?\s*$")
    elif dtype.is_integer():
        found = cell >= 10 ** (least - 1)
    else:
        found = (cell >= 10 ** (least - 1)) & (cell < 1e30) & (cell == cell.floor())
    return found.fill_null(False)
