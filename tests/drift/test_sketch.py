"""A sketch: what is kept of a version's rows, however they come."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.settings import DriftPolicy
from assay.pipelines.drift import sketch as module
from assay.pipelines.drift import summaries
from assay.pipelines.drift.change_points import change_points
from assay.pipelines.drift.sketch import Kind, Sketch, merged, sketch
from assay.pipelines.drift.summaries import KEY

POLICY = DriftPolicy.model_validate({
    "columns": ["x", "c"], "numerical": {"method": "ks", "threshold": 0.05}, "categorical": {"method": "chisquare", "threshold": 0.05}, "share": 0.5,
    "missing_change_pct": 5, "volume_change_pct": 50, "sample_rows": 100,
})  # fmt: skip
KINDS: dict[str, Kind] = {"x": "numerical", "c": "categorical"}


def sketched(frame: pl.DataFrame) -> Sketch:
    return sketch(frame.lazy(), policy=POLICY, kinds=KINDS)


def frame(rows: int, seed: int = 1) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    return pl.DataFrame({"x": chance.normal(size=rows), "c": chance.choice(list("abc"), rows)})


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-5, 5) | st.sampled_from([float("nan"), float("inf")]),
            st.none() | st.sampled_from("abc"),
        ),
        max_size=200,
    )
)
def test_few_values_are_counted_exactly(rows: list[tuple[float | None, str | None]]) -> None:
    whole = pl.DataFrame(rows, schema={"x": pl.Float64, "c": pl.String}, orient="row")
    made = sketched(whole)
    finite = [x for x, _ in rows if x is not None and np.isfinite(x)]
    assert made.rows == len(rows)
    assert made.missing == {"x": len(rows) - len(finite), "c": sum(c is None for _, c in rows)}
    assert made.numbers["x"].rows() == [
        (value, float(finite.count(value))) for value in sorted(set(finite))
    ]
    assert dict(made.categories["c"].rows()) == {
        c: sum(other == c for _, other in rows) for _, c in rows if c is not None
    }


def test_a_summary_of_many_values_keeps_their_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 10_000)
    whole = frame(300_000)
    summary = sketched(whole).numbers["x"]
    assert summary.height == summaries.POINTS
    assert summary["rows"].sum() == pytest.approx(300_000)
    ranks = (
        np.searchsorted(np.sort(whole["x"].to_numpy()), summary["value"].to_numpy()) / whole.height
    )
    assert np.abs(ranks - (np.arange(summaries.POINTS) + 0.5) / summaries.POINTS).max() < 0.001


def test_it_does_not_matter_how_the_engine_hands_the_rows_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 1_000)
    whole = frame(10_500)
    once, in_parts = (
        sketched(whole),
        sketched(pl.concat([whole[:333], whole[333:7_001], whole[7_001:]], rechunk=False)),
    )
    assert once.sample.equals(in_parts.sample)
    assert once.numbers["x"].equals(in_parts.numbers["x"])


def test_a_sample_is_of_all_rows_and_the_same_each_time() -> None:
    whole = pl.DataFrame({"x": np.arange(50_000.0), "c": "a"})
    drawn = sketched(whole).sample
    assert drawn.height == 100
    assert drawn.equals(sketched(whole).sample)
    assert 15_000 < drawn["x"].mean() < 35_000  # type: ignore[operator]  # there are rows


def test_several_versions_are_as_if_they_had_been_read_together() -> None:
    first, second = frame(3_000, 1), frame(1_000, 2)
    both, whole = (
        merged([sketched(first), sketched(second)], policy=POLICY),
        sketched(pl.concat([first, second])),
    )
    assert (both.rows, both.missing) == (whole.rows, whole.missing)
    assert both.categories["c"].equals(whole.categories["c"])
    assert both.numbers["x"].equals(whole.numbers["x"])
    assert both.sample.height == 100
    assert both.sample[KEY].is_sorted()


def test_a_column_of_too_many_texts_is_counted_in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "CATEGORIES", 100)
    many = sketched(pl.DataFrame({"x": [0.0] * 500, "c": [f"id-{n}" for n in range(500)]}))
    assert many.bucketed == {"c"}
    assert many.categories["c"]["rows"].sum() == 500
    assert not many.categories["c"]["value"].str.contains("id").any()


def test_a_frame_without_any_watched_column_still_has_rows() -> None:
    assert sketched(pl.DataFrame({"other": [1, 2, 3]})).rows == 3


# -- a series of versions -------------------------------------------------------------------


def test_a_step_in_a_series_is_found_where_it_is() -> None:
    chance = np.random.default_rng(1)
    steady = chance.normal(0, 0.1, 40)
    assert change_points(list(steady)) == []
    (place,) = change_points([*steady, *(chance.normal(1, 0.1, 40))])
    assert abs(place - 40) <= 1


def test_a_trend_is_no_change_and_a_bend_is() -> None:
    chance = np.random.default_rng(2)
    trend = np.arange(60) * 0.1 + chance.normal(0, 0.05, 60)
    assert change_points(list(trend)) == []
    (place,) = change_points(
        [*trend, *(trend[-1] - np.arange(60) * 0.1 + chance.normal(0, 0.05, 60))]
    )
    assert abs(place - 60) <= 2


@pytest.mark.parametrize("series", [[], [1.0], [0.5] * 30, [None] * 30, [1.0, None] * 4])
def test_what_never_changes_or_is_too_short_has_no_change(series: list[float | None]) -> None:
    assert change_points(series) == []
