"""Text -> dates, times of day and timestamps: strictly, and never cut.

Belongs here: ISO 8601 and formats in Java's letters. Stays out: which type a column has (types.py).
Source: ISO 8601-1:2019, calendar dates in basic and extended format. chrono alone is no evaluate of
text: it reads the year 24 in `24-01-06`, and drops the seventh digit of a second without a word
(Polars 1.44, 2026-11-30), so that each text is compared with a pattern as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from assay.contracts.date_formats import DateFormat, date_format

FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
_FRACTION = r"[.,][0-9]{1,6}0*"
_OFFSET = r"[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"
_ZONE = r"[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?[0-5][0-9])?)?"
_EXTENDED = rf"^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[Tt ]([0-9]{{2}}:[0-9]{{2}})(:[0-5][0-9])?({_FRACTION})? ?({_ZONE})?$"
_BASIC = rf"^([0-9]{{8}})[Tt]([0-9]{{4}})([0-5][0-9])?({_FRACTION})?({_ZONE})?$"
_CLOCK = r"^[Tt]?[0-9]{1,2}:[0-9]{2}(?::[0-5][0-9](?:[.,][0-9]{1,9})?)?$"
_BASIC_CLOCK = r"^[Tt][0-9]{4}(?:[0-5][0-9](?:[.,][0-9]{1,9})?)?$"
_DAY = r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$"
_ODD = [" ", "+", "\t", "\n", "\r", ":60"]
"""What chrono takes in a text of the usual length, and ISO 8601 does not."""


# -- dates --------------------------------------------------------------------------------------


def read_date(text: pl.Expr, form: str | None = None) -> pl.Expr:
    """Text -> Date; null where it is written otherwise, or is outside the years 1 to 9999.

    Args:
        form: in Java's letters; ISO 8601 in either format by default.
    """
    if form is not None:
        return _formatted_date(text, date_format(form))
    digits = text.str.replace_all("-", "", literal=True)
    plain = digits.str.to_date("%Y%m%d", strict=False)
    return _within(pl.when(text.str.contains(_DAY)).then(plain), FIRST_DAY, LAST_DAY)


def read_plain_date(text: pl.Expr) -> pl.Expr:
    """`2024-01-06` -> Date, fast; null where it is written otherwise or has zeros before its year."""
    day = text.str.to_date("%Y-%m-%d", strict=False)
    is_plain = (text.str.len_bytes() == 10) & ~text.str.contains_any(_ODD)
    return pl.when(is_plain & (day >= date(1000, 1, 1)) & (day <= LAST_DAY)).then(day)


def _formatted_date(text: pl.Expr, form: DateFormat) -> pl.Expr:
    day = text.str.to_date(form.chrono, strict=False)
    return _within(pl.when(text.str.contains(form.pattern)).then(day), FIRST_DAY, LAST_DAY)


def _within(value: pl.Expr, first: date, last: date) -> pl.Expr:
    return pl.when(value.is_between(pl.lit(first), pl.lit(last))).then(value)


# -- timestamps ---------------------------------------------------------------------------------


def read_timestamp(text: pl.Expr, *, is_zoned: bool, form: str | None = None) -> pl.Expr:
    """Text -> Datetime in microseconds; null where it is written otherwise or finer than that.

    Args:
        is_zoned: whether the result is in UTC. An offset is honoured then, and a text without one
            is taken as UTC; else a text with an offset is not read.
        form: in Java's letters; ISO 8601 in either format by default.
    """
    if form is not None:
        return _formatted_timestamp(text, date_format(form), is_zoned)
    return pl.coalesce(
        _iso_timestamp(text, _EXTENDED, "%Y-%m-%dT%H:%M:%S%.f", is_zoned),
        _iso_timestamp(text, _BASIC, "%Y%m%dT%H%M%S%.f", is_zoned),
    )


def _formatted_timestamp(text: pl.Expr, form: DateFormat, is_zoned: bool) -> pl.Expr:
    zone = "UTC" if is_zoned or form.is_zoned else None
    moment = text.str.to_datetime(form.chrono, strict=False, time_unit="us", time_zone=zone)
    if form.is_zoned and not is_zoned:
        return pl.when(False).then(moment.dt.replace_time_zone(None))
    read = pl.when(text.str.contains(form.pattern)).then(moment)
    return _within_years(read, is_zoned)


def _iso_timestamp(text: pl.Expr, pattern: str, chrono: str, is_zoned: bool) -> pl.Expr:
    """One of ISO 8601's formats, brought to one spelling; the offset is subtracted."""
    day, clock, second, fraction, zone = (text.str.extract(pattern, group) for group in range(1, 6))
    colon = ":" if ":" in chrono else ""
    # a fraction belongs to seconds: ISO 8601's fractions of minutes are not read
    is_written = text.str.contains(pattern) & (fraction.is_null() | second.is_not_null())
    spelled = pl.concat_str(
        day,
        pl.lit("T"),
        clock,
        second.fill_null(f"{colon}00"),
        fraction.str.replace(",", ".", literal=True).fill_null(""),
    )
    local = spelled.str.to_datetime(chrono, strict=False, time_unit="us")
    if not is_zoned:
        return _within_years(pl.when(is_written & zone.is_null()).then(local), False)
    moment = (local - _offset(zone)).dt.replace_time_zone("UTC")
    return _within_years(pl.when(is_written).then(moment), True)


