"""Dates and times as people write them -> ISO 8601; times of a zone -> UTC.

Belongs here: which format a column bears out. Stays out: reading ISO 8601 as its type
(contracts/types.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assay.contracts.date_formats import date_format
from assay.contracts.moments import read_date, read_timestamp
from assay.contracts.steps import Times
from assay.pipelines.clean.date_forms import (
    date_forms,
    day_and_month_swapped,
    forms_of_any,
    shapes,
)
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, Learning

_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"

_OFFSET = r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"


def _read(column: str, form: str | None, zone: str | None) -> pl.Expr:
    """The text in ISO 8601 where it is written in that form (None: ISO 8601 with a time)."""
    text = pl.col(column).str.strip_chars()
    layout = date_format(form) if form else None
    if layout and not layout.is_timed:
        return read_date(text, form).dt.to_string("%Y-%m-%d")
    if layout and layout.is_zoned:
        return _utc_text(read_timestamp(text, is_zoned=True, form=form))
    local = read_timestamp(text, is_zoned=False, form=form)
    if not zone:
        return local.dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
    in_zone = local.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    return _utc_text(in_zone.dt.convert_time_zone("UTC"))


def _utc_text(moment: pl.Expr) -> pl.Expr:
    return moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")


def _fit(step: Times, rows: pl.LazyFrame, _: Columns) -> Learning:
    if step.formats:
        return Fitted({column: list(step.formats) for column in step.columns})
    written = yield {f"{i}": shapes(rows, column) for i, column in enumerate(step.columns)}
    forms = {
        column: forms_of_any(written[f"{i}"]["text"], date_forms())
        for i, column in enumerate(step.columns)
    }
    plans = {
        f"{i}": rows.select(_counts(column, forms[column]))
        for i, column in enumerate(step.columns)
        if forms[column]
    }
    counts = (yield plans) if plans else {}
    return Fitted(
        {
            column: _forms_after_day_month_choice(forms[column], counts[f"{i}"].row(0, named=True))
            if forms[column]
            else []
            for i, column in enumerate(step.columns)
        }
    )


def _day_month_pairs(forms: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of the forms that differ in the order of day and month alone."""
    pairs = [(form, day_and_month_swapped(form)) for form in forms]
    return [(form, other) for form, other in pairs if other and other in forms and form < other]


def _counts(column: str, forms: Sequence[str]) -> list[pl.Expr]:
    fits = {form: _read(column, form, None).is_not_null() for form in forms}
    only = [
        (one, other, fits[one] & ~fits[other])
        for pair in _day_month_pairs(forms)
        for one, other in (pair, pair[::-1])
    ]
    return [
        *(fit.sum().alias(form) for form, fit in fits.items()),
        *(alone.sum().alias(f"{one} not {other}") for one, other, alone in only),
    ]


def _forms_after_day_month_choice(forms: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """The forms that some value has.

    Of two that differ in day and month only the one without which a value could not be read, if
    that is one.
    """
    out = {form for form in forms if counts[form]}
    for one, other in _day_month_pairs(forms):
        alone, other_alone = counts[f"{one} not {other}"], counts[f"{other} not {one}"]
        if alone and not other_alone:
            out.discard(other)
        elif other_alone and not alone:
            out.discard(one)
    return [form for form in forms if form in out]


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
        value, done = (
            pl.coalesce(*_iso_moments(column, step.timezone), value),
            text.str.contains(_ISO_DAY) | text.str.ends_with("Z"),
        )
    return pl.when(done | value.is_null()).then(pl.col(column)).otherwise(value), pl.col(
        column
    ).is_not_null() & ~done & value.is_null()


def _iso_moments(column: str, zone: str) -> tuple[pl.Expr, pl.Expr]:
    """ISO 8601 as UTC: without an offset, in that zone; else by its offset."""
    text = pl.col(column).str.strip_chars()
    with_offset = pl.when(text.str.contains(_OFFSET)).then(text)
    return (
        _read(column, None, zone),
        _utc_text(read_timestamp(with_offset, is_zoned=True)),
    )


TIMES = Kind(_fit, _effect, corrects=True)
