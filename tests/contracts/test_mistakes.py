"""A corpus of wrong contracts: one mistake each, told with its place, what was expected, and what to do, word for word."""

from __future__ import annotations

import copy
import json
import random
from contextlib import suppress
from typing import Any

import pytest
import yaml

from assay.contracts.compatibility import compare, problems
from assay.contracts.errors import ContractError
from assay.contracts.load import lint
from assay.contracts.upgrade import rewritten
from tests.conftest import columns, contract

RIGHT = """\
apiVersion: v3.2.0
kind: DataContract
id: readings
name: readings
version: 1.0.0
status: active
team:
  name: meters
schema:
  - name: readings
    physicalType: table
    properties:
      - name: meter
        logicalType: string
        required: true
        logicalTypeOptions: {pattern: "^M[0-9]+$", maxLength: 12}
      - name: energy_kwh
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 9000}
      - name: tariff
        logicalType: string
        enum: [{value: day}, {value: night}]
      - name: read_on
        logicalType: date
        logicalTypeOptions: {minimum: "2013-01-01"}
        quality:
          - {name: dates_known, metric: nullValues, mustBeLessThan: 5, unit: percent, severity: error}
    quality:
      - {name: enough_rows, metric: rowCount, mustBeGreaterThan: 1}
      - {name: asked, type: sql, query: "SELECT count(*) FROM ${table} WHERE energy_kwh < 0", mustBe: 0}
customProperties:
  - property: assay.source
    value: {origin: internal, location: inbox/readings.csv, format: csv}
  - property: assay.license
    value: {expression: CC0-1.0, holder: us, evidence: none, purposes: [analytics, training]}
  - property: assay.privacy
    value: {sensitivity: internal, region: eu, lawful_basis: none needed}
  - property: assay.cleaning
    value:
      - {step: deduplicate}
  - property: assay.retention
    value: {landed: P30D, quarantine: P30D, versions: P365D}
"""

