"""What every transform has in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from assay.contracts.settings import Settings

Columns = Annotated[tuple[str, ...], Field(min_length=1)]
Kind = Literal["number", "text", "time"]
"""What a transform needs a column to be."""
_UNITS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}


def _is_a_span(text: str | int) -> str | int:
    if isinstance(text, str) and not re.fullmatch(r"[1-9][0-9]{0,6}[dhms]", text):
        raise ValueError(
            "write a span of time as a number and d, h, m or s, such as 7d, "
            "or as a whole number if rows are ordered by one"
        )
    if isinstance(text, int) and not 0 < text < 2**53:
        raise ValueError("a span must be greater than 0")
    return text


Span = Annotated[str | int, AfterValidator(_is_a_span)]
"""How far back: a time such as `7d`, or a whole number where the rows are ordered by one."""


def length(span: str | int) -> int:
    """A span in microseconds, or in the units of the number that orders the rows."""
    return span if isinstance(span, int) else int(span[:-1]) * _UNITS[span[-1]]


class Transform(Settings):
    """One step from columns to features. It may read what the transforms before it have made."""

    transform: str
    keep: bool = True
    """Whether what it makes is in the feature table, or only serves later transforms."""

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The columns it looks at, next to the one that orders the rows."""

    @property
    def needs(self) -> dict[str, Kind]:
        """What some of its columns must be."""
        return {}

    @property
    def makes(self) -> tuple[str, ...]:
        """The features that the contract alone names.

        A transform whose features depend on the data names none.
        """
        return ()

    @property
    def by_time(self) -> bool:
        """Whether it looks at when a row was: then `order_by` is a time or a whole number."""
        return False

    @property
    def only_the_past(self) -> bool:
        """Whether it sees nothing but rows from before the moment of a row, so that it may look at
        what the target is derived from.
        """
        return False


class OfColumns(Transform):
    """A transform that does the same to each of its columns."""

    columns: Columns

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns


class OfNumbers(OfColumns):
    """A transform of columns of numbers."""

    @property
    def needs(self) -> dict[str, Kind]:
        """Numbers."""
        return dict.fromkeys(self.columns, "number")


class Sampled(Settings):
    """Learned by scikit-learn from a sample of the training rows: so many at most, drawn by a seed.

    All of them where there are no more.
    """

    sample_rows: int = Field(default=100_000, ge=10, le=10_000_000)
    seed: int = Field(default=0, ge=0)
