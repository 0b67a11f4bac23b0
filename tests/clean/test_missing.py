"""Nulls get values that belong to their column, from where the contract says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep, DropMissing, FillMissing
from assay.pipelines.clean import steps
from assay.pipelines.core.frames import REMOVED_BY, ROW, SET_ASIDE_BY
from tests.clean.test_steps import learned, promising, text


def cleaned(rows: Sequence[tuple[object, ...]], *done: CleaningStep, **types: str) -> pl.DataFrame:
    """The rows, cleaned, in their order."""
    return _cleaned(rows, promising(*done, **types))


def _cleaned(rows: Sequence[tuple[object, ...]], promised: Contract) -> pl.DataFrame:
    given = text(rows, list(promised.column_names))
    return steps.repaired(given, promised, learned(given, promised)).collect().sort(ROW)


def fill(method: str, *columns: str, **more: object) -> FillMissing:
    """A step."""
    return FillMissing.model_validate(
        {"step": "fill_missing", "columns": columns or ("x",), "method": method, **more}
    )


def test_the_mean_is_exact_in_any_order() -> None:
    values = [(0.1,), (1e16,), (-1e16,), (0.2,), (None,)]
    assert {
        cleaned(order, fill("mean"), x="number")["x"].null_count()
        for order in (values, values[::-1])
    } == {0}
    assert (
        len(
            {
                cleaned(order, fill("mean"), x="number")
                .filter(pl.col("_changed_1 fill_missing|x"))["x"]
                .item()
                for order in (values, values[::-1])
            }
        )
        == 1
    )
    assert cleaned([(1,), (3,), (8,), (None,)], fill("mean"), x="number")["x"].to_list() == [
        1,
        3,
        8,
        4,
    ]


@pytest.mark.parametrize(
    ("values", "filled"), [([1, 2], 2), ([2, 3], 2), ([3, 4], 4), ([-1, -2], -2)]
)
def test_a_column_of_integers_gets_integers_rounded_half_to_even(
    values: list[int], filled: int
) -> None:
    frame = cleaned([*((value,) for value in values), (None,)], fill("median"), x="integer")
    assert frame["x"].dtype == pl.Int64
    assert frame["x"].to_list()[-1] == filled


def test_a_decimal_gets_as_many_digits_as_it_has() -> None:
    promised = promising(fill("mean"), x="number")
    exact = promised.model_copy(
        update={
            "columns": (promised.columns[0].model_copy(update={"physical_type": "decimal(6,2)"}),)
        }
    )
    frame = _cleaned([("0.10",), ("0.20",), ("0.20",), (None,)], exact)
    assert (frame["x"].dtype, frame["x"].to_list()[-1]) == (pl.Decimal(6, 2), Decimal("0.17"))


def test_the_most_frequent_date_fills_dates() -> None:
    assert (
        cleaned(
            [("2024-05-01",), ("2024-05-01",), ("2024-05-02",), (None,)], fill("mode"), x="date"
        )["x"]
        .cast(pl.String)
        .to_list()[-1]
        == "2024-05-01"
    )


def test_a_constant_date_is_read_as_iso_text() -> None:
    assert cleaned([(None,)], fill("constant", value="2024-05-01"), x="date")["x"].cast(
        pl.String
    ).to_list() == ["2024-05-01"]


@pytest.mark.parametrize(
    ("method", "filled"), [("mean", [3, 20, 26 / 3]), ("median", [3, 20, 4]), ("mode", [2, 20, 2])]
)
def test_a_group_fills_its_own_and_the_whole_fills_the_others(
    method: str, filled: list[float]
) -> None:
    rows = [("a", 2), ("a", 4), ("b", 20), ("a", None), ("b", None), ("c", None)]
    assert cleaned(rows, fill(method, by=("g",)), g="string", x="number")["x"].to_list()[
        3:
    ] == pytest.approx(filled)


def test_a_row_without_a_group_gets_what_the_whole_has() -> None:
    assert (
        cleaned(
            [("a", 2), ("a", 4), (None, None), (None, 9)],
            fill("median", by=("g",)),
            g="string",
            x="number",
        )["x"].to_list()[2]
        == 4
    )


@pytest.mark.parametrize(
    ("method", "filled"),
    [
        ("forward", [None, 10, 10, 10, 40]),
        ("backward", [10, 10, 40, 40, 40]),
        ("interpolate", [None, 10, 20, 30, 40]),
    ],
)
def test_rows_before_and_after_fill_in_the_order_that_is_named(
    method: str, filled: list[float | None]
) -> None:
    rows = list(
        zip(
            ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"],
            [None, 10, None, None, 40],
            strict=True,
        )
    )
    frame = cleaned(rows[::-1], fill(method, order_by="day"), day="date", x="number").sort("day")
    assert frame["x"].to_list() == filled


def test_a_row_without_its_place_is_not_filled() -> None:
    assert cleaned(
        [(1, 5), (None, None), (2, None)], fill("forward", order_by="n"), n="integer", x="number"
    )["x"].to_list() == [5, None, 5]


def test_neighbours_are_those_of_the_group() -> None:
    rows = [(1, "a", 5), (2, "b", None), (3, "a", None)]
    assert cleaned(
        rows, fill("forward", order_by="n", by=("g",)), n="integer", g="string", x="number"
    )["x"].to_list() == [5, None, 5]


def test_columns_predict_each_other() -> None:
    rows: list[tuple[object, ...]] = [(n, 2 * n + 1, -n) for n in range(40)]
    frame = cleaned(
        [*rows, (12, None, None)],
        fill("iterative", "y", "z", using=("x",)),
        x="number",
        y="number",
        z="integer",
    )
    assert frame.row(-1, named=True)["y"] == pytest.approx(25, abs=0.5)
    assert frame.row(-1, named=True)["z"] == -12


def test_a_prediction_stays_within_what_was_seen() -> None:
    rows: list[tuple[object, ...]] = [(n, 2 * n) for n in range(40)]
    assert (
        cleaned(
            [*rows, (1000, None)], fill("iterative", "y", using=("x",)), x="number", y="number"
        )["y"].to_list()[-1]
        == 78
    )


def test_predictions_are_those_of_scikit_learn() -> None:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # how scikit-learn lets it be imported
    from sklearn.impute import IterativeImputer

    chance = np.random.default_rng(0)
    x = chance.uniform(-1, 1, 60)
    values = np.stack(
        [x, x * 3 + chance.normal(scale=0.1, size=60), chance.uniform(-1, 1, 60)], axis=1
    )
    values[::7, 1] = np.nan
    values[::11, 2] = np.nan
    rows: list[tuple[object, ...]] = [
        tuple(None if np.isnan(cell) else cell for cell in row) for row in values.tolist()
    ]
    ours = (
        cleaned(rows, fill("iterative", "y", "z", using=("x",)), x="number", y="number", z="number")
        .select("x", "y", "z")
        .to_numpy()
    )
    theirs = IterativeImputer(random_state=0).fit_transform(values)
    assert np.abs(ours - theirs).max() < 0.05


@pytest.mark.parametrize(
    ("missing", "left"),
    [("any", [None, "1 drop_missing", "1 drop_missing"]), ("all", [None, None, "1 drop_missing"])],
)
def test_rows_with_missing_values_leave(missing: str, left: list[str | None]) -> None:
    rows: list[tuple[object, ...]] = [(1, 1), (1, None), (None, None)]
    for action, mark in (("remove", REMOVED_BY), ("set_aside", SET_ASIDE_BY)):
        step = DropMissing.model_validate(
            {"step": "drop_missing", "columns": ("x", "y"), "missing": missing, "action": action}
        )
        assert cleaned(rows, step, x="number", y="number")[mark].to_list() == left
