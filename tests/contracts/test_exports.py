"""A contract in another tool's format says what the contract says: engines that know a rule agree on the rows that break it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from assay.contracts.errors import ContractError
from assay.contracts.exports import FORMATS, export
from assay.contracts.exports.croissant import croissant
from assay.contracts.exports.great_expectations import library
from assay.contracts.exports.patterns import NotPortable, may_backtrack, portable
from assay.contracts.exports.promised import SEES_OTHERS
from assay.contracts.exports.source import dtype_source
from assay.contracts.load import load
from assay.contracts.model import Contract
from assay.contracts.patterns import rust_pattern
from assay.contracts.rules import keeps
from assay.contracts.schema import pandera_schema
from assay.contracts.types import dtype
from tests.conftest import columns, contract, setting

SHIPPED = sorted((Path(__file__).parents[2] / "contracts" / "datasets").glob("*.odcs.yaml"))


def zones(data: dict[str, Any]) -> None:
    """A contract of many kinds of rules; each row of DEFECTS but the first breaks exactly one of them."""
    text = {"logicalType": "string"}
    data["schema"][0]["customProperties"] = [
        {"property": "assay.tolerance_pct", "value": 100, "vendor": "assay"}
    ]
    data["schema"][0]["properties"] = [
        {"name": "meter", **text, "required": True, "logicalTypeOptions": {"pattern": r"^M[0-9]+$", "minLength": 2, "maxLength": 4}, "unique": True},
        {"name": "count", "logicalType": "integer", "logicalTypeOptions": {"format": "u8", "minimum": 1, "exclusiveMaximum": 100, "multipleOf": 2}},
        {"name": "energy", "logicalType": "number", "logicalTypeOptions": {"exclusiveMinimum": 0, "maximum": 9.5}},
        {"name": "tariff", **text, "enum": [{"value": "day"}, {"value": "night"}]},
        {"name": "contact", **text, "logicalTypeOptions": {"format": "email"}},
        {"name": "day", "logicalType": "date", "logicalTypeOptions": {"minimum": "2020-01-01"}},
        {"name": "read_at", "logicalType": "timestamp", "logicalTypeOptions": {"maximum": "2030-01-01T00:00:00Z"}},
        {"name": "place", **text, "quality": [{"name": "place_told", "metric": "missingValues", "arguments": {"missingValues": [None, "", "n/a"]}, "mustBe": 0}]},
        {"name": "grid", **text, "quality": [{"name": "grid_valid", "metric": "invalidValues", "arguments": {"validValues": ["north", "south"]}, "mustBe": 0}]},
        {"name": "tags", "logicalType": "array", "items": {"logicalType": "string", "logicalTypeOptions": {"maxLength": 3}}, "logicalTypeOptions": {"minItems": 1, "uniqueItems": True}},
        {"name": "owner", "logicalType": "object", "properties": [{"name": "id", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}}]},
        {"name": "shape", "logicalType": "vector", "logicalTypeOptions": {"dimensions": 2, "normalized": True}},
    ]  # fmt: skip
    data["schema"][0]["quality"] = [
        {
            "name": "one_a_day",
            "metric": "duplicateValues",
            "arguments": {"properties": ["grid", "day"]},
            "mustBe": 0,
            "severity": "warning",
        }
    ]


GOOD: dict[str, Any] = {
    "meter": "M1", "count": 2, "energy": 1.5, "tariff": "day", "contact": "a@b.example", "day": date(2024, 1, 1), "read_at": datetime(2024, 1, 1, tzinfo=UTC), "place": "x",
    "grid": "north", "tags": ["a"], "owner": {"id": 1}, "shape": [1.0, 0.0],
}  # fmt: skip
DEFECTS: list[tuple[str, dict[str, Any]]] = [
    ("meter_required", {"meter": None}),
    ("meter_pattern", {"meter": "X1"}),
    ("meter_maxLength", {"meter": "M1234"}),
    ("count_minimum", {"count": 0}),
    ("count_exclusiveMaximum", {"count": 100}),
    ("count_multipleOf", {"count": 3}),
    ("energy_exclusiveMinimum", {"energy": 0.0}),
    ("energy_maximum", {"energy": 9.6}),
    ("tariff_enum", {"tariff": "noon"}),
    ("contact_format", {"contact": "nobody"}),
    ("day_minimum", {"day": date(2019, 12, 31)}),
    ("read_at_maximum", {"read_at": datetime(2031, 1, 1, tzinfo=UTC)}),
    ("place_told", {"place": "n/a"}),
    ("place_told", {"place": None}),
    ("grid_valid", {"grid": "west"}),
    ("tags_minItems", {"tags": []}),
    ("tags_uniqueItems", {"tags": ["a", "a"]}),
    ("tags_each_maxLength", {"tags": ["long"]}),
    ("owner_id_required", {"owner": {"id": None}}),
    ("owner_id_minimum", {"owner": {"id": -1}}),
    ("shape_normalized", {"shape": [1.0, 1.0]}),
]


def moments(data: dict[str, Any]) -> None:
    """Types that tools keep in ways of their own; LATE breaks every rule, each in its column."""
    naive = {"timezone": False, "exclusiveMaximum": "2025-01-01T00:00:00"}
    columns(
        {"name": "read_at", "logicalType": "timestamp", "enum": [{"value": "2024-01-01T00:00:00Z"}]},
        {"name": "local", "logicalType": "timestamp", "enum": [{"value": "2024-01-01T00:00:00"}], "logicalTypeOptions": naive},
        {"name": "day", "logicalType": "date", "enum": [{"value": "2024-01-01"}]},
        {"name": "manual", "logicalType": "boolean", "enum": [{"value": True}]},
        {"name": "clock", "logicalType": "time", "logicalTypeOptions": {"minimum": "09:00"}},
        {"name": "price", "logicalType": "number", "physicalType": "decimal(10,2)", "logicalTypeOptions": {"minimum": 1.25, "multipleOf": 0.25}},
        {"name": "total", "logicalType": "integer", "logicalTypeOptions": {"format": "u64", "maximum": 100}},
        {"name": "by", "logicalType": "map", "map": {"key": {"logicalType": "string", "logicalTypeOptions": {"maxLength": 2}}, "value": {"logicalType": "integer", "logicalTypeOptions": {"minimum": 0}}}},
    )(data)  # fmt: skip
    without_quality(data)


ON_TIME: dict[str, Any] = {
    "read_at": datetime(2024, 1, 1, tzinfo=UTC), "local": datetime(2024, 1, 1), "day": date(2024, 1, 1), "manual": True, "clock": "10:00:00", "price": Decimal("1.50"), "total": 5,
    "by": [{"key": "a", "value": 1}],
}  # fmt: skip
LATE: dict[str, Any] = {
    "read_at": datetime(2024, 1, 2, tzinfo=UTC), "local": datetime(2026, 1, 1), "day": date(2020, 1, 1), "manual": False, "clock": "08:00:00", "price": Decimal("1.10"), "total": 101,
    "by": [{"key": "abc", "value": -1}],
}  # fmt: skip


# pandera's word for absent values asks nothing about a null; the rule's own expression, which the script uses, does
NULL_AS_MISSING = ("place_told", DEFECTS.index(("place_told", {"place": None})) + 1)


@dataclass(frozen=True)
class Part:
    """One file of a version."""

    path: str
    sha256: str
    size: int


def frame(promised: Contract, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column.name: dtype(column) for column in promised.columns})


def planted(promised: Contract) -> pl.DataFrame:
    rows = [
        {**GOOD, "meter": f"M{place}", "day": date(2024, 1, place + 1), **defect}
        for place, (_, defect) in enumerate([("", {}), *DEFECTS])
    ]
    return frame(promised, rows)


def by_polars(promised: Contract, rows: pl.DataFrame) -> dict[str, set[int]]:
    judged = [rule for rule in promised.rules if rule.judges_rows and rule.kind not in SEES_OTHERS]
    kept = rows.select(keeps(rule).alias(rule.name) for rule in judged)
    return {
        rule.name: {place for place, keeps_it in enumerate(kept[rule.name]) if not keeps_it}
        for rule in judged
    }


def by_pandera(schema: Any, rows: pl.DataFrame) -> set[tuple[str, str, int]]:
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:
        with config_context(
            validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA
        ):
            schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        return set(errors.failure_cases.select("column", "check", "index").iter_rows())
    return set()


def by_json_schema(promised: Contract, rows: pl.DataFrame) -> set[int]:
    validator = Draft202012Validator(json.loads(export(promised, "jsonschema")))
    return {
        place
        for place, row in enumerate(rows.iter_rows(named=True))
        if not validator.is_valid(as_json(row))
    }


def as_json(row: dict[str, Any]) -> Any:
    """A row as JSON holds it: times as text, decimals as numbers, maps as objects."""
    row = (
        {**row, "by": {entry["key"]: entry["value"] for entry in row["by"]}}
        if row.get("by")
        else row
    )
    return json.loads(
        json.dumps(
            row,
            default=lambda value: (
                float(value)
                if isinstance(value, Decimal)
                else value.isoformat().replace("+00:00", "Z")
            ),
        )
    )


def by_great_expectations(promised: Contract, rows: pl.DataFrame) -> dict[str, int]:
    gx = library()
    suite = gx.ExpectationSuite(**json.loads(export(promised, "great-expectations")))
    context = gx.get_context(mode="ephemeral")
    asset = (
        context.data_sources.add_pandas("rows")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    result = asset.get_batch(
        {"dataframe": rows.to_pandas(use_pyarrow_extension_array=True)}
    ).validate(suite, result_format="BASIC")
    counts: dict[str, int] = {}
    for outcome in result.results:
        rule = outcome.expectation_config.meta["assay_rule"].partition(".")[2]
        assert "unexpected_count" in outcome.result, outcome
        counts[rule] = counts.get(rule, 0) + outcome.result["unexpected_count"]
    return counts


def run_script(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(text, "exported", "exec"), names)
    return names


# -- the engines agree -----------------------------------------------------------------


def test_every_defect_breaks_the_rule_it_was_planted_for() -> None:
    promised = contract(zones)
    broken = by_polars(promised, planted(promised))
    for place, (rule, _) in enumerate(DEFECTS, start=1):
        assert {name for name, places in broken.items() if place in places} == {rule}


def test_json_schema_refuses_the_rows_that_break_what_it_says() -> None:
    promised = contract(zones)
    left_out = {
        name.partition(".")[2]
        for name in json.loads(export(promised, "jsonschema"))["x-assay-left-out"]
    }
    assert left_out == {
        "meter_unique",
        "one_a_day",
        "day_minimum",
        "read_at_maximum",
        "shape_normalized",
    }
    expected = {place for place, (rule, _) in enumerate(DEFECTS, start=1) if rule not in left_out}
    assert by_json_schema(promised, planted(promised)) == expected


def test_the_pandera_script_gives_the_verdicts_of_our_schema() -> None:
    promised = contract(zones)
    rows = planted(promised)
    ours = by_pandera(pandera_schema(promised), rows)
    script = by_pandera(run_script(export(promised, "pandera"))["schema"], rows)
    assert ours <= script
    assert script - ours <= {("place", *NULL_AS_MISSING)}
    assert {place for *_, place in script} == set(range(1, len(DEFECTS) + 1))


ACROSS_ROWS: list[tuple[dict[str, Any], dict[str, Any], str, list[tuple[str, int]]]] = [
    # a column's own promise
    ({"unique": True}, {}, "error", [("v_unique", 1)]),
    # several columns together, null among them
    ({}, {"metric": "duplicateValues", "arguments": {"properties": ["v", "w"]}, "mustBe": 0}, "error", [("checked", 1), ("checked", 3)]),
    ({}, {"metric": "duplicateValues", "arguments": {"properties": ["v", "w"]}, "mustBe": 0, "severity": "warning"}, "warning", []),
    ({}, {"metric": "duplicateValues", "arguments": {"properties": ["v", "w"]}, "mustBeLessThan": 3, "severity": "warning"}, "nothing", []),
    ({}, {"metric": "duplicateValues", "arguments": {"properties": ["w"]}, "mustBeLessThan": 51, "unit": "percent", "severity": "warning"}, "nothing", []),
    ({}, {"metric": "nullValues", "arguments": {"properties": ["v"]}, "mustBeLessThan": 50, "unit": "percent", "severity": "warning"}, "warning", []),
    ({}, {"metric": "nullValues", "arguments": {"properties": ["v"]}, "mustBeBetween": [1, 2], "severity": "warning"}, "nothing", []),
    ({}, {"metric": "nullValues", "arguments": {"properties": ["v"]}, "mustNotBeBetween": [1, 2], "severity": "info"}, "warning", []),
    # the number of rows
    ({}, {"metric": "rowCount", "mustBeGreaterThan": 4}, "error", [("checked", 0)]),
    ({}, {"metric": "rowCount", "mustBeGreaterThan": 3}, "nothing", []),
    ({}, {"metric": "rowCount", "mustBe": 5, "severity": "warning"}, "warning", []),
]  # fmt: skip


@pytest.mark.parametrize(("column", "check", "outcome", "broken"), ACROSS_ROWS)
def test_the_pandera_script_holds_rules_about_several_rows(
    column: dict[str, Any], check: dict[str, Any], outcome: str, broken: list[tuple[str, int]]
) -> None:
    def checked(data: dict[str, Any]) -> None:
        data["schema"][0]["quality"] = [{"name": "checked", **check}] if check else []

    text = {"logicalType": "string"}
    promised = contract(columns({"name": "v", **text, **column}, {"name": "w", **text}), checked)
    rows = frame(promised, [{"v": v, "w": w} for v, w in ("ax", "ax", (None, "y"), (None, "y"))])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = by_pandera(run_script(export(promised, "pandera"))["schema"], rows)
    assert {(check, place) for _, check, place in found} == set(broken)
    assert any("checked" in str(warning.message) for warning in warned) == (outcome == "warning")


def test_the_pandera_script_says_which_rules_it_leaves_out() -> None:
    def checked(data: dict[str, Any]) -> None:
        data["schema"][0]["quality"] = [
            {"name": "asked", "type": "sql", "query": "SELECT count(*) FROM ${table}", "mustBe": 2}
        ]

    reference = {"name": "v", "logicalType": "string", "relationships": [{"to": "others.id"}]}
    script = run_script(export(contract(columns(reference), checked), "pandera"))
    assert set(script["LEFT_OUT"]) == {"readings.v_in_others", "readings.asked"}


def test_great_expectations_counts_as_many_broken_rows() -> None:
    promised = contract(zones)
    rows = planted(promised)
    rows = pl.concat([rows, rows[:1].with_columns(day=pl.lit(date(2025, 1, 1)))])  # a second M0
    ours = by_polars(promised, rows)
    counts = by_great_expectations(promised, rows)
    assert counts.pop("meter_unique") == 2  # it counts the first of two equal rows as well
    assert len(ours["meter_unique"]) == 1
    assert counts.pop("one_a_day") == 0
    assert counts == {rule: len(ours[rule]) for rule in counts}
    left_out = json.loads(export(promised, "great-expectations"))["meta"]["left_out"]
    assert {*counts, "meter_unique", "one_a_day"} | {
        name.partition(".")[2] for name in left_out
    } == {rule.name for rule in promised.rules}


def test_times_decimals_and_maps_are_judged_alike() -> None:
    promised = contract(moments)
    rows = frame(promised, [ON_TIME, LATE, dict.fromkeys(ON_TIME)])
    ours = by_polars(promised, rows)
    assert set(map(tuple, ours.values())) == {(1,)}
    schema, script = pandera_schema(promised), run_script(export(promised, "pandera"))["schema"]
    assert (
        {check for _, check, _ in by_pandera(script, rows)}
        == {check for _, check, _ in by_pandera(schema, rows)}
        == set(ours)
    )
    counts = by_great_expectations(promised, rows)
    assert counts == {
        "read_at_enum": 1,
        "local_enum": 1,
        "local_exclusiveMaximum": 1,
        "day_enum": 1,
        "manual_enum": 1,
        "price_minimum": 1,
        "total_maximum": 1,
    }
    told = json.loads(export(promised, "jsonschema"))
    for (
        column
    ) in promised.columns:  # each column alone: a row is refused by the first that is wrong
        if column.name == "clock":
            continue  # its limit is left out
        alone = Draft202012Validator(
            {**told, "properties": {column.name: told["properties"][column.name]}}
        )
        assert [
            alone.is_valid({column.name: as_json(row)[column.name]}) for row in (ON_TIME, LATE)
        ] == [True, False], column.name


def test_polars_and_pandera_agree_on_each_row() -> None:
    promised = contract(zones)
    rows = planted(promised)
    ours = {(rule, place) for rule, places in by_polars(promised, rows).items() for place in places}
    theirs = {(check, place) for _, check, place in by_pandera(pandera_schema(promised), rows)}
    renamed = {
        ("meter_required", place) if check == "not_nullable" else (check, place)
        for check, place in theirs
    }
    across_rows = {(rule, place) for rule, place in ours if rule in ("meter_unique", "one_a_day")}
    assert renamed | across_rows <= ours
    assert ours - renamed - across_rows <= {NULL_AS_MISSING}


TEXT = st.text(alphabet="M019 aé\n\x1c　٣-@.", max_size=6)
SMALL = {
    "pattern": columns(
        {
            "name": "v",
            "logicalType": "string",
            "logicalTypeOptions": {"pattern": r"^[M\s]?[0-9]+.?$"},
        }
    ),
    "length": columns(
        {
            "name": "v",
            "logicalType": "string",
            "required": True,
            "logicalTypeOptions": {"minLength": 2, "maxLength": 4},
        }
    ),
    "enum": columns(
        {"name": "v", "logicalType": "string", "enum": [{"value": "M"}, {"value": "M1"}]}
    ),
    "email": columns(
        {"name": "v", "logicalType": "string", "logicalTypeOptions": {"format": "email"}}
    ),
}


@pytest.mark.parametrize("kind", SMALL)
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.none() | TEXT, min_size=1, max_size=12))
def test_any_text_is_judged_alike(kind: str, values: list[str | None]) -> None:
    promised = contract(SMALL[kind], without_quality)
    rows = frame(promised, [{"v": value} for value in values])
    ours = set().union(*by_polars(promised, rows).values())
    assert by_json_schema(promised, rows) == ours
    assert {
        place for *_, place in by_pandera(run_script(export(promised, "pandera"))["schema"], rows)
    } == ours


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.none() | st.integers(-(2**31), 2**31 - 1) | st.sampled_from([-3, -2, 4, 5, 6]),
        min_size=1,
        max_size=12,
    )
)
def test_any_number_is_judged_alike(values: list[int | None]) -> None:
    promised = contract(
        columns(
            {
                "name": "v",
                "logicalType": "integer",
                "physicalType": "int32",
                "required": True,
                "logicalTypeOptions": {"minimum": -2, "exclusiveMaximum": 6, "multipleOf": 2},
            }
        ),
        without_quality,
    )
    rows = frame(promised, [{"v": value} for value in values])
    ours = set().union(*by_polars(promised, rows).values())
    assert by_json_schema(promised, rows) == ours
    assert {
        place for *_, place in by_pandera(run_script(export(promised, "pandera"))["schema"], rows)
    } == ours


def without_quality(data: dict[str, Any]) -> None:
    data["schema"][0].pop("quality")
    data["schema"][0]["customProperties"][0]["value"] = 100


# -- source text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit", [zones, moments, lambda data: None], ids=["many kinds", "moments", "small"]
)
def test_the_polars_module_holds_the_very_expressions_of_the_rules(edit: Any) -> None:
    promised = contract(edit)
    module = run_script(export(promised, "polars"))
    told = {rule.name: rule for rule in promised.rules if rule.kind not in SEES_OTHERS}
    assert {name.partition(".")[2] for name in module["RULES"]} == set(told)
    assert {name.partition(".")[2] for name in module["LEFT_OUT"]} == {
        rule.name for rule in promised.rules
    } - set(told)
    for name, expression in module["RULES"].items():
        # what runs over items is a closed plan inside, which `meta.eq` does not look into; its text does
        ours = keeps(told[name.partition(".")[2]])
        assert expression.meta.eq(ours) or str(expression) == str(ours), name


def test_the_polars_module_counts_broken_rows_by_itself() -> None:
    promised = contract(zones)
    rows = planted(promised)
    counted = (
        run_script(export(promised, "polars"))["broken"](rows.lazy()).collect().row(0, named=True)
    )
    assert counted == {
        f"readings.{rule}": len(places) for rule, places in by_polars(promised, rows).items()
    }


def test_types_are_written_as_the_ones_they_are() -> None:
    for column in contract(zones).columns:
        assert eval(dtype_source(dtype(column)), {"pl": pl}) == dtype(column)


def test_a_hostile_name_stays_text() -> None:
    name = "x'''\"\"\"\nraise SystemExit #"
    promised = contract(
        columns(
            {"name": name, "logicalType": "string", "description": name, "enum": [{"value": name}]}
        ),
        without_quality,
    )
    for to in ("polars", "pandera"):
        run_script(export(promised, to))
    module = run_script(export(promised, "polars"))
    (expression,) = module["RULES"].values()
    assert frame(promised, [{name: name}, {name: "y"}]).select(
        expression
    ).to_series().to_list() == [True, False]


# -- patterns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", [r"[\W_]", r"[\b]", r"(?i)abc", r"[a-z&&[^b]]", r"\p{Lu}", r"a++", r"[[:alpha:]]", r"(?P<x>a)"], ids=str
)  # fmt: skip
def test_what_engines_read_differently_is_not_carried_over(pattern: str) -> None:
    pl.Series([""]).str.contains(rust_pattern(pattern))  # Polars reads it
    with pytest.raises(NotPortable):
        portable(pattern)


@settings(max_examples=300, deadline=None)
@given(
    pattern=st.sampled_from(
        [
            r"^M[0-9]+$",
            r"^\s*a.b\s*$",
            r"[^\s@]+@",
            r"^(a|b\-c)\z",
            r"\A[\-\]x]{2,3}$",
            r"^\d{1,3}$",
            r"\ba\B",
            r"^\W[\w-]\D?$",
            r"a|^$",
        ]
    ),
    text=st.text(alphabet="Mab-]x09٣@ \n\r\x1c\x85　", max_size=6),
)
def test_a_portable_pattern_finds_the_same_strings_in_python_and_in_rust(
    pattern: str, text: str
) -> None:
    in_rust = pl.Series([text]).str.contains(rust_pattern(pattern)).item()
    assert bool(re.search(portable(pattern), text)) == in_rust


@pytest.mark.parametrize(
    ("pattern", "explodes"),
    [
        ("(a+)+$", True),
        ("([a-z]+,?)*$", True),
        ("(foo|fo)*$", True),
        ("(a{1,9}){20}", True),
        ("^[A-Z]{3}[0-9]+$", False),
        ("^(ab)+c*$", False),
    ],
)
def test_a_pattern_that_repeats_what_varies_is_known(pattern: str, explodes: bool) -> None:
    assert may_backtrack(pattern) == explodes


# -- Great Expectations' words -----------------------------------------------------------------


def suite_of(**check: Any) -> dict[str, Any]:
    column: dict[str, Any] = {
        "name": "v",
        "logicalType": "string",
        "quality": [{"name": "checked", **check}],
    }
    return json.loads(export(contract(columns(column), without_quality), "great-expectations"))  # type: ignore[no-any-return]


def test_percent_becomes_mostly_where_it_means_the_same() -> None:
    (nulls,) = suite_of(
        metric="nullValues", mustBeLessOrEqualTo=0.3, unit="percent", severity="warning"
    )["expectations"]
    assert (nulls["kwargs"]["mostly"], nulls["severity"]) == (0.997, "warning")


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (
            {"metric": "nullValues", "mustBeLessThan": 1, "unit": "percent", "severity": "warning"},
            "no share of at most",
        ),
        (
            {"metric": "nullValues", "mustBeLessOrEqualTo": 5, "unit": "rows", "severity": "info"},
            "not a number of them",
        ),
        (
            {
                "metric": "invalidValues",
                "arguments": {"validValues": ["a"]},
                "mustBeLessOrEqualTo": 1,
                "unit": "percent",
                "severity": "warning",
            },
            "of all rows",
        ),
        (
            {
                "metric": "duplicateValues",
                "mustBeLessOrEqualTo": 1,
                "unit": "percent",
                "severity": "warning",
            },
            "of all rows",
        ),
        (
            {"metric": "invalidValues", "arguments": {"pattern": "^(a+)+$"}, "mustBe": 0},
            "exponential",
        ),
        (
            {"metric": "invalidValues", "arguments": {"pattern": r"^\p{L}+$"}, "mustBe": 0},
            "carried over",
        ),
    ],
)
def test_what_great_expectations_would_judge_otherwise_is_left_out_with_the_reason(
    check: dict[str, Any], says: str
) -> None:
    suite = suite_of(**check)
    assert suite["expectations"] == []
    assert says in suite["meta"]["left_out"]["readings.checked"]


# -- the other formats --------------------------------------------------------------------------


@pytest.mark.parametrize("to", sorted(FORMATS))
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_every_shipped_contract_is_exported_and_always_alike(file: Path, to: str) -> None:
    promised = load(file.read_text(), file.name)
    text = export(promised, to)
    assert text == export(load(file.read_text(), file.name), to)
    if to in ("polars", "pandera"):
        assert run_script(text)["CONTRACT"]["digest"] == promised.digest
    else:
        assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" == text
    if to == "jsonschema":
        Draft202012Validator.check_schema(json.loads(text))


def test_a_column_that_is_dropped_stands_in_no_format_of_a_version() -> None:
    promised = contract(
        columns(
            {"name": "meter", "logicalType": "string"},
            {"name": "secret_phone", "logicalType": "string", "classification": "personal"},
        ),
        setting(
            "privacy",
            sensitivity="personal",
            columns={"secret_phone": {"kind": "phone", "treatment": "drop"}},
        ),
    )
    for to in sorted(set(FORMATS) - {"croissant"}):
        assert "secret_phone" not in export(promised, to), to
    metadata = json.loads(export(promised, "croissant"))
    assert [field["name"] for field in metadata["recordSet"][0]["field"]] == ["meter"]
    assert any(
        "secret_phone: phone, not published" in text
        for text in metadata["rai:personalSensitiveInformation"]
    )


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ContractError, match="Did you mean 'pandera'"):
        export(contract(), "pandra")


def test_openlineage_reads_its_event_back() -> None:
    event = json.loads(export(contract(zones), "openlineage"))
    assert event["schemaURL"].endswith("/DatasetEvent")
    fields = event["dataset"]["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == list(contract(zones).column_names)
    assert fields[10]["fields"][0]["name"] == "id"
    assert event["dataset"]["facets"]["ownership"]["owners"] == [
        {"name": owner, "type": "OWNER"} for owner in contract().owners
    ]


def test_dagster_data_fill_dagsters_own_classes_as_the_assets_do() -> None:
    import dagster as dg

    from assay.assets.dagster.metadata import check_spec, table_schema

    promised = contract(zones)
    told = json.loads(export(promised, "dagster"))
    columns = [
        dg.TableColumn(
            **{**column, "constraints": dg.TableColumnConstraints(**column["constraints"])}
        )
        for column in told["table_schema"]["columns"]
    ]
    assert dg.TableSchema(columns=columns) == table_schema(promised)
    for spec, rule in zip(told["check_specs"], promised.rules, strict=True):
        ours = check_spec(promised, rule)
        assert (spec["name"], spec["asset_key"], spec["blocking"]) == (
            ours.name,
            list(ours.asset_key.path),
            ours.blocking,
        )
        assert set(spec["metadata"]) == set(ours.metadata)


def test_evidently_is_given_no_personal_column() -> None:
    promised = load(
        next(file for file in SHIPPED if file.name.startswith("support")).read_text(),
        "support_tickets.odcs.yaml",
    )
    told = json.loads(export(promised, "evidently"))
    given_columns = {name for names in told["data_definition"].values() for name in names}
    assert promised.privacy.columns
    assert not given_columns & set(promised.privacy.columns)


READS_CROISSANT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")  # rdflib's, of itself
import mlcroissant as mlc
dataset = mlc.Dataset(jsonld=sys.argv[1])
told = {"errors": sorted(dataset.metadata.ctx.issues.errors), "conforms_to": dataset.metadata.ctx.conforms_to.value, "license": dataset.metadata.license}
told["records"] = [record["rows/energy_kwh"] for record in dataset.records("rows")] if "--records" in sys.argv else []
print(json.dumps(told), flush=True)
os._exit(0)  # its reading threads may abort where the interpreter ends around them
"""