WRONG: list[tuple[str, str, list[str]]] = [
    (
        "apiVersion: v3.2.0\n",
        "",
        ["1:1 odcs.version: the document lacks `apiVersion`. Add `apiVersion: v3.2.0`."],
    ),
    (
        "apiVersion: v3.2.0",
        "apiVersion: v3.2",
        ["1:1 odcs.version: its apiVersion is v3.2. Did you mean 'v3.2.0'."],
    ),
    (
        "apiVersion: v3.2.0",
        "apiVersion: v2.2.2",
        [
            "1:1 odcs.version: this is the format before version 3 of the standard. Rewrite it as ODCS v3.2.0: `schema` and `properties` replace `dataset` and `columns`."
        ],
    ),
    (
        "apiVersion: v3.2.0",
        "dataContractSpecification: 1.2.1",
        [
            "1:1 odcs.version: this is a Data Contract Specification, which ODCS has replaced. Convert it to ODCS: assay contracts upgrade FILE."
        ],
    ),
    (
        "kind: DataContract\n",
        "",
        ["1:1 odcs.required: the document lacks `kind`. Add `kind:`."],
    ),
    (
        "kind: DataContract",
        "kind: DataContrat",
        ["2:1 odcs.enum: kind: 'DataContrat' is not known. Did you mean 'DataContract'."],
    ),
    (
        "id: readings\n",
        "",
        ["1:1 odcs.required: the document lacks `id`. Add `id:`."],
    ),
    (
        "name: readings\nversion",
        "version",
        [
            "1:1 assay.name: the contract has no name. Add `name:`, the name of the data set, its folder and its assets."
        ],
    ),
    (
        "name: readings\nversion",
        "name: my readings\nversion",
        [
            "4:1 assay.name: the name 'my readings' is not allowed for assets. Use A-Z, a-z, 0-9 and _."
        ],
    ),
    (
        "version: 1.0.0",
        "version: 1",
        ["5:1 odcs.type: version is a whole number. Put it in quotes: '1'."],
    ),
    (
        "version: 1.0.0",
        'version: "1.0"',
        [
            "5:1 assay.version: the version '1.0' is not semantic. Write three numbers, such as 1.0.0."
        ],
    ),
    (
        "version: 1.0.0\n",
        "",
        ["1:1 odcs.required: the document lacks `version`. Add `version:`."],
    ),
    (
        "status: active",
        "staus: active",
        ["6:1 odcs.unknown_key: the key 'staus' is not known here. Did you mean 'status'."],
    ),
    (
        "team:\n  name: meters\n",
        "",
        [
            "1:1 policy.owner: the contract names no owner. Add `team.name`, or a member with `role: owner`."
        ],
    ),
    (
        "  name: meters",
        "  nmae: meters",
        ["8:3 odcs.unknown_key: the key 'nmae' is not known here. Did you mean 'name'."],
    ),
    (
        "team:\n  name: meters",
        "team: meters",
        ["7:1 odcs.type: team is text. Write a list or a mapping."],
    ),
    (
        "schema:\n  - name: readings\n    physicalType",
        "schema:\n  - physicalType",
        ["10:5 odcs.required: schema[0] lacks `name`. Add `name:`."],
    ),
    (
        "    properties:\n      - name: meter",
        "    propertys:\n      - name: meter",
        [
            "12:5 odcs.unknown_key: the key 'propertys' is not known here. Did you mean 'properties'."
        ],
    ),
    (
        "logicalType: string\n        required",
        "logicalType: text\n        required",
        [
            "14:9 odcs.enum: schema[0].properties[0].logicalType: 'text' is not known. Choose one of string, date, timestamp, time, number, integer, object, array, boolean, map, vector."
        ],
    ),
    (
        "logicalType: number",
        "logicalType: interger",
        [
            "18:9 odcs.enum: schema[0].properties[1].logicalType: 'interger' is not known. Did you mean 'integer'."
        ],
    ),
    (
        "logicalType: string\n        required",
        "required",
        ["13:9 odcs.required: schema[0].properties[0] lacks `logicalType`. Add `logicalType:`."],
    ),
    (
        "required: true",
        "requird: true",
        ["15:9 odcs.unknown_key: the key 'requird' is not known here. Did you mean 'required'."],
    ),
    (
        "required: true",
        "required: 1",
        [
            "15:9 odcs.type: schema[0].properties[0].required is a whole number. Write true or false."
        ],
    ),
    (
        'pattern: "^M[0-9]+$"',
        'pattern: "(?=M)x"',
        [
            "16:30 assay.pattern: the pattern cannot run: it looks around or back. Write it without `(?=`, `(?!`, `(?<` and `\\1`, which need more than linear time, for example as several `invalidValues` checks with one pattern each."
        ],
    ),
    (
        'pattern: "^M[0-9]+$"',
        'pattern: "["',
        [
            "16:30 assay.pattern: the pattern cannot run: it is no regular expression: unclosed character class. Fix the pattern; docs/reference/contracts.md describes what it can use."
        ],
    ),
    (
        'pattern: "^M[0-9]+$"',
        'pattern: "a{1000}{1000}"',
        [
            "16:30 assay.pattern: the pattern cannot run: it is no regular expression: Compiled regex exceeds size limit of 10485760 bytes.. Fix the pattern; docs/reference/contracts.md describes what it can use."
        ],
    ),
    (
        "maxLength: 12",
        "maxLenght: 12",
        [
            "16:52 odcs.unknown_key: the key 'maxLenght' is not known here. Did you mean 'maxLength'."
        ],
    ),
    (
        "maxLength: 12",
        "maxLength: -1",
        [
            "16:52 odcs.minimum: schema[0].properties[0].logicalTypeOptions.maxLength: -1 is less than the minimum of 0. The standard requires minimum 0."
        ],
    ),
    (
        "maxLength: 12",
        "maxLength: 12, minLength: 20",
        [
            "16:67 assay.range: minLength 20 is above maxLength 12: no value can satisfy both. Correct one of the two."
        ],
    ),
    (
        "maxLength: 12",
        "format: emial",
        ["16:52 assay.format: the format 'emial' is not checked. Did you mean 'email'."],
    ),
    (
        "minimum: 0,",
        'minimum: "0",',
        [
            "19:30 odcs.type: schema[0].properties[1].logicalTypeOptions.minimum is text. Write a number."
        ],
    ),
    (
        "minimum: 0, maximum: 9000",
        "minimum: 9001, maximum: 9000",
        [
            "19:30 assay.range: minimum 9001 is above maximum 9000: no value can satisfy both. Correct one of the two."
        ],
    ),
    (
        "- name: energy_kwh",
        "- name: meter",
        [
            "17:9 assay.columns: the column 'meter' is declared twice. Keep one of the two.",
            "30:34 assay.sql: the query names the column 'energy_kwh', which the contract does not declare. Declare it, or remove it here.",
        ],
    ),
    (
        "- name: energy_kwh",
        "- name: METER",
        [
            "17:9 assay.columns: the columns 'meter' and 'METER' differ only in case. Rename one of the two: tables in a lake treat them as one column.",
            "30:34 assay.sql: the query names the column 'energy_kwh', which the contract does not declare. Declare it, or remove it here.",
        ],
    ),
    (
        "- name: energy_kwh",
        "- name: _hash",
        [
            "17:9 assay.columns: the column name '_hash' is reserved for Assay. Name it `hash`, and write `physicalName: _hash`.",
            "30:34 assay.sql: the query names the column 'energy_kwh', which the contract does not declare. Declare it, or remove it here.",
        ],
    ),
    (
        "- name: energy_kwh\n        ",
        "- ",
        ["17:9 odcs.required: schema[0].properties[1] lacks `name`. Add `name:`."],
    ),
    (
        "{value: night}",
        "{value: 3}",
        [
            "22:9 assay.enum: enum lists 3 for 'tariff', which the contract declares as string. Put it in quotes: '3'."
        ],
    ),
    (
        "[{value: day}, {value: night}]",
        "[]",
        ["22:9 odcs.items: schema[0].properties[2].enum has 0 items. Give it at least 1."],
    ),
    (
        "[{value: day}, {value: night}]",
        "[day, night]",
        [
            "22:16 odcs.type: schema[0].properties[2].enum[0] is text. Write a mapping.",
            "22:21 odcs.type: schema[0].properties[2].enum[1] is text. Write a mapping.",
        ],
    ),
    (
        "{value: night}",
        "{value: day}",
        [
            '22:9 odcs.items: schema[0].properties[2].enum lists {"value": "day"} twice. Keep one of the two.'
        ],
    ),
    (
        '"2013-01-01"',
        '"2013-13-01"',
        ["25:30 assay.range: the limit '2013-13-01' is not of type date. Write it in ISO 8601."],
    ),
    (
        '"2013-01-01"',
        "2013",
        [
            "25:30 odcs.type: schema[0].properties[3].logicalTypeOptions.minimum is a whole number. Put it in quotes: '2013'."
        ],
    ),
    (
        'minimum: "2013-01-01"',
        'format: "D.M.yyyy"',
        [
            "25:30 assay.format: the format 'D.M.yyyy' has 'D', which Assay does not support. Use yyyy, uuuu, y, u, yy, uu, MMMM, LLLL, MMM, LLL, MM, M, dd, d, DDD, HH, H, hh, h, mm, m, ss, s, a, EEEE, EEE, EE, E, XXX, XX, X, xxx, xx, x, ZZZZZ, ZZZ, ZZ, Z, S for each digit of a fraction, and quote other letters."
        ],
    ),
    (
        "metric: nullValues",
        "metric: nullvalues",
        [
            "27:33 odcs.enum: schema[0].properties[3].quality[0].metric: 'nullvalues' is not known. Did you mean 'nullValues'."
        ],
    ),
    (
        "mustBeLessThan: 5, unit",
        "unit",
        [
            "27:13 odcs.operators: schema[0].properties[3].quality[0] needs one of mustBe, mustBeBetween, mustBeGreaterOrEqualTo, mustBeGreaterThan, mustBeLessOrEqualTo, mustBeLessThan, mustNotBe, mustNotBeBetween. Add one of them."
        ],
    ),
    (
        "mustBeLessThan: 5",
        "mustBeLessThan: 5, mustBe: 1",
        [
            "27:13 odcs.operators: schema[0].properties[3].quality[0] has mustBe and mustBeLessThan together. Keep one of them."
        ],
    ),
    (
        "mustBeLessThan: 5",
        "mustBeBetween: [5]",
        [
            "27:53 odcs.items: schema[0].properties[3].quality[0].mustBeBetween has 1 items. Give it at least 2."
        ],
    ),
    (
        "mustBeLessThan: 5",
        "mustBeBetween: [5, 1]",
        ["27:53 assay.operator: mustBeBetween goes from 5 to 1. Write the smaller number first."],
    ),
    (
        "mustBeLessThan: 5",
        "mustBe: many",
        ["27:53 assay.operator: mustBe compares with 'many'. Compare with a number."],
    ),
    (
        "unit: percent",
        "unit: percents",
        ["27:72 assay.unit: the unit 'percents' is not known. Did you mean 'percent'."],
    ),
    (
        "severity: error",
        "severity: eror",
        ["27:87 assay.severity: the severity 'eror' is not known. Did you mean 'error'."],
    ),
    (
        "name: dates_known, ",
        'name: "!!!", ',
        [
            "27:13 assay.rule_name: the rule's name has no letter or digit. Add a `name` of A-Z, a-z, 0-9 and _."
        ],
    ),
    (
        "name: enough_rows",
        "name: dates_known",
        [
            "29:9 assay.rule_name: two rules are named 'dates_known' (the first in line 27). Give one of them another `name`."
        ],
    ),
    (
        "metric: rowCount",
        "metric: nullValues",
        [
            "29:9 assay.columns: the metric 'nullValues' names no column. Put it under a property, or list declared columns in `arguments.properties`."
        ],
    ),
    (
        "metric: rowCount, must",
        "metric: nullValues, arguments: {properties: [metre]}, must",
        [
            "29:9 assay.columns: the metric 'nullValues' names the column 'metre', which the contract does not declare. Did you mean 'meter'."
        ],
    ),
    (
        "metric: rowCount, must",
        "type: custom, engine: soda, must",
        ["29:9 odcs.required: schema[0].quality[0] lacks `implementation`. Add `implementation:`."],
    ),
    (
        "SELECT count(*) FROM ${table}",
        "SELECT count(*) FROM '/etc/passwd'",
        ["30:34 assay.sql: the query reads '\"/etc/passwd\"'. A query may read `readings`."],
    ),
    (
        "energy_kwh < 0",
        "energy < 0",
        [
            "30:34 assay.sql: the query names the column 'energy', which the contract does not declare. Did you mean 'energy_kwh'."
        ],
    ),
    (
        "SELECT count(*)",
        "DELETE",
        [
            "30:34 assay.sql: the query is not a SELECT, but DELETE. Write one SELECT that returns one number, such as `SELECT COUNT(*) FROM ${table} WHERE …`."
        ],
    ),
    (
        "SELECT count(*) FROM",
        "SELECT count(*) FRM",
        [
            "30:34 assay.sql: the query cannot be parsed in line 1, column 30. Write one SELECT that returns one number, such as `SELECT COUNT(*) FROM ${table} WHERE …`."
        ],
    ),
    (
        "physicalType: table",
        "physicalType: table\n    relationships: [{from: readings.meter, to: meters}]",
        [
            "12:44 odcs.pattern: schema[0].relationships[0].to: 'meters' does not have the form that the standard requires. It must match ^[A-Za-z_][A-Za-z0-9_\\-]*(\\.[A-Za-z_][A-Za-z0-9_\\-]*)+$."
        ],
    ),
    (
        "physicalType: table",
        "physicalType: table\n    relationships: [{from: readings.metre, to: meters.id}]",
        [
            "12:21 assay.relationship: the relationship starts at 'metre', which the contract does not declare. Did you mean 'meter'."
        ],
    ),
    (
        "- property: assay.source\n    value: {origin: internal, location: inbox/readings.csv, format: csv}\n  ",
        "",
        [
            "31:1 policy.source: the property 'assay.source' is missing. Add it under `customProperties` (see docs/reference/contracts.md)."
        ],
    ),
    (
        "property: assay.privacy",
        "property: assay.privcy",
        [
            "31:1 policy.privacy: the property 'assay.privacy' is missing. Add it under `customProperties` (see docs/reference/contracts.md).",
            "36:5 assay.unknown_key: the property 'assay.privcy' is not known. Did you mean 'assay.privacy'.",
        ],
    ),
    (
        "origin: internal",
        "origin: intern",
        ["33:13 assay.value: assay.source.origin: 'intern' is not known. Did you mean 'internal'."],
    ),
    (
        "format: csv}",
        "format: csw}",
        ["33:61 assay.value: assay.source.format: 'csw' is not known. Did you mean 'csv'."],
    ),
    (
        "location: inbox/readings.csv",
        "loction: inbox/readings.csv",
        [
            "33:5 assay.required: 'assay.source' lacks `location`. Add `location:`.",
            "33:31 assay.unknown_key: the key 'assay.source.loction' is not known. Did you mean 'location'.",
        ],
    ),
    (
        "purposes: [analytics, training]",
        "purposes: [analytics, trainig]",
        [
            "35:84 assay.value: assay.license.purposes.1: 'trainig' is not known. Did you mean 'training'."
        ],
    ),
    (
        "purposes: [analytics, training]",
        "purposes: []",
        ["35:62 assay.value: assay.license.purposes has no entry. Write at least 1."],
    ),
    (
        "region: eu",
        "region: Europe",
        [
            "37:36 assay.value: assay.privacy.region: string should match pattern '^[a-z]{2}(-[a-z0-9-]+)?$|^global$'. See docs/reference/contracts.md for what it takes."
        ],
    ),
    (
        "region: eu",
        "region: eu, columns: {name: {kind: name, treatment: token}}",
        [
            "37:5 assay.columns: assay.privacy names the column 'name', which the contract does not declare. Declare it, or remove it here."
        ],
    ),
    (
        "lawful_basis: none needed",
        "lawful_basis: none",
        [
            "37:48 assay.value: assay.privacy.lawful_basis: 'none' is not known. Choose one of none needed, consent, contract, legal obligation, vital interests, public task, legitimate interests, unknown."
        ],
    ),
    (
        "{step: deduplicate}",
        "{step: dedupe}",
        ["40:9 assay.value: assay.cleaning.0: 'dedupe' is not known. Did you mean 'deduplicate'."],
    ),
    (
        "{step: deduplicate}",
        "{step: outliers, columns: [meter], factor: 2, action: cap}",
        [
            "39:5 assay.type: outliers needs numbers, but 'meter' is declared as string. Choose columns of integers or numbers."
        ],
    ),
    (
        "{step: deduplicate}",
        "{step: outliers, columns: [energy_kwh], factor: 0, action: cap}",
        [
            "40:49 assay.value: assay.cleaning.0.factor: input should be greater than 0. See docs/reference/contracts.md for what it takes."
        ],
    ),
    (
        "landed: P30D",
        "landed: 30 days",
        [
            "42:13 assay.value: assay.retention.landed: write a number of days in ISO 8601, such as P30D. See docs/reference/contracts.md for what it takes."
        ],
    ),
    (
        "landed: P30D, ",
        "",
        ["42:5 assay.required: 'assay.retention' lacks `landed`. Add `landed:`."],
    ),
    (
        "required: true",
        "classification: personal",
        [
            "37:5 policy.privacy: the column 'meter' is classified personal, but the contract states no treatment. Add its treatment under assay.privacy `columns`."
        ],
    ),
    (
        "status: active",
        "status: active\nstatus: draft",
        ["7:1 yaml.duplicate_key: the key 'status' is repeated here. Keep one of the two."],
    ),
    (
        "status: active",
        "status: !!python/object/apply:os.system [ls]",
        [
            "6:9 yaml.tag: the YAML tag tag:yaml.org,2002:python/object/apply:os.system is not allowed: a contract contains plain values. Remove it."
        ],
    ),
    (
        "status: active",
        "status: [active",
        [
            "7:5 yaml.syntax: this is not valid YAML: did not find expected ',' or ']'. Fix the syntax at that place."
        ],
    ),
    (
        "status: active",
        "status: &a [*a]",
        [
            "6:9 yaml.size: the document is nested deeper than 50 levels, or has more than 100,000 values with its aliases written out. Flatten it, remove aliases, or split it into several files."
        ],
    ),
    (
        "team:\n",
        "<<: {x: 1}\nteam:\n",
        ["7:1 yaml.key: the name of a setting is not text. Put it in quotes."],
    ),
]

