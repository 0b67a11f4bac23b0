"""A space fitted to the documents: the same each time, each text for itself, and no word of any document in it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from assay.contracts.errors import ActionError
from assay.pipelines.act.lsa_embedder import columns_of, fit
from assay.pipelines.act.renewal import (
    Cutting,
    carried,
    compare,
    cut,
    in_order,
    is_worn,
    with_vectors,
)
from assay.pipelines.act.stemming import stems

TEXTS = [
    f"The {plant} grows {how} in a {where}."
    for plant in ("rose", "oak", "fern", "moss")
    for how, where in (("quickly", "garden"), ("slowly", "wet forest"), ("never", "desert"))
]
WORDS = stems(TEXTS, "english")


def test_words_are_stems_without_case_accents_and_common_words() -> None:
    assert stems(["The Engines were STARTED at the café", "cafes"], "english") == [
        "engin start cafe",
        "cafe",
    ]
    assert stems(["Die Häuser wurden gebaut"], "german") == ["die haus wurd gebaut"]
    assert stems(["x" * 100 + " — !"], "english") == [""]


def test_vectors_have_length_one_and_are_the_same_each_time_and_in_any_company() -> None:
    one, two = (fit(WORDS, dimensions=5, seed=3) for _ in range(2))
    assert one.digest == two.digest != fit(WORDS, dimensions=5, seed=4).digest
    vectors = one.embed(WORDS)
    assert vectors.shape == (12, 5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    assert (one.embed(WORDS[3:4])[0] == vectors[3]).all()
    assert (one.of_question(TEXTS[3], WORDS[3]) == vectors[3]).all()


def test_a_text_of_unknown_words_is_nowhere() -> None:
    assert not fit(WORDS, dimensions=4, seed=0).embed(["zebra quagga"]).any()


def test_texts_that_span_fewer_directions_leave_the_rest_empty() -> None:
    vectors = fit(WORDS, dimensions=64, seed=0).embed(WORDS)
    assert vectors.shape == (12, 64)
    assert not vectors[:, 12:].any()


@pytest.mark.parametrize("words", [[], [""], ["the"], ["one word only"]])
def test_too_little_text_is_refused(words: list[str]) -> None:
    with pytest.raises(ActionError, match="too few to compute vectors"):
        fit(words, dimensions=8, seed=0)


# -- renewal ----------------------------------------------------------------------------------------

CUTTING = Cutting("text", 200, 0, "english")


def library(**texts: str) -> pl.DataFrame:
    from assay.pipelines.act.passages import documents

    return documents(
        pl.DataFrame(
            {"key": list(texts), "text": list(texts.values())},
            schema={"key": pl.String, "text": pl.String},
        ),
        key="key",
        text="text",
        title=None,
    )


def test_documents_are_added_changed_or_removed() -> None:
    changes = compare(library(a="one", b="two", c="three"), library(b="two", c="four", d="five"))
    assert (changes.added, changes.changed, changes.removed) == (("d",), ("c",), ("a",))
    assert str(changes) == "1 added, 1 changed, 1 removed"
    assert not compare(library(a="one"), library(a="one"))


class Counting:
    """An embedder that remembers what it was asked."""

    name, dimensions, digest = "counting", 2, "0"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of_passages(self, texts: list[str], words: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)

    def of_question(self, text: str, words: str) -> np.ndarray:
        return self.of_passages([text], [words])[0]


def test_only_words_that_are_new_are_embedded_and_the_result_is_that_of_a_build_afresh() -> None:
    before, now = (
        library(a="Same words.", b="Other words.", gone="Secret."),
        library(b="Other words, changed.", a="Same words.", c="Same words."),
    )
    embedder = Counting()
    old = in_order([with_vectors(cut(before, CUTTING), None, embedder)[0]])
    embedder.asked.clear()
    changes = compare(before, now)
    made, embedded = with_vectors(
        cut(now.filter(pl.col("document").is_in([*changes.added, *changes.changed])), CUTTING),
        old,
        embedder,
    )
    assert embedder.asked == ["Other words, changed."]
    assert embedded == 1
    renewed = in_order([carried(old, changes), made])
    assert renewed.equals(in_order([with_vectors(cut(now, CUTTING), None, embedder)[0]]))
    assert "gone" not in renewed["document"]


def test_a_space_is_worn_once_more_than_its_share_has_come_or_gone() -> None:
    assert not is_worn(100, 20, 0.2)
    assert is_worn(100, 21, 0.2)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_columns_of_buckets_are_those_that_scipy_takes(share: float) -> None:
    chance = np.random.default_rng(3)
    counts = sparse.random(9, 40, 0.3, format="csr", random_state=chance)
    buckets = np.flatnonzero(chance.random(40) < share).astype(np.int32)
    taken, expected = columns_of(counts, buckets), counts[:, buckets]
    assert taken.shape == expected.shape
    for part in ("data", "indices", "indptr"):
        assert getattr(taken, part).tolist() == getattr(expected, part).tolist()
