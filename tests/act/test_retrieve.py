"""Documents ask questions that copying does not answer; answers are measured as the books say."""

from __future__ import annotations

import math

import polars as pl
import pytest

from assay.pipelines.act.retrieve import (
    average_precision,
    measured,
    ndcg,
    objection,
    questions,
    recall,
    reciprocal_rank,
    standing,
)

WORDS = "The statement binds names to values and evaluates expressions in order before any assignment happens."
DOCUMENTS = pl.DataFrame(
    {
        "name": ["a", "b"],
        "text": [
            f"{WORDS} Functions return objects to callers when the body ends without raising anything.",
            "Lists hold items of any type and grow as the program appends to them.",
        ],
    }
)


def test_questions_are_seeded_thinned_sentences_of_their_document() -> None:
    asked = questions(DOCUMENTS, key="name", text="text", count=10, seed=1)
    assert asked.equals(questions(DOCUMENTS, key="name", text="text", count=10, seed=1))
    assert asked.height == 3
    for question, key in asked.iter_rows():
        (whole,) = DOCUMENTS.filter(pl.col("name") == key)["text"]
        assert question not in whole
        assert set(question.split()) <= set(whole.split())
        assert not {"the", "to", "and", "of"} & set(question.lower().split())


def test_a_long_document_asks_no_more_than_a_short_one_until_that_has_no_more_to_ask() -> None:
    long = DOCUMENTS.with_columns(
        text=pl.when(pl.col("name") == "a").then(pl.lit(" ".join([WORDS] * 20))).otherwise("text")
    )
    assert sorted(questions(long, key="name", text="text", count=2, seed=1)["key"]) == ["a", "b"]
    assert questions(long, key="name", text="text", count=100, seed=1)["key"].value_counts().sort(
        "key"
    ).rows() == [("a", 20), ("b", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is what it is to be.",
        "if_stmt ::= 'if' expression ':' suite",
        "x = [1, 2, 3]; y = x[0] + x[1]",
    ],
)
def test_what_is_no_prose_or_says_nothing_asks_nothing(text: str) -> None:
    assert questions(
        pl.DataFrame({"name": ["a"], "text": [text]}), key="name", text="text", count=10, seed=1
    ).is_empty()


def test_measures_are_those_of_the_books() -> None:
    found, wanted = ["a", "b", "c", "d"], {"b", "d", "z"}
    assert recall(found, wanted, 4) == pytest.approx(2 / 3)
    assert recall(found, wanted, 1) == 0
    assert reciprocal_rank(found, wanted, 4) == 0.5
    assert reciprocal_rank(found, wanted, 1) == 0
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(found, wanted, 10) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert ndcg(["b", "d", "z"], wanted, 10) == 1.0
    assert average_precision(found, wanted, 1000) == pytest.approx((1 / 2 + 2 / 4) / 3)


def test_a_measurement_is_the_mean_over_the_questions() -> None:
    made = measured(
        [["a", "b"], ["c"]], [{"b"}, {"a"}], 2, cited=[True, True, False, True], times_ms=[4.0, 2.0]
    )
    assert (made.questions, made.recall, made.mrr, made.citations, made.p50_ms, made.p95_ms) == (
        2,
        0.5,
        0.25,
        0.75,
        4.0,
        4.0,
    )


def test_nothing_asked_is_not_everything_answered() -> None:
    nothing = measured([], [], 10, cited=[], times_ms=[])
    assert math.isnan(nothing.recall)
    assert objection(nothing, citations=1.0, p95_ms=None) is not None


def test_a_passage_stands_where_it_says_only_word_for_word() -> None:
    passages = pl.DataFrame(
        {
            "document": ["a", "a", "gone"],
            "start": [0, 0, 0],
            "end": [3, 3, 3],
            "said": ["one", "One", "one"],
        }
    )
    assert standing({"a": "one two"}, passages) == [True, False, False]


def test_what_cites_badly_or_is_slow_is_objected_to() -> None:
    good = measured([["a"]], [{"a"}], 1, cited=[True, False], times_ms=[50.0])
    assert objection(good, citations=0.5, p95_ms=50.0) is None
    assert "50.0 % of its passages" in str(objection(good, citations=0.9, p95_ms=None))
    assert "longer than 50.0 ms" in str(objection(good, citations=0.5, p95_ms=49.0))