def _offset(zone: pl.Expr) -> pl.Expr:
    """`+05:30`, `-0800`, `+00`, `Z` or null -> Duration."""
    digits = zone.str.replace_all(r"[^0-9]", "").str.pad_end(6, "0").fill_null("000000")
    hours, minutes, seconds = (digits.str.slice(at, 2).cast(pl.Int64) for at in (0, 2, 4))
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(seconds=sign * (hours * 3600 + minutes * 60 + seconds), time_unit="us")


def _within_years(value: pl.Expr, is_zoned: bool) -> pl.Expr:
    """What is in the years 1 to 9999, in UTC."""
    zone = UTC if is_zoned else None
    return _within(value, _FIRST.replace(tzinfo=zone), _LAST.replace(tzinfo=zone))


@dataclass(frozen=True)
class PlainSpelling:
    """How all timestamps of a column are perhaps written: chrono's words and the whole pattern."""

    chrono: str
    pattern: str
    length: int | None
    """In bytes, where all texts have the same and no blank."""


def plain_spelling(first: str, *, is_zoned: bool) -> PlainSpelling | None:
    """The spelling of a column's first timestamp; None if it is not the usual extended format."""
    parts = re.match(_EXTENDED, first)
    if parts is None or (parts[5] and not is_zoned) or (parts[4] and not parts[3]):
        return None
    if parts[4] and "," in parts[4]:
        return None
    mark = first[10]
    chrono = f"%Y-%m-%d{mark}%H:%M"
    pattern = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{mark}[0-9]{{2}}:[0-9]{{2}}"
    if parts[3]:
        chrono, pattern = chrono + ":%S", pattern + ":[0-5][0-9]"
    if parts[4]:
        chrono, pattern = chrono + "%.f", pattern + r"(?:\.[0-9]{1,6}0*)?"
    zone = parts[5] or ""
    if zone == "Z":
        chrono, pattern = chrono + "Z", pattern + "Z"
    elif len(zone) in (3, 5, 6) and " " not in first[11:]:
        chrono, pattern = chrono + "%#z", pattern + _OFFSET
    elif zone:
        return None
    has_length = mark != " " and not parts[4] and zone in ("", "Z")
    return PlainSpelling(chrono, f"^{pattern}$", len(first) if has_length else None)


def read_plain_timestamp(text: pl.Expr, spelling: PlainSpelling, *, is_zoned: bool) -> pl.Expr:
    """Timestamps of one spelling, fast; null where one is written otherwise."""
    zone = "UTC" if is_zoned else None
    moment = text.str.to_datetime(
        spelling.chrono, strict=False, time_unit="us", time_zone=zone, cache=False
    )
    if spelling.length is None:
        is_plain = text.str.contains(spelling.pattern)
    else:
        is_plain = (text.str.len_bytes() == spelling.length) & ~text.str.contains_any(_ODD)
    zoned = UTC if is_zoned else None
    first, last = datetime(1000, 1, 1, tzinfo=zoned), _LAST.replace(tzinfo=zoned)
    return pl.when(is_plain & (moment >= first) & (moment <= last)).then(moment)


# -- times of day -------------------------------------------------------------------------------


def read_time(text: pl.Expr, form: str | None = None) -> pl.Expr:
    """Text -> a time of day as ISO 8601 text, to nanoseconds; null where it is written otherwise.

    Args:
        form: in Java's letters; ISO 8601 by default, where the hour may have one digit.
    """
    if form is not None:
        layout = date_format(form)
        clock = text.str.to_time(layout.chrono, strict=False)
        return pl.when(text.str.contains(layout.pattern)).then(clock).dt.to_string("%H:%M:%S%.f")
    bare = text.str.replace("^[Tt]", "").str.replace(",", ".", literal=True)
    extended, basic = text.str.contains(_CLOCK), text.str.contains(_BASIC_CLOCK)
    tries = [
        pl.when(is_written).then(bare.str.to_time(form, strict=False))
        for is_written, forms in (
            (extended, ("%H:%M:%S%.f", "%H:%M")),
            (basic, ("%H%M%S%.f", "%H%M")),
        )
        for form in forms
    ]
    return pl.coalesce(tries).dt.to_string("%H:%M:%S%.f")
