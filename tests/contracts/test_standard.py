"""Every version of the standard by its own schema: the official verdict on every official example, and the same on thousands of damaged ones."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from assay.contracts.document import Document, parse
from assay.contracts.standard import LATEST, VERSIONS, official, schema_problems
from assay.contracts.upgrade import rewritten, upgraded
from tests.conftest import document

SPECS = Path(__file__).parents[2].parent / "shared" / "specs" / "odcs"
needs_specs = pytest.mark.skipif(
    not SPECS.exists(),
    reason="the official schemas and examples are next to the repository, and not here",
)
FILES: dict[str, Any] = (
    json.loads((SPECS / "verdicts.json").read_text())["files"] if SPECS.exists() else {}
)
EXAMPLES = sorted(name for name in FILES if name.startswith("examples/"))


def read(name: str) -> Document:
    return parse((SPECS / name).read_text(encoding="utf-8"), name)


def validator(schema: dict[str, Any]) -> Draft201909Validator:
    return Draft201909Validator(schema, format_checker=Draft201909Validator.FORMAT_CHECKER)


@needs_specs
@pytest.mark.parametrize("version", VERSIONS)
def test_each_schema_gives_the_official_verdict_on_every_official_file(version: str) -> None:
    ours = validator(official(version))
    for name, about in FILES.items():
        errors = list(ours.iter_errors(read(name).data))
        expected = about["verdicts"][version]
        assert (not errors) == expected["valid"], (name, version)
        if errors:
            found = {"/".join(map(str, error.absolute_path)) for error in errors}
            assert all(
                any(theirs.startswith(each) for theirs in expected["paths"]) for each in found
            ), (name, found)


@needs_specs
@pytest.mark.parametrize("version", VERSIONS[1:])
def test_a_schema_made_from_the_newest_agrees_with_the_official_one_on_damaged_documents(
    version: str,
) -> None:
    ours = jsonschema_rs.Draft201909Validator(official(version), validate_formats=True)
    theirs = jsonschema_rs.Draft201909Validator(
        json.loads((SPECS / f"odcs-json-schema-{version}.json").read_text()), validate_formats=True
    )
    chance = random.Random(version)
    documents = [read(name).data for name in EXAMPLES]
    for _ in range(1_000):
        damaged = copy.deepcopy(chance.choice(documents))
        for _ in range(chance.randint(0, 2)):
            _damage(damaged, chance)
        assert ours.is_valid(damaged) == theirs.is_valid(damaged), damaged


def _damage(data: Any, chance: random.Random) -> None:
    """Delete, rename or retype one key anywhere."""
    nodes = [data]
    for node in nodes:
        nodes += [
            value
            for value in (node.values() if isinstance(node, dict) else node)
            if isinstance(value, dict | list) and value
        ]
    node = chance.choice([node for node in nodes if isinstance(node, dict)])
    key = chance.choice(list(node))
    match chance.randint(0, 3):
        case 0:
            del node[key]
        case 1:
            node[
                chance.choice(
                    ["nmae", "enum", "id", "context", "vendor", "comment", "relationships"]
                )
            ] = node.pop(key)
        case 2:
            node[key] = chance.choice([None, True, 3, "text", [], {}, ["a"], {"a": 1}])
        case _:
            node[
                chance.choice(["logicalType", "type", "metric", "rule", "unknown", "timezone"])
            ] = chance.choice(["map", "vector", "timestamp", "kafka", "rowCount", "x"])


@needs_specs
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_official_example_of_version_3_loads_and_round_trips(name: str) -> None:
    found = schema_problems(read(name))
    slips = (
        "v3.1.0/data-types/all-data-types",
        "v3.1.0/quality/column-completeness",
        "v3.1.0/stakeholders/basic-four-dpo",
    )
    assert [problem.severity for problem in found] == (
        ["warning"] if any(slip in name for slip in slips) else []
    )
    before = read(name).data
    after, notes = upgraded(copy.deepcopy(before))
    assert schema_problems(Document(after, name)) == []
    lost = (
        set(_leaves(before))
        - set(_leaves(after))
        - {before["apiVersion"], "nullCheck", "True", "False", "library"}
    )
    assert lost == set()
    assert bool(notes)
    model = OpenDataContractStandard.from_string(
        json.dumps(after)
    )  # the package reads what we made of it, and gives it back
    # all but a custom property whose value is said to be nothing, which it leaves out
    assert {
        problem.problem.partition(" lacks ")[2]
        for problem in schema_problems(parse(model.to_yaml(), name))
    } <= {"`value`"}


def _leaves(node: Any) -> list[str]:
    if isinstance(node, dict | list):
        return [
            leaf
            for value in (node.values() if isinstance(node, dict) else node)
            for leaf in _leaves(value)
        ]
    return [str(node)]


@needs_specs
@pytest.mark.parametrize("name", EXAMPLES)
def test_rewriting_twice_changes_nothing_more(name: str) -> None:
    text, notes = rewritten((SPECS / name).read_text(encoding="utf-8"), name)
    assert notes
    assert rewritten(text, name) == (text, [])
    assert parse(text, name).data == json.loads(json.dumps(upgraded(read(name).data)[0]))


@needs_specs
@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("superseded/")))
def test_the_format_before_version_3_is_recognised(name: str) -> None:
    (problem,) = schema_problems(read(name))
    assert (problem.id, problem.severity) == ("odcs.version", "error")
    assert "before version 3" in problem.problem or "lacks `apiVersion`" in problem.problem
    assert LATEST in problem.remedy


@needs_specs
@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("negative/")))
def test_the_negatives_fail_where_the_verdicts_say(name: str) -> None:
    found = schema_problems(read(name))
    paths = [
        path.replace("/", ".").replace(".0", "[0]")
        for path in FILES[name]["verdicts"][LATEST]["paths"]
    ]
    assert any(problem.path.startswith(path) for problem in found for path in paths), found
    assert len(found) == 1 or "map" in name or "quality" in name


def test_comments_and_order_survive_an_upgrade() -> None:
    old = """\