FEATURES = """\
  - property: assay.features
    value:
      order_by: read_on
      transforms:
        - {transform: scale, columns: [energy_kwh]}
"""
WRONG_FEATURES: list[tuple[str, str, list[str]]] = [
    (
        "columns: [energy_kwh]",
        "column: [energy_kwh]",
        [
            "47:11 assay.required: 'assay.features' lacks `transforms.0.columns`. Add `columns:`.",
            "47:30 assay.unknown_key: the key 'assay.features.transforms.0.column' is not known. Did you mean 'columns'.",
        ],
    ),
    (
        "columns: [energy_kwh]",
        "columns: energy_kwh",
        ["47:30 assay.value: assay.features.transforms.0.columns is text. Write a list."],
    ),
    (
        "columns: [energy_kwh]",
        "columns: []",
        ["47:30 assay.value: assay.features.transforms.0.columns has no entry. Write at least 1."],
    ),
    (
        "transform: scale, columns: [energy_kwh]",
        "transform: tfidf, column: meter, grams: [1]",
        ["47:45 assay.value: assay.features.transforms.0.grams has 1 entry. Write at least 2."],
    ),
    (
        "transform: scale, columns: [energy_kwh]",
        "transform: window, columns: [energy_kwh], span: 7 days",
        [
            "47:54 assay.value: assay.features.transforms.0.span: write a span of time as a number and d, h, m or s, such as 7d, or as a whole number if rows are ordered by one. See docs/how-to/features.md for what it takes."
        ],
    ),
    (
        "order_by: read_on\n",
        "order_by: read_on\n      select: [{above: 1}]\n",
        [
            "46:16 assay.value: assay.features.select.0 lacks `select`. Write `select:`, one of chi_squared, correlation, mutual_information, recursive, variance."
        ],
    ),
    (
        "order_by: read_on\n",
        "order_by: read_on\n      select: [variance]\n",
        [
            "46:16 assay.value: assay.features.select.0 is text. Write `select:`, one of chi_squared, correlation, mutual_information, recursive, variance."
        ],
    ),
    (
        "order_by: read_on\n",
        "order_by: read_on\n      target: energy_kwh\n",
        ["46:7 assay.value: assay.features.target is text. Write a mapping."],
    ),
    (
        "order_by: read_on\n",
        "order_by: read_on\n      allows: {helth: [training]}\n",
        [
            "46:16 assay.value: assay.features.allows.helth: 'helth' is not known. Did you mean 'health'."
        ],
    ),
]


