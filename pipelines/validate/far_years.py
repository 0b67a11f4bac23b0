"""How many rows each year has -> the years far from nearly all others.

Belongs here: which years are doubtful, and the sentence about them. Stays out: counting rows (assets).
`0024-01-06` and `2099-01-01` are valid dates, and often mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.contracts.model import Contract

_RARE = 0.01  # share of the rows; years at the ends with no more rows than that may be far,
_FEW = 2  # or with so many rows, where these are at most
_FEW_OF = 0.25  # this share
_LEAST = 50  # years
_SPANS = 2.0  # times the span of the others: births of a century are not far from each other


def far_years(counts: pl.DataFrame) -> list[int]:
    """The years, ascending, that few rows have and that are far from those of all other rows.

    Args:
        counts: `year` (integer, each once) and `rows` (> 0).
    """
    years = counts.sort("year")
    total = int(years["rows"].sum())
    rare = max(_RARE * total, min(_FEW, _FEW_OF * total))
    rows = pl.col("rows")
    usual = years.filter(rows.cum_sum() > rare, rows.cum_sum(reverse=True) > rare)["year"]
    if usual.is_empty():
        return []
    first, last = int(usual[0]), int(usual[-1])
    reach = max(_LEAST, int(_SPANS * (last - first)))
    is_far = (pl.col("year") < first - reach) | (pl.col("year") > last + reach)
    return [int(year) for year in years.filter(is_far)["year"]]


def describe_far_years(column: str, years: Sequence[int]) -> str:
    """The sentence about the far years of one column; the first few of them."""
    listed = ", ".join(f"{year:04}" for year in years[:3]) + (" …" if len(years) > 3 else "")
    noun = "year" if len(years) == 1 else "years"
    return f"column '{column}' has the {noun} {listed}, far from the years of nearly all rows"


def dated_columns(contract: Contract) -> list[str]:
    """The published columns of days and times whose years may be shown."""
    return [
        column.name
        for column in contract.published_columns
        if column.logical_type in ("date", "timestamp")
        and column.name not in contract.privacy.columns
        and column.classification is None
    ]


def year_counts(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Plan the count of the rows of each year of a column of days or times."""
    year = pl.col(name).dt.year().cast(pl.Int64).alias("year")
    return rows.select(year).drop_nulls().group_by("year").len("rows")


def span_is_wide(years: Sequence[int]) -> bool:
    """Whether years from the first to the last may include a far one."""
    return max(years) - min(years) > _LEAST
