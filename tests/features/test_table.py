"""The whole table: transforms in order, fitted on training rows, refused where something does not fit; engines that agree, or say why not."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from assay.contracts.errors import ConfigurationError, FeatureError
from assay.pipelines.act.retrain import split_in_time
from assay.pipelines.core import engine
from assay.pipelines.core.engine import Engine
from assay.pipelines.features import parity, table
from assay.pipelines.features.privacy import feature_classes, proxies, refused
from assay.pipelines.features.state import Bound, from_json
from tests.features.conftest import fitted, frame, wanted

ROWS = frame(x=[float(n) for n in range(10)], c=list("aabbaabbzz"))
SCALE, SHARE = (
    {"transform": "scale", "columns": ["x"]},
    {"transform": "frequency", "columns": ["c"]},
)


def test_nothing_is_learned_from_the_latest_rows() -> None:
    state = fitted(ROWS, SHARE, holdout=0.2)
    assert state.fitted[0].tables["c"].rows() == [("a", 0.5), ("b", 0.5)]
    assert state.training_rows == 8
    changed = ROWS.with_columns(
        c=pl.Series(list("aabbaabbqr")), x=pl.Series([*range(8), 1e9, -1e9], dtype=pl.Float64)
    )
    every = [
        SCALE,
        SHARE,
        {"transform": "target", "columns": ["c"]},
        {"transform": "bin", "columns": ["x"], "bins": 3},
        {"transform": "group", "by": ["c"], "columns": ["x"]},
    ]
    one, other = (fitted(each, *every, holdout=0.2) for each in (ROWS, changed))
    assert one.as_json() == other.as_json()
    assert all(one.tables[name].equals(other.tables[name]) for name in one.tables)


@pytest.mark.parametrize("holdout", [0.1, 0.2, 0.33, 0.5])
def test_features_and_models_split_at_the_same_moment(holdout: float) -> None:
    rows = pl.concat([ROWS, ROWS]).sort("at")
    train, _ = split_in_time(rows, "at", holdout)
    assert fitted(rows, SCALE, holdout=holdout).training_rows == train.height


def test_a_table_that_cannot_be_split_is_refused() -> None:
    same = ROWS.with_columns(at=pl.lit(ROWS["at"][0]))
    with pytest.raises(FeatureError, match="there is no training row among 10 rows"):
        fitted(same, SCALE, holdout=0.2)
    with pytest.raises(FeatureError, match="no rows to fit on"):
        fitted(ROWS[:0], SCALE)


def test_a_transform_reads_what_earlier_ones_made_and_lineage_goes_through() -> None:
    chain = [
        {"transform": "ratio", "of": ["x"], "to": "z", "keep": False},
        {"transform": "scale", "columns": ["x_per_z"]},
        {"transform": "polynomial", "columns": ["x_per_z_scaled"]},
    ]
    rows = frame(x=[2.0, 4.0, 6.0], z=[2.0, 2.0, 2.0])
    state = fitted(rows, *chain)
    got = engine.run(table.transform(rows.lazy(), state))
    assert got.columns == ["x_per_z_scaled", "x_per_z_scaled_pow2"]
    np.testing.assert_allclose(got["x_per_z_scaled_pow2"].to_numpy(), [1.5, 0.0, 1.5])
    inputs, _ = table.lineage(rows.lazy(), state)
    assert inputs["x_per_z_scaled_pow2"] == ("x", "z")


def test_the_table_has_the_order_the_features_and_the_target() -> None:
    got = engine.run(table.table(ROWS.lazy(), fitted(ROWS, SCALE, SHARE)))
    assert got.columns == ["at", "x_scaled", "c_frequency", "late"]
    assert got["late"].to_list() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two features would be named 'x_scaled'"):
        wanted(SCALE, SCALE)
    rows = ROWS.with_columns(c_is_a=pl.lit(1))
    with pytest.raises(FeatureError, match="two columns would be named 'c_is_a'"):
        fitted(rows, {"transform": "one_hot", "columns": ["c"]})


def test_a_feature_is_a_number() -> None:
    rows = frame(x=[1.0, 2.0], c=["a", "b"])
    others = {"o": pl.LazyFrame({"when": rows["at"], "word": ["p", "q"]})}
    with pytest.raises(FeatureError, match="'o_word' is String, but a feature must be a number"):
        fitted(
            rows,
            {"transform": "as_of", "dataset": "o", "columns": ["word"], "time": "when"},
            others=others,
        )


def test_state_is_plain_data_and_of_one_version() -> None:
    from dataclasses import replace

    state = replace(
        fitted(ROWS, SCALE, SHARE, holdout=0.2), version=Bound("flights", "1.0.0", "ab" * 32)
    )
    said = json.loads(state.as_json())
    assert said["version"] == {"dataset": "flights", "version": "1.0.0", "digest": "ab" * 32}
    assert from_json(state.as_json(), state.tables).version == state.version
    with pytest.raises(FeatureError, match="format 9"):
        from_json(json.dumps({**said, "format": 9}), state.tables)


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(FeatureError, match="'x' is Int64, but was Float64"):
        table.transform(ROWS.with_columns(pl.col("x").cast(pl.Int64)).lazy(), fitted(ROWS, SCALE))


@pytest.mark.parametrize("name", ["c", "x", "u", "m", "at"])
def test_a_column_of_nothing_but_nulls_has_the_type_it_ought_to_have(name: str) -> None:
    rows = ROWS.with_columns(u=pl.col("x").cast(pl.UInt16), m=pl.col("x").cast(pl.Decimal(9, 2)))
    state = fitted(
        rows,
        SCALE,
        SHARE,
        {"transform": "window", "by": ["c"], "columns": ["x", "u", "m"], "span": "6h"},
    )
    untyped, typed = (
        rows.with_columns(pl.lit(None, kind).alias(name)) for kind in (pl.Null, rows.schema[name])
    )

    def made(new: pl.DataFrame, past: pl.DataFrame | None) -> pl.DataFrame:
        return table.transform(
            new.lazy(), state, history=past.lazy() if past is not None else None
        ).collect()

    assert_frame_equal(made(untyped, None), made(typed, None))
    for new, past in ((0, 1), (1, 0), (1, 1)):
        got, expected = (
            made((rows, nulls)[new][5:], (rows, nulls)[past][:5]) for nulls in (untyped, typed)
        )
        assert_frame_equal(got, expected)


# -- what may not be used ---------------------------------------------------------------------------


def test_a_transform_that_looks_at_the_target_is_a_leak_and_one_of_the_past_is_none() -> None:
    leaking = wanted(
        {"transform": "log", "columns": ["y"]},
        {"transform": "scale", "columns": ["y_log"]},
        {"transform": "window", "columns": ["y"], "span": "1d"},
    )
    assert [(transform.transform, column) for transform, column in leaking.leaks()] == [
        ("log", "y"),
        ("scale", "y"),
    ]
    by_itself = wanted({"transform": "lag", "by": ["y"], "columns": ["x"]})
    assert [column for _, column in by_itself.leaks()] == ["y"]


def test_a_feature_has_the_class_of_the_most_sensitive_column_it_is_made_from() -> None:
    classes = feature_classes(
        {"a": ["age"], "b": ["age", "religion"], "c": ["x"]},
        {"age": "personal", "religion": "special category"},
    )
    assert classes == {"a": "personal", "b": "special category"}
    assert refused(classes, {"personal": ["training"]}, "training") == {"b": "special category"}
    assert refused(classes, {}, "training") == classes


def test_a_feature_that_gives_a_protected_column_away_is_found() -> None:
    chance = np.random.default_rng(0)
    group = chance.choice(["p", "q", "r"], 600)
    rows = pl.DataFrame(
        {
            "gender": group,
            "salary": np.where(group == "p", 9.0, 3.0) + chance.normal(0, 0.1, 600),
            "height": chance.normal(0, 1, 600),
        }
    )
    found = proxies(rows, {"salary": ["pay"], "height": ["cm"]}, ["gender"], 0)
    assert [(proxy.feature, proxy.column, proxy.made_from_it) for proxy in found] == [
        ("salary", "gender", False),
        ("height", "gender", False),
    ]
    assert found[0].skill == pytest.approx(
        0.5, abs=0.1
    )  # it tells p from the others, and not q from r
    assert found[1].skill < 0.1


def test_a_protected_column_of_one_value_cannot_be_judged() -> None:
    assert proxies(pl.DataFrame({"g": ["a"] * 99, "x": [1.0] * 99}), {"x": ["x"]}, ["g"], 0) == ()


# -- engines -------------------------------------------------------------------------------------------


def device(refuses: Sequence[str] = (), off_by: float = 0.0) -> parity.Try:
    """An engine as a GPU is: it refuses plans with some features, and what it computes may differ a little."""

    def attempt(plan: pl.LazyFrame, _: Engine) -> tuple[pl.DataFrame | None, str | None]:
        for name in refuses:
            if name in plan.collect_schema():
                return None, f"NotImplementedError: {name}"
        return engine.run(plan).with_columns(pl.selectors.float() + off_by), None

    return attempt


def test_the_receipt_names_the_engine_of_each_feature_and_its_difference() -> None:
    told = parity.receipt(
        ROWS.lazy(), fitted(ROWS, SCALE, SHARE), "gpu", attempt=device(off_by=1e-12)
    )
    assert [(column.feature, column.engine, column.fallback) for column in told.columns] == [
        ("x_scaled", "gpu", None),
        ("c_frequency", "gpu", None),
    ]
    assert 0 < told.greatest < 1e-11


def test_beyond_the_tolerance_nothing_is_published() -> None:
    with pytest.raises(
        FeatureError,
        match=r"'x_scaled' differently from the CPU: they differ by 1e-06, beyond the tolerance of 1e-09",
    ):
        parity.receipt(ROWS.lazy(), fitted(ROWS, SCALE), "gpu", attempt=device(off_by=1e-6))
    told = parity.receipt(
        ROWS.lazy(), fitted(ROWS, SCALE, tolerance=1e-5), "gpu", attempt=device(off_by=1e-6)
    )
    assert told.greatest == pytest.approx(1e-6, rel=1e-3)


def test_a_missing_number_on_one_side_is_no_small_difference() -> None:
    def forgets(plan: pl.LazyFrame, _: Engine) -> tuple[pl.DataFrame | None, str | None]:
        return engine.run(plan).with_columns(x_scaled=pl.lit(None, pl.Float64)), None

    with pytest.raises(FeatureError, match="differ in what is missing"):
        parity.receipt(ROWS.lazy(), fitted(ROWS, SCALE), "gpu", attempt=forgets)


def test_what_the_engine_refuses_is_an_error_unless_the_contract_allows_a_fallback() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"cannot run the transform 'frequency' \(c_frequency\): NotImplementedError",
    ):
        parity.receipt(
            ROWS.lazy(), fitted(ROWS, SCALE, SHARE), "gpu", attempt=device(refuses=["c_frequency"])
        )
    state = fitted(ROWS, SCALE, SHARE, fallback="allow")
    told = parity.receipt(ROWS.lazy(), state, "gpu", attempt=device(refuses=["c_frequency"]))
    assert [(column.engine, column.fallback) for column in told.columns] == [
        ("gpu", None),
        ("polars", "NotImplementedError: c_frequency"),
    ]
    assert told.fallbacks == ("c_frequency",)
    assert parity.plans(told, state, table.lineage(ROWS.lazy(), state)[1]) == [
        parity.Plan("gpu", ("x_scaled",), in_rows=False),
        parity.Plan("polars", ("c_frequency",), in_rows=True),
    ]


def test_each_transform_that_keeps_all_rows_in_memory_is_made_by_itself() -> None:
    lag, window = (
        {"transform": "lag", "by": ["c"], "columns": ["x"]},
        {"transform": "window", "columns": ["x"], "span": "2h", "functions": ["mean", "count"]},
    )
    state = fitted(ROWS, SCALE, lag, SHARE, window)
    told = parity.receipt(ROWS.lazy(), state, "polars")
    assert parity.plans(told, state, table.lineage(ROWS.lazy(), state)[1]) == [
        parity.Plan("polars", ("x_scaled", "c_frequency"), in_rows=True),
        parity.Plan("polars", ("x_lag1_by_c",), in_rows=False),
        parity.Plan("polars", ("x_mean_2h", "x_count_2h"), in_rows=False),
    ]


@pytest.mark.parametrize(
    ("made", "expected", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([1e9 + 1], [1e9], 1e-9),
        ([0.0, None], [0.25, None], 0.25),
        ([None], [1.0], None),
        ([float("nan")], [1.0], None),
        ([float("inf")], [float("inf")], 0.0),
    ],
)
def test_a_difference_is_relative_beyond_1(
    made: list[float | None], expected: list[float | None], apart: float | None
) -> None:
    got = parity.difference(
        pl.Series(made, dtype=pl.Float64), pl.Series(expected, dtype=pl.Float64)
    )
    assert got == (None if apart is None else pytest.approx(apart))


@pytest.mark.skipif(engine.why_no_gpu() is None, reason="a GPU is here")
def test_a_demanded_gpu_that_is_not_there_is_an_error_and_never_replaced() -> None:
    assert engine.choose("auto") == "polars"
    with pytest.raises(ConfigurationError, match="the engine 'gpu' is required, and cudf-polars"):
        engine.choose("gpu")


@pytest.mark.skipif(engine.why_no_ray() is None, reason="ray is installed here")
def test_a_demanded_cluster_without_ray_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"the engine 'ray-gpu' is required, and ray"):
        engine.choose("ray-gpu")
