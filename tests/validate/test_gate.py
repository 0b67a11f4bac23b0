"""The validator proves that it can refuse before it is believed, and rows are split without one being lost."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.errors import QualityError
from assay.contracts.schema import pandera_schema
from assay.contracts.types import dtype
from assay.pipelines.clean.types import typed
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.canary import canary
from assay.pipelines.validate.pandera_check import PanderaCheck
from assay.pipelines.validate.split import checks, count_breaking_rows, judged, split
from tests.conftest import contract

CONTRACT = contract()


def test_a_validator_that_passes_its_canary_is_not_started() -> None:
    import pandera.polars as pa

    toothless = pa.DataFrameSchema(
        {name: pa.Column(nullable=True) for name in CONTRACT.column_names}
    )
    with pytest.raises(QualityError, match="accepted a row that must fail"):
        PanderaCheck(CONTRACT, toothless)


def test_a_validator_that_is_switched_off_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = pandera_schema(CONTRACT)
    monkeypatch.setattr(type(schema), "validate", lambda self, frame, **_: frame)
    with pytest.raises(QualityError, match="accepted a row that must fail"):
        PanderaCheck(CONTRACT, schema)


def test_every_rule_that_one_value_can_break_has_a_canary() -> None:
    types = {column.name: dtype(column) for column in CONTRACT.columns}
    assert [rule.name for rule in CONTRACT.rules if canary(rule, types) is not None] == [
        "meter_pattern",
        "energy_kwh_minimum",
        "tariff_enum",
    ]


def test_a_refusal_names_column_and_rule_and_never_the_value() -> None:
    frame = pl.DataFrame({"meter": ["secret@example.com"], "energy_kwh": [1.0], "tariff": ["day"]})
    with pytest.raises(QualityError) as error:
        PanderaCheck(CONTRACT).check(frame)
    assert "column 'meter', rule 'meter_pattern'" in str(error.value)
    assert "secret" not in str(error.value)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["M1", "x", None]),
        st.sampled_from(["1", "-1", "abc", None]),
        st.sampled_from(["day", "noon", None]),
    ),
    max_size=25,
)


@given(ROWS)
def test_kept_and_set_aside_together_are_the_candidate(
    rows: list[tuple[str | None, str | None, str | None]],
) -> None:
    raw = pl.LazyFrame(
        [(number, *row) for number, row in enumerate(rows, 2)],
        schema={ROW: pl.Int64, **dict.fromkeys(CONTRACT.column_names, pl.String)},
        orient="row",
    )
    found = judged(typed(raw, CONTRACT), CONTRACT.rules).collect()
    parts, named = split(found, CONTRACT.rules), count_breaking_rows(found)
    assert sorted([*parts.kept[ROW], *parts.set_aside[ROW]]) == list(range(2, len(rows) + 2))
    assert all(len(reasons) for reasons in parts.set_aside[REASONS])
    assert named["rows"] == len(rows)
    assert sum(len(reasons) for reasons in parts.set_aside[REASONS]) == sum(
        count for rule, count in named.items() if rule != "rows"
    )


def test_a_row_is_set_aside_with_every_rule_it_breaks() -> None:
    raw = pl.LazyFrame({ROW: [2], "meter": ["x"], "energy_kwh": ["abc"], "tariff": ["noon"]})
    aside = split(judged(typed(raw, CONTRACT), CONTRACT.rules).collect(), CONTRACT.rules).set_aside
    assert aside[REASONS].to_list() == [["meter_pattern", "energy_kwh_type", "tariff_enum"]]


def test_what_could_not_be_judged_is_unknown_and_no_pass() -> None:
    counts = {"rows": 0, **{rule.name: 0 for rule in CONTRACT.rules}}
    judged = {check.rule: check.passed for check in checks(CONTRACT.rules, counts)}
    assert judged["meter_required"] is None
    assert judged["enough_rows"] is False
