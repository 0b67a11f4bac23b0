"""What the columns of a version hold, counted by hand on a table small enough to see."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from typing import Any

import polars as pl
import pytest

from assay.assets.services.describe import profile
from assay.pipelines.validate.describe import (
    SAMPLE_ROWS,
    Described,
    counting,
    described,
    recounting,
    sampled,
)
from tests.conftest import GOOD, SampleHome

TABLE = pl.DataFrame({
    "n": [1, 2, 3, 4, None],
    "x": [0.0, 10.0, float("nan"), None, None],
    "on": [dt.date(2024, 1, day) for day in (1, 2, 3, 4, 5)],
    "code": ["A-1", "A-1", "B-22", None, "c"],
    "sure": [True, True, False, None, True],
    "many": [[1], None, [2], [3], [4]],
    "mail": ["a@b.example"] * 5,
})  # fmt: skip


def columns(frame: pl.DataFrame, hidden: tuple[str, ...] = ("mail",)) -> dict[str, Described]:
    counts = counting(frame.lazy(), hidden).collect()
    return {
        column.name: column
        for column in described(counts, recounting(frame.lazy(), counts).collect(), frame, hidden)
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "n",
            {
                "type": "Int64",
                "missing": 1,
                "different": 4,
                "low": 1,
                "high": 4,
                "mean": 2.5,
                "quartiles": (2, 3, 3),
                "histogram": (0.25, 0, 0, 0.25, 0, 0, 0.25, 0, 0, 0.25),
            },
        ),
        (
            "x",
            {"missing": 2, "low": 0.0, "high": 10.0, "mean": None},
        ),  # a mean over what is no number is none
        (
            "on",
            {
                "low": "2024-01-01",
                "high": "2024-01-05",
                "quartiles": ("2024-01-02", "2024-01-03", "2024-01-04"),
                "mean": None,
            },
        ),
        (
            "code",
            {
                "different": 3,
                "lengths": (1, 2.8, 4),
                "top": (),
                "patterns": (("A-9", 0.75), ("a", 0.25)),
                "low": None,
            },
        ),
        ("sure", {"mean": 0.75, "top": (("true", 0.75), ("false", 0.25))}),
        ("many", {"missing": 1, "different": None, "top": ()}),
        (
            "mail",
            {"missing": 0, "different": 1, "low": None, "lengths": None, "top": (), "patterns": ()},
        ),
    ],
)
def test_each_column_is_told_as_its_type_allows(name: str, wanted: dict[str, Any]) -> None:
    assert {key: asdict(columns(TABLE)[name])[key] for key in wanted} == wanted


def test_a_table_without_rows_is_described_too() -> None:
    assert all(
        (each.missing, each.top, each.histogram) == (0, (), ())
        for each in columns(TABLE.clear()).values()
    )


def test_the_sample_has_every_part_of_the_table() -> None:
    rows = 400_000
    drawn = sampled(pl.LazyFrame({"n": pl.int_range(rows, eager=True)}), rows).collect()["n"]
    assert abs(len(drawn) - SAMPLE_ROWS) < 1_500
    assert abs(drawn.mean() / rows - 0.5) < 0.01  # type: ignore[operator]  # a number


def test_no_personal_value_is_told_and_the_profile_is_remembered(installation: SampleHome) -> None:
    installation.deliver(GOOD)
    installation.published()
    opened_home = installation.open()
    told = profile(opened_home, "readings", None)
    assert told["rows"] == 3
    assert {column["name"] for column in told["columns"]} == {"meter", "energy_kwh", "tariff"}
    assert json.loads(json.dumps(told)) == profile(opened_home, "readings", "1.0.0")
