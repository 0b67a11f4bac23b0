"""Personal values in columns of numbers, whatever their type."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.admit.number_columns import spans, worth_a_search
from assay.pipelines.core.frames import ROW

CARDS = [4111111111111111, 5500005555555559, None, 340000000000009]
TYPES = [
    pl.Int64, pl.UInt64, pl.Int128, pl.Float64, pl.Decimal(38, 0), pl.Decimal(30, 4), pl.String,
]  # fmt: skip


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_card_is_found_in_every_type_of_number(dtype: pl.DataType) -> None:
    frame = numbers(pl.Series("ref", CARDS, pl.Int64).cast(dtype))
    assert given(frame, "ref") == 3
    assert found(frame, "ref") == [
        (0, "card", "4111111111111111"),
        (1, "card", "5500005555555559"),
        (3, "card", "340000000000009"),
    ]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("ref", [4, 17, 250]),
        ("amount", [1234567.5, 7654321.25]),
        ("balance", [-4111111111111111, -5500005555555559]),
        ("size", [float("inf"), float("nan"), 1e40]),
        ("price", [Decimal("4111111111111111.50"), Decimal("1.00")]),
        ("ref", ["1e16", "4111 1111", "n/a"]),
        ("medical_record_number", [1, 17, 250]),
    ],
)
def test_other_numbers_are_not_searched(column: str, values: list[object]) -> None:
    frame = numbers(pl.Series(column, values, strict=False))
    assert not given(frame, column)


def test_a_short_number_is_searched_where_the_name_says_what_it_is() -> None:
    frame = numbers(pl.Series("medical_record_number", [10234, 98765, 5555]))
    assert given(frame, "medical_record_number") == 3
    assert [kind for _, kind, _ in found(frame, "medical_record_number")] == ["medical_record"] * 3


def numbers(values: pl.Series) -> pl.LazyFrame:
    return pl.LazyFrame({ROW: pl.int_range(len(values), eager=True), values.name: values})


def given(frame: pl.LazyFrame, column: str) -> int | None:
    return worth_a_search(frame, frame.collect_schema(), [column]).collect()[column].item()


def found(frame: pl.LazyFrame, column: str) -> list[tuple[int, str, str]]:
    dtype = frame.collect_schema()[column]
    plans = spans(frame, dtype, column, 2, PhoneRegions())
    return pl.concat(pl.collect_all(plans)).select(ROW, "kind", "value").sort(ROW).rows()
