"""Steps are proposed for what they would do to a few cells, with the reason; nothing personal is shown, and a contract keeps its comments."""

from __future__ import annotations

import polars as pl
import pytest
import yaml

from assay.contracts.edit import with_steps
from assay.pipelines.clean.suggest import rows_to_correct, suggested
from assay.pipelines.clean.trials import Proposal
from assay.pipelines.core.frames import ROW
from tests.clean.test_steps import promising, text

CITIES = ["birmingham"] * 30 + ["sheffield"] * 30 + ["birminghxm"]


def proposals(
    hidden: tuple[str, ...] = (),
    right: pl.DataFrame | None = None,
    kind: str = "string",
    **columns: list[str | None],
) -> dict[str, Proposal]:
    rows = text(list(zip(*columns.values(), strict=True)), list(columns))
    return {
        one.step.step: one
        for one in suggested(rows, promising(**dict.fromkeys(columns, kind)), hidden, right)
    }


def put_right(**cells: dict[int, str | None]) -> pl.DataFrame:
    """Rows, by their number, as somebody has put them right."""
    ((name, values),) = cells.items()
    return pl.DataFrame(
        {ROW: list(values), name: list(values.values())}, schema={ROW: pl.Int64, name: pl.String}
    )


def test_a_step_is_proposed_with_what_it_would_do() -> None:
    found = proposals(city=list(CITIES))
    assert found["typos"].as_yaml == {"step": "typos", "columns": ["city"]}
    assert found["typos"].cells == {"city": 1}
    assert (
        found["typos"].reason
        == "rare spellings of frequent values: corrects 1 cell in 61 rows, such as 'birminghxm' → 'birmingham' in 'city'"
        "; about 99.0% of these changes are expected to be right"
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (
            [*["birmingham", "sheffield", "bend"] * 20, "***", "***"],
            "nothing but punctuation: flags 2 cells in 62 rows, corrects none",
        ),
        (
            [*["birmingham", "sheffield", "bend"] * 20, "N/A"],
            "placeholders for missing values: corrects 1 cell in 61 rows, such as 'N/A' → no value in 'city'",
        ),
    ],
)
def test_a_reason_is_a_sentence_about_cells(cells: list[str | None], reason: str) -> None:
    (proposal,) = proposals(city=cells).values()
    assert proposal.reason == reason


@pytest.mark.parametrize(
    "cells",
    [
        [*["birmingham", "sheffield", "bend"] * 20, "***"],
        [*["birmingham", "sheffield", "bend"] * 20, "N/A"],
        [*["birmingham", "sheffield", "bend"] * 20, "bend "],
        ["12 oz", "16 oz.", "12 OZ", "8"] * 10,
    ],
    ids=["rewrite", "placeholders", "normalize", "numbers"],
)
def test_what_the_contract_does_already_is_not_proposed_again(cells: list[str | None]) -> None:
    rows = text([(cell,) for cell in cells], ["city"])
    contract = promising(city="string")
    (proposal,) = suggested(rows, contract)
    cleaned = contract.model_copy(update={"cleaning": (proposal.step,)})
    again = [each for each in suggested(rows, cleaned) if each.cells]
    assert again == []


def test_clean_rows_speak_for_no_step() -> None:
    assert (
        proposals(city=["birmingham", "sheffield", "bend"] * 20, size=["12", "16", None] * 20) == {}
    )


def test_nothing_of_a_personal_column_is_tried_or_shown() -> None:
    assert proposals(("city",), city=list(CITIES)) == {}


def test_units_that_are_written_in_several_ways_are_proposed_as_units() -> None:
    found = proposals(size=["12 oz", "16 oz.", "12 OZ", "8"] * 10)
    assert found["numbers"].as_yaml == {
        "step": "numbers",
        "columns": ["size"],
        "units": {"oz": 1.0, "oz.": 1.0},
    }


def test_one_unit_throughout_is_left_as_it_is() -> None:
    assert proposals(size=["12 oz", "16 oz", "8 oz"] * 10) == {}


def test_what_the_first_steps_correct_the_later_ones_see() -> None:
    found = proposals(
        city=[cell + "  " if index == 0 else cell for index, cell in enumerate(CITIES)]
    )
    assert list(found) == ["normalize", "typos"]
    assert found["typos"].cells == {"city": 1}