# what the meters say
apiVersion: v3.0.2  # old
kind: DataContract
id: readings
version: 1.0.0
status: active
team:
  - username: "ann"   # answers for it
    role: owner
    comment: since May
schema:
  - name: readings
    properties:
      - name: meter   # the number on the box
        logicalType: integer
        logicalTypeOptions: {minimum: 0, exclusiveMinimum: true}
        quality:
          - rule: nullCheck
"""
    text, notes = rewritten(old, "readings.odcs.yaml")
    assert all(
        comment in text
        for comment in (
            "# what the meters say",
            "# old",
            "# answers for it",
            "# the number on the box",
        )
    )
    data = parse(text, "x").data
    assert data["team"] == {
        "members": [
            {
                "username": "ann",
                "role": "owner",
                "customProperties": [{"property": "comment", "value": "since May"}],
            }
        ]
    }
    (meter,) = data["schema"][0]["properties"]
    assert meter["logicalTypeOptions"] == {"exclusiveMinimum": 0}
    assert meter["quality"] == [{"metric": "nullValues", "mustBe": 0}]
    assert len(notes) == 5
    assert list(data) == ["apiVersion", "kind", "id", "version", "status", "team", "schema"]


def test_what_is_new_already_comes_back_byte_for_byte() -> None:
    text = json.dumps(document())
    assert rewritten(text, "x") == (text, [])


def test_a_data_contract_specification_becomes_odcs() -> None:
    old = """\
dataContractSpecification: 1.2.1
id: orders
info: {title: Orders, version: 2.0.0, owner: sales, contact: {name: Sales, email: sales@example.com}}
terms: {usage: reports, billing: none}
models:
  orders:
    type: table
    fields:
      id: {$ref: '#/definitions/order_id', required: true}
      placed: {type: timestamp_ntz}
      lines: {type: array, items: {type: struct, fields: {sku: {type: varchar}, price: {type: decimal, precision: 8, scale: 2}}}}
definitions:
  order_id: {type: string, format: uuid, pii: false}
servicelevels: {retention: {period: P1Y, description: a year}}
"""
    text, _ = rewritten(old, "orders.yaml")
    made = parse(text, "orders.yaml")
    assert schema_problems(made) == []
    number, placed, lines = made.data["schema"][0]["properties"]
    assert number == {
        "name": "id", "logicalType": "string", "physicalType": "string", "required": True, "logicalTypeOptions": {"format": "uuid"},
        "authoritativeDefinitions": [{"type": "definition", "url": "#/definitions/order_id"}], "customProperties": [{"property": "pii", "value": False}],
    }  # fmt: skip
    assert placed["logicalTypeOptions"] == {"timezone": False}
    assert [field["physicalType"] for field in lines["items"]["properties"]] == [
        "varchar",
        "decimal(8,2)",
    ]
    assert made.data["slaProperties"] == [
        {"property": "retention", "value": "P1Y", "description": "a year"}
    ]


SODA = """
  type: SodaCL
  specification:
    checks for orders: [row_count > 4711]
    checks for lines: [row_count > 4712]
"""
GREAT_EXPECTATIONS = """
  type: great-expectations
  specification: {orders: "[4711]", lines: "[4712]"}
"""
AS_TEXT = """
  type: SodaCL
  specification: |
    checks for orders: [row_count > 4711, max(a) < 4712]
"""


@pytest.mark.parametrize("quality", [SODA, GREAT_EXPECTATIONS, AS_TEXT], ids=["soda", "ge", "text"])
def test_an_upgrade_of_a_specification_loses_no_rule_and_names_what_has_no_key(
    quality: str,
) -> None:
    text, notes = rewritten(
        f"""
dataContractSpecification: 1.2.1
id: orders
info: {{title: Orders, version: 1.0.0, contact: {{name: Ann, url: "https://example.com"}}, more: 7}}
models:
  orders:
    fields: {{a: {{type: integer, quality: [{{metric: nullValues, mustBeLessThanOrEqualTo: 2}}]}}}}
  lines: {{fields: {{b: {{type: integer, example: 1, examples: [2]}}}}}}
definitions: {{unused: {{type: string}}}}
examples: [{{type: csv, data: "a"}}]
quality:{quality}""",
        "orders.yaml",
    )
    document = parse(text, "orders.yaml").data
    assert not [p for p in schema_problems(parse(text, "orders.yaml")) if p.severity == "error"]
    orders, lines = document["schema"]
    assert all(number in str(document["schema"]) for number in ("4711", "4712"))
    assert orders["properties"][0]["quality"] == [
        {"metric": "nullValues", "mustBeLessOrEqualTo": 2}
    ]
    assert lines["properties"][0]["examples"] == [2, 1]
    kept = {entry["property"] for entry in document["customProperties"]}
    assert kept == {"info.contact", "info.more", "definitions.unused", "examples"}
    for name in (*kept, "quality"):
        assert any(note.startswith(f"{name}:") for note in notes)
