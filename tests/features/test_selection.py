"""Selection as scikit-learn does it, with every score kept."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold, chi2, mutual_info_classif
from sklearn.preprocessing import MinMaxScaler

from assay.contracts.errors import FeatureError
from assay.contracts.transforms import (
    ByChiSquared,
    ByCorrelation,
    ByMutualInformation,
    ByVariance,
    Recursive,
)
from assay.pipelines.core import engine
from assay.pipelines.features import table
from assay.pipelines.features.selection import select
from tests.features.conftest import fitted, frame

RANDOM = np.random.default_rng(0)
LABEL = RANDOM.integers(0, 2, 300)
FEATURES = pl.DataFrame({
    "telling": LABEL + RANDOM.normal(0, 0.3, 300), "noise": RANDOM.normal(0, 1, 300), "same": [1.0] * 300, "half": LABEL * 0.5 + RANDOM.normal(0, 0.5, 300),
}).with_columns((pl.col("telling") * -2 + 1).alias("mirror"))  # fmt: skip
TARGET = pl.Series(LABEL, dtype=pl.Int8)
VALUES = FEATURES.to_numpy()


def names(mask: np.ndarray) -> tuple[str, ...]:  # type: ignore[type-arg]  # of booleans
    return tuple(np.array(FEATURES.columns)[mask])


def test_variance_and_the_best_are_scikit_learns() -> None:
    kept, scores = select(
        FEATURES, FEATURES.columns, TARGET, [ByVariance(select="variance", above=0.5)], 0
    )
    assert kept == names(VarianceThreshold(0.5).fit(VALUES).get_support())
    assert [score.score for score in scores] == pytest.approx(VALUES.var(axis=0).tolist())
    kept, scores = select(
        FEATURES,
        FEATURES.columns,
        TARGET,
        [ByMutualInformation(select="mutual_information", most=2)],
        0,
    )
    assert [score.score for score in scores] == mutual_info_classif(
        VALUES, LABEL, random_state=0
    ).tolist()
    assert set(kept) == {"telling", "mirror"}
    kept, _ = select(
        FEATURES, FEATURES.columns, TARGET, [ByChiSquared(select="chi_squared", most=3)], 0
    )
    with np.errstate(invalid="ignore"):
        assert kept == names(
            SelectKBest(chi2, k=3).fit(MinMaxScaler().fit_transform(VALUES), LABEL).get_support()
        )


def test_recursive_elimination_is_scikit_learns() -> None:
    kept, scores = select(
        FEATURES, FEATURES.columns, TARGET, [Recursive(select="recursive", most=2, trees=10)], 3
    )
    reference = RFE(ExtraTreesClassifier(10, random_state=3), n_features_to_select=2, step=0.2).fit(
        VALUES, LABEL
    )
    assert kept == names(reference.support_)
    assert [score.because for score in scores] == [f"rank {rank}" for rank in reference.ranking_]


def test_of_two_that_say_the_same_the_first_stays() -> None:
    kept, scores = select(
        FEATURES, FEATURES.columns, None, [ByCorrelation(select="correlation", at_most=0.9)], 0
    )
    assert kept == ("telling", "noise", "same", "half")
    assert (scores[-1].feature, scores[-1].score, scores[-1].because) == (
        "mirror",
        pytest.approx(1.0),
        "like telling",
    )


def test_each_selection_sees_what_the_one_before_left() -> None:
    kept, scores = select(
        FEATURES,
        FEATURES.columns,
        TARGET,
        [
            ByVariance(select="variance"),
            ByCorrelation(select="correlation", at_most=0.9),
            ByMutualInformation(select="mutual_information", most=1),
        ],
        0,
    )
    assert kept == ("telling",)
    assert [
        sum(score.select == which for score in scores)
        for which in ("variance", "correlation", "mutual_information")
    ] == [5, 4, 3]


def test_missing_numbers_count_as_the_mean() -> None:
    holed = pl.DataFrame(
        {"a": [1.0, None, 3.0], "b": [None, None, None]}, schema_overrides={"b": pl.Float64}
    )
    _, scores = select(holed, ["a", "b"], None, [ByCorrelation(select="correlation")], 0)
    assert [score.score for score in scores] == [0.0, 0.0]
    kept, scores = select(holed, ["a", "b"], None, [ByVariance(select="variance")], 0)
    assert (kept, [score.score for score in scores]) == (("a",), [pytest.approx(2 / 3), 0.0])


def test_nothing_left_and_one_class_are_refused() -> None:
    with pytest.raises(FeatureError, match="keeps no feature"):
        select(FEATURES, ["same"], None, [ByVariance(select="variance")], 0)
    with pytest.raises(FeatureError, match="both classes"):
        select(
            FEATURES,
            ["noise"],
            pl.Series([1] * 300),
            [ByMutualInformation(select="mutual_information", most=1)],
            0,
        )


def test_what_is_left_out_is_not_in_the_table_and_its_score_stays_in_the_state() -> None:
    rows = frame(x=[float(n % 7) for n in range(60)], same=[1.0] * 60)
    state = fitted(
        rows, {"transform": "log", "columns": ["x", "same"]}, select=[{"select": "variance"}]
    )
    state, _ = table.looked_through(rows.lazy(), state, engine.run_together, ())
    assert (state.made, state.kept) == (("x_log", "same_log"), ("x_log",))
    assert {score.feature: score.kept for score in state.scores} == {
        "x_log": True,
        "same_log": False,
    }
    assert table.transform(rows.lazy(), state).collect().columns == ["x_log"]