def read_by_mlcroissant(text: str, folder: Path, *options: str) -> Any:
    """What the standard's own library makes of it; in a process of its own, because its logging closes the stream that pytest captures."""
    file = folder / "croissant.json"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", READS_CROISSANT, str(file), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "edit",
    [zones, moments, lambda data: None, setting("source", sha256="0" * 64)],
    ids=["many kinds", "moments", "small", "known source"],
)
def test_croissant_is_valid(edit: Any, tmp_path: Path) -> None:
    told = read_by_mlcroissant(export(contract(edit), "croissant"), tmp_path)
    assert told["errors"] == []
    assert told["conforms_to"] == "http://mlcommons.org/croissant/1.1"
    assert told["license"] == ["https://spdx.org/licenses/CC0-1.0.html"]


def test_croissant_of_a_version_reads_its_rows(tmp_path: Path) -> None:
    promised = contract()
    rows = frame(
        promised,
        [
            {"meter": "M1", "energy_kwh": 1.5, "tariff": "day"},
            {"meter": "M2", "energy_kwh": 2.5, "tariff": "night"},
        ],
    )
    file = tmp_path / "part-0.parquet"
    rows.write_parquet(file)
    part = Part(
        "part-0.parquet", hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size
    )
    assert read_by_mlcroissant(croissant(promised, files=[part]), tmp_path, "--records")[
        "records"
    ] == [1.5, 2.5]


def test_exports_load_nothing_heavy_until_they_are_asked() -> None:
    code = "import sys, assay.contracts.exports; print(sorted({'great_expectations', 'pandera', 'openlineage', 'pandas', 'evidently', 'mlcroissant'} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
