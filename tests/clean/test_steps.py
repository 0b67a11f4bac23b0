"""Each repair does one thing, and each row it takes out is named with its step."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import CleaningStep, Deduplicate, FillMissing, Outliers
from pipelines.clean import duplicates, steps
from pipelines.frames import REMOVED_BY, ROW

NONE = pl.Series(ROW, [], pl.Int64)


def cleaned(values: list[float | None], *done: CleaningStep, repeated: pl.Series = NONE) -> pl.DataFrame:
    frame = pl.LazyFrame({ROW: range(2, len(values) + 2), "x": values}, schema={ROW: pl.Int64, "x": pl.Float64})
    fitter = steps.fit(done)
    fitted = frame.select(fitter).collect().item() if fitter is not None else {}
    return steps.apply(frame, done, fitted, repeated).collect()


def test_the_median_fills_what_is_missing() -> None:
    assert cleaned([1, None, 3, 8], FillMissing(step="fill_missing", columns=("x",), method="median"))["x"].to_list() == [1, 3, 3, 8]


def test_the_smallest_of_several_modes_fills() -> None:
    assert cleaned([2, 2, 1, 1, None], FillMissing(step="fill_missing", columns=("x",), method="mode"))["x"].to_list()[-1] == 1


def test_a_column_without_any_value_stays_missing() -> None:
    assert cleaned([None, None], FillMissing(step="fill_missing", columns=("x",), method="median"))["x"].to_list() == [None, None]


def test_outliers_beyond_tukeys_fences_leave_with_their_step() -> None:
    frame = cleaned([1, 2, 3, 4, 100, None], Outliers(step="outliers", columns=("x",), factor=1.5, action="remove"))
    assert frame[REMOVED_BY].to_list() == [None, None, None, None, "1 outliers", None]


def test_capping_moves_the_value_and_keeps_the_row() -> None:
    frame = cleaned([1, 2, 3, 4, 100], Outliers(step="outliers", columns=("x",), factor=1.5, action="cap"))
    assert frame["x"].to_list() == [1, 2, 3, 4, 7]
    assert frame[REMOVED_BY].null_count() == 5


def test_the_first_step_that_takes_a_row_out_is_the_one_named() -> None:
    repeated = pl.Series(ROW, [6], pl.Int64)
    outliers = Outliers(step="outliers", columns=("x",), factor=1.5, action="remove")
    frame = cleaned([1, 2, 3, 4, 100], Deduplicate(step="deduplicate"), outliers, repeated=repeated)
    assert frame[REMOVED_BY].to_list() == [None] * 4 + ["1 deduplicate"]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2", None])), max_size=30))
def test_a_row_repeats_when_an_earlier_one_is_equal_in_every_column(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pl.LazyFrame([(number, *row) for number, row in enumerate(rows, 2)], schema={ROW: pl.Int64, "a": pl.String, "b": pl.String}, orient="row")
    suspected = duplicates.suspects(frame, ["a", "b"]).collect()
    got = duplicates.repeated(frame, ["a", "b"], suspected).collect()[ROW].to_list()
    assert got == [number for number, row in enumerate(rows, 2) if row in rows[: number - 2]]


def test_what_was_fitted_on_one_version_is_applied_unchanged_to_another() -> None:
    fill = FillMissing(step="fill_missing", columns=("x",), method="median")
    frame = pl.LazyFrame({ROW: [2], "x": [None]}, schema={ROW: pl.Int64, "x": pl.Float64})
    assert steps.apply(frame, [fill], {"1 fill_missing": {"x": 41.5}}, NONE).collect()["x"].to_list() == [41.5]
