"""A column of numbers -> the values that are not numbers, or not of its distribution.

Belongs here: text among numbers, values far beyond the rest, wrong signs, limits of quantities that
the name states. Stays out: reading numbers (profile.py), repairs (clean/outliers.py).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.admit.names import may_be_axis, words
from assay.pipelines.core.package_data import read_yaml
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

Numbers = np.ndarray[Any, np.dtype[np.float64]]
_FAR_ROWS = 0.02
"""Share of rows that may be far from the others."""
_FEW = 0.05
_OFTEN = 10
"""Rows of each far number, on average, from which on it is usual."""
_LEAST_DISTINCT = 12
"""Different numbers below which nothing is far: counts of engines are steps."""
_LEAST_FAR = 50
"""Rows below which a tail is not known."""
_LOG_GAP = 1.5
_SLIPS = 0.002
"""Share of rows that may be outside a scale: more of them belong to it."""
_LIGHT_TAIL, _LIGHT_GAP, _HEAVY_GAP = 0.2, 0.5, 2.0
"""A tail that is this share of the range, or shorter, needs a gap of half the range; others more."""
_RESERVED = r"^-?(9{3,}|9+\.9+|1{4,}|0*1234567*8?9?|-9+)(\.0+|\.9+)?$"
"""How people write a number that is none: nines, ones, the keys in a row."""


def text_in_numbers(column: Column) -> Suspicion | None:
    """Texts in a column that is of numbers otherwise."""
    if not column.holds_text or column.given < LEAST_ROWS:
        return None
    rows = column.given - len(column.sorted_numbers)
    codes = column.share(pl.col("value").str.contains(r"^\s*[+-]?0[0-9]"))
    if not 0 < rows <= 0.2 * column.given or codes > 0.05:
        return None
    number = pl.col("value").str.strip_chars().cast(pl.Float64, strict=False)
    values = column.values_where(number.is_null() | ~number.is_finite())
    if values.str.contains(r"^\s*([0-9]+[A-Za-z]|[A-Za-z][0-9]+)\s*$").all():
        return None  # house numbers and codes, a few with a letter
    return Suspicion(
        problem="text in a column of numbers",
        rule="logicalType: number",
        confidence=0.95 if rows <= _FEW * column.given else 0.8,
        values=values,
    )


def numbers_in_text(column: Column) -> Suspicion | None:
    """Bare numbers in a column of words."""
    if column.profile.kind != "string" or column.given < _LEAST_FAR:
        return None
    value = pl.col("value").str.strip_chars()
    is_number = value.str.contains(r"^[+-]?[0-9]+([.,][0-9]+)?$")
    words_alone = column.share(value.str.contains(r"^[\pL][^0-9]*$"))
    if words_alone < 0.98 or not column.rows_where(is_number):
        return None
    return Suspicion(
        problem="bare numbers in a column of words",
        rule="pattern with a letter",
        confidence=0.8,
        values=column.values_where(is_number),
    )


def off_scale(column: Column) -> Suspicion | None:
    """Few whole numbers outside the steps of a scale, such as 9 where all others are 1 to 5."""
    numbers = column.numbers
    if not column.is_numeric or column.given < 100 or not 4 <= numbers.height <= 40:
        return None
    steps = numbers.group_by("number").agg(pl.col("rows").sum()).sort("number")
    usual = steps.filter(pl.col("rows") >= 0.02 * column.given)["number"]
    if not 3 <= len(usual) <= 12 or (usual.diff().drop_nulls() != 1).any():
        return None
    low, high = usual[0], usual[-1]
    outside = numbers.filter((pl.col("number") < low) | (pl.col("number") > high))
    if not 0 < outside["rows"].sum() <= _SLIPS * column.given:
        return None
    return Suspicion(
        problem=f"numbers outside a scale of {low:g} to {high:g}",
        rule=f"minimum: {low:g}, maximum: {high:g}",
        confidence=0.75,
        values=outside["value"],
    )


def far_numbers(column: Column) -> Suspicion | None:
    """Numbers far beyond the rest, sentinels among them."""
    if not column.is_numeric or column.given < _LEAST_FAR or _names_things(column):
        return None
    is_axis = re.search(r"(^|_)(lat|lon|lng|long|latitude|longitude)$", words(column.name))
    if column.numbers["number"].n_unique() < _LEAST_DISTINCT or is_axis:
        return None
    numbers = column.sorted_numbers
    above = _first_far(numbers)
    below = _first_far(-numbers[::-1])
    if above is None and below is None:
        return None
    high = float("inf") if above is None else above
    low = float("-inf") if below is None else -below
    is_far = (pl.col("number") >= high) | (pl.col("number") <= low)
    far = column.numbers.filter(is_far)
    values = far["value"]
    if far["rows"].sum() >= _OFTEN * far.height:
        return None  # the same few numbers again and again: flights to Hawaii, one fixed price
    usual = column.numbers.filter(~is_far)["number"]
    return Suspicion(
        problem="numbers far beyond the rest",
        rule=f"minimum: {usual[0]:g}, maximum: {usual[-1]:g}",
        confidence=0.85,
        values=values,
    )


def reserved_numbers(column: Column) -> Suspicion | None:
    """Nines at an end of the range, in several rows and apart from the rest: no measurement."""
    if not column.is_numeric or column.given < LEAST_ROWS or _names_things(column):
        return None
    numbers = column.numbers
    if numbers.height < 5:
        return None
    reserved = numbers.filter(pl.col("value").str.strip_chars().str.contains(_RESERVED))
    ends = [
        value
        for value, number in reserved.select("value", "number").iter_rows()
        if _is_apart(numbers["number"].to_numpy(), number)
    ]
    if not ends:
        return None
    values = pl.Series(ends, dtype=pl.String)
    return Suspicion(
        problem="numbers that usually stand for a missing value",
        rule="assay.null_values: [" + ", ".join(ends[:3]) + "]",
        confidence=0.8,
        values=values,
    )


def wrong_signs(column: Column) -> Suspicion | None:
    """Few numbers below zero, as large as those above, in a column of numbers above zero."""
    if not column.is_numeric or column.given < LEAST_ROWS or may_be_axis(column.name):
        return None
    numbers = column.sorted_numbers
    negative, positive = numbers[numbers < 0], numbers[numbers > 0]
    if not 0 < len(negative) <= _FEW * len(numbers) or len(positive) < 0.5 * len(numbers):
        return None
    # the tail of one distribution that crosses zero is thin there
    if np.median(-negative) < np.quantile(positive, 0.25):
        return None
    return Suspicion(
        problem="numbers below zero in a column of numbers above it",
        rule="minimum: 0",
        confidence=0.85,
        values=column.numbers.filter(pl.col("number") < 0)["value"],
    )


def impossible_quantities(column: Column) -> Suspicion | None:
    """Numbers that the quantity in the column's name cannot have: a latitude of 120."""
    if not column.is_numeric or column.given < LEAST_ROWS:
        return None
    for quantity in read_yaml("draft/doubts/quantities.yaml"):
        if not re.search(rf"(^|_)({quantity['names']})$", words(column.name)):
            continue
        low, high = quantity["limits"]
        is_outside = (pl.col("number") < low) | (pl.col("number") > high)
        outside = column.numbers.filter(is_outside)
        if 0 < outside["rows"].sum() <= _FEW * column.given:
            return Suspicion(
                problem=f"numbers that no {quantity['quantity']} has",
                rule=f"minimum: {low}, maximum: {high}",
                confidence=0.9,
                values=outside["value"],
            )
    return None


