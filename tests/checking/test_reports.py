"""One outcome, told to each system in its own words: valid whatever stands in it, and the same rule under the same id."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sarif_pydantic import Sarif

from assay.contracts.errors import Where
from assay.contracts.problems import Problem
from assay.reports import FORMATS, ContractOutcome, Outcome, RuleOutcome, exit_code, render

WRONG = Problem(
    "odcs.unknown_key",
    "error",
    "the key 'requird' is not known here",
    "Did you mean 'required'",
    Where(file="c/a.odcs.yaml", line=3, column=7),
    "schema[0].requird",
)
CHANGE = Problem(
    "change.minimum_changed",
    "warning",
    "a.x: the minimum changes from `0` to `1`",
    "It breaks producers: a major step",
    Where(file="c/a.odcs.yaml", line=5),
    "schema[0].x",
)
NOTE = Problem(
    "change.tags_added",
    "info",
    "a: the tags is added",
    "A patch step",
    Where(file="c/a.odcs.yaml", line=9),
    "tags",
)
TRIED = RuleOutcome(
    "x_minimum",
    "a",
    "1.1.0",
    "x minimum 1",
    "x",
    5,
    "error",
    True,
    False,
    1_284,
    336_776,
    1_284,
    "≤ 0 %",
    (4, 17, 80),
    ("ann (training)", "a/features"),
)
KEPT = replace(
    TRIED,
    id="x_maximum",
    description="x maximum 9",
    passed=True,
    failing=0,
    measured=0,
    rows=(),
    consumers=(),
)
UNKNOWN = replace(
    TRIED,
    id="y_in_b",
    description="y is in b",
    passed=None,
    failing=0,
    measured=None,
    rows=(),
    consumers=(),
)
ASKED = replace(
    TRIED,
    id="slow",
    description="slow",
    severity="warning",
    judges_rows=False,
    failing=336_776,
    measured=149.25,
    bound="< 100",
    rows=(),
)
OUTCOME = Outcome(
    (
        ContractOutcome("c/a.odcs.yaml", "a", "1.1.0", "1.0.0", (WRONG, CHANGE, NOTE), (TRIED, KEPT, UNKNOWN, ASKED)),
        ContractOutcome("c/b.odcs.yaml", "b", "1.0.0", None, (), ()),
    ),
    0.42, "main",
)  # fmt: skip


def test_text_is_one_line_each_and_a_count() -> None:
    assert render(OUTCOME, "text").splitlines() == [
        "c/a.odcs.yaml:3:7: error: the key 'requird' is not known here. Did you mean 'required'. [odcs.unknown_key]",
        "c/a.odcs.yaml:5: warning: a.x: the minimum changes from `0` to `1`. It breaks producers: a major step. [change.minimum_changed]",
        "c/a.odcs.yaml:9: info: a: the tags is added. A patch step. [change.tags_added]",
        "c/a.odcs.yaml:5: error: x minimum 1: would quarantine 1,284 of 336,776 rows of a@1.1.0 (0.38 %), such as the rows at positions 4, 17, 80. They are read by ann (training), a/features."
        " Relax the rule, or fix the data first. [x_minimum]",
        "c/a.odcs.yaml:5: warning: y is in b: unknown on a@1.1.0, which lacks the columns that it uses. It is evaluated on the next delivery that has them. [y_in_b]",
        "c/a.odcs.yaml:5: warning: slow: 149.25 on a@1.1.0, allowed < 100. It is read by ann (training), a/features. Relax the rule, or fix the data first. [slow]",
        "c/a.odcs.yaml: x maximum 9: all 336,776 rows of a@1.1.0 comply. [x_maximum]",
        "2 contracts, 2 errors, 3 warnings in 0.4 s",
    ]


def test_junit_has_a_suite_a_contract_and_a_case_a_rule() -> None:
    root = ET.fromstring(render(OUTCOME, "junit"))
    cases = {
        (case.get("classname"), case.get("name")): [child.tag for child in case]
        for case in root.iter("testcase")
    }
    assert cases == {
        ("a", "x_minimum"): ["failure"], ("a", "x_maximum"): ["system-out"], ("a", "y_in_b"): ["skipped"], ("a", "slow"): ["system-out"],
        ("c/a.odcs.yaml", "odcs.unknown_key schema[0].requird"): ["failure"], ("c/a.odcs.yaml", "change.minimum_changed schema[0].x"): ["system-out"],
        ("c/a.odcs.yaml", "change.tags_added tags"): ["system-out"], ("c/b.odcs.yaml", "contract"): [],
    }  # fmt: skip
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("8", "2", "1")


def test_sarif_is_sarif_and_names_rule_place_and_level() -> None:
    text = render(OUTCOME, "sarif")
    assert unknown_keys(Sarif.model_validate_json(text)) == []
    (run,) = json.loads(text)["runs"]
    first = run["results"][0]
    assert (first["ruleId"], first["level"], first["message"]["text"]) == (
        "odcs.unknown_key",
        "error",
        "the key 'requird' is not known here. Did you mean 'required'.",
    )
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "c/a.odcs.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert [
        run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] for result in run["results"]
    ] == [result["ruleId"] for result in run["results"]]
    assert [result["level"] for result in run["results"]] == [
        "error",
        "warning",
        "note",
        "error",
        "warning",
        "warning",
    ]


def unknown_keys(model: Any) -> list[str]:
    """Keys that the SARIF model does not know, at any depth."""
    if isinstance(model, list):
        return [key for each in model for key in unknown_keys(each)]
    if not hasattr(model, "model_extra"):
        return []
    allowed = {
        "$schema",
        "automationDetails",
        "columnKind",
    }  # of the standard; the model leaves them out
    return [key for key in model.model_extra or {} if key not in allowed] + [
        key for name in type(model).model_fields for key in unknown_keys(getattr(model, name))
    ]


def test_a_fingerprint_stays_when_lines_move() -> None:
    def fingerprints(outcome: Outcome) -> list[Any]:
        return [
            result["partialFingerprints"]
            for result in json.loads(render(outcome, "sarif"))["runs"][0]["results"]
        ]

    moved = replace(
        OUTCOME.contracts[0],
        problems=tuple(
            replace(each, where=replace(each.where, line=99))
            for each in OUTCOME.contracts[0].problems
        ),
    )
    assert fingerprints(OUTCOME) == fingerprints(
        replace(OUTCOME, contracts=(moved, OUTCOME.contracts[1]))
    )
    assert len({json.dumps(each) for each in fingerprints(OUTCOME)}) == 6


def test_github_annotates_the_line() -> None:
    lines = render(OUTCOME, "github").splitlines()
    assert (
        lines[0]
        == "::error file=c/a.odcs.yaml,line=3,col=7,title=odcs.unknown_key::the key 'requird' is not known here. Did you mean 'required'."
    )
    assert lines[3].startswith(
        "::error file=c/a.odcs.yaml,line=5,title=x_minimum::x minimum 1: would quarantine 1,284 of 336,776 rows of a@1.1.0 (0.38 %25)"
    )


def test_gitlab_reads_a_list_with_fingerprints() -> None:
    report = json.loads(render(OUTCOME, "gitlab"))
    assert [(each["check_name"], each["severity"], each["location"]["lines"]["begin"]) for each in report[:3]] == [
        ("odcs.unknown_key", "major", 3), ("change.minimum_changed", "minor", 5), ("change.tags_added", "info", 9),
    ]  # fmt: skip
    assert len({each["fingerprint"] for each in report}) == 6


def test_json_says_its_format_and_everything() -> None:
    told = json.loads(render(OUTCOME, "json"))
    assert (told["format"], told["base"], told["counts"]) == (
        "assay.check/1",
        "main",
        {"error": 2, "warning": 3, "info": 1},
    )
    assert told["contracts"][0]["rules"][0]["rows"] == [4, 17, 80]


def test_markdown_reads_as_a_comment() -> None:
    text = render(OUTCOME, "markdown")
    assert text.startswith("## ❌ Contracts: 2 contracts, 2 errors, 3 warnings in 0.4 s\n")
    assert "### a 1.0.0 → 1.1.0" in text
    assert (
        "| ❌ | x minimum 1: would quarantine 1,284 of 336,776 rows of a\\@1.1.0 (0.38 %), such as the rows at positions 4, 17, 80."
        in text
    )
    assert "<summary>1 contract without findings</summary>" in text


@pytest.mark.parametrize(
    ("problems", "summaries"),
    [
        ((NOTE,), ["1 compatible change"]),
        ((replace(NOTE, id="policy.minimisation"),), ["1 note"]),
        (
            (NOTE, NOTE, replace(NOTE, id="policy.minimisation")),
            ["2 compatible changes", "1 note"],
        ),
    ],
)
def test_markdown_counts_changes_and_notes_apart(
    problems: tuple[Problem, ...], summaries: list[str]
) -> None:
    outcome = Outcome((ContractOutcome("a", "a", "1", None, problems, ()),), 0, None)
    assert re.findall("<summary>(.*?)</summary>", render(outcome, "markdown")) == summaries


def test_more_than_five_readers_are_counted() -> None:
    rule = replace(TRIED, consumers=tuple(f"reader{number}" for number in range(8)))
    assert rule.text.endswith(
        "They are read by reader0, reader1, reader2, reader3, reader4 and 3 more"
    )


def test_a_long_comment_is_cut_and_says_so() -> None:
    many = tuple(
        replace(WRONG, problem=f"problem {number} " + "x" * 100) for number in range(1_000)
    )
    text = render(Outcome((ContractOutcome("a", "a", "1", None, many, ()),), 0, None), "markdown")
    assert len(text) < 61_000
    assert re.search(r"[0-9,]+ more characters were cut; `assay check` shows all of it\.", text)


@pytest.mark.parametrize(
    ("problems", "expected"),
    [((), (0, 0, 0)), ((NOTE,), (0, 0, 0)), ((CHANGE,), (0, 1, 0)), ((WRONG,), (1, 1, 0))],
)  # fmt: skip
def test_exit_codes(problems: tuple[Problem, ...], expected: tuple[int, int, int]) -> None:
    outcome = Outcome((ContractOutcome("a", "a", "1", None, problems, ()),), 0, None)
    assert (
        tuple(exit_code(outcome, fail_on) for fail_on in ("error", "warning", "never")) == expected
    )


hostile = st.text(max_size=40) | st.sampled_from(
    [
        "::error::x",
        "a\nb\r\nc",
        "]]>",
        "| pipe",
        "`code`",
        "\x00\x1b[31m",
        "‮evil",
        "<script>",
        "%0A",
        "file=x,line=3",
        "\ud7ff\ufffe",
        "😀",
    ]
)


@given(hostile, hostile, hostile)
def test_whatever_a_problem_says_every_format_stays_valid(
    problem: str, remedy: str, path: str
) -> None:
    said = Problem(
        "odcs.enum",
        "error",
        problem,
        remedy,
        Where(file="c/a,b:c.odcs.yaml", line=1, column=1),
        path,
    )
    rule = replace(TRIED, description=problem, consumers=(remedy,))
    outcome = Outcome(
        (ContractOutcome("c/a,b:c.odcs.yaml", problem, "1", None, (said,), (rule,)),), 0.1, None
    )
    told = {name: render(outcome, name) for name in FORMATS}
    json.loads(told["json"]), json.loads(told["gitlab"])
    Sarif.model_validate_json(told["sarif"])
    assert len(list(ET.fromstring(told["junit"]).iter("failure"))) == 2
    assert [
        line.startswith("::error file=c/a%2Cb%3Ac.odcs.yaml,line=")
        for line in told["github"].split("\n")[:3]
    ] == [True, True, False]
    assert len(told["text"].split("\n")) == 4
    assert "\n|" not in re.sub(r"\n\| ", "", told["markdown"])
