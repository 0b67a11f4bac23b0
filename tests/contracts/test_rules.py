"""Each rule means the same as an expression and in pandera, and a null is never a silent pass."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.model import Bound, Rule
from assay.contracts.rules import keeps
from assay.contracts.types import read
from assay.pipelines.validate.pandera_check import PanderaCheck
from tests.conftest import columns, contract

ANY = Bound(comparison="mustBe", value=0)


def judged(values: list[Any], kind: str, argument: Any = None) -> list[bool]:
    rule = Rule(name="r", kind=kind, columns=("x",), argument=argument, bound=ANY)  # type: ignore[arg-type]  # parametrised
    return (
        pl.DataFrame({"x": values}, strict=False).select(keeps(rule))["x"].to_list()
        if values
        else []
    )


@pytest.mark.parametrize(
    ("kind", "argument", "values", "kept"),
    [
        ("required", None, ["a", None], [True, False]),
        ("minimum", 2, [1, 2, None], [False, True, True]),
        ("maximum", 2, [2, 3], [True, False]),
        ("exclusiveMinimum", 2, [2, 3], [False, True]),
        ("exclusiveMaximum", 2, [2, 1], [False, True]),
        ("minLength", 2, ["é", "ab", None], [False, True, True]),
        ("maxLength", 2, ["ab", "abc"], [True, False]),
        ("pattern", "^[0-9]+$", ["12", "1a", "٣"], [True, False, False]),
        ("enum", ("a", "b"), ["a", "c", None], [True, False, True]),
        ("invalidValues", ("a",), ["a", "b"], [True, False]),
        ("missingValues", (None, "", "NA"), ["a", "NA", "", None], [True, False, False, False]),
        ("unique", None, ["a", "b", "a", None, None], [True, True, False, True, True]),
    ],
)
def test_a_row_keeps_or_breaks_a_rule(
    kind: str, argument: Any, values: list[Any], kept: list[bool]
) -> None:
    assert judged(values, kind, argument) == kept


@pytest.mark.parametrize(
    ("logical", "text", "value"),
    [
        ("integer", "42", 42), ("integer", " 42 ", 42), ("integer", "4.2", None), ("integer", "٣", None), ("integer", "9" * 30, None), ("integer", "", None),
        ("number", "1e3", 1000.0), ("number", "NaN", None), ("number", "inf", None), ("number", "1,5", None), ("number", ".5", 0.5),
        ("boolean", "Yes", True), ("boolean", "0", False), ("boolean", "maybe", None),
        ("date", "2013-02-28", "2013-02-28"), ("date", "2013-02-30", None),
        ("timestamp", "2013-01-01T10:00:00Z", "2013-01-01 10:00:00+00:00"), ("timestamp", "2013-01-01 10:00:00", "2013-01-01 10:00:00+00:00"),
        ("timestamp", "2013-01-01T10:00:00.5+02:00", "2013-01-01 08:00:00.500000+00:00"), ("timestamp", "yesterday", None),
    ],
)  # fmt: skip
def test_text_is_read_strictly(logical: str, text: str, value: Any) -> None:
    column = contract(columns({"name": "x", "logicalType": logical})).columns[0]
    got = pl.DataFrame({"x": [text]}).select(read(column)).item()
    assert (str(got) if logical in ("date", "timestamp") and got is not None else got) == value


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 100))
def test_a_bound_in_percent_is_the_bound_in_rows(failing: int, others: int, allowed: int) -> None:
    total = failing + others
    percent = Bound(comparison="mustBeLessOrEqualTo", value=allowed, unit="percent")
    assert percent.holds(failing, total) == (
        None if total == 0 else 100.0 * failing / total <= allowed
    )


def test_a_percentage_of_nothing_is_unknown() -> None:
    assert Bound(comparison="mustBeLessThan", value=5, unit="percent").holds(0, 0) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["M1", "M22", "x", "", None]),
            st.sampled_from([None, -1.0, 0.0, 2.5]),
            st.sampled_from(["day", "night", "noon", None]),
        ),
        max_size=20,
    )
)
def test_pandera_refuses_exactly_the_rows_that_the_expressions_refuse(
    rows: list[tuple[Any, ...]],
) -> None:
    promised = CONTRACT
    frame = pl.DataFrame(
        rows,
        schema={"meter": pl.String, "energy_kwh": pl.Float64, "tariff": pl.String},
        orient="row",
    )
    rules = [rule for rule in promised.rules if rule.splits_rows and rule.kind != "type"]
    kept = frame.filter(pl.all_horizontal(keeps(rule) for rule in rules))
    PANDERA_CHECK.check(kept)
    broken = frame.filter(~pl.all_horizontal(keeps(rule) for rule in rules))
    named = {index for _, _, index in PANDERA_CHECK._cases(broken)} if broken.height else set()
    assert named == set(range(broken.height))


CONTRACT = contract()
PANDERA_CHECK = PanderaCheck(CONTRACT)
