"""Rows meet every kind of promise: nested, related, in exact types; each row that leaves names each rule it broke."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from assay.contracts.model import Contract
from assay.pipelines.clean.types import typed
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.evaluate import Statistics, counting, proven, retyped, without_repeats
from assay.pipelines.validate.pandera_check import PanderaCheck
from assay.pipelines.validate.split import checks, count_breaking_rows, judged, split
from tests.conftest import columns, contract

ORDERS = contract(
    columns(
        {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True, "logicalTypeOptions": {"format": "u8", "multipleOf": 2, "maximum": 200}},
        {"name": "on", "logicalType": "date", "logicalTypeOptions": {"minimum": "2013-01-01", "format": "dd.MM.yyyy"}},
        {"name": "at", "logicalType": "time", "logicalTypeOptions": {"minimum": "09:00"}},
        {"name": "mail", "logicalType": "string", "physicalType": "varchar(12)", "logicalTypeOptions": {"format": "email"}},
        {"name": "price", "logicalType": "number", "physicalType": "decimal(5,2)", "logicalTypeOptions": {"exclusiveMinimum": 0}},
        {"name": "meaning", "logicalType": "vector", "logicalTypeOptions": {"dimensions": 2, "normalized": True}},
        {
            "name": "item", "logicalType": "object", "logicalTypeOptions": {"required": ["tags"], "minProperties": 1},
            "properties": [
                {"name": "count", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}},
                {"name": "tags", "logicalType": "array", "items": {"logicalType": "string", "logicalTypeOptions": {"maxLength": 3}}, "logicalTypeOptions": {"minItems": 1, "uniqueItems": True}},
            ],
        },
        {"name": "stock", "logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "integer", "logicalTypeOptions": {"maximum": 5}}}},
    )
)  # fmt: skip
GOOD = (
    "2",
    "01.02.2013",
    "10:00",
    "a@b.co",
    "1.50",
    "[0.6,0.8]",
    '{"count":1,"tags":["x"]}',
    '{"k":5}',
)


def rows(promised: Contract, *texts: tuple[str | None, ...]) -> pl.LazyFrame:
    """Landed rows, typed."""
    schema = {ROW: pl.Int64, **dict.fromkeys(promised.column_names, pl.String)}
    return typed(
        pl.LazyFrame(
            [(number, *row) for number, row in enumerate(texts, 2)], schema=schema, orient="row"
        ),
        promised,
    )


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        (GOOD, []),
        (("4", *[None] * 7), []),
        (
            ("254", "31.12.2012", "08:00", "nomail", "0", "[1,1]", '{"count":-1,"tags":[]}', '{"k":6}'),
            ["id_maximum", "on_minimum", "at_minimum", "mail_format", "price_exclusiveMinimum", "meaning_normalized", "item_count_minimum", "item_tags_minItems", "stock_each_value_maximum"],
        ),
        (
            ("3", "2013-01-01", "25:00", "abcdefgh@ijk.lmn", "1.234", "[1]", '{"tags":["long!","x","x"]}', "[]"),
            ["id_multipleOf", "on_type", "at_type", "mail_maxLength", "price_type", "meaning_type", "item_count_required", "item_tags_uniqueItems", "item_tags_each_maxLength", "stock_type"],
        ),
        (("256", *GOOD[1:6], '{"count":1}', GOOD[7]), ["id_type", "item_tags_required"]),
    ],
)  # fmt: skip
def test_a_row_leaves_with_every_rule_it_broke(
    row: tuple[str | None, ...], reasons: list[str]
) -> None:
    parts = split(judged(rows(ORDERS, row), ORDERS.rules).collect(engine="streaming"), ORDERS.rules)
    assert [sorted(each) for each in parts.set_aside[REASONS].to_list()] == (
        [sorted(reasons)] if reasons else []
    )
    assert parts.kept.height == (not reasons)
    PanderaCheck(ORDERS).check(parts.kept.select(ORDERS.column_names))


def test_a_key_names_one_row() -> None:
    assert split(judged(rows(ORDERS, GOOD, GOOD), ORDERS.rules).collect(), ORDERS.rules).set_aside[
        REASONS
    ].to_list() == [["id_key"]]


@pytest.mark.parametrize(
    ("logical", "value"),
    [
        ("string", "a"),
        ("integer", "1"),
        ("number", "1.5"),
        ("boolean", "true"),
        ("date", "2024-01-06"),
        ("timestamp", "2024-01-06T10:00:00Z"),
        ("time", "10:00"),
    ],
)
def test_a_primary_key_is_present_without_required(logical: str, value: str) -> None:
    keyed = contract(columns({"name": "k", "logicalType": logical, "primaryKey": True}))
    parts = split(judged(rows(keyed, (value,), (None,)), keyed.rules).collect(), keyed.rules)
    assert parts.kept.height == 1
    assert parts.set_aside[REASONS].to_list() == [["k_required"]]


def test_every_part_of_a_composite_key_is_present() -> None:
    keyed = contract(
        columns(
            {"name": "a", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 1},
            {"name": "b", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 2},
            {"name": "note", "logicalType": "string"},
        )
    )
    table = rows(keyed, ("x", "1", None), ("x", None, "n"), (None, "1", "n"), (None, None, "n"))
    parts = split(judged(table, keyed.rules).collect(), keyed.rules)
    assert parts.kept["a"].to_list() == ["x"]
    assert parts.set_aside[REASONS].to_list() == [
        ["b_required"],
        ["a_required"],
        ["a_required", "b_required"],
    ]


TYPES_AND_TEXTS = [
    ("integer", "twelve"),
    ("number", "1.5 kg"),
    ("boolean", "maybe"),
    ("date", "2024-02-30"),
    ("timestamp", "yesterday"),
    ("time", "25:00"),
    ("array", "[1"),
    ("object", "{"),
]
PRESENCE_RULES: list[dict[str, Any]] = [
    {"required": True},
    {"primaryKey": True},
    {"quality": [{"metric": "nullValues", "mustBe": 0}]},
    {"quality": [{"metric": "missingValues", "mustBe": 0, "arguments": {"missingValues": [None]}}]},
]


@pytest.mark.parametrize("promise", PRESENCE_RULES, ids=lambda promise: next(iter(promise)))
@pytest.mark.parametrize(("logical", "text"), TYPES_AND_TEXTS)
def test_a_text_that_is_not_of_the_type_breaks_the_type_and_is_not_missing(
    logical: str, text: str, promise: dict[str, Any]
) -> None:
    if logical in ("array", "object") and "primaryKey" in promise:
        pytest.skip("a key is of one value")
    nested = {
        "array": {"items": {"logicalType": "integer"}},
        "object": {"properties": [{"name": "a", "logicalType": "string"}]},
    }
    column = {"name": "k", "logicalType": logical, **nested.get(logical, {}), **promise}
    promised = contract(columns(column))
    parts = split(
        judged(rows(promised, (text,), (None,)), promised.rules).collect(), promised.rules
    )
    of_text, of_nothing = parts.set_aside[REASONS].to_list()
    assert of_text == ["k_type"]
    assert len(of_nothing) == 1
    assert of_nothing != of_text


# -- relationships -----------------------------------------------------------------------------


def related(*relationships: dict[str, Any], **column: Any) -> Contract:
    """Readings whose meter must be known."""
    return contract(
        columns(
            {
                "name": "meter",
                "logicalType": "string",
                "relationships": list(relationships),
                **column,
            },
            {"name": "site", "logicalType": "integer"},
        )
    )


METERS = pl.LazyFrame({"id": ["M1", "M2", "M2", None], "site": [1, 2, 3, 4]})


def test_a_key_must_be_in_the_other_table_and_nothing_points_nowhere() -> None:
    promised = related({"to": "meters.id"})
    found = judged(
        rows(promised, ("M1", "1"), ("M9", "1"), (None, "1"), ("M2", None)),
        promised.rules,
        {"meters": METERS},
    ).collect()
    parts = split(found, promised.rules)
    assert (parts.kept["meter"].to_list(), parts.set_aside["meter"].to_list()) == (
        ["M1", None, "M2"],
        ["M9"],
    )
    assert count_breaking_rows(found)["meter_in_meters"] == 1
    assert parts.set_aside[REASONS].to_list() == [["meter_in_meters"]]


def test_a_composite_key_is_compared_as_a_whole() -> None:
    both = contract(
        columns(
            {"name": "meter", "logicalType": "string"}, {"name": "place", "logicalType": "integer"}
        ),
        lambda data: data["schema"][0].update(
            relationships=[
                {"from": ["readings.meter", "readings.place"], "to": ["meters.id", "meters.site"]}
            ]
        ),
    )
    found = judged(
        rows(both, ("M1", "1"), ("M1", "2"), ("M2", "3")), both.rules, {"meters": METERS}
    ).collect()
    assert split(found, both.rules).set_aside.select("meter", "place").rows() == [("M1", 2)]


def test_a_relationship_to_what_is_not_published_is_unknown() -> None:
    promised = related({"to": "meters.id"})
    found = judged(rows(promised, ("M1", "1")), promised.rules).collect()
    assert split(found, promised.rules).kept.height == 1
    (check,) = [
        each
        for each in checks(promised.rules, count_breaking_rows(found))
        if each.rule == "meter_in_meters"
    ]
    assert (check.passed, check.measured) == (None, None)


# -- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "value", "splits", "passed"),
    [
        ("mustBe", 0, True, False), ("mustBe", 1, False, True), ("mustNotBe", 1, False, False), ("mustBeGreaterThan", 0, False, True), ("mustBeGreaterOrEqualTo", 2, False, False),
        ("mustBeLessThan", 2, True, True), ("mustBeLessOrEqualTo", 1, True, True), ("mustBeBetween", [0, 1], True, True), ("mustBeBetween", [1, 2], False, True),
        ("mustNotBeBetween", [1, 2], False, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("unit", "scale"), [("rows", 1), ("percent", 25)])
def test_every_operator_in_rows_and_percent(
    operator: str, value: Any, splits: bool, passed: bool, unit: str, scale: int
) -> None:
    bound = [part * scale for part in value] if isinstance(value, list) else value * scale
    promised = contract(
        columns(
            {
                "name": "x",
                "logicalType": "string",
                "quality": [{"name": "r", "metric": "nullValues", operator: bound, "unit": unit}],
            }
        )
    )
    found = judged(rows(promised, ("a",), ("b",), ("c",), (None,)), promised.rules).collect()
    aside = split(found, promised.rules).set_aside
    check = next(
        each for each in checks(promised.rules, count_breaking_rows(found)) if each.rule == "r"
    )
    assert (aside.height, check.passed, check.failing) == (int(splits), passed, 1)


# -- what is published, under another contract -------------------------------------------------------


def test_published_rows_are_counted_with_examples_by_position() -> None:
    published = pl.LazyFrame({"id": [2, 3, 255], "price": ["1", "x", None]})
    promised = contract(
        columns(
            {"name": "id", "logicalType": "integer", "logicalTypeOptions": {"maximum": 2}},
            {"name": "price", "logicalType": "number"},
            {"name": "gone", "logicalType": "string"},
        )
    )
    rules = [rule for rule in promised.rules if rule.name in ("id_maximum", "price_type")]
    counts = counting(retyped(published, promised.columns), rules).collect().to_dicts()[0]
    assert counts == {
        "rows": 3,
        "id_maximum": 2,
        "price_type": 1,
        "id_maximum?": [2, 3],
        "price_type?": [2],
    }


@pytest.mark.parametrize(
    ("rule", "statistics", "is_proven"),
    [
        ("energy_kwh_minimum", Statistics(0, 0.0, 9.0), True), ("energy_kwh_minimum", Statistics(0, -1.0, 9.0), False), ("energy_kwh_minimum", Statistics(0), False),
        ("meter_required", Statistics(0), True), ("meter_required", Statistics(1), False), ("meter_required", Statistics(None), False), ("meter_pattern", Statistics(0, "M1", "M1"), False),
    ],
)  # fmt: skip
def test_statistics_prove_only_what_they_prove(
    rule: str, statistics: Statistics, is_proven: bool
) -> None:
    named = next(each for each in contract().rules if each.name == rule)
    assert proven(named, {named.columns[0]: statistics}) is is_proven


def test_the_high_end_of_fractions_proves_nothing_for_a_nan_is_above_it() -> None:
    promised = contract(
        columns(
            {"name": "x", "logicalType": "number", "logicalTypeOptions": {"maximum": 10}},
            {"name": "n", "logicalType": "integer", "logicalTypeOptions": {"maximum": 10}},
        )
    )
    maxima = [rule for rule in promised.rules if rule.kind == "maximum"]
    assert [
        proven(rule, {"x": Statistics(0, 1.0, 9.0), "n": Statistics(0, 1, 9)}) for rule in maxima
    ] == [False, True]
    assert pl.LazyFrame({"x": [float("nan")], "n": [1]}).pipe(counting, maxima).collect()[
        "x_maximum"
    ].to_list() == [1]


KEYED = contract(
    lambda data: data["schema"][0]["quality"].append(
        {
            "name": "once",
            "metric": "duplicateValues",
            "arguments": {"properties": ["meter", "tariff"]},
            "mustBe": 0,
            "severity": "error",
        }
    )
)


@pytest.mark.parametrize(
    ("meters", "tariffs", "rounds", "proven_rules"),
    [
        (
            ["M1", "M2", "M3"],
            ["day", "day", "day"],
            2,
            ("once",),
        ),  # the meter alone tells the rows apart, and repeats nowhere
        (
            [f"M{i // 1.02:.0f}" for i in range(102)],
            ["day", "night"] * 51,
            3,
            ("once",),
        ),  # the meter nearly does: the whole key is looked at too
        (["M1", "M2", "M2"], ["day", "day", "day"], 2, ()),
        (["M1", "M1", None, None], ["day", "night", "day", "day"], 2, ()),
    ],
)
def test_rules_against_repeats_are_proven_by_hashes(
    meters: list[str | None], tariffs: list[str], rounds: int, proven_rules: tuple[str, ...]
) -> None:
    rows = pl.LazyFrame(
        {ROW: range(len(meters)), "meter": meters, "energy_kwh": "1", "tariff": tariffs}
    )
    proving, taken, found = without_repeats(rows, KEYED, KEYED.rules, parts=1), 0, None
    plans = next(proving)
    while found is None:
        taken += 1
        try:
            plans = proving.send(run_together(plans))
        except StopIteration as done:
            found = done.value
    assert (found, taken) == (proven_rules, rounds)
