"""Quantiles by counting classes: the same as of sorted values, however they lie."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipelines.clean import ranks
from assay.pipelines.core.engine import run_together

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def found(
    values: list[float | None], shares: tuple[float, ...] = SHARES
) -> tuple[list[float | None], int]:
    """The quantiles, and the rounds they took."""
    learning, rounds = (
        ranks.quantiles(pl.LazyFrame({"x": values}, schema={"x": pl.Float64}), ["x"], shares),
        0,
    )
    plans = next(learning)
    while True:
        rounds += 1
        try:
            plans = learning.send(dict(zip(plans, run_together(list(plans.values())), strict=True)))
        except StopIteration as done:
            return done.value["x"], rounds


def test_numbers_of_three_digits_take_one_round() -> None:
    assert found([*range(200), None]) == ([0.0, 49.75, 99.5, 149.25, 199.0], 1)


def test_finer_numbers_take_another_round_for_the_classes_that_hold_a_wanted_rank() -> None:
    values = np.random.default_rng(7).normal(size=10_000)
    quantiles, rounds = found(values.tolist())
    assert rounds == 2
    assert quantiles == pytest.approx(np.quantile(values, SHARES), rel=1e-15)


def test_numbers_that_differ_in_their_last_digits_are_told_apart() -> None:
    values = [1e15 + step / 8 for step in range(1, 102)]
    assert found(values, (0.5,))[0] == [1e15 + 51 / 8]


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([None], None), ([math.nan, math.inf], None), ([7.5], 7.5)]
)
def test_what_is_no_finite_number_does_not_count(
    values: list[float | None], expected: float | None
) -> None:
    assert found(values, (0.5,))[0] == [expected]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30),
    st.sampled_from(SHARES),
)
def test_whatever_the_numbers_each_rank_is_that_of_the_sorted_values(
    values: list[float], share: float
) -> None:
    place = (len(values) - 1) * share
    low, high = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    (quantile,) = found(values, (share,))[0]
    assert quantile is not None
    assert low <= quantile <= high or quantile == pytest.approx(low)
    assert place != math.floor(place) or quantile == low
