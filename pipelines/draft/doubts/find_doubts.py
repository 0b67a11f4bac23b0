"""A profiled table -> its doubts, the surest first.

Belongs here: the table of kinds, the passes over the rows, counting. Stays out: what speaks for a
doubt (one module a kind), words (describe.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date

import polars as pl

from assay.pipelines.admit.replacement_samples import shape_of_redacted
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.doubts import (
    check_digits,
    constants,
    damage,
    dates,
    forms,
    identifiers,
    keys,
    missing,
    numbers,
    rows,
    shifts,
    sums,
    vocabulary,
)
from assay.pipelines.draft.doubts.doubt import Column, Doubt, Suspicion, Table, rounded_up
from assay.pipelines.draft.null_values import without
from assay.pipelines.draft.profile import Profile

EXAMINED = 200_000
"""Rows that are examined; of larger tables, every second, third … row."""
_LONGEST_EXAMPLE = 60

ColumnDecider = Callable[[Column], Suspicion | None]
TableDecider = Callable[[Table], Iterator[Suspicion]]

COLUMN_KINDS: Mapping[str, ColumnDecider] = {
    "damaged text": damage.encoding_damage,
    "outer blanks": damage.outer_blanks,
    "repeated keys": keys.repeated_keys,
    "gaps in a sequence": keys.gaps_in_sequence,
    "missing keys": keys.missing_keys,
    "placeholders": vocabulary.placeholders,
    "invalid postal codes": identifiers.invalid_postal_codes,
    "text in numbers": numbers.text_in_numbers,
    "mixed flags": forms.mixed_flags,
    "numbers in text": numbers.numbers_in_text,
    "mixed dates": forms.mixed_dates,
    "invalid format": identifiers.invalid_formats,
    "failing check digits": check_digits.failing_check_digits,
    "mixed phone numbers": forms.mixed_phones,
    "case variants": vocabulary.case_variants,
    "invalid codes": identifiers.invalid_codes,
    "misspelt values": vocabulary.misspelt,
    "rare members": vocabulary.rare_members,
    "odd shapes": forms.odd_shapes,
    "impossible quantities": numbers.impossible_quantities,
    "wrong signs": numbers.wrong_signs,
    "off scale": numbers.off_scale,
    "reserved numbers": numbers.reserved_numbers,
    "far numbers": numbers.far_numbers,
}
"""In this order; each sees the values that those before it do not doubt."""
TABLE_KINDS: Mapping[str, TableDecider] = {
    "rarely missing": missing.rarely_missing,
    "future dates": dates.future_dates,
    "far years": dates.distant_years,
    "dates in the wrong order": dates.dates_in_wrong_order,
    "disagreeing sums": sums.disagreeing_sums,
    "crossed bounds": sums.crossed_bounds,
    "disagreeing ages": sums.ages_that_disagree,
    "contradicting rows": rows.contradicting_rows,
    "shifted columns": shifts.shifted_columns,
    "constant columns": constants.constant_columns,
}


def find_doubts(
    frame: pl.LazyFrame, profile: Profile, hidden: Collection[str], today: date
) -> list[Doubt]:
    """What looks like an error in a landed table.

    Args:
        frame: `_row` and text columns, null where there is nothing.
        profile: measured from the frame.
        hidden: columns that are, or may be, personal: their values are never shown.
        today: the day after which dates are in the future.
    """
    if not profile.rows or not profile.columns:
        return []
    table = _table(frame, profile, today)
    doubts = [
        doubt
        for column in table.columns.values()
        for doubt in _doubts_of_column(column, column.name in hidden)
    ]
    for kind, decide in TABLE_KINDS.items():
        doubts += [_doubt_of_rows(kind, one, hidden) for one in decide(table)]
    return sorted(doubts, key=lambda doubt: -doubt.confidence)


def _table(frame: pl.LazyFrame, profile: Profile, today: date) -> Table:
    """The rows to examine, and the distinct texts of each column."""
    names = [column.name for column in profile.columns if column.name not in profile.binary]
    every = -(-profile.rows // EXAMINED)
    rows_of = without(frame, profile.null_values).select(ROW, *names)
    if every > 1:
        rows_of = rows_of.gather_every(every)
    sample = run(rows_of.sort(ROW))
    texts = run_together([_texts(sample.lazy(), name) for name in names])
    repeated = profile.repeated if every == 1 else 0
    columns = {
        column.name: Column(column, text, sample.height, repeated, position)
        for position, (column, text) in enumerate(
            zip((c for c in profile.columns if c.name in set(names)), texts, strict=True)
        )
    }
    return Table(profile, sample, columns, today)


def _texts(rows_of: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return (
        rows_of.select(pl.col(name).alias("value"))
        .drop_nulls()
        .group_by("value")
        .agg(pl.len().alias("rows"))
        .sort("rows", "value", descending=[True, False])
    )


def _doubts_of_column(column: Column, is_hidden: bool) -> Iterator[Doubt]:
    examined = column.given
    for kind, decide in COLUMN_KINDS.items():
        suspicion = decide(column)
        if suspicion is None:
            continue
        values = suspicion.values
        doubted = pl.Series([], dtype=pl.String) if values is None else values
        count = suspicion.count or column.rows_where(pl.col("value").is_in(doubted.implode()))
        yield _doubt(
            kind,
            replace(suspicion, columns=(column.name,), rows=suspicion.rows or examined),
            count,
            _example(column, doubted, is_hidden),
        )
        if kind == "outer blanks":
            column = _stripped(column)
        elif kind != "repeated keys":
            column = column.without(doubted)


def _stripped(column: Column) -> Column:
    """The column without blanks at the ends of its values."""
    texts = (
        column.texts.group_by(pl.col("value").str.strip_chars())
        .agg(pl.col("rows").sum())
        .sort("rows", "value", descending=[True, False])
    )
    return column.with_texts(texts)


def _example(column: Column, values: pl.Series, is_hidden: bool) -> str | None:
    """The most frequent of the doubtful values."""
    if not len(values):
        return None
    frequent = column.texts.filter(pl.col("value").is_in(values.implode()))["value"]
    return _shown(str(frequent[0]), is_hidden) if len(frequent) else None


def _doubt_of_rows(kind: str, suspicion: Suspicion, hidden: Collection[str]) -> Doubt:
    is_hidden = any(name in hidden for name in suspicion.columns)
    example = suspicion.example
    shown = None if example is None else _shown(example, is_hidden)
    return _doubt(kind, suspicion, suspicion.count or 0, shown)


def _shown(text: str, is_hidden: bool) -> str:
    shown = shape_of_redacted(text) if is_hidden else text
    return shown if len(shown) <= _LONGEST_EXAMPLE else shown[: _LONGEST_EXAMPLE - 1] + "…"


def _doubt(kind: str, suspicion: Suspicion, count: int, example: str | None) -> Doubt:
    rows_examined = suspicion.rows or 0
    share = 100 * count / rows_examined if rows_examined else 0.0
    return Doubt(
        kind=kind,
        columns=suspicion.columns,
        rows=rows_examined,
        count=count,
        example=example,
        confidence=suspicion.confidence,
        problem=suspicion.problem,
        rule=suspicion.rule,
        tolerance_pct=rounded_up(share),
    )
