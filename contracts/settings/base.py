"""The base of every property: frozen, strict about keys, and what several of them consist of."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)


class Settings(BaseModel):
    """The base of every property.

    Frozen, strict about keys, and without numbers that are none or endless.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Share = Annotated[float, Field(ge=0, le=1)]


def _day_is_utc(value: object) -> object:
    return (
        f"{value}T00:00:00Z"
        if isinstance(value, str) and len(value) == len("2013-01-01")
        else value
    )


def _has_a_day_in_utc(at: datetime) -> datetime:
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time must be between the years 1 and 9999 in UTC") from None
    return at


Instant = Annotated[AwareDatetime, BeforeValidator(_day_is_utc), AfterValidator(_has_a_day_in_utc)]
"""A time with its zone; a day alone begins in UTC."""


MAX_DAYS = 365_000
"""The longest period that a contract may name, 1,000 years: a date cannot hold ten times that."""


def _iso_days(text: str) -> str:
    if not re.fullmatch(r"P[0-9]+D", text):
        raise ValueError("write a number of days in ISO 8601, such as P30D")
    if len(text) > 10 or int(text[1:-1]) > MAX_DAYS:
        raise ValueError(f"a period is at most 1,000 years: write P{MAX_DAYS}D to keep everything")
    return text


Days = Annotated[str, AfterValidator(_iso_days)]