def test_marks_alone_among_words_are_noted() -> None:
    found = proposals(city=[*["birmingham", "sheffield", "bend"] * 20, "***", "***"])
    assert found["rewrite"].as_yaml == {
        "step": "rewrite",
        "columns": ["city"],
        "pattern": r"^\*\*\*$",
    }
    assert found["rewrite"].doubts == {"city": 2}


def test_a_scale_of_marks_is_left() -> None:
    assert proposals(stars=["*", "**", "***"] * 10 + ["none"] * 3) == {}


def test_what_scatters_about_a_constant_is_noted() -> None:
    found = proposals(
        kind="integer", state=["695"] * 90 + ["1013", "595", "388", "851", "538", "702"]
    )
    assert found["outliers"].as_yaml == {
        "step": "outliers",
        "columns": ["state"],
        "method": "constant",
        "action": "flag",
    }


@pytest.mark.parametrize(
    "cells",
    [["0"] * 90 + ["5", "-3", "8", "-1"], ["5"] * 90 + ["7", "8", "9", "6"], ["5"] * 90 + ["3"] * 5 + ["7"] * 5, ["5"] * 50 + ["3", "7"] * 10],
    ids=["nothing mostly happens", "on one side", "another code", "no constant"],
)  # fmt: skip
def test_numbers_that_differ_for_a_reason_are_left(cells: list[str | None]) -> None:
    assert proposals(kind="integer", x=cells) == {}


# -- rows that somebody has put right ---------------------------------------------------------------

RATES: list[str | None] = [
    f"{number % 7}.0" if number % 2 else f"{number % 7}.{number % 5 + 1}" for number in range(60)
]


def test_a_few_rows_put_right_teach_a_pattern() -> None:
    found = proposals(right=put_right(rate={3: "1", 5: "3", 2: "0.1"}), rate=RATES)
    assert found["rewrite"].as_yaml == {
        "step": "rewrite",
        "columns": ["rate"],
        "pattern": r"\.0$",
        "to": "",
    }
    assert found["rewrite"].cells == {"rate": 30}


def test_steps_on_text_come_before_those_on_values() -> None:
    cells: list[str | None] = [
        *["695.0"] * 90,
        "1013.5",
        "595.5",
        "388.5",
        "851.5",
        "538.5",
        "702.5",
    ]
    assert list(
        proposals(
            right=put_right(state={2: "695", 3: "695", 95: "388.5"}), kind="number", state=cells
        )
    ) == ["rewrite", "outliers"]


def test_one_cell_put_right_teaches_nothing() -> None:
    assert proposals(right=put_right(rate={3: "1"}), rate=RATES) == {}


def test_a_pattern_that_would_spoil_a_cell_that_was_read_is_not_taught() -> None:
    assert proposals(right=put_right(rate={3: "1", 5: "3", 7: "5.0"}), rate=RATES) == {}


def test_a_step_that_spoils_what_was_read_is_not_proposed() -> None:
    assert "typos" in proposals(city=list(CITIES))
    assert (
        proposals(right=put_right(city={62: "birminghxm", 2: "birmingham"}), city=list(CITIES))
        == {}
    )


def test_the_rows_asked_for_show_how_values_are_written() -> None:
    cells = ["12"] * 50 + ["012"] + ["12 oz"] + ["?"]
    rows = text([(cell, "secret") for cell in cells], ["size", "name"])
    seen = rows_to_correct(rows, promising(size="string", name="string"), ("name",), count=6)
    assert seen.columns == [ROW, "size"]
    assert {"12", "012", "12 oz", "?"} <= set(seen["size"])


TEXT = """apiVersion: v3.2.0  # the standard's
kind: DataContract
customProperties:
  - property: assay.cleaning
    vendor: assay
    value:
      - {step: deduplicate}  # they repeat
"""


def test_steps_go_into_a_contract_with_their_reason_and_its_comments_stay() -> None:
    made = with_steps(
        TEXT, "x.odcs.yaml", [({"step": "typos", "columns": ["city"]}, "1 cell")], before=1
    )
    assert made == TEXT + "      - {step: typos, columns: [city]} # 1 cell\n"


def test_a_contract_without_cleaning_gets_some() -> None:
    made = with_steps(
        "apiVersion: v3.2.0\nkind: DataContract\n",
        "x.odcs.yaml",
        [({"step": "typos"}, "why")],
        before=0,
    )
    assert yaml.safe_load(made)["customProperties"] == [
        {"property": "assay.cleaning", "vendor": "assay", "value": [{"step": "typos"}]}
    ]
