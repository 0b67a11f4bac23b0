"""A document without measure is refused in one message with its place: deep, long, far away in time, or with numbers that nothing holds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.checking import check_contracts
from assay.cli.contracts import read_document
from assay.contracts.document import MAX_DEPTH, parse
from assay.contracts.errors import ContractError, shortened
from assay.contracts.load import lint
from assay.contracts.policy import license_policy
from assay.contracts.stewards import steward_policy
from assay.contracts.upgrade import rewritten
from tests.contracts.test_mistakes import RIGHT

DEEP = {
    "brackets": "[" * 40_000,
    "braces": "{a: " * 40_000,
    "both": "[{a: " * 40_000,
    "dashes": "- " * 40_000,
    "keys": "? " * 40_000,
    "indentation": "\n".join(" " * depth + "a:" for depth in range(1_000)),
    "json": '{"a":[' * 40_000,
    "brackets of 1 MB": "[" * 999_999,
    "in a contract": RIGHT.replace("domain", "x")
    + "  - property: other\n    value: "
    + "[" * 40_000,
    "closed": "[" * 40_000 + "]" * 40_000,
    "aliases of themselves": "a: &a [*a]",
    "bomb": "a0: &a0 [x]\n"
    + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
}


@pytest.mark.parametrize(
    "reader",
    [lint, rewritten, steward_policy, lambda text, file: license_policy(text, file)],
    ids=["lint", "upgrade", "stewards", "licenses"],
)
@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_deep_document_is_refused_with_its_place(text: str, reader: object) -> None:
    started = time.process_time()
    try:
        problems = reader(text, "deep.yaml").problems  # type: ignore[operator]
    except ContractError as error:
        problems = [error]
    assert [problem.id for problem in problems] == ["yaml.size"]
    assert str(problems[0]).startswith("deep.yaml:")
    assert len(str(problems[0])) < 300
    assert time.process_time() - started < 20


def test_as_many_levels_as_are_allowed_are_read() -> None:
    assert parse("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "f").data
    with pytest.raises(ContractError, match="deeper"):
        parse("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "f")


NUMBERS = ["9" * 5_000, "-" + "9" * 5_000, "0x" + "f" * 5_000, "-0x" + "f" * 5_000, "0b" + "1" * 5_000, "0" + "7" * 5_000, "1:" + ":".join(["59"] * 3_000), "1.0e+999999",
           "1." + "0" * 5_000, "9" * 39, "0b_", "1" + "_0" * 60]  # fmt: skip
PLACES = [
    ("maxLength: 12", "maxLength: {}"),
    ("minimum: 0, maximum: 9000", "minimum: {}"),
    ("mustBeGreaterThan: 1", "mustBeGreaterThan: {}"),
    ("\nversion: 1.0.0", "\nversion: {}"),
    ("{value: day}", "{{value: {}}}"),
    ("landed: P30D", "landed: {}"),
    ("format: csv}", "format: csv, options: {{header_row: {}}}}}"),
    ("value: {origin", "value: {{other: {}, origin"),
    ("\nname: readings", "\nname: {}"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0][:20])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number[:6]} {len(number)}")
def test_a_number_that_nothing_holds_is_refused_with_its_place(
    number: str, place: tuple[str, str]
) -> None:
    assert place[0] in RIGHT
    linted = lint(RIGHT.replace(place[0], place[1].format(number), 1), "big.odcs.yaml")
    assert linted.errors
    assert all(
        len(str(problem)) < 500 and str(problem).startswith("big.odcs.yaml:")
        for problem in linted.problems
    )


def test_the_largest_whole_number_is_read() -> None:
    assert parse("a: " + "9" * 38, "f").data == {"a": 10**38 - 1}
    assert parse("a: .inf", "f").data == {"a": float("inf")}


PERIODS = [
    "P999999999999D",
    "P365001D",
    "P" + "9" * 5_000 + "D",
    "P99999999999Y",
    "PT1e30S",
    "P1000000Y",
    "P²D",
    "P٣D",
    "P-1D",
    "P1.5D",
    "PD",
    "P30D\n",
]


@pytest.mark.parametrize("setting", ["landed", "quarantine", "versions", "cool_down"])
@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period[:16])
def test_a_period_that_no_date_holds_is_refused(period: str, setting: str) -> None:
    drift = {"columns": ["energy_kwh"], "numerical": {"method": "ks", "threshold": 0.05}, "categorical": {"method": "chisquare", "threshold": 0.05}, "share": 0.5,
             "missing_change_pct": 5, "volume_change_pct": 50, "acting": {"cool_down": period}}  # fmt: skip
    retention = {
        "landed": "P30D",
        "quarantine": "P30D",
        "versions": "P365D",
        **({} if setting == "cool_down" else {setting: period}),
    }
    text = RIGHT.replace("{landed: P30D, quarantine: P30D, versions: P365D}", json.dumps(retention))
    text += (
        f"  - property: assay.drift\n    value: {json.dumps(drift)}\n"
        if setting == "cool_down"
        else ""
    )
    (problem,) = lint(text, "far.odcs.yaml").errors
    assert setting in problem.problem
    assert problem.where.line
    assert len(str(problem)) < 500


def test_a_thousand_years_are_a_period() -> None:
    assert not lint(RIGHT.replace("versions: P365D", "versions: P365000D"), "f").errors


TIMES = [
    ("format: csv}", "format: csv, partitions: {by: day, start: 0001-01-01}}"),
    ("format: csv}", "format: csv, partitions: {by: month, start: '0001-01-01T00:00:00+23:00'}}"),
    (
        "format: csv}",
        "format: csv, partitions: {by: month, start: 2013-01-01, end: '9999-12-31T23:00:00-23:00'}}",
    ),
    (
        "format: csv}",
        "format: csv, windows: {column: read_on, each: [{name: a, start: '0001-01-01T00:00:00+23:00', end: 2013-01-01}]}}",
    ),
    (
        'logicalType: date\n        logicalTypeOptions: {minimum: "2013-01-01"}',
        'logicalType: timestamp\n        logicalTypeOptions: {minimum: "0001-01-01T00:00:00+23:00"}',
    ),
]


@pytest.mark.parametrize(("written", "instead"), TIMES, ids=lambda text: text[:60])
def test_a_time_that_utc_cannot_express_is_refused(written: str, instead: str) -> None:
    assert written in RIGHT
    assert lint(RIGHT.replace(written, instead, 1), "f").errors


def test_the_first_and_last_day_are_limits_that_the_gate_can_try() -> None:
    from assay.pipelines.validate.pandera_check import PanderaCheck

    for day in ("0001-01-01", "9999-12-31"):
        linted = lint(
            RIGHT.replace("2013-01-01", day).replace("maxLength: 12", f"maxLength: {10**18}"), "f"
        )
        assert linted.contract
        PanderaCheck(linted.contract)


LONG = ["a" * 5_000 + ".csv", "inbox/" + "b" * 300 + ".csv", "inbox/" + "a/" * 2_500 + "b", "inbox/**/" * 600 + "*.csv", '"inbox/a\\0b.csv"', '"inbox/a\\nb.csv"',
        "package:" + "p" * 5_000, "package:", "package:a.b/c", "module:" + "m." * 3_000 + "b#c", "module:#x", "module:..a#x", "https://example.org/" + "u" * 9_000,
        '"https://example.org/a\\0b"', "s3://bucket/" + "k" * 5_000, "gs://" + "b" * 5_000 + "/k", '"az://bucket/a\\0b"', "assay:" + "n" * 5_000]  # fmt: skip


@pytest.mark.parametrize("location", LONG, ids=lambda location: location[:16])
def test_a_location_that_no_name_can_be_is_refused_with_its_place(location: str) -> None:
    linted = lint(RIGHT.replace("inbox/readings.csv", location), "long.odcs.yaml")
    assert linted.errors
    assert all(problem.where.line and len(str(problem)) < 500 for problem in linted.errors)


@pytest.mark.parametrize(
    "location",
    [
        "sqlite:" + "d" * 5_000,
        "duckdb:inbox/" + "d" * 300,
        '"sqlite:inbox/a\\0b"',
        "postgres:" + "P" * 5_000,
    ],
)
def test_a_database_that_no_name_can_be_is_refused(location: str) -> None:
    (problem,) = lint(
        RIGHT.replace(
            "inbox/readings.csv, format: csv", f"{location}, format: sql, options: {{table: t}}"
        ),
        "f",
    ).errors
    assert problem.where.line


NAMES = [("\nname: readings", "\nname: {}"), ("name: read_on", "name: {}"), ("name: dates_known", "name: {}"), ("- name: readings\n", "- name: {}\n"), ("\nversion: 1.0.0", "\nversion: {}"),
         ("CC0-1.0", "{}"), ('"^M[0-9]+$"', "{}"), ("status: active", "status: {}"), ("severity: error", "severity: {}"), ("step: deduplicate", "step: {}"), ("region: eu", "region: {}"),
         ("format: csv", "format: csv, schedule: '{}'")]  # fmt: skip


@pytest.mark.parametrize(
    "value",
    ["x" * 65_536, "'" + "( " * 20_000 + "'", "'" + "a b " * 16_000 + "'"],
    ids=["word", "parentheses", "words"],
)
@pytest.mark.parametrize("place", NAMES, ids=lambda place: place[0].strip()[:16])
def test_a_name_of_64_kb_is_answered_in_short_words(
    place: tuple[str, str], value: str, tmp_path: Path
) -> None:
    assert place[0] in RIGHT
    file = tmp_path / "long.odcs.yaml"
    file.write_text(
        RIGHT.replace(place[0], place[1].format(value.strip("'") if "'" in place[1] else value), 1)
    )
    started = time.process_time()
    (outcome,) = check_contracts([file]).contracts
    assert all(len(str(problem)) < 4_000 for problem in outcome.problems)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("pattern", ["(" * 20_000, "(" * 900 + "a" + ")" * 900, "(a{1000}){1000}"])
def test_a_pattern_nested_too_deep_is_refused(pattern: str) -> None:
    (problem,) = lint(RIGHT.replace('"^M[0-9]+$"', f'"{pattern}"'), "f").errors
    assert problem.id == "assay.pattern"


def test_what_is_short_is_shown_whole() -> None:
    assert shortened("a " * 90) == "a " * 90
    assert shortened("x" * 5_000) == "x" * 80 + "…"


def test_a_file_larger_than_a_contract_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "large.odcs.yaml"
    with file.open("wb") as stream:
        stream.truncate(10**12)
    (outcome,) = check_contracts([file]).contracts
    assert [problem.id for problem in outcome.problems] == ["yaml.size"]
    with pytest.raises(ContractError, match="more than"):
        read_document(str(file))


@pytest.mark.parametrize(
    "command",
    [
        ["check", "{}"],
        ["contracts", "upgrade", "{}"],
        ["contracts", "diff", "{}", "{}"],
        ["contracts", "export", "{}", "--to", "polars"],
    ],
    ids=str,
)
def test_no_command_ends_by_a_signal(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x.odcs.yaml"
    file.write_text("[" * 40_000)
    arguments = [argument.format(file) for argument in command]
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert "deeper than" in done.stdout + done.stderr
