"""Corrections change what can be known, note what is wrong and cannot be, and leave everything else as it came."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.contracts.steps import (
    CleaningStep,
    Dependencies,
    Normalize,
    Numbers,
    Placeholders,
    Rewrite,
    Shapes,
    Synonyms,
    Times,
    Typos,
)
from assay.pipelines.clean import shapes, steps
from assay.pipelines.clean.trials import fit_in_memory
from assay.pipelines.core.frames import FLAGGED_BY, REMOVED_BY, ROW, SET_ASIDE_BY
from tests.clean.test_steps import promising, text

Cells = Sequence[str | None]


def done(step: CleaningStep, **columns: Cells) -> pl.DataFrame:
    """Columns of text after a step that has learned from them."""
    rows = text(list(zip(*columns.values(), strict=True)), list(columns))
    promised = promising(step, **dict.fromkeys(columns, "string"))
    return steps.repaired(
        rows, promised, fit_in_memory(steps.fitting(rows, rows, promised))
    ).collect()


def one(step: CleaningStep, *cells: str | None) -> list[str | None]:
    """The column `x` after a step."""
    return done(step, x=cells)["x"].to_list()


def noted(frame: pl.DataFrame) -> list[list[str]]:
    return frame[FLAGGED_BY].to_list()


# -- spelling -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "written", "meant"),
    [
        ({}, " a \u00a0 b ", "a b"),
        ({}, "cafe\u0301", "café"),
        ({}, "a\u200bb\x00", "ab"),
        ({}, "one \n  two", "one\ntwo"),
        ({"unicode": "NFKC"}, "ﬁne ①", "fine 1"),
        ({"entities": True}, "Tom &amp;amp; Jerry", "Tom & Jerry"),
        ({"mojibake": True}, "schÃ¶n", "schön"),
        ({"quotes": True}, "O''Boyle", "O'Boyle"),
        ({"case": "upper"}, "ny", "NY"),
        ({"case": "title"}, "NEW YORK", "New York"),
        ({"whitespace": False}, "a  b", "a  b"),
        ({"entities": True}, "a < b & c", "a < b & c"),
        ({}, "می\u200cروم", "می\u200cروم"),  # a joiner that the script needs
    ],
)
def test_a_text_is_written_in_one_way(
    asked: Mapping[str, object], written: str, meant: str
) -> None:
    assert one(Normalize.model_validate({"step": "normalize", **asked}), written, None) == [
        meant,
        None,
    ]


@pytest.mark.parametrize(
    ("pattern", "to", "written", "meant"),
    [
        ("^0+", "", "00647", "647"),
        (r"\.0$", "", "2.0", "2"),
        ("^([0-9]{4})$", "0${1}", "8605", "08605"),
        (" oz$", "", "12 oz", "12"),
        ("^0+", "", "1050", "1050"),
    ],
)
def test_what_a_pattern_finds_becomes_what_it_should_be(
    pattern: str, to: str, written: str, meant: str
) -> None:
    assert one(Rewrite(step="rewrite", columns=("x",), pattern=pattern, to=to), written, None) == [
        meant,
        None,
    ]


@pytest.mark.parametrize(
    ("pattern", "to", "written"),
    [("^0", "", "007"), ("^0+", "", "000"), (r"^\*+$", None, "***"), ("a", "aa", "a")],
)
def test_what_a_pattern_finds_and_cannot_put_right_is_noted(
    pattern: str, to: str | None, written: str
) -> None:
    frame = done(Rewrite(step="rewrite", columns=("x",), pattern=pattern, to=to), x=[written, "1"])
    assert (frame["x"].to_list(), noted(frame)) == ([written, "1"], [["1 rewrite: x"], []])


def test_a_pattern_that_cannot_run_is_refused() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        Rewrite(step="rewrite", columns=("x",), pattern="(", to="")


def test_words_that_stand_for_nothing_become_nothing() -> None:
    assert one(
        Placeholders(step="placeholders", values=("N/A", "-")), "N/A", " - ", "a-b", "n/a"
    ) == [None, None, "a-b", "n/a"]


def test_known_spellings_become_the_one_that_is_wanted() -> None:
    assert one(
        Synonyms(step="synonyms", columns=("x",), values={"USA": "US", "U.S.": "US"}),
        "USA",
        "U.S.",
        "US",
        "DE",
    ) == ["US", "US", "US", "DE"]


def test_synonyms_that_lead_to_another_are_refused() -> None:
    with pytest.raises(ValidationError, match="is replaced, but"):
        Synonyms(step="synonyms", columns=("x",), values={"a": "b", "b": "c"})


# -- numbers and times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "written", "meant"),
    [
        ({"units": {"oz": 1, "oz.": 1}}, "12.0 OZ.", "12"),
        ({"units": {"kg": 1000, "g": 1}}, "1.5 kg", "1500"),
        ({"units": {"%": 0.01}}, "57%", "0.57"),
        ({"units": {"%": 1}}, "0.052000000000000005%", "0.052"),
        ({"units": {"$": 1}, "thousands": ","}, "-$1,234.50", "-1234.5"),
        ({"decimal": ",", "thousands": "."}, "1.234.567,8", "1234567.8"),
        (
            {"decimal": ",", "thousands": "."},
            "1,234",
            "1.2340",
        ),  # 1.234 would be thousands the next time
        ({"decimal": ","}, "0,5", "0.5"),
        ({}, "7.0", "7.0"),
        ({"thousands": ","}, "12,34", "12,34"),
    ],
)
def test_numbers_are_written_plainly(asked: Mapping[str, object], written: str, meant: str) -> None:
    assert one(Numbers.model_validate({"step": "numbers", "columns": ["x"], **asked}), written) == [
        meant
    ]


def test_what_is_no_number_is_noted_by_its_column() -> None:
    frame = done(
        Numbers(step="numbers", columns=("x",), units={"oz": 1}), x=["12 oz", "many", "12 lb"]
    )
    assert frame["x"].to_list() == ["12", "many", "12 lb"]
    assert noted(frame) == [[], ["1 numbers: x"], ["1 numbers: x"]]


def test_what_cannot_be_put_right_is_set_aside_where_the_step_says_so() -> None:
    frame = done(Numbers(step="numbers", columns=("x",), unclear="set_aside"), x=["1", "many"])
    assert frame[SET_ASIDE_BY].to_list() == [None, "1 numbers"]


def test_dates_in_declared_formats_become_iso() -> None:
    step = Times(step="times", columns=("x",), formats=("dd.MM.yyyy", "MM/dd/yyyy"))
    assert one(step, "24.12.2020", "12/24/2020", "2020-12-24", "24.12.20", "soon") == [
        "2020-12-24",
        "2020-12-24",
        "2020-12-24",
        "24.12.20",
        "soon",
    ]


def test_a_day_after_the_twelfth_tells_which_number_is_the_month() -> None:
    assert one(Times(step="times", columns=("x",)), "13/01/2020", "02/03/2020") == [
        "2020-01-13",
        "2020-03-02",
    ]


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("3/14/2024", "2024-03-14"),
        ("3/14/2024 9:26", "2024-03-14T09:26:00"),
        ("3/14/2024 9:26 PM", "2024-03-14T21:26:00"),
        ("Mar 4, 2024", "2024-03-04"),
        ("4. March 2024", "2024-03-04"),
        ("14.3.2024 09:26:30", "2024-03-14T09:26:30"),
        ("2024/3/4", "2024-03-04"),
        ("0999/3/4", "0999-03-04"),
        ("24/3/4", "24/3/4"),
        ("3/14/24", "3/14/24"),
        ("99999/3/4", "99999/3/4"),
    ],
)
def test_forms_that_people_write_become_iso_and_a_year_has_four_digits(
    written: str, iso: str
) -> None:
    assert one(Times(step="times", columns=("x",)), written) == [iso]


def test_where_nothing_tells_day_from_month_nothing_is_guessed() -> None:
    frame = done(Times(step="times", columns=("x",)), x=["01/02/2020", "03/03/2020"])
    assert frame["x"].to_list() == ["01/02/2020", "2020-03-03"]
    assert noted(frame) == [["1 times: x"], []]


def test_times_of_a_zone_become_utc_unless_the_clock_showed_them_twice() -> None:
    step = Times(
        step="times", columns=("x",), formats=("yyyy-MM-dd HH:mm",), timezone="Europe/Berlin"
    )
    assert one(step, "2020-07-01 12:00", "2020-10-25 02:30") == [
        "2020-07-01T10:00:00Z",
        "2020-10-25 02:30",
    ]


# -- typos and forms --------------------------------------------------------------------------


def test_a_rare_spelling_of_a_frequent_value_becomes_it() -> None:
    cells = ["birmingham"] * 20 + ["sheffield"] * 20 + ["birminghxm", "shefifeld"]
    assert one(Typos(step="typos"), *cells)[-2:] == ["birmingham", "sheffield"]


def test_a_value_whose_words_the_table_knows_is_no_typo() -> None:
    cells = ["white, male"] * 40 + ["white, female"] * 5 + ["wihte, male"]
    assert one(Typos(step="typos"), *cells)[-2:] == ["white, female", "white, male"]


def test_a_number_is_never_guessed() -> None:
    cells = ["37 patients"] * 20 + ["3x patients", "38 patients"]
    frame = done(Typos(step="typos"), x=cells)
    assert frame["x"].to_list() == cells


def test_a_word_beside_a_number_is_put_right_whatever_the_number() -> None:
    cells = [f"{number} patients" for number in range(100, 120)]
    frame = done(Typos(step="typos"), x=[*cells, "618 xatients", "7x patients"])
    assert frame["x"].to_list() == [*cells, "618 patients", "7x patients"]
    assert noted(frame)[-2:] == [[], ["1 typos: x"]]


def test_of_two_codes_with_numbers_both_may_be_right() -> None:
    cells = [*(f"AB-{number}" for number in range(100, 200)), "AC-101"]
    assert one(Typos(step="typos"), *cells) == cells


def test_a_short_code_that_most_cells_hold_is_known_with_its_letters_swapped_or_lost() -> None:
    cells = ["NPS"] * 80 + ["PNS", "NS"]
    assert one(Typos(step="typos"), *cells) == ["NPS"] * 82


def test_a_slip_that_is_often_repeated_is_noted() -> None:
    frame = done(Typos(step="typos"), x=["NPS"] * 80 + ["PNS"] * 6)
    assert frame["x"].to_list()[80:] == ["PNS"] * 6
    assert noted(frame)[80:] == [["1 typos: x"]] * 6


def test_short_codes_that_differ_in_a_letter_are_both_right() -> None:
    cells = ["NPS"] * 80 + ["NWS"] * 6
    assert one(Typos(step="typos"), *cells) == cells


def test_two_that_could_be_meant_are_noted() -> None:
    frame = done(Typos(step="typos"), x=["hand"] * 20 + ["band"] * 20 + ["xand"])
    assert (frame["x"].to_list()[-1], noted(frame)[-1]) == ("xand", ["1 typos: x"])


def test_a_column_of_many_names_has_no_typos_only_neighbours() -> None:
    cells = ["portland"] * 50 + ["cortland", "bend", "gary", "boise", "tampa", "provo"]
    assert one(Typos(step="typos"), *cells) == cells


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2020-0l-31", "2020-01-31"),
        ("202O-01-31", "2020-01-31"),
        ("2020-0131", "2020-01-31"),
        ("2020-01-31*", "2020-01-31"),
    ],
)
def test_a_lost_form_is_found_again(written: str, meant: str) -> None:
    cells = [f"2020-01-{day}" for day in range(10, 30)]
    assert one(Shapes(step="shapes", columns=("x",)), *cells, written)[-1] == meant


@pytest.mark.parametrize("written", ["2020-1-31", "2020-01-3x", "soon"])
def test_a_digit_that_is_lost_stays_lost_and_is_noted(written: str) -> None:
    frame = done(
        Shapes(step="shapes", columns=("x",)),
        x=[*(f"2020-01-{day}" for day in range(10, 30)), written],
    )
    assert (frame["x"].to_list()[-1], noted(frame)[-1]) == (written, ["1 shapes: x"])


def test_a_form_that_is_often_lost_is_still_lost_where_numbers_are_filled_up_with_zeros() -> None:
    cells = [f"UT{number:06}" for number in range(100, 200)]
    frame = done(
        Shapes(step="shapes", columns=("x",)),
        x=[*cells, "T000101", "T000102", "U000103", "UTx000104"],
    )
    assert frame["x"].to_list()[-1] == "UT000104"
    assert noted(frame)[-4:] == [["1 shapes: x"]] * 3 + [[]]


def test_numbers_that_are_not_filled_up_have_any_length() -> None:
    cells = [f"N-{number}" for number in range(5, 150)]
    frame = done(Shapes(step="shapes", columns=("x",)), x=cells)
    assert noted(frame) == [[]] * len(cells)


def test_an_identifier_that_lost_a_letter_or_digit_is_noted() -> None:
    cells = [
        str(uuid.UUID(int=number * 0x1234567890ABCDEF1234567890ABCDEF % 2**128))
        for number in range(1, 30)
    ]
    frame = done(Shapes(step="shapes", columns=("x",)), x=[*cells, cells[0][1:]])
    assert (frame["x"].to_list()[-1], noted(frame)[-1], noted(frame)[0]) == (
        cells[0][1:],
        ["1 shapes: x"],
        [],
    )


def test_a_leading_zero_is_put_in_where_the_step_says_so() -> None:
    def fits(code: str) -> bool:
        return len(code) == 5 and code.isdigit()

    assert (shapes.mended("1907", fits), shapes.mended("1907", fits, zeros=True)) == (None, "01907")


# -- dependencies -----------------------------------------------------------------------------

NAMED = Dependencies.model_validate(
    {
        "step": "dependencies",
        "dependencies": [
            {"given": [one], "decides": other}
            for one in ("zip", "city", "county")
            for other in ("zip", "city", "county")
            if one != other
        ],
    }
)
PLACES = [("10115", "Berlin", "Mitte")] * 5 + [("20095", "Hamburg", "Altstadt")] * 5


def places(*more: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    zips, cities, counties = zip(*PLACES, *more, strict=True)
    return done(NAMED, zip=zips, city=cities, county=counties)


def test_what_two_witnesses_say_is_right() -> None:
    assert places(("10115", "Hamburg", "Mitte")).row(-1)[1:4] == ("10115", "Berlin", "Mitte")


def test_nothing_becomes_what_the_others_say() -> None:
    assert places((None, "Berlin", "Mitte")).row(-1)[1:4] == ("10115", "Berlin", "Mitte")


def test_marks_alone_are_nothing_too() -> None:
    assert places(("***", "Berlin", "Mitte")).row(-1)[1:4] == ("10115", "Berlin", "Mitte")


def test_where_witnesses_disagree_nothing_changes() -> None:
    assert places(("10115", "Hamburg", None)).row(-1)[1:4] == ("10115", "Hamburg", None)


def test_one_witness_may_only_mend_a_misspelling() -> None:
    step = Dependencies.model_validate(
        {"step": "dependencies", "dependencies": [{"given": ["a"], "decides": "b"}]}
    )
    frame = done(
        step, a=["1"] * 7 + ["2"] * 5, b=["Berlin"] * 5 + ["Berlim", "Rome"] + ["Paris"] * 5
    )
    assert frame["b"].to_list()[5:7] == ["Berlin", "Rome"]


def test_what_another_group_says_is_no_misspelling() -> None:
    step = Dependencies.model_validate(
        {"step": "dependencies", "dependencies": [{"given": ["a"], "decides": "b"}]}
    )
    frame = done(step, a=["1"] * 6 + ["2"] * 5, b=["class A"] * 5 + ["class B"] * 6)
    assert frame["b"].to_list() == ["class A"] * 5 + ["class B"] * 6


def test_a_group_without_a_clear_majority_says_nothing() -> None:
    step = Dependencies.model_validate(
        {"step": "dependencies", "dependencies": [{"given": ["a"], "decides": "b"}]}
    )
    cells = ["x1", "x1", "x1", "x2", "x2", "x2"]
    assert done(step, a=["1"] * 6, b=cells)["b"].to_list() == cells


def test_rows_that_all_contradict_for_a_reason_are_no_mistakes() -> None:
    step = Dependencies.model_validate(
        {"step": "dependencies", "dependencies": [{"given": ["code"], "decides": "average"}]}
    )
    codes, states = [f"m{index}" for index in range(4)] * 6, ["al"] * 20 + ["ak"] * 4
    averages = [f"{state}_{code}" for state, code in zip(states, codes, strict=True)]
    assert done(step, state=states, code=codes, average=averages)["average"].to_list() == averages


def test_dependencies_are_found_where_none_is_named() -> None:
    keys = [f"k{index % 10}" for index in range(100)]
    cells = [f"the value of {key}" for key in keys]
    cells[3] = "the valve of k3"
    assert (
        done(Dependencies(step="dependencies"), a=keys, b=cells)["b"].to_list()[3]
        == "the value of k3"
    )


# -- what holds for every one of them ------------------------------------------------------------

EVERY: tuple[CleaningStep, ...] = (
    Normalize(step="normalize", unicode="NFKC", entities=True, mojibake=True, quotes=True, case="upper"), Placeholders(step="placeholders"),
    Synonyms(step="synonyms", columns=("a",), values={"x1": "y"}), Rewrite(step="rewrite", columns=("a", "b"), pattern="(.)1", to="${1}"), Numbers(step="numbers", columns=("a", "b"), decimal=",", thousands=".", units={"%": 0.01, "oz": 1}),
    Times(step="times", columns=("a",), timezone="Europe/Berlin"), Typos(step="typos", support=2, ratio=2), Shapes(step="shapes", columns=("a", "b"), zeros=True),
    Dependencies.model_validate({"step": "dependencies", "support": 2, "dependencies": [{"given": [g], "decides": d} for g in "abc" for d in "abc" if g != d]}),
)  # fmt: skip
WORDS = [
    "x1",
    "x2",
    "xl",
    "Berlin",
    "Berlim",
    "bernil",
    "1.234",
    "1,234,5",
    "12 oz",
    "5%",
    "&amp;amp;",
    " a  b",
    "O''B",
    "13/01/2020",
    "01/02/2020",
    "2020-01-01 10:00",
    "-",
    "Ã¶",
    "\u200b",
    None,
]


@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.step)
@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from(WORDS)] * 3), min_size=1, max_size=25), st.integers(0, 25)
)
def test_again_changes_nothing_and_neither_batches_nor_order_matter(
    step: CleaningStep, rows: list[tuple[str | None, ...]], cut: int
) -> None:
    promised = promising(step, a="string", b="string", c="string")
    frame = text(rows, "abc")
    fitted = fit_in_memory(steps.fitting(frame, frame, promised))
    assert [dict(one.values) for one in fitted] == [
        dict(one.values)
        for one in fit_in_memory(steps.fitting(frame.reverse(), frame.reverse(), promised))
    ]
    once = steps.repaired(frame, promised, fitted).collect()
    assert once.height == len(rows)
    assert once[REMOVED_BY].null_count() == len(rows)
    again = steps.repaired(once.select(ROW, *"abc").lazy(), promised, fitted).collect()
    assert again.select(*"abc").rows() == once.select(*"abc").rows()
    parts = pl.concat(
        [
            steps.repaired(part, promised, fitted).collect()
            for part in (frame.slice(cut), frame.slice(0, cut))
        ]
    )
    assert parts.sort(ROW).rows() == once.sort(ROW).rows()
