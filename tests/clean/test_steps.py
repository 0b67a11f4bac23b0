"""Each repair does one thing, and each row it takes out is named with its step."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep, Deduplicate, FillMissing, Outliers
from assay.pipelines.clean import steps
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import REMOVED_BY, ROW
from tests.conftest import columns, contract, setting


def promising(*done: CleaningStep, **types: str) -> Contract:
    """A contract of these columns, cleaned by these steps."""
    promised = [{"name": name, "logicalType": kind} for name, kind in types.items()]
    return contract(
        columns(*promised),
        setting(
            "cleaning", _=[step.model_dump(mode="json", exclude_defaults=True) for step in done]
        ),
    ).model_copy(update={"cleaning": done})


def learned(rows: pl.LazyFrame, promised: Contract) -> tuple[Fitted, ...]:
    """Let every step learn from the rows."""
    fitting, frames = steps.fitting(rows, rows, promised), None
    try:
        while True:
            frames = run_together(fitting.send(frames))  # type: ignore[arg-type]  # a generator is started with None
    except StopIteration as done:
        return tuple(done.value)


def text(rows: Sequence[Sequence[object]], names: Sequence[str]) -> pl.LazyFrame:
    """Rows as a source writes them, numbered as in a file with a header."""
    cells = [
        (number, *(None if cell is None else str(cell) for cell in row))
        for number, row in enumerate(rows, 2)
    ]
    return pl.LazyFrame(
        cells, schema={ROW: pl.Int64, **dict.fromkeys(names, pl.String)}, orient="row"
    )


def cleaned(values: Sequence[float | None], *done: CleaningStep) -> pl.DataFrame:
    """One column `x` of numbers, cleaned."""
    rows, promised = text([(value,) for value in values], ["x"]), promising(*done, x="number")
    return steps.repaired(rows, promised, learned(rows, promised)).collect()


MEDIAN = FillMissing(step="fill_missing", columns=("x",), method="median")


def test_the_median_fills_what_is_missing() -> None:
    assert cleaned([1, None, 3, 8], MEDIAN)["x"].to_list() == [1, 3, 3, 8]


def test_what_a_step_changed_is_marked_cell_by_cell() -> None:
    assert cleaned([1, None, 3, 8], MEDIAN)[steps.changed("1 fill_missing", "x")].to_list() == [
        False,
        True,
        False,
        False,
    ]


def test_the_smallest_of_several_modes_fills() -> None:
    assert (
        cleaned(
            [2, 2, 1, 1, None], FillMissing(step="fill_missing", columns=("x",), method="mode")
        )["x"].to_list()[-1]
        == 1
    )


def test_a_column_without_any_value_stays_missing() -> None:
    assert cleaned([None, None], MEDIAN)["x"].to_list() == [None, None]


def test_outliers_beyond_tukeys_fences_leave_with_their_step() -> None:
    frame = cleaned(
        [1, 2, 3, 4, 100, None],
        Outliers(step="outliers", columns=("x",), factor=1.5, action="remove"),
    )
    assert frame[REMOVED_BY].to_list() == [None, None, None, None, "1 outliers", None]


def test_capping_moves_the_value_and_keeps_the_row() -> None:
    frame = cleaned(
        [1, 2, 3, 4, 100], Outliers(step="outliers", columns=("x",), factor=1.5, action="cap")
    )
    assert frame["x"].to_list() == [1, 2, 3, 4, 7]
    assert frame[REMOVED_BY].null_count() == 5


def test_the_first_step_that_takes_a_row_out_is_the_one_named() -> None:
    frame = cleaned(
        [1, 2, 3, 4, 5, 6, 100, 100],
        Deduplicate(step="deduplicate"),
        Outliers(step="outliers", columns=("x",), factor=0.5, action="remove"),
    )
    assert frame[REMOVED_BY].to_list() == [None] * 6 + ["2 outliers", "1 deduplicate"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2", None])), max_size=30
    )
)
def test_a_row_repeats_when_an_earlier_one_is_equal_in_every_column(
    rows: list[tuple[str | None, str | None]],
) -> None:
    frame, promised = (
        text(rows, ["a", "b"]),
        promising(Deduplicate(step="deduplicate"), a="string", b="string"),
    )
    repeated = (
        steps.repaired(frame, promised, learned(frame, promised))
        .filter(pl.col(REMOVED_BY).is_not_null())
        .collect()[ROW]
        .to_list()
    )
    assert repeated == [number for number, row in enumerate(rows, 2) if row in rows[: number - 2]]


def test_what_was_learned_on_one_version_is_applied_unchanged_to_another() -> None:
    promised = promising(MEDIAN, x="number")
    assert steps.repaired(text([(None,)], ["x"]), promised, [Fitted({"x": 41.5})]).collect()[
        "x"
    ].to_list() == [41.5]
