"""Every kind of change has a class, says who breaks, and demands a version; the published verdicts of another checker are met."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.compatibility import Change, compare, problems
from assay.contracts.document import parse
from assay.contracts.upgrade import upgraded
from tests.conftest import Edit, columns, document, setting

PAIRS = Path(__file__).parents[2].parent / "shared" / "data" / "contracts_breaking"
CASES: list[Any] = (
    json.loads((PAIRS / "expected_verdicts.json").read_text())["cases"] if PAIRS.exists() else []
)


STRICTER = {"definition_added": (True, 8, 4), "definition_removed": (True, 10, 2)}
"""Pairs that add or remove constraints: their checker calls a removed bound a smaller change than
a widened one. Ours compares the values allowed before and after."""


@pytest.mark.skipif(
    not CASES, reason="the published pairs are next to the repository, and not here"
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_published_pairs_are_classified_as_their_checker_did(case: dict[str, Any]) -> None:
    old, new = (
        upgraded(parse((PAIRS / "contracts" / case[end]).read_text(), case[end]).data)[0]
        for end in ("old", "new")
    )
    comparison = compare(old, new)
    severities = [change.severity for change in comparison.changes]
    found = comparison.breaking, severities.count("error"), severities.count("warning")
    theirs = case["verdict"] == "breaking", case["errors"], case["warnings"]
    assert found == STRICTER.get(case["case"], theirs)


# -- one line a kind ---------------------------------------------------------------------------

METER, ENERGY, TARIFF = range(3)


def column(index: int, **changes: Any) -> Edit:
    """Change keys of a column; None takes a key away."""

    def edit(data: dict[str, Any]) -> None:
        promised = data["schema"][0]["properties"][index]
        promised.update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del promised[key]

    return edit


def schema(**changes: Any) -> Edit:
    return lambda data: data["schema"][0].update(changes)


def root(**changes: Any) -> Edit:
    return lambda data: data.update(changes)


def bound(**check: Any) -> Edit:
    return schema(quality=[{"name": "enough_rows", "metric": "rowCount", **check}])


def drop(index: int) -> Edit:
    return lambda data: data["schema"][0]["properties"].pop(index)


def append(**promised: Any) -> Edit:
    return lambda data: data["schema"][0]["properties"].append(promised)


def personal(**columns_: Any) -> Edit:
    return setting("privacy", columns=columns_)


TOKEN = {"kind": "name", "treatment": "token"}
P, C, PC, _ = "producer", "consumer", "both", "nobody"


@pytest.mark.parametrize(
    ("before", "after", "kind", "level", "direction", "breaks"),
    [
        (root(), drop(TARIFF), "column_removed", "major", "neither", C),
        (root(), append(name="note", logicalType="string"), "column_added", "minor", "neither", _),
        (root(), append(name="note", logicalType="string", required=True), "column_added", "minor", "tightens", P),
        (root(), column(METER, name="device"), "column_renamed", "major", "neither", PC),
        (root(), column(ENERGY, logicalType="integer"), "type_changed", "major", "tightens", P),
        (column(ENERGY, logicalType="integer"), column(ENERGY, logicalType="number"), "type_changed", "major", "loosens", C),
        (column(METER, logicalTypeOptions=None), column(METER, logicalType="date", logicalTypeOptions=None), "type_changed", "major", "neither", PC),
        (column(ENERGY, physicalType="int32"), column(ENERGY, physicalType="int64"), "physical_type_changed", "minor", "loosens", _),
        (column(ENERGY, physicalType="int64"), column(ENERGY, physicalType="int32"), "physical_type_changed", "major", "tightens", P),
        (root(), column(TARIFF, required=True), "required_added", "major", "tightens", P),
        (root(), column(METER, required=False), "required_removed", "major", "loosens", C),
        (root(), column(METER, unique=True), "unique_added", "major", "tightens", P),
        (column(METER, primaryKey=True), column(METER, primaryKey=None), "primary_key_removed", "major", "loosens", C),
        (root(), column(METER, logicalTypeOptions=None), "pattern_removed", "major", "loosens", C),
        (root(), column(METER, logicalTypeOptions={"pattern": "^X$"}), "pattern_changed", "major", "neither", PC),
        (root(), column(TARIFF, logicalTypeOptions={"pattern": "^X$"}), "pattern_added", "major", "tightens", P),
        (root(), column(ENERGY, logicalTypeOptions={"minimum": 1}), "minimum_changed", "major", "tightens", P),
        (root(), column(ENERGY, logicalTypeOptions={"minimum": -1}), "minimum_changed", "major", "loosens", C),
        (root(), column(ENERGY, logicalTypeOptions=None), "minimum_removed", "major", "loosens", C),
        (root(), column(ENERGY, logicalTypeOptions={"minimum": 0, "maximum": 9}), "maximum_added", "major", "tightens", P),
        (root(), column(TARIFF, enum=[{"value": "day"}]), "enum_changed", "major", "tightens", P),
        (root(), column(TARIFF, enum=[{"value": "day"}, {"value": "night"}, {"value": "noon"}]), "enum_changed", "major", "loosens", C),
        (root(), column(TARIFF, enum=None), "enum_removed", "major", "loosens", C),
        (column(METER, classification="personal"), column(METER, classification=None), "classification_removed", "major", "loosens", C),
        (column(METER, classification="personal"), column(METER, classification="public"), "classification_changed", "major", "neither", PC),
        (root(), column(METER, description="the box"), "description_added", "patch", "tightens", _),
        (root(), column(METER, tags=["a"]), "tags_added", "patch", "tightens", _),
        (root(), column(METER, deprecated=True), "deprecated_added", "minor", "tightens", _),
        (root(), bound(mustBeGreaterThan=5), "rule_changed", "major", "tightens", P),
        (root(), bound(mustBeGreaterThan=0), "rule_changed", "major", "loosens", C),
        (root(), bound(mustBe=5), "rule_changed", "major", "tightens", P),
        (bound(mustBeBetween=[0, 9]), bound(mustBeBetween=[1, 8]), "rule_changed", "major", "tightens", P),
        (root(), bound(mustBeGreaterThan=1, severity="warning"), "rule_severity_changed", "major", "loosens", C),
        (root(), bound(mustBeGreaterThan=1, description="enough"), "rule_description_changed", "patch", "neither", _),
        (root(), schema(quality=[]), "rule_removed", "major", "loosens", C),
        (schema(quality=[]), root(), "rule_added", "major", "tightens", P),
        (root(), column(METER, relationships=[{"to": "meters.id"}]), "relationship_added", "major", "tightens", P),
        (column(METER, relationships=[{"to": "meters.id"}]), root(), "relationship_removed", "major", "loosens", C),
        (root(), schema(customProperties=[{"property": "assay.tolerance_pct", "value": 60}]), "tolerance_changed", "major", "loosens", C),
        (root(), schema(customProperties=[{"property": "assay.tolerance_pct", "value": 40}]), "tolerance_changed", "major", "tightens", P),
        (root(), setting("license", expression="CC-BY-NC-4.0"), "license_changed", "major", "neither", PC),
        (root(), setting("license", commercial=False), "commercial_changed", "major", "neither", PC),
        (root(), setting("license", purposes=["analytics"]), "purpose_removed", "major", "tightens", C),
        (root(), setting("license", purposes=["analytics", "training", "retrieval"]), "purpose_added", "minor", "loosens", _),
        (root(), setting("license", holder="them"), "holder_changed", "patch", "neither", _),
        (root(), setting("privacy", sensitivity="public"), "sensitivity_changed", "major", "loosens", C),
        (root(), setting("privacy", sensitivity="personal"), "sensitivity_changed", "minor", "tightens", _),
        (root(), setting("privacy", region="us"), "region_changed", "major", "neither", PC),
        (root(), setting("privacy", lawful_basis="consent"), "lawful_basis_changed", "minor", "neither", _),
        (personal(meter=TOKEN), personal(), "treatment_removed", "major", "loosens", C),
        (root(), personal(meter=TOKEN), "treatment_added", "major", "tightens", C),
        (personal(meter=TOKEN), personal(meter={"kind": "name", "treatment": "mask"}), "treatment_changed", "major", "neither", C),
        (root(), setting("retention", versions="P30D"), "retention_changed", "major", "loosens", C),
        (root(), setting("cleaning", _=[]), "cleaning_changed", "minor", "neither", _),
        (root(), setting("source", location="other.csv"), "source_changed", "minor", "neither", _),
        (root(), setting("drift", columns=["meter"]), "drift_added", "patch", "tightens", _),
        (root(), root(status="deprecated"), "status_changed", "minor", "neither", _),
        (root(), root(team={"name": "others"}), "team_changed", "patch", "neither", _),
        (root(slaProperties=[{"property": "latency", "value": 4}]), root(slaProperties=[{"property": "latency", "value": 9}]), "sla_changed", "minor", "loosens", _),
        (root(slaProperties=[{"property": "latency", "value": 1, "unit": "y"}]), root(slaProperties=[{"property": "latency", "value": 1, "unit": "d"}]), "sla_changed", "minor", "tightens", _),
        (root(slaProperties=[{"property": "latency", "value": 4}]), root(), "sla_removed", "minor", "loosens", _),
        (root(), root(slaProperties=[{"property": "latency", "value": 4}]), "sla_added", "minor", "tightens", _),
        (root(), lambda data: data["schema"].append({"name": "more", "properties": [{"name": "x", "logicalType": "string"}]}), "schema_added", "minor", "neither", _),
        (lambda data: data["schema"].append({"name": "more", "properties": []}), root(), "schema_removed", "major", "neither", C),
        (root(), lambda data: data["schema"][0]["properties"].reverse(), "order_changed", "patch", "neither", _),
    ],
)  # fmt: skip
def test_a_change_has_one_class_and_says_who_breaks(
    before: Edit, after: Edit, kind: str, level: str, direction: str, breaks: str
) -> None:
    (change,) = compare(document(before), document(after)).changes
    broken = {
        ("breaking", "breaking"): PC,
        ("breaking", "compatible"): P,
        ("compatible", "breaking"): C,
        ("compatible", "compatible"): _,
    }[change.producer, change.consumer]
    assert (change.kind, change.level, change.direction, broken) == (kind, level, direction, breaks)
    assert change.name in change.text


def option(name: str, logical_type: str) -> Any:
    """A constraint among the options of a column of some type."""

    def constrained(value: Any) -> Edit:
        options = {} if value is None else {"logicalTypeOptions": {name: value}}
        return columns({"name": "v", "logicalType": logical_type, **options})

    return constrained


def key(name: str, logical_type: str = "string") -> Any:
    """A constraint that is a key of the column."""

    def constrained(value: Any) -> Edit:
        return columns(
            {"name": "v", "logicalType": logical_type, **({} if value is None else {name: value})}
        )

    return constrained


def listed(values: Any) -> Edit:
    return key("enum")(None if values is None else [{"value": value} for value in values])


def checked(metric: str = "rowCount", **more: Any) -> Any:
    """A check whose operator and number change; None is no check."""

    def constrained(comparison: Any) -> Edit:
        check = {"name": "c", "metric": metric, **more, **dict([comparison] if comparison else [])}
        return schema(quality=[check] if comparison else [])

    return constrained


def valid(values: Any) -> Edit:
    check = {
        "name": "c",
        "metric": "invalidValues",
        "mustBe": 0,
        "arguments": {"properties": ["v"], "validValues": values},
    }
    return schema(quality=[check] if values else [])


CONSTRAINTS: dict[str, tuple[Any, Any, Any, Any]] = {
    # each constraint: a value, a stricter one, one that allows other values, one that allows the same
    "minimum": (option("minimum", "number"), 5, 6, None),
    "minimum of dates": (option("minimum", "date"), "2020-01-01", "2021-01-01", None),
    "maximum": (option("maximum", "number"), 5, 4, None),
    "exclusiveMinimum": (option("exclusiveMinimum", "number"), 5, 6, None),
    "exclusiveMaximum": (option("exclusiveMaximum", "number"), 5, 4, None),
    "multipleOf": (option("multipleOf", "number"), 2, 6, 3),
    "multipleOf with fractions": (option("multipleOf", "number"), 0.1, 0.3, 0.25),
    "minLength": (option("minLength", "string"), 5, 6, None),
    "maxLength": (option("maxLength", "string"), 5, 4, None),
    "pattern": (option("pattern", "string"), "^a$", None, "^b$"),
    "format": (option("format", "string"), "uuid", None, "email"),
    "format of integers": (option("format", "integer"), "i32", "i16", "u32"),
    "enum": (listed, ["a", "b"], ["a"], ["a", "c"]),
    "required": (key("required"), True, None, None),
    "unique": (key("unique"), True, None, None),
    "primaryKey": (key("primaryKey"), True, None, None),
    "physicalType": (key("physicalType"), "varchar(10)", "varchar(5)", None),
    "decimal": (key("physicalType", "number"), "decimal(10,2)", "decimal(8,2)", "decimal(9,4)"),
    "validValues": (valid, ["a", "b"], ["a"], ["a", "c"]),
    "mustBe": (checked(), ("mustBe", 5), None, ("mustBe", 6)),
    "mustNotBe": (checked(), ("mustNotBe", 5), None, ("mustNotBe", 6)),
    "mustBeGreaterThan": (checked(), ("mustBeGreaterThan", 5), ("mustBeGreaterThan", 6), None),
    "mustBeGreaterOrEqualTo": (checked(), ("mustBeGreaterOrEqualTo", 5), ("mustBeGreaterThan", 5), None),
    "mustBeLessThan": (checked(), ("mustBeLessThan", 5), ("mustBeBetween", [1, 4]), ("mustBeGreaterThan", 3)),
    "mustBeLessOrEqualTo": (checked(), ("mustBeLessOrEqualTo", 5), ("mustBeLessThan", 5), None),
    "mustBeBetween": (checked(), ("mustBeBetween", [1, 9]), ("mustBeBetween", [2, 9]), ("mustBeBetween", [2, 10])),
    "mustNotBeBetween": (checked(), ("mustNotBeBetween", [3, 5]), ("mustNotBeBetween", [2, 5]), ("mustNotBeBetween", [4, 6])),
    "null tolerance": (checked("nullValues", unit="percent", arguments={"properties": ["meter"]}), ("mustBeLessThan", 5), ("mustBe", 0), None),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_the_class_of_a_change_follows_from_the_values_allowed_before_and_after(name: str) -> None:
    constrained, value, stricter, other = CONSTRAINTS[name]

    def classes(before: Any, after: Any) -> set[tuple[str, str, str, str]]:
        changes = compare(document(constrained(before)), document(constrained(after))).changes
        return {(c.level, c.direction, c.producer, c.consumer) for c in changes}

    tightens = {("major", "tightens", "breaking", "compatible")}
    loosens = {("major", "loosens", "compatible", "breaking")}
    assert classes(None, value) == tightens, "added"
    assert classes(value, None) == loosens, "removed"
    assert classes(value, value) == set(), "unchanged"
    if stricter is not None:
        assert classes(value, stricter) == tightens, "tightened"
        assert classes(stricter, value) == loosens, "widened"
    if other is not None:
        assert classes(value, other) == {("major", "neither", "breaking", "breaking")}, "other"


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        # two spellings of the same limit
        (column(ENERGY, logicalType="integer", logicalTypeOptions={"exclusiveMinimum": 0}), column(ENERGY, logicalType="integer", logicalTypeOptions={"minimum": 1}), "neither"),
        (column(METER, logicalTypeOptions=None), column(METER, logicalTypeOptions={"minLength": 0}), "neither"),
        (column(METER, logicalTypeOptions=None), column(METER, logicalTypeOptions={"pattern": ".*"}), "neither"),
        (column(ENERGY, logicalTypeOptions={"minimum": 0, "maximum": 9}), column(ENERGY, logicalTypeOptions={"minimum": 0, "exclusiveMaximum": 10}), "loosens"),
        (bound(mustBeGreaterOrEqualTo=0), bound(mustBeGreaterOrEqualTo=-1), "neither"),
        (column(ENERGY, logicalType="integer", physicalType="bigint"), column(ENERGY, logicalType="integer"), "neither"),
    ],
)  # fmt: skip
def test_a_change_that_allows_the_same_values_breaks_nobody(
    before: Edit, after: Edit, direction: str
) -> None:
    comparison = compare(document(before), document(after))
    assert {change.direction for change in comparison.changes} == {direction}
    assert comparison.breaking == (direction != "neither")


def test_two_unnamed_checks_of_one_metric_are_both_compared() -> None:
    low, high = {"metric": "rowCount", "mustBeGreaterThan": 1}, {"metric": "rowCount"}
    before = schema(quality=[low, {**high, "mustBeLessThan": 100}])
    after = schema(quality=[low, {**high, "mustBeLessThan": 50}])
    (change,) = compare(document(before), document(after)).changes
    assert (change.kind, change.direction) == ("rule_changed", "tightens")


def test_what_is_nested_is_compared_by_name() -> None:
    def order(sku: dict[str, Any]) -> Edit:
        return columns(
            {
                "name": "lines",
                "logicalType": "array",
                "items": {
                    "logicalType": "object",
                    "properties": [{"name": "sku", "logicalType": "string", **sku}],
                },
            }
        )

    (change,) = compare(document(order({})), document(order({"required": True}))).changes
    assert (change.name, change.path) == (
        "readings.lines[].sku",
        ("schema", 0, "properties", 0, "items", "properties", 0, "required"),
    )


# -- versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "edit", "demanded"),
    [
        ("1.4.2", drop(TARIFF), "2.0.0"), ("1.4.2", append(name="n", logicalType="string"), "1.5.0"), ("1.4.2", column(METER, description="x"), "1.4.3"),
        ("0.4.2", drop(TARIFF), "0.5.0"), ("1.4.2", root(), "1.4.2"),
    ],
)  # fmt: skip
def test_a_change_demands_its_version_step(version: str, edit: Edit, demanded: str) -> None:
    def between(new: str) -> bool:
        return compare(
            document(root(version=version)), document(edit, root(version=new))
        ).version_suffices

    assert compare(document(root(version=version)), document(edit)).demanded_version == demanded
    assert between(demanded)
    assert between("9.0.0")
    assert between(version) == (demanded == version)


def told(before: Edit, *after: Edit) -> list[tuple[str, str, int | None]]:
    text = yaml.safe_dump(document(*after), sort_keys=False)
    new = parse(text, "readings.odcs.yaml")
    return [
        (problem.id, problem.severity, problem.where.line)
        for problem in problems(compare(document(before), new.data), new)
    ]


def test_what_breaks_is_an_error_at_the_version_until_the_version_says_so() -> None:
    line = yaml.safe_dump(document(), sort_keys=False).splitlines().index("version: 1.0.0") + 1
    assert told(root(), column(ENERGY, logicalTypeOptions={"minimum": 1})) == [
        ("change.minimum_changed", "warning", 28),
        ("change.version", "error", line),
    ]
    assert told(
        root(), column(ENERGY, logicalTypeOptions={"minimum": 1}), root(version="2.0.0")
    ) == [("change.minimum_changed", "warning", 28)]
    assert told(root(), column(METER, tags=["a"])) == [
        ("change.tags_added", "info", 25),
        ("change.version", "warning", line),
    ]


# -- invariants -------------------------------------------------------------------------------------

EDITS: list[Edit] = [
    drop(TARIFF), append(name="n", logicalType="string"), column(METER, required=False), column(TARIFF, enum=None), bound(mustBe=5), setting("privacy", region="us"), root(domain="x"),
    column(ENERGY, logicalTypeOptions={"minimum": 1}), setting("retention", versions="P1D"), lambda data: data["schema"][0]["properties"].reverse(),
]  # fmt: skip
some = st.lists(st.sampled_from(EDITS), max_size=4, unique=True)


def made(edits: list[Edit]) -> dict[str, Any]:
    data = document()
    for edit in edits:
        try:
            edit(data)
        except (IndexError, KeyError):
            continue  # the column was dropped before
    return data


@given(some)
def test_a_contract_does_not_differ_from_itself(edits: list[Edit]) -> None:
    assert compare(made(edits), copy.deepcopy(made(edits))).changes == ()


@given(some, some)
def test_both_ways_name_the_same_things(one: list[Edit], other: list[Edit]) -> None:
    def names(changes: tuple[Change, ...]) -> set[str]:
        return {
            change.name
            for change in changes
            if change.kind not in ("column_renamed", "order_changed")
        }

    assert names(compare(made(one), made(other)).changes) == names(
        compare(made(other), made(one)).changes
    )


@given(some, some)
def test_something_changed_demands_a_higher_version(one: list[Edit], other: list[Edit]) -> None:
    comparison = compare(made(one), made(other))
    assert (comparison.demanded_version > comparison.old_version) == bool(comparison.changes)
    assert comparison.breaking == (comparison.level == "major")


@given(st.permutations(range(3)), st.permutations(range(5)))
def test_order_alone_breaks_nobody(order: list[int], settings: list[int]) -> None:
    data = document()
    data["schema"][0]["properties"] = [data["schema"][0]["properties"][index] for index in order]
    data["customProperties"] = [data["customProperties"][index] for index in settings]
    assert compare(document(), data).level in (None, "patch")
