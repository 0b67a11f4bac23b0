"""Dates and times -> parts as numbers, and what comes round again as a point on a circle.

Nothing is learned.
"""

from __future__ import annotations

import math

import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import Calendar, Cyclical
from assay.contracts.transforms.times import PERIODS, ZERO
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, nothing_to_learn
from assay.pipelines.core.required import required
from assay.pipelines.features.transform_spec import Context, Kind, Made

_CLOCK = ("hour", "minute", "second")


def _parts(transform: Calendar, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    named = iter(transform.makes)
    return Made(
        {
            next(named): _part(column, part, transform.time_zone, context)
            for column in transform.columns
            for part in transform.parts
        }
    )


def _part(column: str, part: str, zone: str | None, context: Context) -> pl.Expr:
    dtype = context.types[column]
    if not isinstance(dtype, pl.Datetime | pl.Date) or (part in _CLOCK and dtype == pl.Date):
        raise FeatureError(
            f"'{column}' is {dtype}, which has no {part}",
            "Choose a column of dates or timestamps",
            Where(field=column),
        )
    value = pl.col(column)
    if zone is not None and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        value = value.dt.convert_time_zone(zone)
    match part:
        case "is_weekend":
            return (value.dt.weekday() >= 6).cast(pl.Int8)
        case "is_month_start":
            return (value.dt.day() == 1).cast(pl.Int8)
        case "is_month_end":
            return (value.dt.date() == value.dt.date().dt.month_end()).cast(pl.Int8)
        case "days":
            return value.dt.date().to_physical().cast(pl.Int32)
        case "day_of_year":
            return value.dt.ordinal_day().cast(pl.Int32)
        case _:
            named: pl.Expr = getattr(value.dt, part)()
            return named.cast(pl.Int32)


def _circles(transform: Cyclical, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    """Source: London (2016), "Encoding cyclical continuous features - 24-hour time"; the angle is 2
    pi x / period.
    """
    made: dict[str, pl.Expr] = {}
    names = iter(transform.makes)
    for column in transform.columns:
        if transform.part:
            period = float(PERIODS[transform.part])
            x = (
                _part(column, transform.part, transform.time_zone, context)
                - (0 if transform.part in ZERO else 1)
            ).cast(pl.Float64)
        else:
            period, x = required(transform.period, "period"), number(column)
        angle = x * (2.0 * math.pi / period)
        made[next(names)] = angle.sin()
        made[next(names)] = angle.cos()
    return Made(made)


CALENDAR = Kind(nothing_to_learn, _parts)
CYCLICAL = Kind(nothing_to_learn, _circles)
