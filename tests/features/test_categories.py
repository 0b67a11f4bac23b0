"""Categories as numbers: as scikit-learn does it, and what becomes of values never seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from assay.contracts.errors import FeatureError
from assay.pipelines.features import table
from tests.features.conftest import Collect, fitted, frame

C = ["b", "a", "b", None, "c", "b"]
FRAME = frame(c=C, k=[1, 2, 1, 1, None, 2])


def test_one_hot_is_scikit_learns_and_an_unseen_value_is_all_zeros(collect: Collect) -> None:
    got = collect(
        table.transform(
            frame(c=["a", "b", "never", None]).lazy(),
            fitted(FRAME, {"transform": "one_hot", "columns": ["c"], "most": 2}),
        )
    )
    reference = OneHotEncoder(
        categories=[["b", "a"]], handle_unknown="ignore", sparse_output=False
    ).fit([["b"], ["a"]])
    assert got.columns == ["c_is_b", "c_is_a"]
    assert (
        got.to_numpy().tolist()
        == reference.transform([["a"], ["b"], ["never"], ["none"]]).astype(int).tolist()
    )


def test_names_that_two_categories_would_share_are_told_apart(collect: Collect) -> None:
    got = collect(
        table.transform(
            frame(c=["a-b", "a b"]).lazy(),
            fitted(frame(c=["a-b", "a b", "a-b"]), {"transform": "one_hot", "columns": ["c"]}),
        )
    )
    assert got.to_dict(as_series=False) == {"c_is_a_b": [1, 0], "c_is_a_b_2": [0, 1]}


def test_labels_and_orders_are_scikit_learns(collect: Collect) -> None:
    state = fitted(
        FRAME,
        {"transform": "label", "columns": ["c", "k"]},
        {"transform": "ordinal", "columns": ["c"], "order": ["c", "b"]},
    )
    got = collect(
        table.transform(frame(c=["a", "b", "c", "never", None], k=[2, 1, 9, None, 1]).lazy(), state)
    )
    label = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(
        np.array([["a"], ["b"], ["c"]], dtype=object)
    )
    assert got["c_label"].to_list() == [
        *label.transform(np.array([["a"], ["b"], ["c"], ["never"]], dtype=object))[:, 0]
        .astype(int)
        .tolist(),
        None,
    ]
    assert got["k_label"].to_list() == [1, 0, -1, None, 0]
    assert got["c_ordinal"].to_list() == [-1, 1, 0, -1, None]


def test_an_order_of_another_type_is_refused() -> None:
    with pytest.raises(FeatureError, match="not of type Int64"):
        fitted(FRAME, {"transform": "ordinal", "columns": ["k"], "order": ["small", "large"]})


def test_a_frequency_is_the_share_of_all_training_rows(collect: Collect) -> None:
    got = collect(
        table.transform(
            frame(c=["b", "a", "never", None]).lazy(),
            fitted(FRAME, {"transform": "frequency", "columns": ["c"]}),
        )
    )
    assert got["c_frequency"].to_list() == [3 / 6, 1 / 6, 0.0, 0.0]


def test_a_hash_is_murmurs_and_the_same_for_ever(collect: Collect) -> None:
    texts = ["b", "ü", "", "a longer text"]
    got = collect(
        table.transform(
            frame(c=[*texts, None]).lazy(),
            fitted(FRAME, {"transform": "hash", "columns": ["c"], "buckets": 2**30}),
        )
    )
    assert got["c_hash"].to_list() == [*(murmur(text) % 2**30 for text in texts), None]


def murmur(text: str) -> int:
    """MurmurHash3, 32 bits, seed 0, written out. Source: Appleby, public domain."""
    data, mask, h = text.encode(), 0xFFFFFFFF, 0
    words = [
        int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data) - len(data) % 4, 4)
    ]
    tail = data[len(data) - len(data) % 4 :]

    def mixed(k: int) -> int:
        k = k * 0xCC9E2D51 & mask
        return (k << 15 | k >> 17) * 0x1B873593 & mask

    for word in words:
        h ^= mixed(word)
        h = (h << 13 | h >> 19) & mask
        h = h * 5 + 0xE6546B64 & mask
    if tail:
        h ^= mixed(int.from_bytes(tail, "little"))
    h ^= len(data)
    for shift, times in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ h >> shift) * times & mask
    return h


def test_a_crossing_serves_the_transforms_after_it(collect: Collect) -> None:
    rows = frame(c=["a", "a", "b", None], d=["x", "y", "x", "x"])
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows,
                {"transform": "cross", "columns": ["c", "d"]},
                {"transform": "frequency", "columns": ["c_and_d"]},
            ),
        )
    )
    assert got.to_dict(as_series=False) == {"c_and_d_frequency": [0.25, 0.25, 0.25, 0.0]}


# -- target ---------------------------------------------------------------------------------------


def late(n: int) -> pl.DataFrame:
    chance = np.random.default_rng(3)
    return frame(
        c=chance.choice(["a", "b", "c"], n).tolist(),
        y=chance.integers(0, 11, n).astype(float).tolist(),
    )


def test_a_later_row_gets_scikit_learns_smoothed_mean_of_all_training_rows(
    collect: Collect,
) -> None:
    rows = late(200)
    state = fitted(
        rows, {"transform": "target", "columns": ["c"], "smooth": 10, "folds": 4}, holdout=0.25
    )
    train, after = rows[:150], rows[150:]
    encoder = TargetEncoder(smooth=10.0, target_type="binary").fit(
        train.select("c").to_numpy(), (train["y"] > 5).cast(pl.Int8).to_numpy()
    )
    got = collect(table.transform(rows.lazy(), state))["c_target"]
    np.testing.assert_allclose(
        got[150:].to_numpy(), encoder.transform(after.select("c").to_numpy())[:, 0], rtol=1e-12
    )


def test_a_training_row_gets_what_the_other_folds_say(collect: Collect) -> None:
    rows = late(200)
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows,
                {"transform": "target", "columns": ["c"], "smooth": 10, "folds": 4},
                holdout=0.25,
            ),
        )
    )["c_target"]
    cuts = [
        0,
        *(int(np.quantile(np.arange(150), fold / 4, method="lower")) for fold in (1, 2, 3)),
        150,
    ]
    for first, end in pairwise(cuts):
        outside = pl.concat([rows[:first], rows[end:150]])
        encoder = TargetEncoder(smooth=10.0, target_type="binary").fit(
            outside.select("c").to_numpy(), (outside["y"] > 5).cast(pl.Int8).to_numpy()
        )
        np.testing.assert_allclose(
            got[first:end].to_numpy(),
            encoder.transform(rows[first:end].select("c").to_numpy())[:, 0],
            rtol=1e-12,
        )


def test_a_category_of_one_row_says_nothing_about_that_rows_target(collect: Collect) -> None:
    rows = frame(c=[f"only {n}" for n in range(100)])
    flipped = rows.with_columns(
        pl.when(pl.col("c") == "only 7").then(10.0 - pl.col("y")).otherwise("y").alias("y")
    )
    transform = {"transform": "target", "columns": ["c"]}
    one, other = (
        collect(table.transform(each.lazy(), fitted(each, transform)))["c_target"][7]
        for each in (rows, flipped)
    )
    assert one == other


def test_an_unseen_category_gets_the_mean_of_all(collect: Collect) -> None:
    rows = late(100)
    state = fitted(rows, {"transform": "target", "columns": ["c"]}, holdout=0.2)
    later = frame(c=["never", None]).with_columns(rows["at"][-2:])
    mean = (rows[:80]["y"] > 5).mean()
    assert collect(table.transform(later.lazy(), state))["c_target"].to_list() == pytest.approx(
        [mean, mean]
    )


@pytest.mark.parametrize("name", ["fold", "value", "rows", "true", "mean", "cuts"])
def test_a_column_may_be_called_what_the_counts_are_called(name: str, collect: Collect) -> None:
    got, expected = (
        collect(
            table.transform(
                rows.lazy(),
                fitted(rows, {"transform": "target", "columns": [rows.columns[1]]}, holdout=0.25),
            )
        ).to_series()
        for rows in (
            late(200).rename({"c": name}).select("y", name, "at"),
            late(200).select("y", "c", "at"),
        )
    )
    assert got.to_list() == expected.to_list()


# -- embedding --------------------------------------------------------------------------------------


def test_categories_that_occur_with_the_same_others_lie_together(collect: Collect) -> None:
    pairs = [
        (dest, carrier)
        for dest, carriers in {
            "north1": "xy",
            "north2": "xy",
            "south1": "zw",
            "south2": "zw",
        }.items()
        for carrier in carriers
        for _ in range(5)
    ]
    rows = frame(dest=[dest for dest, _ in pairs], carrier=[carrier for _, carrier in pairs])
    state = fitted(
        rows, {"transform": "embedding", "column": "dest", "beside": "carrier", "dimensions": 2}
    )
    got = collect(
        table.transform(
            frame(dest=["north1", "north2", "south1", "never", None], carrier=["x"] * 5).lazy(),
            state,
        )
    ).to_numpy()
    np.testing.assert_allclose(got[0], got[1], atol=1e-12)
    assert np.linalg.norm(got[0] - got[2]) > 1
    assert (got[3:] == 0).all()


def test_an_embedding_is_the_decomposition_of_mutual_information(collect: Collect) -> None:
    chance = np.random.default_rng(1)
    rows = frame(
        a=chance.choice(list("abcd"), 300).tolist(),
        b=chance.choice(list("xyz"), 300, p=[0.6, 0.3, 0.1]).tolist(),
    )
    got = collect(
        table.transform(
            frame(a=list("abcd"), b=["x"] * 4).lazy(),
            fitted(rows, {"transform": "embedding", "column": "a", "beside": "b", "dimensions": 3}),
        )
    ).to_numpy()
    counts = (
        rows.pivot("b", index="a", values="y", aggregate_function="len")
        .sort("a")
        .select("x", "y", "z")
        .to_numpy()
        .astype(float)
    )
    information = np.maximum(
        np.log(counts * counts.sum() / counts.sum(1, keepdims=True) / counts.sum(0)), 0
    )
    left, values, _ = np.linalg.svd(information, full_matrices=False)
    np.testing.assert_allclose(got @ got.T, (left * values) @ left.T, atol=1e-9)
