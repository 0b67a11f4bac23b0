"""Of rows that say the same, one stays, and one can ask why the others left."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.steps import (
    CleaningStep,
    Deduplicate,
    DeduplicateByKey,
    NearDuplicates,
    NearDuplicateTexts,
)
from assay.pipelines.clean.blocking import nearest, normal
from assay.pipelines.clean.record_matching import compared
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import REMOVED_BY, ROW, SET_ASIDE_BY
from tests.clean.test_missing import cleaned
from tests.clean.test_steps import learned, promising, text


def by_key(**more: object) -> DeduplicateByKey:
    """A step."""
    return DeduplicateByKey.model_validate(
        {"step": "deduplicate_by_key", "columns": ("k",), **more}
    )


def why(rows: Sequence[tuple[object, ...]], step: CleaningStep, **types: str) -> pl.DataFrame:
    """The groups that the step found, explained."""
    given = text(rows, list(types))
    fitted: Fitted = learned(given, promising(step, **types))[0]
    return fitted.tables["clusters"]


@pytest.mark.parametrize(
    ("keep", "stays"),
    [
        ({"keep": "first"}, 2),
        ({"keep": "last"}, 4),
        ({"keep": "most_complete"}, 3),
        ({"keep": "max", "keep_by": "n"}, 4),
        ({"keep": "min", "keep_by": "n"}, 3),
    ],
)
def test_one_row_of_a_key_stays(keep: dict[str, str], stays: int) -> None:
    rows: list[tuple[object, ...]] = [("a", 2, None), ("a", 1, "x"), ("a", 3, None), ("b", 9, None)]
    frame = cleaned(rows, by_key(**keep), k="string", n="integer", note="string")
    assert frame.filter(pl.col(REMOVED_BY).is_null())[ROW].to_list() == [stays, 5]


def test_ties_go_to_the_smallest_row_number() -> None:
    assert cleaned([("a", 1), ("a", 1)], by_key(keep="max", keep_by="n"), k="string", n="integer")[
        REMOVED_BY
    ].to_list() == [None, "1 deduplicate_by_key"]


def test_a_row_without_a_value_to_choose_by_stays_only_alone() -> None:
    assert cleaned(
        [("a", None), ("a", 1)], by_key(keep="min", keep_by="n"), k="string", n="integer"
    )[REMOVED_BY].to_list() == ["1 deduplicate_by_key", None]


def test_a_key_with_a_null_is_none() -> None:
    assert (
        cleaned([(None, 1), (None, 1)], by_key(), k="string", n="integer")[REMOVED_BY].null_count()
        == 2
    )


def test_keys_are_equal_as_values_not_as_text() -> None:
    assert cleaned([("01",), ("1",)], by_key(), k="integer")[REMOVED_BY].to_list() == [
        None,
        "1 deduplicate_by_key",
    ]


def test_a_step_that_chooses_sees_what_the_steps_before_it_left() -> None:
    """Else each of the two would take out what the other keeps."""
    frame = cleaned(
        [("a", 1), ("a", 1)],
        Deduplicate(step="deduplicate"),
        by_key(keep="last"),
        k="string",
        n="integer",
    )
    assert frame[REMOVED_BY].to_list() == [None, "1 deduplicate"]


def test_a_group_is_explained_row_by_row() -> None:
    assert why(
        [("a", 1), ("b", 2), ("a", 3)], by_key(keep="last"), k="string", n="integer"
    ).rows() == [
        (2, 2, 4, 4, 1.0, ["k"]),
        (4, 2, 4, None, None, None),
    ]


PEOPLE: list[tuple[object, ...]] = [
    ("Anna Schmidt", "Lindenweg 4", "Kiel"), ("Bert Maurer", "Am Markt 11", "Bonn"), ("Clara Vogt", "Hauptstr. 90", "Kiel"), ("Dora Lang", "Ringstr. 7", "Ulm"),
    ("Emil Frost", "Parkallee 31", "Bonn"), ("Fritz Kern", "Seeweg 2", "Ulm"), ("Greta Blum", "Bahnhofstr. 15", "Kiel"), ("Hans Adler", "Feldweg 8", "Bonn"),
]  # fmt: skip
ALIKE = NearDuplicates(step="near_duplicates", columns=("name", "street", "city"), action="remove")


def test_records_in_other_words_are_found_without_examples() -> None:
    again = [
        ("anna  schmitt", "Lindenweg 4", "Kiel"),
        ("Maurer, Bert", "am Markt 11", "bonn"),
        ("Dora Lang", "Ringstr 7", None),
    ]
    frame = cleaned([*PEOPLE, *again], ALIKE, name="string", street="string", city="string")
    assert frame[REMOVED_BY].to_list() == [None] * 8 + ["1 near_duplicates"] * 3


def test_a_third_of_the_same_belongs_to_the_group() -> None:
    again = [
        ("anna  schmidt", "Lindenweg 4", "Kiel"),
        ("Schmidt, Anna", "Lindenweg 4", "KIEL"),
        ("Anna Schmidt", "Lindenweg 4.", "Kiel"),
    ]
    found = why([*PEOPLE, *again], ALIKE, name="string", street="string", city="string")
    assert found[ROW].to_list() == [2, 10, 11, 12]
    assert found["kept"].unique().to_list() == [2]
    assert found["agreed"].to_list() == [None, *[["name", "street", "city"]] * 3]


def test_different_people_stay_though_they_share_a_town() -> None:
    assert why(PEOPLE, ALIKE, name="string", street="string", city="string").is_empty()


def test_the_most_complete_stays() -> None:
    rows = [*PEOPLE, ("Anna Schmidt", "Lindenweg 4", "Kiel")]
    with_phone: list[tuple[object, ...]] = [
        (*row, "1" if number == len(rows) - 1 else None) for number, row in enumerate(rows)
    ]
    assert (
        cleaned(with_phone, ALIKE, name="string", street="string", city="string", phone="string")[
            REMOVED_BY
        ].to_list()[0]
        == "1 near_duplicates"
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("abc ", max_size=6), max_size=30))
def test_pairs_are_few_for_each_record(cells: list[str]) -> None:
    pairs = nearest(pl.DataFrame({"x": cells}, schema={"x": pl.String}), ["x"])
    assert (pairs["left"] < pairs["right"]).all()
    assert pairs.height <= 10 * len(cells)
    assert pairs["weight"].is_between(0, 1.0001).all()


TEXT = "the quick brown fox jumps over the lazy dog while seven wizards make toxic brew for the evil queen and jack"


def near(**more: object) -> NearDuplicateTexts:
    """A step."""
    return NearDuplicateTexts.model_validate(
        {"step": "near_duplicate_texts", "column": "t", **more}
    )


def test_a_text_that_shares_most_of_its_wording_is_set_aside() -> None:
    rows: list[tuple[object, ...]] = [
        (TEXT,),
        ("something else entirely stands in this row",),
        (TEXT.replace("jack", "jill"),),
        ("",),
        ("",),
        (None,),
    ]
    assert cleaned(rows, near(), t="string")[SET_ASIDE_BY].to_list() == [
        None,
        None,
        "1 near_duplicate_texts",
        None,
        None,
        None,
    ]


def test_similarity_is_the_share_of_word_sequences() -> None:
    found = why([("a b c d",), ("b c d e",)], near(similarity=0.3, words=3), t="string")
    assert found["similarity"].drop_nulls().to_list() == [pytest.approx(1 / 3)]


def test_texts_shorter_than_a_sequence_are_alike_when_equal() -> None:
    assert cleaned([("one two",), ("One  two!",), ("one three",)], near(words=5), t="string")[
        SET_ASIDE_BY
    ].to_list() == [None, "1 near_duplicate_texts", None]


def test_numbers_are_alike_however_many_zeros_they_end_in() -> None:
    frame = pl.DataFrame({"abv": ["6.00 %", "6 %", "5.20%", "10"]})
    assert frame.select(normal("abv"))["abv"].to_list() == ["6", "6", "5 2", "10"]


def test_parts_that_records_and_texts_are_read_in_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = pl.DataFrame(
        {"name": [f"ann {number % 40} smith {number % 7}" for number in range(200)]}
    )
    whole = nearest(people, ["name"])
    words = [
        f"one two three four five six seven eight nine ten eleven twelve {number // 2}"
        for number in range(60)
    ]
    groups = why(
        [(word,) for word in words],
        NearDuplicateTexts(step="near_duplicate_texts", column="body"),
        body="string",
    )
    monkeypatch.setattr("assay.pipelines.clean.blocking._READ_AT_ONCE", 7)
    monkeypatch.setattr("assay.pipelines.clean.near_texts._PAIRS_AT_ONCE", 3)
    assert nearest(people, ["name"]).rows() == whole.rows()
    assert (
        why(
            [(word,) for word in words],
            NearDuplicateTexts(step="near_duplicate_texts", column="body"),
            body="string",
        ).rows()
        == groups.rows()
    )


def test_a_name_that_was_shortened_agrees_with_the_whole() -> None:
    records = pl.DataFrame({"name": ["spago", "spago los angeles", "patina"]})
    pairs = pl.DataFrame(
        {"left": [0, 0, 1], "right": [1, 2, 2]}, schema={"left": pl.UInt32, "right": pl.UInt32}
    )
    assert (compared(records, pairs, ["name"])[:, 0] >= 2).tolist() == [True, False, False]