def told(text: str) -> list[str]:
    return [
        f"{each.where.line}:{each.where.column} {each.id}: {each.problem}. {each.remedy}."
        for each in lint(text, "readings.odcs.yaml").problems
    ]


def test_the_contract_itself_has_nothing_wrong() -> None:
    assert told(RIGHT) == []
    assert lint(RIGHT, "readings.odcs.yaml").contract is not None


@pytest.mark.parametrize(("right", "wrong", "says"), WRONG)
def test_a_mistake_is_told_where_it_stands(right: str, wrong: str, says: list[str]) -> None:
    assert right in RIGHT
    assert told(RIGHT.replace(right, wrong, 1)) == says


@pytest.mark.parametrize(("right", "wrong", "says"), WRONG_FEATURES)
def test_a_mistake_in_features_is_told_in_words_of_who_writes_them(
    right: str, wrong: str, says: list[str]
) -> None:
    assert right in FEATURES
    assert told(RIGHT + FEATURES) == []
    assert told(RIGHT + FEATURES.replace(right, wrong, 1)) == says


def test_a_hint_never_repeats_the_mistake() -> None:
    for right, wrong, says in [*WRONG, *WRONG_FEATURES]:
        for said in says:
            hint = said.partition("Did you mean '")[2].partition("'")[0]
            assert not hint or f"'{hint}' is not known" not in said, (right, wrong)


