"""Text columns -> the dates, timestamps or times of day that all their values are.

Belongs here: forms that people write, which is all but ISO 8601 (profile.py). Stays out: the list
of forms (clean/date_forms.py), what to promise (columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from assay.contracts.date_formats import date_format
from assay.contracts.moments import read_date, read_time, read_timestamp
from assay.pipelines.clean.date_forms import date_forms, forms_of_all, padded, shapes
from assay.pipelines.core.engine import run_together

_SAMPLE = 10_000
"""Rows that show which forms are tried on all rows."""
_CLOCK = r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?$"


@dataclass(frozen=True)
class Moments:
    """What all values of a column are, the form they have, the first and the last.

    `form` is None if several forms read all values and differ, and of times of day in ISO 8601.
    """

    kind: Literal["date", "timestamp", "time"]
    form: str | None
    is_zoned: bool = False
    is_ambiguous: bool = False
    low: Any = None
    high: Any = None


def moments(frame: pl.LazyFrame, names: Sequence[str]) -> dict[str, Moments]:
    """The columns among these that hold dates or times in one form, none of them in ISO 8601.

    Args:
        frame: text columns, null where there is nothing.
    """
    if not names:
        return {}
    sample = frame.head(_SAMPLE)
    written = run_together([shapes(sample, name) for name in names])
    plans, forms = dict[str, pl.LazyFrame](), dict[str, tuple[str, ...]]()
    for name, texts in zip(names, written, strict=True):
        forms[name] = _candidates(texts["text"])
        is_clock = texts.height and texts["text"].str.contains(_CLOCK).all()
        if forms[name]:
            plans[name] = frame.select(_measures(name, forms[name]))
        elif is_clock:
            plans[name] = frame.select(_clock_measures(name))
    measured = dict(zip(plans, run_together(list(plans.values())) if plans else [], strict=True))
    rows = {name: frame_of_one.row(0, named=True) for name, frame_of_one in measured.items()}
    doubtful = _doubtful(frame, {name: _complete(forms[name], row) for name, row in rows.items()})
    results = {name: _moments(forms[name], row, name in doubtful) for name, row in rows.items()}
    return {name: result for name, result in results.items() if result is not None}


def _doubtful(frame: pl.LazyFrame, complete: Mapping[str, Sequence[str]]) -> set[str]:
    """The columns of which several forms read all values, and some value as two moments."""
    several = {name: forms for name, forms in complete.items() if len(forms) > 1}
    if not several:
        return set()
    plans = []
    for name, forms in several.items():
        values = [_read(name, form) for form in forms]
        unlike = pl.min_horizontal(values) != pl.max_horizontal(values)
        plans.append(frame.select(unlike.any().alias("unlike")))
    answers = zip(several, run_together(plans), strict=True)
    return {name for name, answer in answers if answer["unlike"].item()}


def _candidates(texts: pl.Series) -> tuple[str, ...]:
    if not len(texts):
        return ()
    return forms_of_all(texts, date_forms(with_two_digit_years=True))


def _read(name: str, form: str) -> pl.Expr:
    text, layout = pl.col(name).str.strip_chars(), date_format(form)
    if not layout.is_timed:
        return read_date(text, form)
    return read_timestamp(text, is_zoned=layout.is_zoned, form=form)


def _measures(name: str, forms: Sequence[str]) -> list[pl.Expr]:
    values = [_read(name, form) for form in forms]
    text = pl.col(name).str.strip_chars()
    return [
        pl.col(name).count().alias("given"),
        *(value.count().alias(f"read {form}") for form, value in zip(forms, values, strict=True)),
        *(
            text.str.contains(date_format(padded(form)).pattern).sum().alias(f"padded {form}")
            for form in forms
        ),
        *(value.min().alias(f"low {form}") for form, value in zip(forms, values, strict=True)),
        *(value.max().alias(f"high {form}") for form, value in zip(forms, values, strict=True)),
    ]


def _clock_measures(name: str) -> list[pl.Expr]:
    time = read_time(pl.col(name).str.strip_chars())
    return [
        pl.col(name).count().alias("given"),
        time.count().alias("times"),
        time.min().alias("low"),
        time.max().alias("high"),
    ]


def _complete(forms: Sequence[str], measured: Mapping[str, Any]) -> list[str]:
    """The forms that read every value."""
    return [form for form in forms if measured[f"read {form}"] == measured["given"]]


def _moments(
    forms: Sequence[str], measured: Mapping[str, Any], is_doubtful: bool
) -> Moments | None:
    """What the measures bear out; None if some value is written otherwise."""
    given = measured["given"]
    if "times" in measured:
        if measured["times"] < given:
            return None
        return Moments("time", None, low=measured["low"], high=measured["high"])
    complete = _complete(forms, measured)
    if not complete:
        return None
    form = complete[0]
    kind: Literal["date", "timestamp"] = "timestamp" if date_format(form).is_timed else "date"
    if is_doubtful:
        return Moments(kind, None, is_ambiguous=True)
    is_padded = measured[f"padded {form}"] == given
    return Moments(
        kind,
        padded(form) if is_padded else form,
        date_format(form).is_zoned,
        low=measured[f"low {form}"],
        high=measured[f"high {form}"],
    )
