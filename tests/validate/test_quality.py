"""Quality metrics, each against numbers worked out by hand; and the rules that hold a version to them."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.errors import ContractError, ContractErrors, QualityError
from assay.contracts.settings import Bias, Outcome
from assay.pipelines.validate.bias import balance, measure
from assay.pipelines.validate.stability import SAMPLE_ROWS, index, sample, stability
from tests.conftest import Edit, SampleHome, columns, contract, setting


def groups(**sizes: tuple[int, int]) -> pl.DataFrame:
    """Group -> rows, and how many of them with the outcome."""
    return pl.DataFrame(
        [
            {"group": name, "rows": rows, "positive": positive, "judged": rows}
            for name, (rows, positive) in sizes.items()
        ]
    )


def test_parity_is_that_of_fairlearn_and_balance_is_pielous() -> None:
    # fairlearn: demographic_parity_difference = 0.6 - 0.2, demographic_parity_ratio = 0.2 / 0.6; aif360's disparate_impact of b over a is the same third
    found = balance("g", groups(a=(50, 30), b=(25, 5), c=(25, 10)), 10)
    assert (found.parity_difference, found.impact_ratio) == (0.4, round(1 / 3, 6))
    assert (found.smallest_share_pct, found.label_pct) == (25.0, 45.0)
    assert found.balance == round(1.5 * math.log(2) / math.log(3), 6)
    assert [(group.value, group.share_pct, group.label_pct) for group in found.groups] == [
        ("a", 50.0, 60.0),
        ("b", 25.0, 20.0),
        ("c", 25.0, 40.0),
    ]


def test_a_small_group_is_neither_named_nor_measured() -> None:
    found = balance("g", groups(a=(50, 25), b=(41, 20), eve=(9, 9)), 10)
    assert [group.value for group in found.groups] == ["a", "b"]
    assert (found.suppressed, found.parity_difference) == (1, round(25 / 50 - 20 / 41, 6))
    assert "eve" not in str(found)


def test_one_group_alone_is_unknown_and_no_pass() -> None:
    found = balance("g", groups(a=(50, 25)), 10)
    assert (found.balance, found.parity_difference, found.impact_ratio) == (None, None, None)


def test_groups_are_counted_with_an_outcome_that_may_be_unknown() -> None:
    rows = pl.LazyFrame(
        {
            "g": ["a"] * 20 + ["b"] * 20 + [None] * 20,
            "delay": [20.0] * 10 + [0.0] * 10 + [None] * 15 + [20.0] * 5 + [0.0] * 20,
        }
    )
    (found,) = measure(rows, Bias(groups=("g",), label=Outcome(column="delay", above=15)))
    assert {group.value: group.label_pct for group in found.groups} == {
        "a": 50.0,
        "b": None,
        None: 0.0,
    }  # of b it is known for five: those could be told apart
    (found,) = measure(rows, Bias(groups=("g",), label=Outcome(column="delay", equals=20.0)))
    assert found.parity_difference == 0.5


def test_the_stability_index_is_jeffreys_divergence_on_bin_shares() -> None:
    before, now = pl.Series("x", ["a"] * 50 + ["b"] * 50), pl.Series("x", ["a"] * 80 + ["b"] * 20)
    assert index(before, now) == pytest.approx(
        0.3 * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    )
    assert index(pl.Series("x", range(100)), pl.Series("x", range(100))) == 0
    assert index(pl.Series("x", [1.0, 2.0, None]), pl.Series("x", [float("nan")] * 3)) > 0.9


NUMBERS = st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=30)


@given(before=NUMBERS, now=NUMBERS)
def test_the_index_is_never_negative_and_zero_for_the_same_values(
    before: list[int | None], now: list[int | None]
) -> None:
    a, b = pl.Series("x", before, pl.Int64), pl.Series("x", now, pl.Int64)
    for cast in (pl.Int64, pl.String, pl.Date):
        kind: Any = cast
        one, other = (
            values.cast(pl.Int32).cast(kind) if kind == pl.Date else values.cast(kind)
            for values in (a, b)
        )
        assert index(one, other) >= 0
        assert index(one, one) == pytest.approx(0)


def test_a_large_table_is_sampled_the_same_way_every_time() -> None:
    rows = pl.LazyFrame({"x": range(SAMPLE_ROWS * 3)})
    taken = sample(rows, SAMPLE_ROWS * 3, ["x"])
    assert taken.height == SAMPLE_ROWS
    assert (taken["x"].min(), taken["x"].max()) == (0, SAMPLE_ROWS * 3 - 1)
    assert stability(taken, sample(rows, SAMPLE_ROWS * 3, ["x"])) == {"x": 0}


# -- in a version ------------------------------------------------------------------------


def check(**implementation: Any) -> Edit:
    return lambda data: data["schema"][0]["quality"].append(
        {"type": "custom", "engine": "assay", "implementation": implementation}
    )


TIMED = columns(
    {"name": "meter", "logicalType": "string"},
    {"name": "site", "logicalType": "string"},
    {"name": "read_at", "logicalType": "timestamp"},
)
FAIR = setting("bias", groups=["site"], label={"column": "meter", "equals": "M1"})


def readings(north: int, south: int) -> str:
    lines = [
        f"M{number % 2 if site == 'north' else 1 - number % 4},{site},2026-01-01T0{number % 3}:00:00Z"
        for site, rows in (("north", north), ("south", south))
        for number in range(rows)
    ]
    return "meter,site,read_at\n" + "\n".join(lines) + "\n"


def test_a_version_says_how_good_it_is(installation: SampleHome) -> None:
    installation.clock = staticmethod(lambda: datetime(2026, 1, 2, 2, tzinfo=UTC))
    installation.promise(
        TIMED,
        FAIR,
        setting("cleaning", _=[]),
        check(metric="freshness", column="read_at", mustBeLessThan=25),
        check(metric="smallestShare", column="site", mustBeGreaterThan=20),
    )
    installation.deliver(readings(30, 10) + "M1,,\n")
    found = installation.predicate(installation.published())["quality"]
    assert {name: found[name] for name in ("noise_rate_pct", "duplicate_rate_pct", "coverage_pct", "error_rate_pct", "stability_psi")} == {
        "noise_rate_pct": 0.0, "duplicate_rate_pct": 0.0, "coverage_pct": 100.0, "error_rate_pct": 0.0, "stability_psi": None,
    }  # fmt: skip
    assert found["freshness_hours"]["read_at"] == 24.0
    assert {column["column"]: column["completeness_pct"] for column in found["columns"]} == {
        "meter": 100.0,
        "site": round(100 * 40 / 41, 4),
        "read_at": round(100 * 40 / 41, 4),
    }
    (site,) = found["bias"]
    assert [(group["value"], group["rows"]) for group in site["groups"]] == [
        ("north", 30),
        ("south", 10),
    ]
    installation.deliver(readings(20, 20))
    again = installation.predicate(installation.published())["quality"]
    assert again["stability_psi"] == max(column["stability_psi"] for column in again["columns"]) > 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"metric": "freshness", "column": "read_at", "mustBeLessThan": 24},
            "rule 'read_at_freshness': it measures 24, allowed < 24",
        ),
        (
            {"metric": "smallestShare", "column": "site", "mustBeGreaterOrEqualTo": 30},
            "rule 'site_smallestShare': it measures 25, allowed ≥ 30",
        ),
        (
            {"metric": "stability", "mustBeLessThan": 0.1},
            "rule 'stability': it could not be evaluated",
        ),
    ],
)
def test_a_version_that_is_stale_or_biased_or_cannot_be_judged_is_stopped(
    installation: SampleHome, asked: dict[str, Any], told: str
) -> None:
    installation.clock = staticmethod(lambda: datetime(2026, 1, 2, 2, tzinfo=UTC))
    installation.promise(TIMED, FAIR, setting("cleaning", _=[]), check(**asked))
    installation.deliver(readings(30, 10))
    with pytest.raises(QualityError, match=told):
        installation.published()


def test_an_agreed_latency_is_reported_and_stops_nothing(installation: SampleHome) -> None:
    agreed = {"property": "latency", "value": 2, "unit": "d"}
    installation.promise(lambda data: data.update(slaProperties=[agreed]))
    os.utime(installation.root / "inbox" / "readings.csv", (0, 0))
    said = installation.predicate(installation.published())
    (rule,) = [each for each in said["checks"] if each["rule"] == "freshness"]
    assert (rule["passed"], rule["severity"], rule["bound"], rule["dimension"]) == (
        False,
        "warning",
        "≤ 48",
        "timeliness",
    )


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ((check(metric="noise", mustBe=0),), "Did you mean 'noiseRate'"),
        ((check(metric="noiseRate"),), "is compared with nothing"),
        ((check(metric="noiseRate", column="meter", mustBe=0),), "measures the whole version"),
        ((check(metric="impactRatio", mustBe=1),), "measures one column"),
        (
            (check(metric="impactRatio", column="tariff", mustBe=1),),
            "measures bias that assay.bias does not declare",
        ),
        (
            (check(metric="freshness", column="tariff", mustBeLessThan=1),),
            "not as a date or timestamp",
        ),
        ((check(metric="completeness", column="tarif", mustBe=100),), "Did you mean 'tariff'"),
        ((check(metric="coverage", most=1, mustBe=100),), "the key 'most' is not known"),
        ((setting("bias", groups=["tarif"]),), "assay.bias names the column 'tarif'"),
        (
            (setting("bias", groups=["tariff"], label={"column": "energy_kwh"}),),
            "write either `above` or `equals`",
        ),
        (
            (setting("bias", groups=["tariff"], label={"column": "tariff", "above": 1}),),
            "needs numbers",
        ),
    ],
)
def test_a_metric_that_cannot_be_measured_is_a_mistake_in_the_contract(
    edits: tuple[Edit, ...], told: str
) -> None:
    with pytest.raises((ContractError, ContractErrors)) as error:
        contract(*edits)
    assert told in str(error.value)
