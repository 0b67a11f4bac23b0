"""Columns that decide each other -> rows that contradict what nearly all rows with the same say.

Belongs here: dependencies that hold nearly everywhere, and their exceptions. Stays out: repairs
(clean/dependencies.py), where several witnesses are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Suspicion, Table

_MOST_COLUMNS = 24
"""So many columns are compared: pairs grow with the square."""
_MOST_ROWS = 20_000
_FEW = 0.08
"""Share of rows that may contradict their group."""
_PURE = 0.9
"""Share of a group's rows that must agree."""
_GROUP = 5
"""Rows of a group that say something."""
_GROUPS = 8
"""Groups of several rows that must bear a dependency out."""


def contradicting_rows(table: Table) -> Iterator[Suspicion]:
    """Cells that differ from what all other rows with the same value in another column have."""
    names = _categories(table)
    sample = table.sample.select(names)
    if sample.height > _MOST_ROWS:
        sample = sample.gather_every(-(-sample.height // _MOST_ROWS))
    codes = sample.select(pl.col(name).cast(pl.Categorical).to_physical() for name in names)
    reported = set[str]()
    for given in names:
        others = [name for name in names if name != given and name not in reported]
        if not others:
            continue
        for decides, wrong, rows in _exceptions(codes, given, others):
            if decides in reported:
                continue
            reported.add(decides)
            yield Suspicion(
                problem=f"`{decides}` differs from all other rows with the same `{given}`",
                rule=f"a dependency: {given} decides {decides}; assay.cleaning: {{step: dependencies}}",
                confidence=0.8,
                columns=(decides,),
                count=wrong,
                rows=rows,
            )


def _categories(table: Table) -> list[str]:
    """The columns whose values occur in several rows each."""
    names = [
        name
        for name, column in table.columns.items()
        if 3 <= column.texts.height <= column.given / 4
        and not column.is_prose
        and (column.profile.kind in ("string", "integer"))
    ]
    return sorted(names, key=lambda name: table.columns[name].texts.height)[-_MOST_COLUMNS:]


def _exceptions(
    codes: pl.DataFrame, given: str, others: list[str]
) -> Iterator[tuple[str, int, int]]:
    """Column, rows that contradict, and rows in groups, of each column that `given` decides."""
    plans = [_groups(codes, given, name) for name in others]
    for name, groups in zip(others, pl.collect_all(plans), strict=True):
        groups = groups.filter(pl.col("rows") >= _GROUP)
        in_groups = int(groups["rows"].sum())
        wrong = in_groups - int(groups["most"].sum())
        if groups.height < _GROUPS or in_groups < max(LEAST_ROWS, 0.5 * codes.height):
            continue
        if not 0 < wrong <= _FEW * in_groups or _frequent_value(groups, in_groups):
            continue
        exceptions = codes.join(groups, on=given, maintain_order="left").filter(
            pl.col(name).is_not_null() & (pl.col(name) != pl.col("value"))
        )
        if _are_slips(exceptions, given, name) and not _have_in_common(exceptions, codes):
            yield name, wrong, in_groups


def _are_slips(exceptions: pl.DataFrame, given: str, name: str) -> bool:
    """Whether nearly each exception is alone: others of the same group and value are another case."""
    alone = exceptions.group_by(given, name).len().filter(pl.col("len") == 1).height
    is_pure = (pl.col("most") >= _PURE * pl.col("rows")) | (pl.col("rows") - pl.col("most") <= 1)
    pure = exceptions.filter(is_pure).height
    return min(alone, pure) >= 0.8 * exceptions.height


def _have_in_common(exceptions: pl.DataFrame, codes: pl.DataFrame) -> bool:
    """Whether most exceptions share a value of some column, this one included, that few other rows
    have: another state, and not an error.
    """
    if exceptions.height < 3:
        return False
    for other in codes.columns:
        modes = exceptions[other].value_counts(sort=True, name="rows")
        value, count = modes.row(0)
        usual = (codes[other] == value).sum() if value is not None else codes[other].null_count()
        if count >= 0.6 * exceptions.height and usual < 0.3 * codes.height:
            return True
    return False


def _groups(codes: pl.DataFrame, given: str, name: str) -> pl.LazyFrame:
    """Per value of `given`: its rows, and how many have the most frequent value."""
    return (
        codes.lazy()
        .drop_nulls([given, name])
        .group_by(given, name)
        .len("count")
        .sort("count", descending=True)
        .group_by(given)
        .agg(
            pl.col("count").sum().alias("rows"),
            pl.col("count").first().alias("most"),
            pl.col(name).first().alias("value"),
        )
    )


def _frequent_value(groups: pl.DataFrame, rows: int) -> bool:
    """Whether one value is that of nearly all groups: it needs no other column to decide it."""
    by_value = groups.group_by("value").agg(pl.col("rows").sum())
    return by_value.filter(pl.col("rows") > 0.8 * rows).height > 0
