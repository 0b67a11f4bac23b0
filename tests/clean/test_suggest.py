"""Steps are proposed for what they would do to a few cells, with the reason; nothing personal is shown, and a contract keeps its comments."""

from __future__ import annotations

import yaml

from contracts.edit import with_steps
from pipelines.clean.suggest import Proposal, suggested
from tests.clean.test_steps import promising, text

CITIES = ["birmingham"] * 30 + ["sheffield"] * 30 + ["birminghxm"]


def proposals(hidden: tuple[str, ...] = (), **columns: list[str | None]) -> dict[str, Proposal]:
    rows = text(list(zip(*columns.values(), strict=True)), list(columns))
    return {one.step.step: one for one in suggested(rows, promising(**dict.fromkeys(columns, "string")), hidden)}


def test_a_step_is_proposed_with_what_it_would_do() -> None:
    found = proposals(city=list(CITIES))
    assert found["typos"].as_yaml == {"step": "typos", "columns": ["city"]}
    assert found["typos"].cells == {"city": 1}
    assert found["typos"].reason == "1 cells of 61 rows are a rare spelling of a frequent value, such as 'city' 'birminghxm' → 'birmingham'"


def test_clean_rows_speak_for_no_step() -> None:
    assert proposals(city=["birmingham", "sheffield", "bend"] * 20, size=["12", "16", None] * 20) == {}


def test_nothing_of_a_personal_column_is_tried_or_shown() -> None:
    assert proposals(("city",), city=list(CITIES)) == {}


def test_units_that_are_written_in_several_ways_are_proposed_as_units() -> None:
    found = proposals(size=["12 oz", "16 oz.", "12 OZ", "8"] * 10)
    assert found["numbers"].as_yaml == {"step": "numbers", "columns": ["size"], "units": {"oz": 1.0, "oz.": 1.0}}


def test_one_unit_throughout_is_left_as_it_is() -> None:
    assert proposals(size=["12 oz", "16 oz", "8 oz"] * 10) == {}


def test_what_the_first_steps_correct_the_later_ones_see() -> None:
    found = proposals(city=[cell + "  " if index == 0 else cell for index, cell in enumerate(CITIES)])
    assert list(found) == ["normalize", "typos"]
    assert found["typos"].cells == {"city": 1}


TEXT = """apiVersion: v3.2.0  # the standard's
kind: DataContract
customProperties:
  - property: assay.cleaning
    vendor: assay
    value:
      - {step: deduplicate}  # they repeat
"""


def test_steps_go_into_a_contract_with_their_reason_and_its_comments_stay() -> None:
    made = with_steps(TEXT, "x.odcs.yaml", [({"step": "typos", "columns": ["city"]}, "1 cell")], before=1)
    assert made == TEXT + "      - {step: typos, columns: [city]} # 1 cell\n"


def test_a_contract_without_cleaning_gets_some() -> None:
    made = with_steps("apiVersion: v3.2.0\nkind: DataContract\n", "x.odcs.yaml", [({"step": "typos"}, "why")], before=0)
    assert yaml.safe_load(made)["customProperties"] == [{"property": "assay.cleaning", "vendor": "assay", "value": [{"step": "typos"}]}]
