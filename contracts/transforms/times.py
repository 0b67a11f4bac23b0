"""Transforms of dates and times."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from assay.contracts.formats import time_zones
from assay.contracts.transforms.base import Kind, OfColumns

Part = Literal[
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "day_of_year",
    "weekday",
    "hour",
    "minute",
    "second",
    "is_weekend",
    "is_month_start",
    "is_month_end",
    "days",
]
PERIODS = {
    "month": 12,
    "week": 53,
    "day": 31,
    "day_of_year": 366,
    "weekday": 7,
    "hour": 24,
    "minute": 60,
    "second": 60,
    "quarter": 4,
}
"""How many different values a part has, as far as it comes round again."""
ZERO = {"hour": 0, "minute": 0, "second": 0}
"""Where a part begins to count; 1 unless here."""


class _InAZone(OfColumns):
    time_zone: str | None = None
    """The zone whose clock is read; the column's own by default."""

    @field_validator("time_zone")
    @classmethod
    def _is_one(cls, name: str | None) -> str | None:
        if name is not None and name not in time_zones():
            raise ValueError(f"'{name}' is not a time zone, such as America/New_York")
        return name


class Calendar(_InAZone):
    """Parts of a date or time as numbers; weekdays from 1, Monday, and `days` since 1970."""

    transform: Literal["calendar"]
    parts: tuple[Part, ...] = Field(min_length=1)

    @property
    def needs(self) -> dict[str, Kind]:
        """Times."""
        return dict.fromkeys(self.columns, "time")

    @property
    def makes(self) -> tuple[str, ...]:
        """`at_hour` and so on."""
        return tuple(f"{column}_{part}" for column in self.columns for part in self.parts)


class Cyclical(_InAZone):
    """The sine and cosine of what comes round again.

    A part of a time, or a number with its period, so that 23 and 0 lie side by side.
    """

    transform: Literal["cyclical"]
    part: (
        Literal[
            "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second"
        ]
        | None
    ) = None
    period: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _said_once(self) -> Cyclical:
        if (self.part is None) == (self.period is None):
            raise ValueError("write either the `part` of a time, or the `period` of a number")
        return self

    @property
    def needs(self) -> dict[str, Kind]:
        """Times for a part, numbers for a period."""
        return dict.fromkeys(self.columns, "time" if self.part else "number")

    @property
    def makes(self) -> tuple[str, ...]:
        """`at_hour_sin` and `at_hour_cos`."""
        named = (f"{column}_{self.part}" if self.part else column for column in self.columns)
        return tuple(f"{name}_{function}" for name in named for function in ("sin", "cos"))
