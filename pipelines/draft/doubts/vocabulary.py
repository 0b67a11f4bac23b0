"""A small vocabulary -> its members that look like slips of others.

Belongs here: variants in case, misspellings, members apart from all others, placeholders. Stays
out: repairs (clean/typos.py).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from assay.contracts.steps import Typos
from assay.pipelines.clean.shapes import form
from assay.pipelines.clean.typos import WORD, Domain, near_values
from assay.pipelines.core.package_data import read_lines
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

_MOST_MEMBERS = 100
_LEAST_LETTERS = 5
"""Shorter codes, such as those of airports, differ in one letter on purpose."""
_OFTEN = 10  # rows that each frequent member has, at least
_FEW = 0.02
"""Share of rows that rare members have together."""
_EVEN = 0.6
"""Standard deviation of the logarithms of frequencies, up to which members are about as frequent."""
_APART = 20
"""By how many times a rare member is less frequent than the least of the others."""


def case_variants(column: Column) -> Suspicion | None:
    """Values that differ from a more frequent one in upper and lower case alone."""
    if column.profile.kind != "string" or column.is_prose or column.given < LEAST_ROWS:
        return None
    folded = column.texts.with_columns(key=pl.col("value").str.to_lowercase())
    keys = folded.group_by("key").agg(pl.len().alias("ways"), pl.col("rows").sum().alias("all"))
    several = keys.filter((pl.col("ways") > 1) & (pl.col("all") >= 3))
    if several.is_empty() or several.height < 0.1 * keys.filter(pl.col("all") >= 3).height:
        return None
    variants = (
        folded.join(several, on="key")
        .sort("rows", descending=True, maintain_order=True)
        .filter(pl.col("value") != pl.col("value").first().over("key"))
    )
    share = variants["rows"].sum() / column.given
    if share > 0.1:
        return None
    return Suspicion(
        problem="values that differ from others in upper and lower case alone",
        rule="assay.cleaning: {step: normalize, case: …}, or an enum of the spellings that are right",
        confidence=0.85,
        values=variants["value"],
    )


def misspelt(column: Column) -> Suspicion | None:
    """Members that are one slip away from a frequent one."""
    if not _is_small(column):
        return None
    rows = dict(column.texts.select("value", "rows").iter_rows())
    usual = Typos(step="typos")
    words = Counter[str]()
    for value, count in rows.items():
        words.update(dict.fromkeys(WORD.findall(value.lower()), count))
    frequent = sorted(value for value, count in rows.items() if count >= usual.support)
    near = near_values(Domain(rows, frequent, frozenset()), words, usual)
    if not near.meant or not near.most_are:
        return None
    slips = {
        value
        for value, meant in near.meant
        if len(value) >= _LEAST_LETTERS and (meant is None or _letters(value) != _letters(meant))
    }
    values = pl.Series(sorted(slips), dtype=pl.String)
    if not slips:
        return None
    if sum(rows.get(value, 0) for value in values) > 0.1 * column.given:
        return None
    return Suspicion(
        problem="values one slip away from a frequent one",
        rule="enum of the frequent values, or assay.cleaning: {step: typos}",
        confidence=0.8,
        values=values,
    )


def rare_members(column: Column) -> Suspicion | None:
    """Members far less frequent than all others, which are about as frequent as each other."""
    if not _is_small(column) or column.texts.height < 3:
        return None
    texts = column.texts.sort("rows", descending=True)
    counts = texts["rows"].to_numpy().astype(np.float64)
    ratios = counts[:-1] / counts[1:]
    rest = counts[::-1].cumsum()[::-1][1:]  # rows of all members after each
    cuts = np.flatnonzero((ratios >= _APART) & (rest <= _FEW * column.given))
    if not len(cuts):
        return None
    cut = int(cuts[0]) + 1
    usual = counts[:cut]
    values = texts["value"][cut:]
    is_alike = _ways(values) <= _ways(texts["value"][:cut])
    is_even = cut >= 4 and np.log(usual).std() <= _EVEN
    if cut < 3 or usual[-1] < _OFTEN or (is_alike and not is_even):
        return None
    return Suspicion(
        problem=f"members far rarer than the other {cut}",
        rule="enum of the frequent values",
        confidence=0.7,
        values=values,
    )


def placeholders(column: Column) -> Suspicion | None:
    """Words that stand for a missing value among other texts."""
    if column.profile.kind != "string" or column.given < LEAST_ROWS:
        return None
    marks = read_lines("draft/doubts/placeholders.txt")
    value = pl.col("value").str.strip_chars()
    values = column.values_where(value.is_in(list(marks)))
    rows = int(column.texts.filter(value.is_in(list(marks)))["rows"].sum())
    if not 0 < rows <= 0.2 * column.given:
        return None
    return Suspicion(
        problem="texts that stand for a missing value",
        rule="assay.null_values",
        confidence=0.85,
        values=values,
    )


def _ways(values: pl.Series) -> set[str]:
    """The ways in which texts are written: capitals, small letters, digits and marks in order."""
    shape = form(pl.col(values.name or "value"))
    runs = shape.str.replace_all("A+", "A").str.replace_all("a+", "a").str.replace_all("9+", "9")
    words = runs.str.replace_all(r"([Aa]+)([ _-][Aa]+)+", "$1")
    return set(values.to_frame().select(words).to_series())


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _is_small(column: Column) -> bool:
    """Whether few different texts fill the column."""
    few = 2 <= column.texts.height <= min(_MOST_MEMBERS, 0.1 * column.given)
    return few and column.profile.kind in ("string", "boolean") and column.given >= LEAST_ROWS
