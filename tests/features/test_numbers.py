"""Numbers on a common scale: as scikit-learn does it, and by hand where nothing is left to it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from assay.contracts.errors import FeatureError
from assay.pipelines.features import table
from tests.features.conftest import Collect, fitted, frame

X = np.random.default_rng(7).lognormal(1.0, 0.8, 400)
FRAME = frame(x=X.tolist(), z=(X[::-1] * 2).tolist())
UNSEEN = np.array([0.001, 3.0, 1e4])


def made(
    collect: Collect, *transforms: dict[str, object], rows: pl.DataFrame | None = None
) -> pl.DataFrame:
    state = fitted(FRAME, *transforms)
    return collect(table.transform((FRAME if rows is None else rows).lazy(), state))


@pytest.mark.parametrize(
    ("method", "scaler"),
    [("standard", StandardScaler()), ("min_max", MinMaxScaler()), ("robust", RobustScaler())],
)
def test_scaling_is_scikit_learns(method: str, scaler: StandardScaler, collect: Collect) -> None:
    got = made(collect, {"transform": "scale", "columns": ["x"], "method": method})
    np.testing.assert_allclose(
        got["x_scaled"].to_numpy(), scaler.fit_transform(X.reshape(-1, 1))[:, 0], rtol=1e-12
    )


@pytest.mark.parametrize("output", ["uniform", "normal"])
def test_quantiles_are_scikit_learns_for_rows_seen_and_unseen(
    output: str, collect: Collect
) -> None:
    reference = QuantileTransformer(
        n_quantiles=100, output_distribution=output, subsample=None
    ).fit(X.reshape(-1, 1))
    transform = {"transform": "quantile", "columns": ["x"], "quantiles": 100, "output": output}
    np.testing.assert_allclose(
        made(collect, transform)["x_quantile"].to_numpy(),
        reference.transform(X.reshape(-1, 1))[:, 0],
        rtol=1e-9,
    )
    got = made(collect, transform, rows=frame(x=UNSEEN.tolist()))
    np.testing.assert_allclose(
        got["x_quantile"].to_numpy(), reference.transform(UNSEEN.reshape(-1, 1))[:, 0], rtol=1e-9
    )


@pytest.mark.parametrize("method", ["yeo_johnson", "box_cox"])
def test_powers_are_scikit_learns(method: str, collect: Collect) -> None:
    reference = PowerTransformer(method=method.replace("_", "-")).fit(X.reshape(-1, 1))
    got = made(
        collect,
        {"transform": "power", "columns": ["x"], "method": method},
        rows=frame(x=[*X.tolist(), 0.5]),
    )
    np.testing.assert_allclose(
        got["x_power"].to_numpy(),
        reference.transform(np.append(X, 0.5).reshape(-1, 1))[:, 0],
        rtol=1e-9,
    )


def test_yeo_johnson_takes_negative_numbers(collect: Collect) -> None:
    x = np.linspace(-5, 3, 50)
    state = fitted(frame(x=x.tolist()), {"transform": "power", "columns": ["x"]})
    got = collect(table.transform(frame(x=x.tolist()).lazy(), state))
    np.testing.assert_allclose(
        got["x_power"].to_numpy(),
        PowerTransformer().fit_transform(x.reshape(-1, 1))[:, 0],
        rtol=1e-9,
    )


@pytest.mark.parametrize("method", ["uniform", "quantile", "kmeans"])
def test_bins_are_scikit_learns(method: str, collect: Collect) -> None:
    how = {"quantile_method": "averaged_inverted_cdf"} if method == "quantile" else {}
    reference = KBinsDiscretizer(
        n_bins=6, strategy=method, encode="ordinal", subsample=None, random_state=0, **how
    ).fit(X.reshape(-1, 1))
    got = made(
        collect,
        {"transform": "bin", "columns": ["x"], "bins": 6, "method": method},
        rows=frame(x=[*X.tolist(), *UNSEEN.tolist()]),
    )
    assert (
        got["x_bin"].to_list()
        == reference.transform(np.append(X, UNSEEN).reshape(-1, 1))[:, 0].astype(int).tolist()
    )


def test_bins_at_the_contracts_edges_hold_their_lower_edge(collect: Collect) -> None:
    got = made(
        collect,
        {"transform": "bin", "columns": ["x"], "method": "edges", "edges": [0, 10]},
        rows=frame(x=[-1.0, 0.0, 9.9, 10.0, None]),
    )
    assert got["x_bin"].to_list() == [0, 1, 1, 2, None]


@pytest.mark.parametrize("only", [False, True])
def test_polynomials_are_scikit_learns(only: bool, collect: Collect) -> None:
    got = made(
        collect,
        {"transform": "polynomial", "columns": ["x", "z"], "degree": 3, "interactions_only": only},
    )
    reference = PolynomialFeatures(
        3 if not only else 2, interaction_only=only, include_bias=False
    ).fit_transform(FRAME.select("x", "z").to_numpy())[:, 2:]
    assert got.columns == (
        ["x_x_z"]
        if only
        else ["x_pow2", "x_x_z", "z_pow2", "x_pow3", "x_pow2_x_z", "x_x_z_pow2", "z_pow3"]
    )
    np.testing.assert_allclose(got.to_numpy(), reference, rtol=1e-12)


def test_logarithms_ratios_and_differences_by_hand(collect: Collect) -> None:
    rows = frame(x=[0.0, np.e - 1, 1 - np.e, None], z=[0.0, 2.0, 4.0, 1.0])
    state = fitted(
        FRAME,
        {"transform": "log", "columns": ["x"]},
        {"transform": "ratio", "of": ["x"], "to": "z"},
        {"transform": "difference", "of": ["z"], "less": "x"},
    )
    got = collect(table.transform(rows.lazy(), state))
    assert got["x_log"].to_list() == pytest.approx([0.0, 1.0, -1.0, None])
    assert got["x_per_z"].to_list() == [
        None,
        (np.e - 1) / 2,
        (1 - np.e) / 4,
        None,
    ]  # nothing per nothing is missing, not endless
    assert got["z_less_x"].to_list() == [0.0, 2.0 - (np.e - 1), 4.0 - (1 - np.e), None]


def test_times_differ_in_seconds(collect: Collect) -> None:
    from datetime import timedelta

    from tests.features.conftest import AT

    rows = frame(x=[1.0, 1.0]).with_columns(
        pl.Series("landed", [AT + timedelta(minutes=1), None], dtype=pl.Datetime("us", "UTC"))
    )
    got = collect(
        table.transform(
            rows.lazy(), fitted(rows, {"transform": "difference", "of": ["landed"], "less": "at"})
        )
    )
    assert got["landed_less_at"].to_list() == [60.0, None]


def test_what_is_no_finite_number_is_missing(collect: Collect) -> None:
    every = [
        {"transform": name, "columns": ["x"]}
        for name in ("scale", "quantile", "log", "power", "bin", "polynomial")
    ]
    got = made(collect, *every, rows=frame(x=[float("nan"), float("inf"), -float("inf"), None]))
    assert got.null_count().row(0) == (4,) * got.width


def test_a_constant_column_becomes_0_everywhere(collect: Collect) -> None:
    same = frame(x=[5.0] * 4)
    every = [
        {"transform": "scale", "columns": ["x"], "method": "standard"},
        {"transform": "power", "columns": ["x"]},
        {"transform": "bin", "columns": ["x"]},
    ]
    got = collect(table.transform(same.lazy(), fitted(same, *every)))
    assert got.rows() == [(0.0, 0.0, 0)] * 4


@pytest.mark.parametrize("name", ["scale", "quantile", "power", "bin"])
def test_a_column_without_a_number_teaches_nothing(name: str) -> None:
    with pytest.raises(FeatureError, match="'x' has no value"):
        fitted(
            frame(x=[None, float("nan")]).with_columns(pl.col("x").cast(pl.Float64)),
            {"transform": name, "columns": ["x"]},
        )


def test_box_cox_refuses_what_is_not_above_0() -> None:
    with pytest.raises(FeatureError, match="not above 0"):
        fitted(
            frame(x=[0.0, 1.0, 2.0]), {"transform": "power", "columns": ["x"], "method": "box_cox"}
        )


@pytest.mark.parametrize(
    ("transform", "values"),
    [
        ({"transform": "power"}, [1e308, -1e308, 1.0, 5.0]),
        ({"transform": "power"}, [float(n) * 1e155 for n in range(8)]),
        ({"transform": "bin", "method": "kmeans"}, [1e308, -1e308, 1.0, 5.0]),
        ({"transform": "bin", "method": "kmeans"}, [float(n) * 1e155 for n in range(8)]),
        ({"transform": "bin", "method": "uniform"}, [1e308, -1e308, 1.0, 5.0]),
        ({"transform": "scale", "method": "min_max"}, [1e308, -1e308, 1.0, 5.0]),
        ({"transform": "scale", "method": "robust"}, [1e308, 1.5e308, 1e308, 1.5e308]),
    ],
)
def test_numbers_that_leave_the_floats_on_the_way_are_refused_by_name(
    transform: dict[str, str], values: list[float]
) -> None:
    with pytest.raises(
        FeatureError, match=r"'x' has numbers that are too large or too far apart .*\. (Use|Write) "
    ):
        fitted(frame(x=values), {**transform, "columns": ["x"]})