@pytest.mark.parametrize(
    ("right", "wrong", "remedy"),
    [
        ("format: csv}", "format: csv, delimiter: ';'}", "Move it to `assay.source.options.delimiter`"),
        ("{minimum: 0, maximum: 9000}", "{minLength: 3}", "Remove it, or change the `logicalType`"),
        ('{minimum: "2013-01-01"}', "{multipleOf: 3}", "Remove it, or change the `logicalType`"),
        ("version: 1.0.0", "version: 1.0.0\nlogicalType: string", "The standard defines it in another place"),
    ],
)  # fmt: skip
def test_a_key_in_the_wrong_place_is_not_suggested_again(
    right: str, wrong: str, remedy: str
) -> None:
    (problem,) = told(RIGHT.replace(right, wrong, 1))
    assert "Did you mean" not in problem
    assert remedy in problem


UNNAMED = [
    ("sql", {"type": "sql", "query": "SELECT count(*) FROM ${table}", "mustBe": 2}),
    ("rowCount", {"metric": "rowCount", "mustBeGreaterThan": 1}),
    ("duplicateRate", {"type": "custom", "engine": "assay", "implementation": {"metric": "duplicateRate", "mustBeLessThan": 5}}),
]  # fmt: skip
UNNAMED_OF_A_COLUMN = [
    ("v_nullValues", {"metric": "nullValues", "mustBe": 0}),
    ("v_missingValues", {"metric": "missingValues", "mustBe": 0}),
    ("v_invalidValues", {"metric": "invalidValues", "arguments": {"pattern": "x"}, "mustBe": 0}),
    ("v_duplicateValues", {"metric": "duplicateValues", "mustBe": 0}),
    ("v_sql", {"type": "sql", "query": "SELECT count(*) FROM ${table}", "mustBe": 2}),
    ("v_completeness", {"type": "custom", "engine": "assay", "implementation": {"metric": "completeness", "mustBeGreaterThan": 5}}),
]  # fmt: skip