def _names_things(column: Column) -> bool:
    """Whether the numbers count nothing: ids and codes have no distribution."""
    return bool(re.search(r"(^|_)(id|key|code|number|no|zip|phone|year)$", words(column.name)))


def _is_apart(numbers: Numbers, number: float) -> bool:
    """Whether a number is the first or the last, and apart from the others."""
    ascending = numbers if number == numbers[-1] else -numbers[::-1]
    if ascending[-1] != abs(number) and ascending[-1] != number and ascending[-1] != -number:
        return False
    rest = ascending[:-1]
    return bool(ascending[-1] - rest[-1] >= 0.5 * (rest[-1] - rest[0]))


def _first_far(numbers: Numbers) -> float | None:
    """The first of the few greatest numbers that is far from all below it; None if none is.

    The gap must exceed what remains of the tail of the others, on a linear scale and, for numbers
    above zero, on a logarithmic one: incomes and counts have long tails.

    Args:
        numbers: (n,) ascending.
    """
    count = len(numbers)
    most = max(1, int(_FAR_ROWS * count))
    top = numbers[-most - 1 :]
    gaps = np.diff(top)
    near = top[:-1]
    low, shoulder = numbers[0], numbers[int(0.95 * (count - 1))]
    tail, span = near - shoulder, near - low
    least = np.where(tail <= _LIGHT_TAIL * span, _LIGHT_GAP, _HEAVY_GAP)
    is_far = (gaps >= 3 * tail) & (gaps >= least * span) & (gaps > 0)
    if shoulder > 0:
        is_far &= np.log(top[1:] / near) >= _LOG_GAP * np.log(near / shoulder)
    is_far &= near > low  # at least two different numbers below
    return float(top[1:][is_far][0]) if is_far.any() else None
