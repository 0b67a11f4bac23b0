"""Texts lose what says nothing; what is in another language, no prose, or in the wrong column is told."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contracts.steps import Align, Boilerplate, CleaningStep, Language, Noise, TextQuality
from assay.pipelines.clean import steps
from assay.pipelines.clean.trials import fit_in_memory
from assay.pipelines.core.frames import FLAGGED_BY, ROW, SET_ASIDE_BY
from tests.clean.test_corrections import done, one
from tests.clean.test_steps import promising, text

PROSE = "The harbour was quiet when the last boat came in, and nobody spoke of the storm."


@pytest.mark.parametrize(
    ("asked", "written", "meant"),
    [
        ({}, "<p class='x'>One</p> <!-- two -->three", "One three"),
        ({}, "<script>alert(1)</script>Hello", "Hello"),
        ({}, "really??!!", "really?!"),
        ({}, "ARCADIA-*", "ARCADIA"),
        ({}, "<b>b</b>old", "b old"),
        ({}, "a < b and b > c", "a < b and b > c"),
        ({}, "***", "***"),
        ({}, "to be continued...", "to be continued..."),
        ({"urls": True}, "see https://example.org/a?b now", "see now"),
    ],
)
def test_noise_leaves_a_text(asked: Mapping[str, object], written: str, meant: str) -> None:
    assert one(
        Noise.model_validate({"step": "noise", "columns": ["x"], **asked}), written, None
    ) == [meant, None]


def test_lines_that_many_rows_share_leave_and_values_of_one_line_stay() -> None:
    cells = [f"text {number}\nAll rights reserved" for number in range(5)] + ["All rights reserved"]
    step = Boilerplate(step="boilerplate", columns=("x",), share=0.5, support=3)
    assert one(step, *cells) == [*(f"text {number}" for number in range(5)), ""]
    assert one(step, *["same"] * 6) == ["same"] * 6


def test_another_language_is_set_aside_and_what_is_too_short_to_tell_stays() -> None:
    german = "Der Hafen lag still, als das letzte Boot einlief, und niemand sprach vom Sturm."
    frame = done(
        Language(step="language", columns=("x",), keep=("en",)), x=[PROSE, german, "Hafen", None]
    )
    assert frame[SET_ASIDE_BY].to_list() == [None, "1 language", None, None]


@pytest.mark.parametrize(
    ("cell", "poor"),
    [
        (PROSE, False),
        ("too short", True),
        ("1 2 3 4 5 6 7 8", True),
        ("\n".join(["the same line again"] * 4), True),
        ("# word " * 8, True),
        ("", True),
        (None, False),
    ],
)
def test_poor_prose_is_noted(cell: str | None, poor: bool) -> None:
    frame = done(TextQuality(step="text_quality", columns=("x",), action="flag"), x=[cell])
    assert frame[FLAGGED_BY].to_list() == [["1 text_quality"] if poor else []]


# -- cells in the wrong column --------------------------------------------------------------------

KINDS = {
    "name": "string",
    "born": "date",
    "height": "number",
    "state": "string",
    "score": "integer",
}
GOOD = [("Ann", "1990-01-02", "1.70", "NY", "5"), ("Bob", "1980-03-04", "1.80", "CA", "7")] * 5


def aligned(*rows: tuple[str | None, ...], unclear: str = "set_aside") -> pl.DataFrame:
    """The rows after alignment, beside good ones that it learns from."""
    frame = text([*GOOD, *rows], list(KINDS))
    promised = promising(Align.model_validate({"step": "align", "unclear": unclear}), **KINDS)
    (fitted,) = fit_in_memory(steps.fitting(frame, frame, promised))
    *_, (_, after) = steps.stages(frame, promised, {0: fitted}, read_too=False)
    return after.collect().tail(len(rows))


def test_a_record_that_lost_a_cell_is_moved_back() -> None:
    assert aligned(("Cid", "1.90", "NY", "3", None)).select(*KINDS).row(0) == (
        "Cid",
        None,
        "1.90",
        "NY",
        "3",
    )


def test_a_record_that_fits_nowhere_is_set_aside() -> None:
    frame = aligned(("Cid", "NY", "1990-01-01", "x", "1.5"))
    assert frame.select(*KINDS).row(0) == ("Cid", "NY", "1990-01-01", "x", "1.5")
    assert frame[SET_ASIDE_BY].to_list() == ["1 align"]


def test_a_record_that_stands_well_stays() -> None:
    frame = aligned(("Cid", "1970-05-06", None, "TX", "3"))
    assert (frame.select(*KINDS).row(0), frame[SET_ASIDE_BY].to_list()) == (
        ("Cid", "1970-05-06", None, "TX", "3"),
        [None],
    )


def test_a_cell_that_swallowed_the_next_one_is_parted() -> None:
    step = Align(step="align")
    frame = done(
        step, city=["Madison"] * 5 + ["Green Bay WI"], state=["WI", "WI", "WI", "WI", "WI", None]
    )
    assert frame.select("city", "state").row(-1) == ("Green Bay", "WI")


# -- what holds for every one of them ---------------------------------------------------------------

EVERY: tuple[CleaningStep, ...] = (
    Noise(step="noise", columns=("a", "b"), urls=True),
    Boilerplate(step="boilerplate", columns=("a",), share=0.2, support=2),
    TextQuality(step="text_quality", columns=("a",)),
    Align(step="align", support=2),
)
CELLS = [
    "<<b>b>",
    "a\nb",
    "a\nc",
    "??!!",
    "Denton TX",
    "TX",
    "x***",
    "-",
    "http://x.y",
    PROSE,
    None,
]


@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.step)
@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from(CELLS)] * 3), min_size=1, max_size=15), st.integers(0, 15)
)
def test_neither_batches_nor_order_matter_and_every_row_stays_in_the_account(
    step: CleaningStep, rows: list[tuple[str | None, ...]], cut: int
) -> None:
    promised, frame = promising(step, a="string", b="string", c="string"), text(rows, "abc")
    fitted = fit_in_memory(steps.fitting(frame, frame, promised))
    once = steps.repaired(frame, promised, fitted).collect()
    parts = pl.concat(
        [
            steps.repaired(part, promised, fitted).collect()
            for part in (frame.slice(cut), frame.slice(0, cut))
        ]
    )
    assert once.height == len(rows)
    assert parts.sort(ROW).rows() == once.sort(ROW).rows()
    again = steps.repaired(once.select(ROW, *"abc").lazy(), promised, fitted).collect()
    assert again.select(*"abc").rows() == once.select(*"abc").rows()