def test_unnamed_checks_of_one_kind_are_numbered() -> None:
    column = {
        "name": "v",
        "logicalType": "string",
        "quality": [check for _, check in UNNAMED_OF_A_COLUMN for _ in range(3)],
        "relationships": [{"to": "others.id"}, {"to": "others.id"}],
    }

    def checks_of_the_table(data: dict[str, Any]) -> None:
        data["schema"][0]["quality"] = [check for _, check in UNNAMED for _ in range(3)]

    names = [rule.name for rule in contract(columns(column), checks_of_the_table).rules]
    kinds = [name for name, _ in [*UNNAMED_OF_A_COLUMN, *UNNAMED]]
    assert len(names) == len(set(names))
    assert set(names) == {
        *(numbered for name in kinds for numbered in (name, f"{name}_2", f"{name}_3")),
        "v_in_others",
        "v_in_others_2",
    }


def test_derived_names_that_are_equal_are_numbered() -> None:
    options = {"logicalTypeOptions": {"minimum": 0}}
    nested = {"name": "b", "logicalType": "integer", **options}
    promised = contract(
        columns(
            {"name": "a", "logicalType": "object", "properties": [nested]},
            {"name": "a_b", "logicalType": "integer", **options},
        )
    )
    names = [rule.name for rule in promised.rules if rule.kind == "minimum"]
    assert names == ["a_b_minimum", "a_b_minimum_2"]


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    3.5,
    "",
    "text",
    "vector",
    "map",
    "object",
    "(",
    "SELECT 1",
    [],
    {},
    ["a"],
    [None],
    {"a": 1},
    [{"name": "x"}],
    [{"value": 1}],
    "v3.0.2",
]
KEYS = [
    "logicalType",
    "enum",
    "items",
    "map",
    "properties",
    "quality",
    "metric",
    "rule",
    "type",
    "query",
    "mustBe",
    "relationships",
    "to",
    "value",
    "property",
    "pattern",
    "team",
    "name",
]


