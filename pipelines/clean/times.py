"""Dates and times as people write them -> ISO 8601; times of a zone -> UTC.

Belongs here: which format a column bears out. Stays out: reading ISO 8601 as its type
(contracts/types.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import polars as pl

from assay.contracts.formats import strptime
from assay.contracts.steps import Times
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.package_data import read_lines

_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
_ISO_ZONELESS = ("yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm")
_ISO_ZONED = ("yyyy-MM-dd HH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ssXXX")


def detected_formats() -> tuple[str, ...]:
    """The formats that are searched where none is named."""
    return read_lines("clean/date_formats.txt")


@cache
def _rivals() -> tuple[tuple[str, str], ...]:
    """Pairs of formats that differ in the order of day and month alone."""
    day_first = [
        form
        for form in detected_formats()
        if form.startswith("dd") and "MMM" not in form and "." not in form
    ]
    swapped = (form.replace("dd", "?").replace("MM", "dd").replace("?", "MM") for form in day_first)
    return tuple(zip(day_first, swapped, strict=True))


def _read(column: str, form: str, zone: str | None) -> pl.Expr:
    """The text in ISO 8601 where it is written in that format; years have four digits."""
    text, zoned, timed = (
        pl.col(column).str.strip_chars(),
        form.endswith(("XXX", "xxx", "XX", "Z")),
        "H" in form or "h" in form,
    )
    moment = (
        text.str.to_datetime(
            strptime(form), strict=False, time_unit="us", time_zone="UTC" if zoned else None
        )
        if timed
        else text.str.to_date(strptime(form), strict=False)
    )
    sound: pl.Expr = pl.when(moment.dt.year().is_between(1000, 9999)).then(moment)
    if not timed:
        return sound.dt.to_string("%Y-%m-%d")
    if zone and not zoned:
        sound = sound.dt.replace_time_zone(
            zone, ambiguous="null", non_existent="null"
        ).dt.convert_time_zone("UTC")
    return sound.dt.to_string("%Y-%m-%dT%H:%M:%S%.f" + ("Z" if zoned or zone else ""))


def _fit(step: Times, rows: pl.LazyFrame, _: Columns) -> Learning:
    if step.formats:
        return Fitted({column: list(step.formats) for column in step.columns})
    counts = {f"{index}": rows.select(_counts(column)) for index, column in enumerate(step.columns)}
    found = yield counts
    return Fitted(
        {
            column: _borne_out(found[f"{index}"].row(0, named=True))
            for index, column in enumerate(step.columns)
        }
    )


def _counts(column: str) -> list[pl.Expr]:
    fits = {form: _read(column, form, None).is_not_null() for form in detected_formats()}
    only = [
        (one, other, fits[one] & ~fits[other])
        for pair in _rivals()
        for one, other in (pair, pair[::-1])
    ]
    return [
        *(fit.sum().alias(form) for form, fit in fits.items()),
        *(alone.sum().alias(f"{one} not {other}") for one, other, alone in only),
    ]


def _borne_out(counts: dict[str, int]) -> list[str]:
    """The formats that some value has.

    Of two that differ in day and month only the one without which a value could not be read, if
    that is one.
    """
    out = {form for form in detected_formats() if counts[form]}
    for one, other in _rivals():
        alone, other_alone = counts[f"{one} not {other}"], counts[f"{other} not {one}"]
        if alone and not other_alone:
            out.discard(other)
        elif other_alone and not alone:
            out.discard(one)
    return [form for form in detected_formats() if form in out]


def _effect(step: Times, fitted: Fitted, _: Columns) -> Effect:
    read = {column: _iso(column, fitted.values[column], step) for column in step.columns}
    return Effect(
        {column: value for column, (value, _) in read.items()},
        **unclear(step, {column: wrong for column, (_, wrong) in read.items()}),
    )


def _iso(column: str, formats: Sequence[str], step: Times) -> tuple[pl.Expr, pl.Expr]:
    """The column in ISO 8601, and where it can be read in no way, or in several that differ."""
    text = pl.col(column).str.strip_chars()
    tries = [_read(column, form, step.timezone) for form in formats]
    value = pl.coalesce(tries) if tries else pl.lit(None, pl.String)
    if not step.formats and tries:
        value = pl.when(pl.min_horizontal(tries) == pl.max_horizontal(tries)).then(value)
    done = text.str.contains(_ISO)
    if step.timezone:
        moments = [_read(column, form, step.timezone) for form in (*_ISO_ZONED, *_ISO_ZONELESS)]
        value, done = (
            pl.coalesce(*moments, value),
            text.str.contains(_ISO_DAY) | text.str.ends_with("Z"),
        )
    return pl.when(done | value.is_null()).then(pl.col(column)).otherwise(value), pl.col(
        column
    ).is_not_null() & ~done & value.is_null()


TIMES = Kind(_fit, _effect, corrects=True)
