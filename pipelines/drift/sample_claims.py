"""Samples of two sketches -> claims of drift by the policy's tests, in all rows and in slices.

Belongs here: which columns are tested, and how probable their distance is by chance. Stays out: the
tests (evidently_tests.py), p-values (significance.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import isnan

import polars as pl

from assay.contracts.settings import DriftPolicy, Method, Slice
from assay.pipelines.core.frames import ColumnDrift
from assay.pipelines.drift import significance
from assay.pipelines.drift.claims import FEWEST, Claim, unmeasured
from assay.pipelines.drift.evidently_tests import obstacle, tested
from assay.pipelines.drift.sketch import Kind, Sketch
from assay.pipelines.drift.summaries import summary_of

Chance = Callable[[], float]
"""How probable the distance would be without drift; worked out only where it is large enough to
matter.
"""


def sample_claims(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """The policy's test of each column, on the samples of all rows; how probable it is by chance,
    by all rows.
    """
    for column, kind in kinds.items():
        chance = _chance_of_all_rows(column, kind, before, now)
        if chance is not None and kind != "personal":
            method = policy.method(column, kind)
            yield _tested(column, before.sample[column], now.sample[column], kind, method, chance)


def _chance_of_all_rows(column: str, kind: Kind, before: Sketch, now: Sketch) -> Chance | None:
    """How probable the distance of a column would be without drift; None if it is not
    compared.
    """
    if kind == "numerical" and column in before.numbers and column in now.numbers:
        return partial(significance.of_numbers, before.numbers[column], now.numbers[column])
    if kind == "categorical" and column in before.categories and column in now.categories:
        counts = before.categories[column], now.categories[column]
        return partial(significance.of_categories, *counts)
    return None


def _tested(
    column: str,
    before: pl.Series,
    now: pl.Series,
    kind: Kind,
    method: Method,
    chance: Chance,
    part: str = "",
) -> Claim:
    measurement = ColumnDrift(column, method.method, None, method.threshold, None, part=part)
    reason = obstacle(before, now)
    if reason:
        return Claim(replace(measurement, note=reason), None)
    score, beyond = tested(before, now, kind, method)
    if isnan(score):  # Evidently passes its test on a score that is not a number
        return Claim(replace(measurement, note="the test gave no number"), None)
    measurement = replace(measurement, score=score)
    if not method.gives_p_value:
        return Claim(measurement, beyond, chance() if beyond else 1.0)
    p_value = score
    if kind == "categorical":
        # Evidently's chi-squared test takes the reference's shares for the truth (0.7.23), and is
        # alarmed by every rare value: that of two samples has to agree
        p_value = max(score, significance.of_categories(value_counts(before), value_counts(now)))
    return Claim(measurement, True, p_value, method.threshold)


# -- slices ----------------------------------------------------------------------------------


def slice_claims(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """The same tests within the sampled rows of each slice."""
    for part in policy.slices:
        if part.column not in before.sample.columns or part.column not in now.sample.columns:
            continue
        old, young = (
            sketch.sample.filter(of_slice(part, sketch.sample.schema[part.column]))
            for sketch in (before, now)
        )
        for column, kind in kinds.items():
            is_there = column in old.columns and column in young.columns
            if kind != "personal" and column != part.column and is_there:
                method = policy.method(column, kind)
                yield _within_slice(old[column], young[column], kind, method, part.name)


def _within_slice(
    before: pl.Series, now: pl.Series, kind: Kind, method: Method, part: str
) -> Claim:
    if min(before.len(), now.len()) < FEWEST:
        note = f"too few rows of the sample are in it ({before.len():,} before, {now.len():,} now)"
        return unmeasured(before.name, method.method, method.threshold, note, part)
    chance = partial(_chance_of_samples, before, now, kind)
    return _tested(before.name, before, now, kind, method, chance, part)


def _chance_of_samples(before: pl.Series, now: pl.Series, kind: Kind) -> float:
    if kind == "numerical":
        return significance.of_numbers(summary_of(before), summary_of(now))
    return significance.of_categories(value_counts(before), value_counts(now))


def of_slice(part: Slice, dtype: pl.DataType) -> pl.Expr:
    """Whether a row is in a slice; a row without the column's value is not."""
    value = pl.col(part.column)
    if part.above is not None:
        return (value > part.above).fill_null(False)
    wanted = str(part.equals).lower() if isinstance(part.equals, bool) else part.equals
    if dtype.is_numeric() and not isinstance(wanted, str):
        return (value == wanted).fill_null(False)
    return (value.cast(pl.String) == str(wanted)).fill_null(False)


def value_counts(values: pl.Series) -> pl.DataFrame:
    """Texts with their rows."""
    return values.drop_nulls().rename("value").value_counts(name="rows").sort("value")
