"""A service level becomes a rule about freshness, or `assay check` warns that it does not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
import yaml

from assay.assets.stages.quality import _age, _newest
from assay.contracts.load import lint
from assay.contracts.service_levels import agreed_hours
from tests.conftest import columns, document


def linted(**level: Any) -> tuple[list[tuple[str, float]], list[str]]:
    """The rules of one service level, with their hours, and the warnings."""
    properties = [
        {"name": "read_at", "logicalType": "timestamp"},
        {"name": "day", "logicalType": "date"},
        {"name": "meter", "logicalType": "string"},
    ]
    data = document(columns(*properties), lambda data: data.update(slaProperties=[level]))
    found = lint(yaml.safe_dump(data, sort_keys=False), "readings.odcs.yaml")
    assert found.contract is not None, found.errors
    rules = [
        (rule.name, rule.bound.value)
        for rule in found.contract.rules
        if rule.name.endswith("freshness")
    ]
    return rules, [problem.problem for problem in found.problems if problem.id == "assay.unchecked"]


@pytest.mark.parametrize(
    ("value", "units", "hours"),
    [
        (7200, ["s", "sec", "secs", "second", "seconds", "S", "Seconds"], 2),
        (90, ["m", "min", "mins", "minute", "minutes", "MIN"], 1.5),
        (3, ["h", "hr", "hrs", "hour", "hours", "H", None], 3),
        (2, ["d", "day", "days", "D", "Days"], 48),
        (2, ["w", "wk", "week", "weeks"], 336),
        (1, ["mo", "mon", "month", "months", "Month"], 31 * 24),
        (1, ["quarter", "quarters", "q"], 92 * 24),
        (1, ["y", "yr", "yrs", "year", "years", "Y"], 366 * 24),
        (0.5, ["d"], 12),
        ("36", ["h"], 36),
        ("36h", [None], 36),
        ("2 days", [None], 48),
        ("PT24H", [None], 24),
        ("P1D", [None, "d"], 24),
        ("P1M", [None], 31 * 24),
        ("PT30M", [None], 0.5),
    ],
)
def test_every_unit_is_read(value: Any, units: list[str | None], hours: float) -> None:
    assert [agreed_hours(value, unit) for unit in units] == [hours] * len(units)


@pytest.mark.parametrize("name", ["freshness", "latency", "ly"])
@pytest.mark.parametrize(
    ("element", "rules"),
    [
        (None, ["freshness"]),
        ("read_at", ["read_at_freshness"]),
        ("readings.read_at, readings.day", ["read_at_freshness", "day_freshness"]),
        ("readings", ["freshness"]),
        ("others.paid_at", []),
    ],
)
def test_an_agreement_becomes_a_rule_for_each_of_its_elements(
    name: str, element: str | None, rules: list[str]
) -> None:
    level = {"property": name, "value": 1, "unit": "y", **({"element": element} if element else {})}
    assert linted(**level) == ([(rule, 366 * 24) for rule in rules], [])


@pytest.mark.parametrize(
    ("level", "reason"),
    [
        ({"property": "freshness", "value": 3, "unit": "fortnights"}, "the unit 'fortnights' is not known"),
        ({"property": "freshness", "value": 3, "unit": "M"}, "the unit 'M' is not known"),
        ({"property": "latency", "value": "soon"}, "its value is not a number with a unit"),
        ({"property": "latency", "value": True}, "its value must be a number, at least 0"),
        ({"property": "latency", "value": None}, "its value must be a number, at least 0"),
        ({"property": "latency", "value": -1}, "its value must be a number, at least 0"),
        ({"property": "freshness", "value": 3, "element": "readings.meter"}, "'meter' is not a date or timestamp"),
        ({"property": "freshness", "value": 3, "element": "paid_at"}, "'paid_at' is not a date or timestamp"),
        ({"property": "availability", "value": 99.9, "unit": "percent"}, "'availability' is not evaluated"),
        ({"property": "freshnes", "value": 3}, "'freshnes' is not evaluated"),
    ],
)  # fmt: skip
def test_an_agreement_that_becomes_no_rule_is_a_warning(level: dict[str, Any], reason: str) -> None:
    rules, (warning,) = linted(**level)
    assert rules == []
    assert reason in warning


NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
UTC_TIMES, LOCAL_TIMES = pl.Datetime("us", "UTC"), pl.Datetime("us")


@pytest.mark.parametrize(
    ("kind", "values", "hours"),
    [
        (UTC_TIMES, [datetime(2026, 1, 2, 9, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)], 3),
        (UTC_TIMES, [datetime(2026, 1, 2, 12, 0, 1, tzinfo=UTC)], None),
        (LOCAL_TIMES, [datetime(2026, 1, 2, 9), datetime(9999, 12, 31)], 3),
        (LOCAL_TIMES, [datetime(2099, 1, 1)], None),
        (pl.Date(), [date(2026, 1, 1), date(2099, 1, 1)], 12),
        (pl.Date(), [date(2026, 1, 2)], 0),
        (pl.Date(), [date(2026, 1, 3)], None),
        (pl.Date(), [None], None),
    ],
)
def test_a_time_in_the_future_is_never_fresh(
    kind: pl.DataType, values: list[Any], hours: float | None
) -> None:
    frame = pl.LazyFrame({"at": values}, schema={"at": kind})
    assert _age(_newest(frame, "at", {}, NOW), NOW) == (
        None if hours is None else pytest.approx(hours, abs=1e-3)
    )
