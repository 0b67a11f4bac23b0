"""Cells -> the dates, timestamps or times of day that nearly all values of a column are.

Belongs here: forms that people write, which is all but ISO 8601 (cells.py). Stays out: the list of
forms (clean/date_forms.py), what to promise (columns.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from assay.contracts.date_formats import date_format
from assay.contracts.moments import read_date, read_time, read_timestamp
from assay.pipelines.clean.date_forms import LONGEST, date_forms, forms_of_any, padded
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.draft.cells import COLUMN, ROWS, TEXT, Cells
from assay.pipelines.draft.tolerance import is_nearly_all

_SHAPES = 30
"""Ways of writing that are looked at in a column, the most frequent first: they are nearly all rows
where there is one form."""
_CLOCK = r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?$"
_SURE = 10
"""So many times as many rows must be read by one form alone as by another, where no form reads all."""


@dataclass(frozen=True)
class Moments:
    """What nearly all values of a column are, the form they have, the first and the last.

    `form` is None if several forms read all values and differ, and of times of day in ISO 8601;
    `deviating` are the rows that are not in the form.
    """

    kind: Literal["date", "timestamp", "time"]
    form: str | None
    is_zoned: bool = False
    is_ambiguous: bool = False
    low: Any = None
    high: Any = None
    deviating: int = 0


def moments(some: Cells, names: Sequence[str]) -> dict[str, Moments]:
    """The columns among these that hold dates or times in one form, none of them in ISO 8601."""
    written = _shapes(some, names)
    likely = {name: _candidates(texts) for name, texts in written.items()}
    plans = {
        name: _measures(some, name, forms) for name, forms in likely.items() if forms is not None
    }
    measured = dict(zip(plans, run_together(list(plans.values())) if plans else [], strict=True))
    rows = {name: frame.row(0, named=True) for name, frame in measured.items()}
    doubtful = _doubtful(some, {name: _best(likely[name] or (), row) for name, row in rows.items()})
    results = {
        name: _moments(likely[name] or (), row, is_doubtful=name in doubtful)
        for name, row in rows.items()
    }
    return {name: result for name, result in results.items() if result is not None}


def _shapes(some: Cells, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """One text for each way in which texts that may be moments are written, with how many rows are
    so written, the most frequent first; of columns where nearly all texts may be.
    """
    if not names:
        return {}
    text = pl.col(TEXT)
    may_be = (text.str.len_bytes() <= LONGEST) & text.str.contains("[0-9].*[0-9].*[0-9]")
    rows = pl.col(ROWS)
    shares = run(
        some.of(names).group_by(COLUMN).agg(rows.filter(may_be).sum().alias("likely"), rows.sum())
    )
    likely = [
        some.names[number]
        for number, part, whole in shares.iter_rows()
        if is_nearly_all(part, whole)
    ]
    if not likely:
        return {}
    shape = text.str.strip_chars().str.replace_all("[0-9]", "9").str.replace_all("[A-Za-z]", "a")
    held = run(
        some.of(likely)
        .filter(may_be)
        .group_by(COLUMN, shape.alias("shape"))
        .agg(rows.sum(), text.str.strip_chars().min())
        .sort(COLUMN, ROWS, "shape", descending=[False, True, False])
    )
    parts = held.partition_by(COLUMN, as_dict=True, include_key=False)
    return {some.names[key[0]]: texts for key, texts in parts.items()}


def _candidates(texts: pl.DataFrame) -> tuple[str, ...] | None:
    """The forms that nearly all of the texts may be written in; none of times of day, which have
    one form; None if there is no form.
    """
    total = int(texts[ROWS].sum())
    is_clock = texts[TEXT].str.contains(_CLOCK)
    if is_nearly_all(int(texts.filter(is_clock)[ROWS].sum()), total):
        return ()
    forms, missed = date_forms(with_two_digit_years=True), dict[str, int]()
    seen = 0
    for text, rows in texts.head(_SHAPES).select(TEXT, ROWS).iter_rows():
        seen += rows
        fitting = set(forms_of_any([text], forms))
        missed = {form: missed.get(form, 0) + rows * (form not in fitting) for form in forms}
        # what a form misses of nearly all rows, it misses of all
        forms = tuple(form for form in forms if is_nearly_all(total - missed[form], total))
        if not forms:
            return None
    return forms if is_nearly_all(seen, total) else None


def _read(form: str) -> pl.Expr:
    text, layout = pl.col(TEXT).str.strip_chars(), date_format(form)
    if not layout.is_timed:
        return read_date(text, form)
    return read_timestamp(text, is_zoned=layout.is_zoned, form=form)


def _measures(some: Cells, name: str, forms: Sequence[str]) -> pl.LazyFrame:
    """How many rows each form reads, has padded with zeros, and from when to when; without forms,
    the same of times of day.
    """
    rows, text = pl.col(ROWS), pl.col(TEXT).str.strip_chars()
    frame = some.of([name])
    if not forms:
        time = read_time(text)
        return frame.select(
            rows.sum().alias("given"),
            rows.filter(time.is_not_null()).sum().alias("times"),
            time.min().alias("low"),
            time.max().alias("high"),
        )
    aggregates = [rows.sum().alias("given")]
    for form in forms:
        value = _read(form)
        is_padded = text.str.contains(date_format(padded(form)).pattern)
        aggregates += [
            rows.filter(value.is_not_null()).sum().alias(f"read {form}"),
            rows.filter(is_padded).sum().alias(f"padded {form}"),
            value.min().alias(f"low {form}"),
            value.max().alias(f"high {form}"),
        ]
    has_zeros = text.str.contains("(^|[^0-9])0[0-9]")
    return frame.select(*aggregates, rows.filter(has_zeros).sum().alias("zeros"))


def _best(forms: Sequence[str], measured: Mapping[str, Any]) -> list[str]:
    """The forms that read as many rows as any, if these are nearly all."""
    most = max((measured[f"read {form}"] for form in forms), default=0)
    if not is_nearly_all(most, measured["given"]):
        return []
    return [form for form in forms if measured[f"read {form}"] == most]


def _doubtful(some: Cells, best: Mapping[str, Sequence[str]]) -> set[str]:
    """The columns of which several forms read as many rows, and some value as two moments."""
    several = {name: forms for name, forms in best.items() if len(forms) > 1}
    if not several:
        return set()
    plans = []
    for name, forms in several.items():
        values = [_read(form) for form in forms]
        unlike = pl.min_horizontal(values) != pl.max_horizontal(values)
        plans.append(some.of([name]).select(unlike.any().alias("unlike")))
    answers = zip(several, run_together(plans), strict=True)
    return {name for name, answer in answers if answer["unlike"].item()}


def _moments(
    forms: Sequence[str], measured: Mapping[str, Any], *, is_doubtful: bool
) -> Moments | None:
    """What the measures bear out; None if too many values are written otherwise."""
    given = measured["given"]
    if "times" in measured:
        if not is_nearly_all(measured["times"], given):
            return None
        clock = Moments("time", None, low=measured["low"], high=measured["high"])
        return replace(clock, deviating=given - measured["times"])
    best = _best(forms, measured)
    if not best:
        return None
    form = best[0]
    kind: Literal["date", "timestamp"] = "timestamp" if date_format(form).is_timed else "date"
    if is_doubtful or _has_rival(form, forms, measured):
        return Moments(kind, None, is_ambiguous=True)
    # where no number begins with a zero, numbers of one digit may still come
    is_padded = measured[f"padded {form}"] == measured[f"read {form}"] and measured["zeros"] > 0
    return Moments(
        kind,
        padded(form) if is_padded else form,
        date_format(form).is_zoned,
        low=measured[f"low {form}"],
        high=measured[f"high {form}"],
        deviating=given - measured[f"read {form}"],
    )


def _has_rival(form: str, forms: Sequence[str], measured: Mapping[str, Any]) -> bool:
    """Whether another form may be meant as well, where the best one does not read all rows."""
    missed = measured["given"] - measured[f"read {form}"]
    if not missed:
        return False
    others = [measured[f"read {other}"] for other in forms if other != form]
    return any(measured[f"read {form}"] - other < _SURE * missed for other in others)
