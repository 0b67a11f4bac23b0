"""What holds for every transform, whatever it is: what it learned survives as data, one row gets what the batch got, and every engine agrees.

A new transform joins with an entry in ANY; a test fails until it does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from assay.contracts.errors import FeatureError
from assay.pipelines.core import engine
from assay.pipelines.features import parity, table
from assay.pipelines.features.state import State, from_json
from tests.features.conftest import AT, Collect, wanted

ANY: dict[str, dict[str, Any]] = {
    "scale": {"columns": ["x", "n"], "method": "standard"},
    "quantile": {"columns": ["x"], "quantiles": 5, "output": "normal"},
    "log": {"columns": ["x"]},
    "power": {"columns": ["n"]},
    "bin": {"columns": ["x", "n"], "bins": 3},
    "polynomial": {"columns": ["x", "n"]},
    "ratio": {"of": ["x"], "to": "n"},
    "difference": {"of": ["x"], "less": "n"},
    "one_hot": {"columns": ["c", "n"], "most": 3},
    "label": {"columns": ["c", "n"]},
    "ordinal": {"columns": ["c"], "order": ["b", "a"]},
    "frequency": {"columns": ["c", "n"]},
    "target": {"columns": ["c", "n"], "folds": 3},
    "hash": {"columns": ["c", "n"], "buckets": 7},
    "cross": {"columns": ["c", "k"]},
    "embedding": {"column": "c", "beside": "k", "dimensions": 3},
    "calendar": {
        "columns": ["at"],
        "parts": ["month", "weekday", "hour", "is_weekend", "days"],
        "time_zone": "Asia/Kathmandu",
    },
    "cyclical": {"columns": ["at"], "part": "hour"},
    "text_statistics": {
        "columns": ["c"],
        "statistics": [
            "chars",
            "words",
            "mean_word_chars",
            "digits",
            "uppercase_share",
            "punctuation",
            "lines",
            "different_words_share",
        ],
    },
    "tfidf": {"column": "t", "most": 4, "support": 1},
    "ngram_hash": {"column": "c", "buckets": 5, "analyzer": "char", "grams": [1, 2]},
    "group": {
        "by": ["k", "c"],
        "columns": ["x"],
        "functions": ["mean", "std", "min", "max", "sum", "median", "count", "n_unique"],
    },
    "window": {
        "by": ["k"],
        "columns": ["x"],
        "span": "3h",
        "functions": ["mean", "std", "min", "max", "sum", "count"],
    },
    "lag": {"by": ["k"], "columns": ["x"], "moments": [1, 2]},
    "as_of": {"dataset": "other", "columns": ["wind"], "time": "when", "by": {"k": "key"}},
}
AFTER = {"cross": [{"transform": "label", "columns": ["c_and_k"]}]}
"""What makes a table of transforms that only serve others."""
OTHERS = {
    "other": pl.LazyFrame(
        {
            "when": [AT + timedelta(hours=hour) for hour in range(0, 20, 2)],
            "key": ["k1", "k2"] * 5,
            "wind": [float(n) for n in range(10)],
        },
        schema_overrides={"when": pl.Datetime("us", "UTC")},
    )
}
TYPES: dict[str, Any] = {
    "at": pl.Datetime("us", "UTC"),
    "x": pl.Float64,
    "n": pl.Int16,
    "c": pl.String,
    "k": pl.String,
    "t": pl.String,
    "y": pl.Float64,
}
CELLS = {
    "at": st.integers(0, 20).map(lambda hour: AT + timedelta(hours=hour)),
    "x": st.floats(-1e300, 1e300)
    | st.floats(-9, 9)
    | st.sampled_from([float("nan"), float("inf"), -float("inf")])
    | st.none(),
    "n": st.integers(-3, 3) | st.none(),
    "c": st.sampled_from(["a", "b", "é ü", "", "12 Word.\n"]) | st.none(),
    "k": st.sampled_from(["k1", "k2"]) | st.none(),
    "t": st.sampled_from(["fox and dog", "dog"]),
    "y": st.integers(0, 10).map(float) | st.none(),
}
ROWS = st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=16)
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
few = settings(
    max_examples=8,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def rows_of(given: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """The rows as a version holds them."""
    return pl.DataFrame(given, schema=TYPES, orient="row", strict=False)


def learned(rows: pl.DataFrame, name: str, holdout: float | None = None) -> State | None:
    """What one transform learns; None where these rows teach it nothing, which it says."""
    features = wanted({"transform": name, **ANY[name]}, *AFTER.get(name, []))
    try:
        return table.fit(rows.lazy(), features, engine.run_together, holdout=holdout, others=OTHERS)
    except FeatureError as error:
        if not any(
            said in str(error)
            for said in ("has no value", "no training row", "is a training row", "too great")
        ):
            raise
        return None


def made(rows: pl.DataFrame, state: State) -> pl.DataFrame:
    """The features of rows."""
    return engine.run(table.transform(rows.lazy(), state, others=OTHERS))


def test_every_transform_is_tested_here() -> None:
    assert set(ANY) == set(table.KINDS)


@pytest.mark.parametrize("name", ANY)
@few
@given(ROWS, st.sampled_from([None, 0.3]))
def test_what_was_learned_survives_as_data(
    name: str, given: list[tuple[Any, ...]], holdout: float | None
) -> None:
    rows = rows_of(given)
    state = learned(rows, name, holdout)
    if state is not None:
        again = from_json(state.as_json(), state.tables)
        assert again.as_json() == state.as_json()
        assert_frame_equal(made(rows, again), made(rows, state), check_exact=True)


@pytest.mark.parametrize("name", ANY)
@few
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_a_row_gets_the_same_alone_in_any_order_and_whatever_comes_later(
    name: str, given: list[tuple[Any, ...]], later: list[tuple[Any, ...]], chance: Any
) -> None:
    rows = rows_of(given)
    state = learned(rows, name)
    if state is not None:
        expected = made(rows, state)
        one_row_gets_what_it_got_in_the_batch_bit_by_bit(rows, state)
        the_order_of_rows_changes_nothing(rows, state, expected, chance)
        what_it_gives_for_a_row_says_nothing_of_the_future(rows, state, expected, later)


def one_row_gets_what_it_got_in_the_batch_bit_by_bit(rows: pl.DataFrame, state: State) -> None:
    batch = engine.run(table.table(rows.lazy(), state, others=OTHERS)).select(state.kept)
    single = pl.concat(
        engine.run(
            table.transform(
                rows[n : n + 1].lazy(),
                state,
                history=pl.concat([rows[:n], rows[n + 1 :]]).lazy(),
                others=OTHERS,
            )
        )
        for n in range(rows.height)
    )
    assert_frame_equal(single, batch, check_exact=True)


def the_order_of_rows_changes_nothing(
    rows: pl.DataFrame, state: State, expected: pl.DataFrame, chance: Any
) -> None:
    if state.kept:
        order = list(range(rows.height))
        chance.shuffle(order)
        assert_frame_equal(made(rows[order], state), expected[order], check_exact=True)


def what_it_gives_for_a_row_says_nothing_of_the_future(
    rows: pl.DataFrame, state: State, expected: pl.DataFrame, later: list[tuple[Any, ...]]
) -> None:
    after = rows_of(later).with_columns(pl.col("at") + pl.duration(hours=21))
    together = made(pl.concat([rows, after]), state)
    assert_frame_equal(together[: rows.height], expected, check_exact=True)


@pytest.mark.parametrize("name", ANY)
def test_frames_without_rows_or_of_nulls_pass_and_the_other_ones_are_refused(name: str) -> None:
    rows = rows_of(
        [
            (
                AT + timedelta(hours=n),
                float(n % 3),
                n % 2,
                "ab"[n % 2],
                "k1",
                "fox and dog",
                float(n % 11),
            )
            for n in range(12)
        ]
    )
    state = learned(rows, name)
    assert state is not None
    assert made(rows[:0], state).shape == (0, len(state.kept))
    nothing = pl.DataFrame({column: [None] for column in TYPES})
    assert made(nothing, state).schema == made(rows, state).schema
    column = next(iter(state.types))
    with pytest.raises(FeatureError, match=f"lacks {column}"):
        made(rows.drop(column), state)
    with pytest.raises(FeatureError, match="was "):
        made(
            rows.with_columns(
                pl.col(column).cast(pl.Binary if TYPES[column] == pl.String else pl.String)
            ),
            state,
        )


@pytest.mark.parametrize("name", ANY)
def test_every_engine_gives_the_same(name: str, collect: Collect) -> None:
    rows = rows_of(
        [
            (
                AT + timedelta(hours=n // 3),
                n * 1.7 - 9,
                n % 5 - 2,
                "ab"[n % 2],
                f"k{n % 2 + 1}",
                ["fox and dog", "dog"][n % 2],
                float(n % 11),
            )
            for n in range(60)
        ]
    )
    state = learned(rows, name)
    assert state is not None
    got, expected = (
        run(table.transform(rows.lazy(), state, others=OTHERS))
        for run in (collect, engine.run_in_memory)
    )
    for feature in state.kept:
        apart = parity.difference(got[feature], expected[feature])
        assert apart is not None
        assert apart <= 1e-9


@pytest.mark.parametrize("name", [name for name in ANY if not table.KINDS[name].arrays])
def test_all_but_looking_back_goes_through_memory_piece_by_piece(name: str) -> None:
    rows = pl.DataFrame({"at": [AT + timedelta(hours=n) for n in range(20)], "x": [n / 3 for n in range(20)], "n": [n % 5 for n in range(20)], "c": ["a", "b"] * 10, "k": ["k1", "k1", "k2", "k2"] * 5, "t": ["fox and dog", "dog"] * 10, "y": [float(n % 9) for n in range(20)]}, schema_overrides=TYPES)  # fmt: skip
    state = learned(rows, name)
    assert state is not None
    physical = table.table(rows.lazy(), state).show_graph(
        raw_output=True, engine="streaming", plan_stage="physical"
    )
    assert physical is not None
    assert set(re.findall(r'label="([a-z-]+)', physical)) == {
        "in-memory-source",
        "select",
        "with-columns",
    }
