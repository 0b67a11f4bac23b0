"""Documents are cut without loss, asked in a way that copying does not answer, and answered from full text and vectors together."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ActionError
from pipelines.act.retrieve import chunks, embed, fit_embedder, questions, recall_at

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


@given(st.text(alphabet=st.sampled_from("ab \n.é"), max_size=600), st.integers(5, 60))
def test_nothing_but_white_space_is_lost_and_no_piece_is_too_long(text: str, most: int) -> None:
    made = chunks(pl.DataFrame({"k": ["d"], "t": [text]}), key="k", text="t", chunk_chars=most)
    assert "".join("".join(made["text"]).split()) == "".join(text.split())
    assert all(0 < len(piece) <= most for piece in made["text"])
    assert made["chunk"].to_list() == list(range(made.height))


def test_a_piece_ends_at_a_paragraph_where_one_ends_in_time() -> None:
    made = chunks(pl.DataFrame({"k": ["d"], "t": ["one two\n\nthree four five"]}), key="k", text="t", chunk_chars=18)
    assert made["text"].to_list() == ["one two", "three four five"]


def test_vectors_have_length_one_and_are_the_same_each_time() -> None:
    texts = [WORDS, *DOCUMENTS["text"]]
    one, two = (embed(fit_embedder(texts, dimensions=2, seed=3), texts) for _ in range(2))
    assert (one == two).all()
    assert (one**2).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_too_little_text_is_refused() -> None:
    with pytest.raises(ActionError, match="cannot be embedded"):
        fit_embedder(["the"], dimensions=8, seed=0)


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
    long = DOCUMENTS.with_columns(text=pl.when(pl.col("name") == "a").then(pl.lit(" ".join([WORDS] * 20))).otherwise("text"))
    assert sorted(questions(long, key="name", text="text", count=2, seed=1)["key"]) == ["a", "b"]
    assert questions(long, key="name", text="text", count=100, seed=1)["key"].value_counts().sort("key").rows() == [("a", 20), ("b", 1)]


@pytest.mark.parametrize("text", ["", "It is what it is to be.", "if_stmt ::= 'if' expression ':' suite", "x = [1, 2, 3]; y = x[0] + x[1]"])
def test_what_is_no_prose_or_says_nothing_asks_nothing(text: str) -> None:
    assert questions(pl.DataFrame({"name": ["a"], "text": [text]}), key="name", text="text", count=10, seed=1).is_empty()


def test_recall_counts_the_questions_whose_document_came_back() -> None:
    assert recall_at([["a", "b"], ["c"]], ["b", "a"], k=2) == 0.5
    assert recall_at([["a", "b"]], ["b"], k=1) == 0.0
    assert math.isnan(recall_at([], []))  # nothing asked is not everything answered
