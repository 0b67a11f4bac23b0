"""Columns of numbers -> rows in which parts and their sum, or factors and their product, disagree.

Belongs here: finding which columns are computed from others, and the exceptions. Stays out:
single numbers (numbers.py).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.admit.names import words
from assay.pipelines.draft.doubts.dates import read_dates
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Suspicion, Table

Matrix = np.ndarray[Any, np.dtype[np.float64]]
_MOST_COLUMNS = 20
"""So many columns of numbers are compared: triples grow with the cube."""
_TRIED = 400
"""Rows that say whether columns may be computed from others."""
_HOLDS = 0.85
"""Share of rows in which a computation must hold."""
_BOUNDS = (("min", "max"), ("minimum", "maximum"), ("low", "high"), ("lower", "upper"), ("start", "end"), ("from", "to"), ("begin", "end"))  # fmt: skip


def disagreeing_sums(table: Table) -> Iterator[Suspicion]:
    """Rows in which a + b, or a × b, is not the column that it is in nearly all rows."""
    names, numbers = _numbers(table)
    complete = numbers[np.isfinite(numbers).all(axis=1)] if len(names) >= 3 else numbers[:0]
    if len(complete) < LEAST_ROWS:
        return
    tried = complete[:: max(1, len(complete) // _TRIED)]
    explained = set[int]()
    for left, right in itertools.combinations(range(len(names)), 2):
        for sign, result in _computed(tried, left, right):
            if result in explained or {left, right} & explained:
                continue
            holds = _agrees(sign, numbers, left, right, result)
            rows = np.isfinite(numbers[:, [left, right, result]]).all(axis=1)
            wrong = int((rows & ~holds).sum())
            if not 0 < wrong <= (1 - _HOLDS) * rows.sum():
                continue
            explained.add(result)
            a, b, c = names[left], names[right], names[result]
            yield Suspicion(
                problem=f"`{c}` is not `{a}` {sign} `{b}`, as it is in nearly all rows",
                rule=f"a rule on the row: {c} = {a} {'+' if sign == '+' else '*'} {b}",
                confidence=0.9,
                columns=(a, b, c),
                count=wrong,
                rows=int(rows.sum()),
            )


def crossed_bounds(table: Table) -> Iterator[Suspicion]:
    """Rows in which a lower bound is above the upper one, by the names of the columns."""
    names, numbers = _numbers(table)
    by_words = {words(name): index for index, name in enumerate(names)}
    for low, high in _BOUNDS:
        for name, index in by_words.items():
            other = re.sub(rf"(^|_){low}(_|$)", rf"\g<1>{high}\g<2>", name)
            if other == name or other not in by_words:
                continue
            lower, upper = numbers[:, index], numbers[:, by_words[other]]
            both = np.isfinite(lower) & np.isfinite(upper)
            wrong = int((both & (lower > upper)).sum())
            if both.sum() >= LEAST_ROWS and 0 < wrong <= 0.05 * both.sum():
                pair = (names[index], names[by_words[other]])
                yield Suspicion(
                    problem=f"`{pair[0]}` is above `{pair[1]}`",
                    rule=f"a rule on the row: {pair[0]} <= {pair[1]}",
                    confidence=0.9,
                    columns=pair,
                    count=wrong,
                    rows=int(both.sum()),
                )


def ages_that_disagree(table: Table) -> Iterator[Suspicion]:
    """Rows in which years since a date are not the number that they are in nearly all rows."""
    dates = read_dates(table)
    names, numbers = _numbers(table)
    for day in dates.columns:
        year = dates[day].dt.year().cast(pl.Float64).to_numpy()
        for index, name in enumerate(names):
            if not re.search(r"(^|_)(age|years)(_|$)", words(name)):
                continue
            total = year + np.floor(numbers[:, index])
            total = total[np.isfinite(total)]
            if len(total) < LEAST_ROWS or np.nanstd(year) < 2:
                continue
            values, counts = np.unique(total, return_counts=True)
            usual = values[counts.argmax()]
            near = int((np.abs(total - usual) <= 1).sum())
            wrong = len(total) - near
            if 0 < wrong <= (1 - _HOLDS) * len(total):
                yield Suspicion(
                    problem=f"`{name}` is not the years since `{day}`, as it is in nearly all rows",
                    rule=f"a rule on the row: {name} and {day} agree",
                    confidence=0.85,
                    columns=(name,),
                    count=wrong,
                    rows=len(total),
                )


def _numbers(table: Table) -> tuple[list[str], Matrix]:
    """The columns of numbers, as (rows, columns); NaN where there is none."""
    names = [
        name
        for name, column in table.columns.items()
        if column.is_numeric and column.texts.height > 2
    ][:_MOST_COLUMNS]
    number = [pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in names]
    if not names:
        return [], np.empty((0, 0))
    return names, table.sample.select(number).fill_null(float("nan")).to_numpy()


def _computed(tried: Matrix, left: int, right: int) -> Iterator[tuple[str, int]]:
    """The columns that may be the sum or the product of two."""
    a, b = tried[:, left], tried[:, right]
    if np.median(np.abs(a)) == 0 or np.median(np.abs(b)) == 0:
        return
    if len(np.unique(a)) < 3 or len(np.unique(b)) < 3:
        return
    for sign, result in (("+", a + b), ("×", a * b)):
        close = np.abs(tried - result[:, None]) <= _slack(sign, a, b)[:, None]
        for index in np.flatnonzero(close.mean(axis=0) >= _HOLDS):
            moves = len(np.unique(tried[:, index])) >= 3
            if index not in (left, right) and moves:
                yield sign, int(index)


def _agrees(sign: str, numbers: Matrix, left: int, right: int, result: int) -> Any:
    a, b = numbers[:, left], numbers[:, right]
    computed = a + b if sign == "+" else a * b
    return np.abs(numbers[:, result] - computed) <= _slack(sign, a, b)


def _slack(sign: str, a: Matrix, b: Matrix) -> Matrix:
    """How far a result may be off because its parts are rounded to hundredths."""
    if sign == "+":
        return np.full(len(a), 0.0151)
    return 0.0051 + 0.0051 * np.minimum(np.abs(a), np.abs(b)) + 1e-6 * np.abs(a * b)