VERSIONS = ["v3.2.0", "v3.1.0", "v3.0.2"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_document_is_told_about_and_never_ends_in_a_traceback(version: str) -> None:
    lint_damaged(version, random.Random(version), count=100)


@pytest.mark.soak
@pytest.mark.parametrize("version", VERSIONS)
def test_two_thousand_damaged_documents_are_told_about(version: str) -> None:
    lint_damaged(version, random.Random(f"soak {version}"), count=2_000)


def lint_damaged(version: str, chance: random.Random, count: int) -> None:
    whole, before = {**yaml.safe_load(RIGHT), "apiVersion": version}, None
    for _ in range(count):
        damaged = copy.deepcopy(whole)
        for _ in range(chance.randint(1, 3)):
            _damage(damaged, chance)
        linted = lint(json.dumps(damaged), "damaged")
        assert linted.contract is not None or linted.errors
        if linted.document is not None:
            problems(compare(before or linted.document.data, linted.document.data), linted.document)
            before = linted.document.data
        with suppress(ContractError):
            rewritten(json.dumps(damaged), "damaged")


def _damage(data: Any, chance: random.Random) -> None:
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
            node[key] = copy.deepcopy(chance.choice(VALUES))
        case 2:
            node[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
        case _:
            node[chance.choice(KEYS)] = node.pop(key)
