"""How values are written -> those written unlike the rest.

Belongs here: shapes of codes, orders of dates, spellings of yes and no. Stays out: what values
mean (identifiers.py, check_digits.py).
"""

from __future__ import annotations

import polars as pl

from assay.pipelines.admit.names import personal_hint
from assay.pipelines.clean.shapes import form
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

_RARE = 0.05
"""Share of rows that may be written unlike the rest."""
_DATE_FORMS = {
    "2024-01-31": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?$",
    "2024/01/31": r"^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}( [0-9:.]+)?$",
    "01/31/2024": r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( [0-9:.]+( ?[APap][Mm])?)?$",
    "01/31/24": r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}( [0-9:.]+)?$",
    "31.01.2024": r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}( [0-9:.]+)?$",
    "31-01-2024": r"^[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}( [0-9:.]+)?$",
    "31-Jan-2024": r"^[0-9]{1,2}[- ]\p{L}{3,9}[- ][0-9]{2,4}$",
    "Jan 31, 2024": r"^\p{L}{3,9}\.? [0-9]{1,2},? [0-9]{4}$",
    "20240131": r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$",
}
_YES_AND_NO = (("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("1", "0"))


def mixed_dates(column: Column) -> Suspicion | None:
    """Dates written in several ways, and texts that are none in a column of dates."""
    if not column.holds_text or column.given < LEAST_ROWS:
        return None
    text = pl.col("value").str.strip_chars()
    rows = {form: column.rows_where(text.str.contains(at)) for form, at in _DATE_FORMS.items()}
    dominant = max(rows, key=lambda form: rows[form])
    if dominant == "20240131" or sum(rows.values()) < 0.8 * column.given:
        return None
    if rows[dominant] == column.given:
        return _impossible_days(column, dominant)
    values = column.values_where(~text.str.contains(_DATE_FORMS[dominant]))
    several = [form for form, count in rows.items() if count]
    return Suspicion(
        problem="dates written in several ways" if len(several) > 1 else "text among dates",
        rule="logicalType: date, with one format; assay.cleaning: {step: times}",
        confidence=0.95,
        values=values,
    )


def _impossible_days(column: Column, dominant: str) -> Suspicion | None:
    """Days that no calendar has, where all texts are written like dates."""
    if dominant not in ("2024-01-31", "01/31/2024"):
        return None
    day = pl.col("value").str.strip_chars().str.extract(r"^([0-9/-]+)")
    if dominant == "2024-01-31":
        readable = day.str.to_date("%Y-%m-%d", strict=False).is_not_null()
    else:
        readable = day.str.to_date("%m/%d/%Y", strict=False).is_not_null()
        european = day.str.to_date("%d/%m/%Y", strict=False).is_not_null()
        if column.share(european) > column.share(readable):
            readable = european
    if not 0.8 <= column.share(readable) < 1:
        return None
    return Suspicion(
        problem="days that no calendar has, or day and month in the other order",
        rule="logicalType: date",
        confidence=0.9,
        values=column.values_where(~readable.fill_null(False)),
    )


def mixed_flags(column: Column) -> Suspicion | None:
    """Yes and no written in several ways."""
    if not 2 < column.texts.height <= 12 or column.given < LEAST_ROWS:
        return None
    value = pl.col("value").str.strip_chars().str.to_lowercase()
    rows = {pair: column.rows_where(value.is_in(pair)) for pair in _YES_AND_NO}
    used = [pair for pair, count in rows.items() if count]
    if len(used) < 2 or sum(rows.values()) < 0.95 * column.given:
        return None
    dominant = max(used, key=lambda pair: rows[pair])
    return Suspicion(
        problem="yes and no written in several ways",
        rule="logicalType: boolean, after assay.cleaning: {step: synonyms}",
        confidence=0.9,
        values=column.values_where(~value.is_in(dominant)),
    )


def mixed_phones(column: Column) -> Suspicion | None:
    """Phone numbers written in several ways, or too short for one."""
    if personal_hint(column.name) != "phone" or column.given < LEAST_ROWS:
        return None
    value = pl.col("value").str.strip_chars()
    is_phone = value.str.contains(r"^[+(]?[0-9][0-9 ()./+-]*(x|ext\.? ?)?[0-9]*$")
    if column.share(is_phone) < 0.8:
        return None
    shapes = _shapes(column)
    if shapes.height < 2:
        return None
    dominant = shapes["shape"][0]
    return Suspicion(
        problem="phone numbers written in several ways",
        rule="pattern of one way of writing, or assay.cleaning: {step: shapes}",
        confidence=0.85,
        values=column.values_where(form(value) != dominant),
    )


def odd_shapes(column: Column) -> Suspicion | None:
    """Values of a column of codes that have another shape than nearly all others."""
    is_text = column.profile.kind == "string" and column.profile.longest <= 64
    if not is_text or column.given < 2 * LEAST_ROWS or column.is_numeric:
        return None
    shapes = _shapes(column)
    rows = shapes["rows"] / column.given
    usual = shapes.filter(pl.col("rows") >= 0.1 * column.given)
    rare = column.given - int(usual["rows"].sum())
    if not 0 < rare <= _RARE * column.given or len(usual) > 3 or float(rows[0]) < 0.3:
        return None
    if not usual["shape"].str.contains("9").all():
        return None
    merged = _merged(pl.col("shape"))
    known = usual.select(merged, pl.col("shape").str.len_chars().alias("length"))
    lengths = known["length"].implode()
    is_known = merged.is_in(known["shape"].implode()) & (
        pl.col("shape").str.len_chars().is_in(lengths) | pl.lit(rare > 0.01 * column.given)
    )
    foreign = shapes.filter(~pl.col("shape").is_in(usual["shape"].implode()) & ~is_known)
    if foreign.is_empty():
        return None
    values = column.values_where(form(pl.col("value")).is_in(foreign["shape"].implode()))
    return Suspicion(
        problem=f"values of another shape than nearly all others ({usual['shape'][0]})",
        rule="pattern of the usual shapes",
        confidence=0.75,
        values=values,
    )


def _shapes(column: Column) -> pl.DataFrame:
    """`shape` and `rows`, the most frequent first."""
    shape = form(pl.col("value").str.strip_chars()).alias("shape")
    return (
        column.texts.group_by(shape)
        .agg(pl.col("rows").sum())
        .sort("rows", "shape", descending=[True, False])
    )


def _merged(shape: pl.Expr) -> pl.Expr:
    """`AA-999` -> `X-X`: letters and digits as one class, however many."""
    return shape.str.replace_all("[Aa9]+", "X")
