"""What a row may know of other rows: of its group, of the past, of other data sets; and never of its own moment or the future."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contracts.errors import FeatureError
from assay.pipelines.features import lookback, table
from tests.features.conftest import AT, Collect, fitted, frame, hours

# -- groups -----------------------------------------------------------------------------------------


def test_a_group_has_what_its_training_rows_have_and_a_stranger_what_all_have(
    collect: Collect,
) -> None:
    rows = frame(k=["a", "a", "b", None], d=[1, 1, 1, 1], x=[1.0, 4.0, 10.0, 100.0])
    functions = ["mean", "std", "min", "max", "sum", "median", "count", "n_unique"]
    state = fitted(
        rows, {"transform": "group", "by": ["k", "d"], "columns": ["x"], "functions": functions}
    )
    got = collect(
        table.transform(
            frame(k=["a", "b", "never", None, "a"], d=[1, 1, 1, 1, 2], x=[0.0] * 5).lazy(), state
        )
    )
    assert got.columns == [f"x_{function}_by_k_d" for function in functions]
    every = [1.0, 4.0, 10.0, 100.0]
    stranger = (
        np.mean(every),
        pytest.approx(np.std(every, ddof=1)),
        1.0,
        100.0,
        0.0,
        7.0,
        0.0,
        0.0,
    )
    assert got.rows() == [
        (2.5, pytest.approx(np.std([1.0, 4.0], ddof=1)), 1.0, 4.0, 5.0, 2.5, 2.0, 2.0), (10.0, stranger[1], 10.0, 10.0, 10.0, 10.0, 1.0, 1.0), stranger, stranger, stranger,
    ]  # fmt: skip


def test_the_sums_of_groups_do_not_depend_on_the_order_of_rows() -> None:
    chance = np.random.default_rng(5)
    rows = frame(k=chance.choice(list("ab"), 999).tolist(), x=chance.normal(0, 1e6, 999).tolist())
    transform = {
        "transform": "group",
        "by": ["k"],
        "columns": ["x"],
        "functions": ["mean", "std", "sum"],
    }
    one, other = (
        fitted(each, transform).fitted[0].tables["groups"]
        for each in (rows, rows.sample(fraction=1.0, shuffle=True, seed=2))
    )
    assert one.equals(other)


@pytest.mark.parametrize("name", ["all", "groups", "len", "storey"])
def test_what_is_grouped_may_have_any_name(name: str) -> None:
    rows = frame(k=["a", "a", "b"], **{name: [1.0, 2.0, 5.0]})
    got = table.transform(
        rows.lazy(),
        fitted(
            rows,
            {"transform": "group", "by": ["k"], "columns": [name], "functions": ["mean", "max"]},
        ),
    ).collect()
    assert got.rows() == [(1.5, 2.0), (1.5, 2.0), (5.0, 5.0)]


def test_a_number_out_of_all_proportion_does_not_blur_the_other_groups(collect: Collect) -> None:
    chance = np.random.default_rng(11)
    paid = [*np.round(chance.uniform(1, 100, 500), 2), 5e14]
    functions = ["sum", "mean", "std"]
    state = fitted(
        frame(k=[*("ab"[n % 2] for n in range(500)), "c"], x=paid),
        {"transform": "group", "by": ["k"], "columns": ["x"], "functions": functions},
    )
    got = collect(table.transform(frame(k=["a", "b", "c", "never"], x=[0.0] * 4).lazy(), state))
    for row, values in zip(
        got.rows(), (paid[:500:2], paid[1:500:2], paid[500:], paid), strict=True
    ):
        wanted = (
            0.0 if values is paid else np.sum(values),
            np.mean(values),
            np.std(values, ddof=1) if len(values) > 1 else np.std(paid, ddof=1),
        )
        assert row == pytest.approx(wanted, rel=1e-11)


# -- windows ------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(
        st.integers(0, 12) | st.none(),
        st.sampled_from(["a", "b", None]),
        st.floats(-1e6, 1e6) | st.integers(-50, 50).map(float) | st.none(),
    ),
    min_size=1,
    max_size=30,
)


def looked_back(
    rows: list[tuple[int | None, str | None, float | None]], place: int, span: int | None, gap: int
) -> list[float] | None:
    """The values that a row may see, by the definition: same key, earlier than `gap` before it, no further back than `span`. None where it has no time or key."""
    at, key, _ = rows[place]
    if at is None or key is None:
        return None
    return [
        value
        for then, other, value in rows
        if then is not None
        and other == key
        and value is not None
        and then < at - gap
        and (span is None or then >= at - gap - span)
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from([("3h", 3), ("all", None)]), st.sampled_from([(None, 0), ("2h", 2)]))
def test_a_window_is_what_its_definition_says(
    on: Any,
    rows: list[tuple[int | None, str | None, float | None]],
    span: tuple[str, int | None],
    gap: tuple[str | None, int],
) -> None:
    at = pl.Series(
        [None if hour is None else AT + timedelta(hours=hour) for hour, _, _ in rows],
        dtype=pl.Datetime("us", "UTC"),
    )
    given_rows = pl.DataFrame(
        {
            "at": at,
            "k": [key for _, key, _ in rows],
            "x": [x for _, _, x in rows],
            "y": [0.0] * len(rows),
        },
        schema_overrides={"k": pl.String, "x": pl.Float64},
    )
    functions = ["count", "sum", "mean", "std", "min", "max"]
    transform = {
        "transform": "window",
        "by": ["k"],
        "columns": ["x"],
        "span": span[0],
        "functions": functions,
        **({"gap": gap[0]} if gap[0] else {}),
    }
    state = fitted(given_rows, transform)
    got = table.table(given_rows.lazy(), state, on=on).select(state.kept).collect()
    for place in range(len(rows)):
        seen, row = looked_back(rows, place, span[1], gap[1]), got.row(place)
        if seen is None:
            assert set(row) == {None}
            continue
        near = {"abs": 1e-4}  # of a range of two millions
        wanted: list[Any] = [len(seen), pytest.approx(sum(seen), **near)]
        wanted += [
            pytest.approx(np.mean(seen), **near) if seen else None,
            pytest.approx(np.std(seen, ddof=1), **near) if len(seen) > 1 else None,
        ]
        assert list(row) == [*wanted, min(seen, default=None), max(seen, default=None)]


@pytest.mark.parametrize(
    "values",
    [
        [*range(1, 60), 5e14, *range(1, 40)],  # one typo
        [
            *(n / 60 for n in range(60)),
            *(17.0 + 991 * n for n in range(40)),
        ],  # what is normal changes after the training rows
        [*(n / 60 for n in range(60)), *(1e9 + n / 7 for n in range(40))],
        [*(1e-3 * n for n in range(60)), -1e30, 1e20, 1e30, *range(37)],  # storeys apart
        [1.7e9 + n / 3 for n in range(100)],
        [0.0] * 96 + [1e-7, 5.0, 1e9, -4.0],  # more than nine tenths are one number
    ],
)
def test_numbers_of_every_size_are_added_up(on: Any, values: list[float]) -> None:
    rows = frame(x=[float(value) for value in values])
    state = fitted(
        rows,
        {
            "transform": "window",
            "columns": ["x"],
            "span": "9h",
            "functions": ["count", "sum", "mean", "std"],
        },
        holdout=0.4,
    )
    got = table.table(rows.lazy(), state, on=on).select(state.kept).collect()
    for place, row in enumerate(got.rows()):
        seen = values[max(0, place - 9) : place]
        blur = (
            1e-9 * max((abs(value) for value in seen), default=0.0) + 1e-9
        )  # of the greatest one, and of what is usual
        wanted = [
            len(seen),
            math.fsum(seen),
            *([math.fsum(seen) / len(seen)] if seen else []),
            *([np.std(seen, ddof=1)] if len(seen) > 1 else []),
        ]
        assert [value for value in row if value is not None] == pytest.approx(
            wanted, rel=1e-6, abs=blur
        )
        if place in ALONE:
            before = rows[max(0, place - 9) : place]
            alone = table.transform(rows[place : place + 1].lazy(), state, history=before.lazy())
            assert alone.collect().row(0) == row


# every row where the size of the numbers changes, and some of the others
ALONE = {*range(0, 100, 7), *range(57, 74), *range(95, 100)}


def test_no_sum_of_many_far_numbers_overflows() -> None:
    chance = np.random.default_rng(3)
    x = np.concatenate([chance.uniform(0, 1, 75_000), chance.uniform(8, 8.4, 50_000)])
    rows = pl.DataFrame({"at": np.arange(len(x)), "x": x, "y": 0.0})
    state = fitted(
        rows,
        {"transform": "window", "columns": ["x"], "span": 50_000, "functions": ["mean", "std"]},
        holdout=0.4,
    )
    got = table.transform(rows.lazy(), state).collect()
    for place in (70_000, 90_000, 124_999):
        seen = x[place - 50_000 : place]
        assert got.row(place) == pytest.approx((np.mean(seen), np.std(seen, ddof=1)), rel=1e-9)


def test_what_no_float_holds_is_missing(collect: Collect) -> None:
    rows = frame(x=[1e308, 1e308, 1e308, 1.0])
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                frame(x=[1.0, 2.0, 3.0, 4.0]),
                {
                    "transform": "window",
                    "columns": ["x"],
                    "span": "9h",
                    "functions": ["sum", "mean", "std"],
                },
            ),
        )
    )
    assert got.rows() == [
        (0.0, None, None),
        (pytest.approx(1e308), pytest.approx(1e308), None),
        (None, pytest.approx(1e308), 0.0),
        (None, pytest.approx(1e308), 0.0),
    ]


def test_rows_of_the_same_moment_and_the_future_are_not_looked_at(collect: Collect) -> None:
    rows = pl.DataFrame(
        {
            "at": pl.concat([hours(2), hours(2), hours(3)[2:]]),
            "x": [1.0, 2.0, 3.0, 4.0, 100.0],
            "y": [0.0] * 5,
        }
    )
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows, {"transform": "window", "columns": ["x"], "span": "1h", "functions": ["sum"]}
            ),
        )
    )
    assert got["x_sum_1h"].to_list() == [0.0, 4.0, 0.0, 4.0, 6.0]


def test_whole_numbers_and_dates_order_rows_too(collect: Collect) -> None:
    rows = frame(x=[1.0, 2.0, 4.0]).with_columns(at=pl.Series([1, 2, 5], dtype=pl.Int32))
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows, {"transform": "window", "columns": ["x"], "span": 3, "functions": ["sum"]}
            ),
        )
    )
    assert got["x_sum_3"].to_list() == [0.0, 1.0, 2.0]
    dated = rows.with_columns(at=pl.Series([datetime(2024, 1, day).date() for day in (1, 2, 5)]))
    got = collect(
        table.transform(
            dated.lazy(),
            fitted(
                dated, {"transform": "window", "columns": ["x"], "span": "3d", "functions": ["sum"]}
            ),
        )
    )
    assert got["x_sum_3d"].to_list() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("moments", [(0, 1, 2), (0, 2**58, 2**59)])
def test_keys_that_do_not_fit_one_number_are_sorted_in_parts(
    on: Any, moments: tuple[int, int, int]
) -> None:
    rows = pl.DataFrame(
        {
            "at": list(moments) * 8,
            "k": [n // 3 for n in range(24)],
            "x": [float(n) for n in range(24)],
            "y": [0.0] * 24,
        }
    )
    window = {
        "transform": "window",
        "by": ["k"],
        "columns": ["x"],
        "span": "all",
        "functions": ["sum", "max"],
    }
    state = fitted(rows, window, {"transform": "lag", "by": ["k"], "columns": ["x"]})
    got = table.table(rows.lazy(), state, on=on).select(state.kept).collect()
    assert got.rows() == [
        row
        for n in range(0, 24, 3)
        for row in (
            (0.0, None, None),
            (float(n), float(n), float(n)),
            (2.0 * n + 1, float(n + 1), float(n + 1)),
        )
    ]


def test_a_part_without_rows_is_passed_over() -> None:
    """Of the numbers that pairs of keys could have, most stand for no row where each `a` comes with one `b`."""
    rows = pl.DataFrame(
        {
            "at": [0, 1, 2**58] * 12,
            "a": [n // 3 for n in range(36)],
            "b": [n // 3 for n in range(36)],
            "x": [float(n) for n in range(36)],
            "y": [0.0] * 36,
        }
    )
    got = table.transform(
        rows.lazy(),
        fitted(
            rows,
            {
                "transform": "window",
                "by": ["a", "b"],
                "columns": ["x"],
                "span": "all",
                "functions": ["sum"],
            },
        ),
    ).collect()
    assert got["x_sum_all_by_a_b"].to_list() == [
        value for n in range(0, 36, 3) for value in (0.0, float(n), 2.0 * n + 1)
    ]


def test_however_rows_are_cut_for_the_cores_the_past_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = np.random.default_rng(7)
    at = pl.Series(chance.integers(0, 60, 500)).set(pl.Series(chance.random(500) < 0.05), None)
    rows = pl.DataFrame(
        {
            "at": at,
            "k": chance.choice(["a", "b", "c", None], 500),
            "n": chance.integers(0, 5, 500),
            "x": chance.normal(size=500),
            "y": [0.0] * 500,
        }
    )
    window = {
        "transform": "window",
        "by": ["k", "n"],
        "columns": ["x"],
        "span": 9,
        "functions": ["count", "sum", "std", "min"],
    }
    state = fitted(
        rows, window, {"transform": "lag", "by": ["k"], "columns": ["x"], "moments": [1, 3]}
    )
    whole = table.transform(rows.lazy(), state).collect()
    assert whole["x_lag3_by_k"].drop_nulls().len() > 300
    for part in (1, 20):
        monkeypatch.setattr(lookback, "PART_ROWS", part)
        assert table.transform(rows.lazy(), state).collect().equals(whole)


def test_a_number_too_great_to_count_from_is_no_time() -> None:
    rows = pl.DataFrame({"at": [-(2**61), 1, 2, 2**61], "x": [1.0, 2.0, 3.0, 4.0], "y": [0.0] * 4})
    got = table.transform(
        rows.lazy(), fitted(rows, {"transform": "lag", "columns": ["x"]})
    ).collect()
    assert got["x_lag1"].to_list() == [None, None, 2.0, None]


# -- lags -----------------------------------------------------------------------------------------------


def test_a_lag_goes_back_by_moments_of_the_same_key(on: Any) -> None:
    at = pl.Series(
        [AT + timedelta(hours=hour) for hour in (3, 0, 1, 1, 2, 2)], dtype=pl.Datetime("us", "UTC")
    )
    rows = pl.DataFrame(
        {
            "at": at,
            "k": ["a", "a", "a", "a", "b", None],
            "x": [9.0, 1.0, 5.0, 4.0, 7.0, 8.0],
            "y": [0.0] * 6,
        }
    )
    state = fitted(rows, {"transform": "lag", "by": ["k"], "columns": ["x"], "moments": [1, 2]})
    got = table.table(rows.lazy(), state, on=on).collect()
    assert got["x_lag1_by_k"].to_list() == [
        5.0,
        None,
        1.0,
        1.0,
        None,
        None,
    ]  # 5 and 4 are of one moment: the greatest of them counts
    assert got["x_lag2_by_k"].to_list() == [1.0, None, None, None, None, None]


# -- other data sets ---------------------------------------------------------------------------------------

WEATHER = pl.DataFrame(
    {
        "when": [AT, AT + timedelta(hours=2), AT + timedelta(hours=2), AT],
        "airport": ["EWR", "EWR", "EWR", "JFK"],
        "wind": [1.0, 2.0, 3.0, 50.0],
    },
    schema_overrides={"when": pl.Datetime("us", "UTC")},
)
AS_OF = {
    "transform": "as_of",
    "dataset": "weather",
    "columns": ["wind"],
    "time": "when",
    "by": {"origin": "airport"},
}


@pytest.mark.parametrize(
    ("within", "wanted"),
    [(None, [None, 1.0, 1.0, 3.0, None]), ("1h", [None, 1.0, None, 3.0, None])],
)
def test_a_join_takes_the_last_row_from_before(
    within: str | None, wanted: list[float | None], on: Any
) -> None:
    rows = frame(origin=["EWR", "EWR", "EWR", "EWR", "LGA"])
    others = {"weather": WEATHER.sample(fraction=1.0, shuffle=True, seed=1).lazy()}
    state = fitted(rows, {**AS_OF, **({"within": within} if within else {})}, others=others)
    assert (
        table.table(rows.lazy(), state, others=others, on=on).collect()["weather_wind"].to_list()
        == wanted
    )


THEIRS = st.lists(
    st.tuples(
        st.integers(0, 12) | st.none(),
        st.sampled_from(["a", "b", "c", None]),
        st.integers(0, 9).map(float) | st.none(),
    ),
    max_size=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, THEIRS, st.sampled_from([("3h", 3), (None, None)]), st.booleans())
def test_a_join_is_what_its_definition_says(
    on: Any,
    rows: list[tuple[int | None, str | None, float | None]],
    theirs: list[tuple[int | None, str | None, float | None]],
    within: tuple[str | None, int | None],
    keyed: bool,
) -> None:
    def at(given: list[tuple[int | None, str | None, float | None]]) -> pl.Series:
        return pl.Series(
            [None if hour is None else AT + timedelta(hours=hour) for hour, _, _ in given],
            dtype=pl.Datetime("us", "UTC"),
        )

    ours = pl.DataFrame(
        {"at": at(rows), "origin": [key for _, key, _ in rows], "y": [0.0] * len(rows)},
        schema_overrides={"origin": pl.String},
    )
    types = {"airport": pl.String, "wind": pl.Float64}
    others = {
        "weather": pl.LazyFrame(
            {
                "when": at(theirs),
                "airport": [key for _, key, _ in theirs],
                "wind": [wind for _, _, wind in theirs],
            },
            schema_overrides=types,
        )
    }
    state = fitted(
        ours,
        {**AS_OF, **({"within": within[0]} if within[0] else {}), **({} if keyed else {"by": {}})},
        others=others,
    )
    wanted = []
    for hour, key, _ in rows:
        same = [
            (then, (wind is not None, wind))
            for then, other, wind in theirs
            if not keyed or (key is not None and other == key)
        ]
        before = [(then, wind) for then, wind in same if None not in (hour, then) and then < hour]
        last = max(before, default=None)
        wanted.append(
            last[1][1] if last and (within[1] is None or hour - last[0] <= within[1]) else None
        )
    assert (
        table.table(ours.lazy(), state, others=others, on=on).collect()["weather_wind"].to_list()
        == wanted
    )


def test_a_join_by_keys_of_another_type_is_refused() -> None:
    with pytest.raises(
        FeatureError, match="'origin' is Int64, and 'airport' of 'weather' is String"
    ):
        fitted(frame(origin=[1]), AS_OF, others={"weather": WEATHER.lazy()})


def test_a_join_to_what_is_not_there_is_refused() -> None:
    rows = frame(origin=["EWR"])
    with pytest.raises(FeatureError, match="has not been published"):
        fitted(rows, AS_OF)
    with pytest.raises(FeatureError, match="has no gusts"):
        fitted(rows, {**AS_OF, "columns": ["gusts"]}, others={"weather": WEATHER.lazy()})
