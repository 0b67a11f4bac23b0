"""Features are fitted once, kept as plain data, and give the same on a batch and on one row."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from contracts.errors import ConfigurationError, FeatureError
from contracts.settings import Features, Frequency, OneHot, Scale, Target
from pipelines import engine
from pipelines.features import table

FEATURES = Features(
    order_by="at",
    target=Target(name="late", column="x", above=2),
    transforms=(Scale(transform="scale", columns=("x",)), OneHot(transform="one_hot", columns=("c",), most=2), Frequency(transform="frequency", columns=("c",))),
)
FRAME = pl.DataFrame({"at": [1, 2, 3, 4], "x": [1.0, 2.0, 3.0, None], "c": ["b", "a", "b", None]})


@pytest.fixture(params=["polars", pytest.param("gpu", marks=pytest.mark.skipif(engine.choose("auto") != "gpu", reason="no GPU engine (cudf-polars) is installed"))])
def on(request: pytest.FixtureRequest) -> engine.Engine:
    """Each engine there is."""
    return request.param  # type: ignore[no-any-return]  # parametrised above


def test_each_transform_by_hand(on: engine.Engine) -> None:
    state = table.fit(FRAME.lazy(), FEATURES, on)
    got = engine.run(table.table(FRAME.lazy(), FEATURES, state), on)
    std = (2 / 3) ** 0.5
    expected = pl.DataFrame(
        {
            "at": [1, 2, 3, 4],
            "x_scaled": [-1 / std, 0.0, 1 / std, None],
            "c_is_b": pl.Series([1, 0, 1, 0], dtype=pl.Int8),
            "c_is_a": pl.Series([0, 1, 0, 0], dtype=pl.Int8),
            "c_frequency": [0.5, 0.25, 0.5, 0.0],
            "late": pl.Series([0, 0, 1, None], dtype=pl.Int8),
        }
    )
    assert_frame_equal(got, expected)


def test_a_value_never_seen_is_no_category_and_has_frequency_0() -> None:
    state = table.fit(FRAME.lazy(), FEATURES, "polars")
    row = pl.LazyFrame({"x": [2.0], "c": ["never"]})
    assert table.transform(row, FEATURES, state).collect().rows() == [(0.0, 0, 0, 0.0)]


def test_a_constant_column_becomes_0_and_an_empty_one_is_refused() -> None:
    only = Features(order_by="at", transforms=(Scale(transform="scale", columns=("x",)),))
    constant = pl.LazyFrame({"x": [5.0, 5.0]})
    assert table.transform(constant, only, table.fit(constant, only, "polars")).collect()["x_scaled"].to_list() == [0.0, 0.0]
    empty = pl.LazyFrame({"x": [None, None]}, schema={"x": pl.Float64})
    with pytest.raises(FeatureError, match="no value to scale by"):
        table.transform(empty, only, table.fit(empty, only, "polars"))


rows = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.floats(-1e6, 1e6)), st.one_of(st.none(), st.sampled_from("abcdé"))), min_size=1, max_size=25)


@given(rows.filter(lambda made: any(x is not None for _, x, _ in made)))
def test_state_survives_json_and_one_row_at_a_time_is_the_batch(made: list[tuple[int, float | None, str | None]]) -> None:
    frame = pl.DataFrame(made, schema={"at": pl.Int64, "x": pl.Float64, "c": pl.String}, orient="row", strict=False)
    state = json.loads(json.dumps(table.fit(frame.lazy(), FEATURES, "polars")))
    batch = table.transform(frame.lazy(), FEATURES, state).collect()
    single = pl.concat([table.transform(frame[n : n + 1].lazy(), FEATURES, state).collect() for n in range(frame.height)])
    assert_frame_equal(batch, single, check_exact=True)


def test_a_frame_that_lacks_a_column_is_refused() -> None:
    state = table.fit(FRAME.lazy(), FEATURES, "polars")
    with pytest.raises(FeatureError, match="lacks c"):
        table.transform(pl.LazyFrame({"x": [1.0]}), FEATURES, state)


def test_two_features_of_one_name_are_refused() -> None:
    twice = Features(order_by="at", transforms=(Scale(transform="scale", columns=("x",)), Scale(transform="scale", columns=("x",))))
    with pytest.raises(FeatureError, match="x_scaled"):
        table.expressions(twice, table.fit(FRAME.lazy(), twice, "polars"))


def test_the_lineage_of_a_feature_is_what_its_expression_reads() -> None:
    from lineage.columns import lineage_of

    state = table.fit(FRAME.lazy(), FEATURES, "polars")
    assert lineage_of(table.expressions(FEATURES, state), ["at"]) == {"at": ("at",), "x_scaled": ("x",), "c_is_b": ("c",), "c_is_a": ("c",), "c_frequency": ("c",)}


@pytest.mark.skipif(engine.choose("auto") == "gpu", reason="a GPU engine is installed here")
def test_a_demanded_gpu_that_is_not_there_is_an_error_and_never_replaced() -> None:
    with pytest.raises(ConfigurationError, match="cudf-polars is not installed"):
        engine.choose("gpu")
