"""What is too far from the others leaves, is noted, or comes back to the fence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from assay.contracts.steps import Outliers
from assay.pipelines.clean import outliers_by_model, steps
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import FLAGGED_BY, REMOVED_BY, ROW
from tests.clean.test_missing import cleaned
from tests.clean.test_steps import promising

UNIVARIATE = ("iqr", "z_score", "modified_z_score")
MODELS = ("isolation_forest", "local_outlier_factor")


def step(method: str, *columns: str, action: str = "remove", **more: object) -> Outliers:
    """A step."""
    return Outliers.model_validate(
        {
            "step": "outliers",
            "columns": columns or ("x",),
            "method": method,
            "action": action,
            **more,
        }
    )


def fences(
    values: Sequence[object], method: str, factor: float | None = None
) -> dict[str, float | None]:
    """What is learned of one column."""
    rows = pl.LazyFrame(
        {ROW: range(len(values)), "x": values}, schema={ROW: pl.Int64, "x": pl.Float64}
    )
    learning, frames = (
        steps.KINDS["outliers"].fit(
            step(method, factor=factor), rows, steps.promised(promising(x="number"))
        ),
        None,
    )
    try:
        while True:
            plans = learning.send(frames)  # type: ignore[arg-type]  # a generator is started with None
            frames = dict(zip(plans, run_together(list(plans.values())), strict=True))
    except StopIteration as done:
        found: dict[str, float | None] = done.value.values["x"]
        return found


def test_z_scores_are_standard_deviations_of_the_sample_from_the_mean() -> None:
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert fences(values, "z_score", factor=2) == pytest.approx(
        {"low": 5 - 2 * np.std(values, ddof=1), "high": 5 + 2 * np.std(values, ddof=1)}
    )


def test_modified_z_scores_go_by_the_median_absolute_deviation() -> None:
    assert fences(
        [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3], "modified_z_score"
    ) == pytest.approx({"low": 2.45 - 3.5 * 0.15 / 0.6745, "high": 2.45 + 3.5 * 0.15 / 0.6745})


def test_where_half_the_values_are_equal_they_go_by_the_mean_absolute_deviation() -> None:
    assert fences([1, 1, 1, 1, 6], "modified_z_score") == pytest.approx(
        {"low": 1 - 3.5 * 1.253314, "high": 1 + 3.5 * 1.253314}
    )


@pytest.mark.parametrize("method", UNIVARIATE)
@pytest.mark.parametrize(
    "values",
    [[], [None, None], [3], [3, 3, 3], [float("nan")]],
    ids=["no row", "nulls", "one row", "constant", "not a number"],
)
def test_without_spread_nothing_is_far(method: str, values: list[object]) -> None:
    assert fences(values, method) == {"low": None, "high": None}


@pytest.mark.parametrize("method", UNIVARIATE)
def test_an_infinite_value_teaches_nothing(method: str) -> None:
    assert fences([1, 2, 3, 4, float("inf"), float("-inf")], method) == fences([1, 2, 3, 4], method)


@pytest.mark.parametrize("method", UNIVARIATE)
def test_values_as_large_as_they_come_have_fences_or_none(method: str) -> None:
    found = fences([1.7e308, -1.7e308, 1e-300, 0.0], method)
    assert all(value is None or not np.isnan(value) for value in found.values())


@pytest.mark.parametrize("method", UNIVARIATE)
def test_a_far_value_leaves_or_is_noted(method: str) -> None:
    rows = [(float(n % 7),) for n in range(40)] + [(1e6,)]
    assert cleaned(rows, step(method), x="number")[REMOVED_BY].to_list() == [None] * 40 + [
        "1 outliers"
    ]
    assert cleaned(rows, step(method, action="flag"), x="number")[FLAGGED_BY].to_list() == [
        []
    ] * 40 + [["1 outliers"]]


def test_an_integer_is_capped_at_the_next_whole_number_outside_the_fence() -> None:
    frame = cleaned(
        [(n,) for n in (1, 2, 2, 3, 3, 4, 90)], step("iqr", factor=1.5, action="cap"), x="integer"
    )
    assert frame["x"].dtype == pl.Int64
    assert frame["x"].to_list() == [1, 2, 2, 3, 3, 4, 6]


def cloud(rows: int) -> list[tuple[object, ...]]:
    """Points around a line, the last one beside it though within the range of each column."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=rows)
    return [
        *zip(x.tolist(), (x + chance.normal(scale=0.05, size=rows)).tolist(), strict=True),
        (1.5, -1.5),
    ]


@pytest.mark.parametrize("method", MODELS)
def test_a_model_sees_what_no_single_column_shows(method: str) -> None:
    frame = cleaned(cloud(200), step(method, "x", "y", share=0.01), x="number", y="number")
    assert frame[REMOVED_BY].to_list()[-1] == "1 outliers"
    assert frame[REMOVED_BY].count() <= 3


@pytest.mark.parametrize("method", MODELS)
@pytest.mark.parametrize(
    "rows",
    [[], [(1, 1)], [(1, 1), (1, 1)], [(None, 1), (1, None)]],
    ids=["no row", "one row", "constant", "no whole row"],
)
def test_a_model_of_nothing_finds_nothing(method: str, rows: list[tuple[object, ...]]) -> None:
    assert cleaned(rows, step(method, "x", "y"), x="number", y="number")[
        REMOVED_BY
    ].null_count() == len(rows)


@pytest.mark.parametrize("method", MODELS)
def test_a_row_that_is_not_whole_is_no_outlier(method: str) -> None:
    assert (
        cleaned([*cloud(50), (None, 1e9)], step(method, "x", "y"), x="number", y="number")[
            REMOVED_BY
        ].to_list()[-1]
        is None
    )


def test_the_trees_kept_as_a_table_score_as_scikit_learn_does() -> None:
    from sklearn.ensemble import IsolationForest

    values = np.random.default_rng(0).normal(size=(300, 3))
    wanted = step("isolation_forest", "a", "b", "c", trees=10)
    scores = outliers_by_model._scores(
        wanted, Fitted({"rows": 256}, {"model": outliers_by_model._forest(values, wanted)})
    )(values)
    theirs = (
        -IsolationForest(n_estimators=10, max_samples=256, random_state=0)
        .fit(values)
        .score_samples(values)
    )
    assert np.abs(scores - theirs).max() < 1e-12


def test_a_column_of_one_value_knows_what_is_another() -> None:
    assert fences([7.0] * 9 + [3.0], "constant") == {"low": 7.0, "high": 7.0}
    frame = cleaned([("7",)] * 9 + [("3",)], step("constant", action="flag"), x="number")
    assert frame[FLAGGED_BY].to_list() == [[]] * 9 + [["1 outliers"]]


def test_a_column_of_several_values_has_no_constant() -> None:
    assert fences([7.0] * 7 + [3.0] * 3, "constant") == {"low": None, "high": None}
    assert fences([], "constant") == {"low": None, "high": None}


def test_a_constant_has_no_factor() -> None:
    with pytest.raises(ValueError, match="no `factor`"):
        step("constant", factor=2)
