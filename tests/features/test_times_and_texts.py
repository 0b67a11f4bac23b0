"""Parts of times, points on a circle, counts of texts, terms: by hand, and as scikit-learn has them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from assay.contracts.errors import FeatureError
from assay.pipelines.features import table
from tests.features.conftest import Collect, fitted, frame


def test_parts_of_a_time_are_those_of_a_zones_clock(collect: Collect) -> None:
    at = pl.Series(
        [datetime(2024, 3, 1, 2, 30, tzinfo=UTC), datetime(2023, 12, 31, 23, 5, 7, tzinfo=UTC)],
        dtype=pl.Datetime("us", "UTC"),
    )
    rows = frame(x=[1.0, 2.0]).with_columns(at=at)
    parts = [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "day_of_year",
        "weekday",
        "hour",
        "minute",
        "second",
        "is_weekend",
        "is_month_start",
        "is_month_end",
        "days",
    ]
    got = collect(
        table.transform(
            rows.lazy(), fitted(rows, {"transform": "calendar", "columns": ["at"], "parts": parts})
        )
    )
    assert got.rows() == [
        (2024, 1, 3, 9, 1, 61, 5, 2, 30, 0, 0, 1, 0, 19783),
        (2023, 4, 12, 52, 31, 365, 7, 23, 5, 7, 1, 0, 1, 19722),
    ]
    there = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows,
                {
                    "transform": "calendar",
                    "columns": ["at"],
                    "parts": ["day", "hour"],
                    "time_zone": "America/New_York",
                },
            ),
        )
    )
    assert there.rows() == [(29, 21), (31, 18)]


def test_a_date_has_no_hour() -> None:
    rows = frame(x=[1.0]).with_columns(day=pl.Series([datetime(2024, 1, 1).date()]))
    with pytest.raises(FeatureError, match="has no hour"):
        fitted(rows, {"transform": "calendar", "columns": ["day"], "parts": ["hour"]})


def test_what_comes_round_again_lies_on_a_circle(collect: Collect) -> None:
    rows = frame(angle=[0.0, 90.0, 360.0, None]).head(4)
    state = fitted(
        rows,
        {"transform": "cyclical", "columns": ["at"], "part": "hour"},
        {"transform": "cyclical", "columns": ["angle"], "period": 360},
    )
    got = collect(table.transform(rows.lazy(), state))
    np.testing.assert_allclose(
        got["at_hour_sin"].to_numpy(), np.sin(2 * np.pi * np.arange(4) / 24), atol=1e-15
    )
    assert got["angle_sin"].to_list() == pytest.approx([0.0, 1.0, 0.0, None], abs=1e-15)
    assert got["angle_cos"].to_list() == pytest.approx([1.0, 0.0, 1.0, None], abs=1e-15)


TEXTS = ["The quick brown Fox", "12 dogs, and 3 cats!\nAnd dogs", "", None, "the fox the fox"]


def test_text_statistics_by_hand(collect: Collect) -> None:
    rows = frame(t=TEXTS)
    statistics = [
        "chars",
        "words",
        "mean_word_chars",
        "digits",
        "uppercase_share",
        "punctuation",
        "lines",
        "different_words_share",
    ]
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows, {"transform": "text_statistics", "columns": ["t"], "statistics": statistics}
            ),
        )
    )
    assert got.rows() == [
        (19, 4, 4.0, 0, 2 / 19, 0, 1, 1.0), (29, 7, pytest.approx(23 / 7), 3, 1 / 29, 2, 2, pytest.approx(6 / 7)), (0, 0, 0.0, 0, 0.0, 0, 1, 0.0), (None,) * 8,
        (15, 4, 3.0, 0, 0.0, 0, 1, 0.5),
    ]  # fmt: skip


@pytest.mark.parametrize(("analyzer", "grams"), [("word", (1, 2)), ("char_wb", (2, 3))])
def test_terms_are_scikit_learns(analyzer: str, grams: tuple[int, int], collect: Collect) -> None:
    rows = frame(t=TEXTS)
    got = collect(
        table.transform(
            frame(t=[*TEXTS, "unseen words"]).lazy(),
            fitted(
                rows,
                {
                    "transform": "tfidf",
                    "column": "t",
                    "analyzer": analyzer,
                    "grams": grams,
                    "most": 6,
                },
            ),
        )
    )
    reference = TfidfVectorizer(analyzer=analyzer, ngram_range=grams, max_features=6, min_df=2).fit(
        [text for text in TEXTS if text is not None]
    )
    wanted = reference.transform([text or "" for text in [*TEXTS, "unseen words"]]).toarray()
    assert got.columns == [f"t_tfidf_{n + 1}" for n in range(wanted.shape[1])]
    np.testing.assert_allclose(got.to_numpy(), wanted, rtol=1e-12)


def test_texts_without_a_term_teach_nothing() -> None:
    with pytest.raises(FeatureError, match="no term occurs"):
        fitted(frame(t=["a", "b", None]), {"transform": "tfidf", "column": "t"})


def test_hashed_runs_are_scikit_learns(collect: Collect) -> None:
    rows = frame(t=TEXTS)
    got = collect(
        table.transform(
            rows.lazy(),
            fitted(
                rows,
                {
                    "transform": "ngram_hash",
                    "column": "t",
                    "buckets": 16,
                    "analyzer": "char",
                    "grams": [2, 3],
                },
            ),
        )
    )
    wanted = (
        HashingVectorizer(n_features=16, analyzer="char", ngram_range=(2, 3))
        .transform([text or "" for text in TEXTS])
        .toarray()
    )
    np.testing.assert_array_equal(got.to_numpy(), wanted)
