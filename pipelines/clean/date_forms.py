"""The forms in which people write dates and times, and which of them a column may have.

Belongs here: the list of forms, and narrowing it by a few texts. Stays out: reading text
(contracts/moments.py), deciding for a column (times.py, draft/moments.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

import polars as pl

from assay.contracts.date_formats import date_format
from assay.pipelines.core.package_data import read_yaml

LONGEST = 40
"""Characters of the longest text that may be a date with its time."""
_SHAPES = 100
"""So many ways of writing are looked at in a column, the most frequent first."""


@cache
def date_forms(*, with_two_digit_years: bool = False) -> tuple[str, ...]:
    """Every form: dates, and dates with a time of day."""
    listed = read_yaml("clean/date_forms.yaml")
    dates = [*listed["dates"], *(listed["two_digit_years"] if with_two_digit_years else ())]
    moments = [
        f"{day}{mark}{clock}"
        for day in dates
        for mark in listed["joined_by"]
        for clock in listed["times"]
    ]
    return (*dates, *moments)


def day_and_month_swapped(form: str) -> str | None:
    """The listed form that differs in the order of day and month alone, if any."""
    swapped = re.sub(r"(?<![dM])[dM](?![dM])", lambda letter: {"d": "M", "M": "d"}[letter[0]], form)
    return swapped if swapped != form and swapped in date_forms() else None


def padded(form: str) -> str:
    """The form with two digits for each day, month and hour."""
    return re.sub(r"(?<![dMHh])([dMHh])(?![dMHh])", r"\1\1", form)


def shapes(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """One text (`text`) for each way in which texts of the column that may be dates are written."""
    text = pl.col(column).str.strip_chars()
    shape = text.str.replace_all("[0-9]", "9").str.replace_all("[A-Za-z]", "a")
    may_be = (text.str.len_chars() <= LONGEST) & text.str.contains("[0-9]")
    return (
        rows.filter(may_be)
        .select(text.alias("text"), shape.alias("shape"))
        .group_by("shape")
        .agg(pl.len().alias("rows"), pl.col("text").min())
        .sort("rows", "shape", descending=[True, False])
        .head(_SHAPES)
        .select("text")
    )


def forms_of_any(texts: Iterable[str], forms: Sequence[str]) -> tuple[str, ...]:
    """The forms that some of the texts are written in, as far as their letters and digits show."""
    given = list(texts)
    return tuple(form for form in forms if any(_fits(text, form) for text in given))


def forms_of_all(texts: Iterable[str], forms: Sequence[str]) -> tuple[str, ...]:
    """The forms that all of the texts are written in, as far as their letters and digits show."""
    given = list(texts)
    return tuple(form for form in forms if all(_fits(text, form) for text in given))


def _fits(text: str, form: str) -> bool:
    # a pattern costs more to build than all texts to compare: hardly any form has the same mark
    return _first_mark(text) == _first_mark(form) and _pattern(form).match(text) is not None


@cache
def _first_mark(written: str) -> str:
    """The first character that is neither letter nor digit; quotes in a form surround letters."""
    return next((mark for mark in written if not (mark.isalnum() or mark == "'")), "")


@cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(date_format(form).pattern)
