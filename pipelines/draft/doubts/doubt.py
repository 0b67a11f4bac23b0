"""The shapes of this room: a column's distinct values, what a decider suspects, a doubt.

Belongs here: dataclasses and what all deciders need of them. Stays out: deciding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.draft.profile import ColumnProfile, Profile

LEAST_ROWS = 20
"""Values below which nothing is told from a share."""


NOTE = 0.4
"""The confidence of what is remarkable, and as often right: a constant column of an extract."""
SURE = 0.6
"""From this confidence on, a doubt is a warning."""


@dataclass(frozen=True)
class Doubt:
    """What looks like an error, and the rule that would report it from the next run on."""

    kind: str
    columns: tuple[str, ...]
    rows: int
    """Rows that were examined: those with a value, or all of the sample."""
    count: int
    """Rows among them that are doubtful."""
    example: str | None
    """One doubtful value; its shape alone where the column is, or may be, personal."""
    confidence: float
    problem: str
    rule: str
    tolerance_pct: float
    """Percent of rows that would break the rule today, rounded up."""

    @property
    def is_warning(self) -> bool:
        """Whether it is likely to be an error."""
        return self.confidence >= SURE


@dataclass(frozen=True)
class Suspicion:
    """What a decider suspects: values of one column, or rows of several."""

    problem: str
    rule: str
    confidence: float
    values: pl.Series | None = None
    """The distinct texts that are suspect; None where rows are, and no value by itself."""
    count: int | None = None
    """Rows that are suspect; by default, those that have one of the values."""
    columns: tuple[str, ...] = ()
    example: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Column:
    """The distinct texts of a column with their rows, the most frequent first."""

    profile: ColumnProfile
    texts: pl.DataFrame
    """`value` (text, no nulls) and `rows` (> 0)."""
    table_rows: int
    repeated_rows: int
    """Rows of the table that repeat another in every column."""
    position: int

    @property
    def name(self) -> str:
        """The column's name."""
        return self.profile.name

    @cached_property
    def given(self) -> int:
        """Rows with a value."""
        return int(self.texts["rows"].sum())

    @cached_property
    def numbers(self) -> pl.DataFrame:
        """The texts that are a finite number, with it as `number`, ascending."""
        number = pl.col("value").str.strip_chars().cast(pl.Float64, strict=False)
        return (
            self.texts.with_columns(number=number)
            .filter(pl.col("number").is_finite())
            .sort("number")
        )

    @cached_property
    def sorted_numbers(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The numbers of all rows, ascending."""
        return np.repeat(self.numbers["number"].to_numpy(), self.numbers["rows"].to_numpy())

    @property
    def holds_text(self) -> bool:
        """Whether it is a column of text, or of a type that some texts are not of."""
        return self.profile.kind == "string" or self.profile.deviating > 0

    @property
    def is_numeric(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.profile.kind in ("integer", "number") or (
            self.profile.kind == "string"
            and self.given >= LEAST_ROWS
            and len(self.sorted_numbers) > 0.9 * self.given
        )

    @cached_property
    def is_prose(self) -> bool:
        """Whether the values are sentences."""
        words = self.texts["value"].head(200).str.count_matches(r"\s") + 1
        return bool(len(words)) and float(words.mean() or 0) > 6  # type: ignore[arg-type]  # of numbers

    def share(self, condition: pl.Expr) -> float:
        """The share of rows whose value fulfils a condition on `value`."""
        return self.rows_where(condition) / self.given if self.given else 0.0

    def rows_where(self, condition: pl.Expr) -> int:
        """The number of rows whose value fulfils a condition on `value`."""
        return int(self.texts.filter(condition)["rows"].sum())

    def values_where(self, condition: pl.Expr) -> pl.Series:
        """The distinct texts that fulfil a condition on `value`."""
        return self.texts.filter(condition)["value"]

    def without(self, values: pl.Series) -> Column:
        """The column without these texts."""
        if not len(values):
            return self
        return self.with_texts(self.texts.filter(~pl.col("value").is_in(values.implode())))

    def with_texts(self, texts: pl.DataFrame) -> Column:
        """The column with other texts."""
        return replace(self, texts=texts)


@dataclass(frozen=True)
class Table:
    """The rows that are examined, in their order, and what was measured of all of them."""

    profile: Profile
    sample: pl.DataFrame
    """`_row` and text columns, null where there is nothing."""
    columns: Mapping[str, Column]
    today: date


def rounded_up(percent: float) -> float:
    """A percentage with at most two digits that count, no smaller."""
    if percent <= 0:
        return 0.0
    digits = 1 - math.floor(math.log10(percent))
    step = 10.0**-digits
    return float(min(100.0, round(math.ceil(percent / step - 1e-9) * step, max(0, digits))))


def listed(names: Sequence[str]) -> str:
    """Column names in words, the first few of them."""
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
