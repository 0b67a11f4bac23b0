"""Dates -> those that cannot be: after today, or in the wrong order in their row.

Belongs here: comparing dates. Stays out: how they are written (forms.py), far years
(validate/far_years.py).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import date

import polars as pl

from assay.contracts.model import Column as Declared
from assay.contracts.types import read
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Suspicion, Table, listed
from assay.pipelines.draft.profile import ColumnProfile
from assay.pipelines.validate import far_years

_MOST_COLUMNS = 12
"""So many columns of dates are compared with each other."""
_FEW = 0.05


def future_dates(table: Table) -> Iterator[Suspicion]:
    """Few days after today, where all others are before."""
    dates = read_dates(table)
    for name in dates.columns:
        days = dates[name].drop_nulls()
        late = days.filter(days > table.today)
        if len(days) < LEAST_ROWS or not 0 < len(late) <= _FEW * len(days):
            continue
        yield Suspicion(
            problem="days after today",
            rule="assay.quality: not after the day of the run",
            confidence=0.8,
            columns=(name,),
            count=len(late),
            rows=len(days),
            example=str(late.max()),
        )


def distant_years(table: Table) -> Iterator[Suspicion]:
    """Years far from those of nearly all rows."""
    dates = read_dates(table)
    for name in dates.columns:
        years = dates[name].drop_nulls().dt.year().cast(pl.Int64).rename("year")
        if len(years) < LEAST_ROWS:
            continue
        counts = years.value_counts(name="rows")
        far = set(far_years.far_years(counts))
        far -= {year for year in far if year > table.today.year}  # future_dates reports them
        if far:
            yield Suspicion(
                problem="years far from those of nearly all rows",
                rule="minimum and maximum of the dates",
                confidence=0.85,
                columns=(name,),
                count=int(years.is_in(list(far)).sum()),
                rows=len(years),
                example=str(min(far)),
            )


def dates_in_wrong_order(table: Table) -> Iterator[Suspicion]:
    """Rows in which one date is after another that follows it in nearly all rows."""
    dates = _plausible(read_dates(table), table.today)
    names = [name for name in dates.columns if dates[name].n_unique() > 2][:_MOST_COLUMNS]
    pairs = list(itertools.combinations(names, 2))
    if not pairs:
        return
    counts = dates.select(
        expression
        for index, (left, right) in enumerate(pairs)
        for expression in (
            (pl.col(left) > pl.col(right)).sum().alias(f"after {index}"),
            (pl.col(left) < pl.col(right)).sum().alias(f"before {index}"),
            (pl.col(left).is_not_null() & pl.col(right).is_not_null()).sum().alias(f"both {index}"),
        )
    ).row(0, named=True)
    wrong_pairs = []
    for index, pair in enumerate(pairs):
        after, before, both = (counts[f"{of} {index}"] for of in ("after", "before", "both"))
        wrong, right = min(after, before), max(after, before)
        if both < LEAST_ROWS or not 0 < wrong <= _FEW * both or right < 0.5 * both:
            continue
        first, second = pair if before > after else pair[::-1]
        if _follows(dates, first, second):
            wrong_pairs.append((first, second, wrong, both))
    yield from _out_of_order(wrong_pairs)


def _out_of_order(pairs: list[tuple[str, str, int, int]]) -> Iterator[Suspicion]:
    """One suspicion a pair; where one column is in several pairs, it alone is the suspect."""
    while pairs:
        times = Counter(name for first, second, _, _ in pairs for name in (first, second))
        name, count = times.most_common(1)[0]
        if count < 2:
            break
        about = [pair for pair in pairs if name in pair[:2]]
        _, _, wrong, both = max(about, key=lambda pair: pair[2])
        names = [other for pair in about for other in pair[:2] if other != name]
        yield Suspicion(
            problem=f"`{name}` is in the wrong order with {listed(names)}",
            rule=f"rules on the row that compare {name} with {listed(names)}",
            confidence=0.85,
            columns=(name,),
            count=wrong,
            rows=both,
        )
        pairs = [pair for pair in pairs if pair not in about]
    for first, second, wrong, both in pairs:
        yield Suspicion(
            problem=f"`{first}` is after `{second}`, which follows it in nearly all rows",
            rule=f"a rule on the row: {first} <= {second}",
            confidence=0.85,
            columns=(first, second),
            count=wrong,
            rows=both,
        )


def _plausible(dates: pl.DataFrame, today: date) -> pl.DataFrame:
    """The days without the few that are doubted by themselves."""
    usual = []
    for name in dates.columns:
        day, years = pl.col(name), dates[name].drop_nulls().dt.year().cast(pl.Int64).rename("year")
        far = far_years.far_years(years.value_counts(name="rows"))
        is_usual = ~day.dt.year().is_in(far)
        if (dates[name] > today).sum() <= _FEW * len(years):
            is_usual &= day <= today
        usual.append(pl.when(is_usual).then(day).alias(name))
    return dates.select(usual)


def _follows(dates: pl.DataFrame, first: str, second: str) -> bool:
    """Whether the dates go together, or are apart by years: two draws from the same years are
    ordered by chance.
    """
    span = (pl.col(second) - pl.col(first)).dt.total_days()
    spread = (pl.col(first).quantile(0.95) - pl.col(first).quantile(0.05)).dt.total_days()
    right = pl.col(first) <= pl.col(second)
    median, width, low = dates.select(
        span.filter(right).median().alias("median"),
        spread.alias("width"),
        span.filter(~right).median().alias("low"),
    ).row(0)
    goes_together = median is not None and width and median <= 0.25 * width
    return bool(goes_together) or (low is not None and median is not None and -low >= 0.05 * median)


def read_dates(table: Table) -> pl.DataFrame:
    """The columns of dates and times as days; null where a text is none."""
    days = [
        _day(column).alias(column.name)
        for column in table.profile.columns
        if column.kind in ("date", "timestamp")
    ]
    nearly = [
        pl.col(name).str.strip_chars().str.head(10).str.to_date("%Y-%m-%d", strict=False)
        for name, column in table.columns.items()
        if column.profile.kind == "string"
        and column.given >= LEAST_ROWS
        and column.share(pl.col("value").str.contains(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}")) > 0.5
    ]
    return table.sample.select([*days, *nearly])


def _day(column: ColumnProfile) -> pl.Expr:
    kind = "date" if column.kind == "date" else "timestamp"
    value = read(Declared(name=column.name, logical_type=kind, format=column.format))
    return value.dt.date() if kind == "timestamp" else value
