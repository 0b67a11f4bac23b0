"""A pattern means what ECMA-262 says, in every engine that runs it."""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from assay.contracts.exports import export
from assay.contracts.formats import _problem_in_rust, pattern_problem
from assay.contracts.model import Contract
from assay.contracts.rules import keeps
from assay.contracts.schema import pandera_schema
from assay.pipelines.clean.shapes import _matcher
from tests.conftest import columns, contract

MEANINGS = [
    # digits, letters and word boundaries are those of ASCII
    (r"^\d+$", ["12", "09"], ["٣", "1٣", "௧", "x"]),
    (r"^\D$", ["٣", "x"], ["3"]),
    (r"^\w+$", ["aZ_9"], ["é", "naïve", "цена", "a-b"]),
    (r"^\W$", ["é", "-"], ["a", "_"]),
    (r"\bid\b", ["id", "é id", "éid", "idé", "id-1"], ["idx", "xid", "_id"]),
    (r"a\B", ["ab"], ["a", "aé"]),
    (r"^[\w.-]+$", ["a.b-c"], ["é", "a b"]),
    (r"^[\d-]+$", ["1-2"], ["٣", "a"]),
    (r"^[^\d]$", ["٣", "a"], ["7"]),
    # white space and line ends
    (r"^\s$", [" ", "\t", "\xa0", "\u2003", "\ufeff"], ["\x85", "\x1c", "x"]),
    (r"^\S$", ["x", "\x85"], [" ", "\ufeff"]),
    (r"^a.b$", ["a b", "a\x85b"], ["a\nb", "a\rb", "a\u2028b"]),
    (r"^a$", ["a"], ["a\n"]),
    # escapes
    (r"^a\/b$", ["a/b"], ["a\\/b"]),
    (r"^\\1$", ["\\1"], ["1"]),
    (r"^\u0041$", ["A"], ["u0041"]),
    (r"^[(?=]+$", ["(?="], ["x"]),
    (".*", ["", "x", "a\nb"], []),
    (r"^\d{1,3}[a-z]?$", ["12a", "1"], ["1234", "12é"]),
]


def _contract(pattern: str) -> Contract:
    column = {"name": "v", "logicalType": "string", "logicalTypeOptions": {"pattern": pattern}}
    return contract(columns(column), _without_quality)


def _without_quality(data: dict[str, Any]) -> None:
    data["schema"][0].pop("quality", None)


def _by_polars_script(promised: Contract, texts: pl.DataFrame) -> list[bool]:
    names: dict[str, Any] = {}
    exec(export(promised, "polars"), names)  # the product's own text
    (expression,) = names["RULES"].values()
    return texts.select(expression).to_series().to_list()


def _by_pandera(schema: Any, texts: pl.DataFrame) -> list[bool]:
    from pandera.errors import SchemaErrors

    try:
        schema.validate(texts, lazy=True)
    except SchemaErrors as errors:
        broken = set(errors.failure_cases["index"])
        return [place not in broken for place in range(texts.height)]
    return [True] * texts.height


def _by_json_schema(promised: Contract, texts: pl.DataFrame) -> list[bool]:
    validator = Draft202012Validator(json.loads(export(promised, "jsonschema")))
    return [validator.is_valid(row) for row in texts.iter_rows(named=True)]


def _by_great_expectations(promised: Contract, texts: pl.DataFrame) -> list[bool]:
    suite = json.loads(export(promised, "great-expectations"))
    (regex,) = [
        found["kwargs"]["regex"] for found in suite["expectations"] if "regex" in found["kwargs"]
    ]
    return [re.search(regex, text) is not None for text in texts["v"]]


@pytest.mark.parametrize(
    ("pattern", "fits", "others"), MEANINGS, ids=[case[0] for case in MEANINGS]
)
def test_a_pattern_means_the_same_in_every_engine(
    pattern: str, fits: list[str], others: list[str]
) -> None:
    promised = _contract(pattern)
    (rule,) = promised.rules
    texts = pl.DataFrame({"v": [*fits, *others]})
    script: dict[str, Any] = {}
    exec(export(promised, "pandera"), script)  # the product's own text
    matches = _matcher(pattern)
    assert {
        "rule": texts.select(keeps(rule)).to_series().to_list(),
        "polars": _by_polars_script(promised, texts),
        "gate": _by_pandera(pandera_schema(promised), texts),
        "pandera": _by_pandera(script["schema"], texts),
        "json schema": _by_json_schema(promised, texts),
        "great expectations": _by_great_expectations(promised, texts),
        "cleaning": [matches(text) for text in texts["v"]],
    } == dict.fromkeys(
        (
            "rule",
            "polars",
            "gate",
            "pandera",
            "json schema",
            "great expectations",
            "cleaning",
        ),
        [True] * len(fits) + [False] * len(others),
    )


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "looks around"),
        ("(?!a)", "looks around"),
        ("(?<=a)b", "looks around"),
        ("(?<!a)b", "looks around"),
        (r"(a)\1", "looks around or back"),
        (r"(?<x>a)\k<x>", "looks around or back"),
        ("([a-z]{999}){999}", "size limit"),
        ("^[a-z]{1,34000000}$", "no regular expression"),
    ],
)
def test_a_pattern_that_no_engine_runs_in_linear_time_is_refused(pattern: str, reason: str) -> None:
    assert reason in (pattern_problem(pattern) or "")


@pytest.mark.parametrize("pattern", [r"\\1", "[(?=]", r"\(\?=a", "(?<x>a)", "(?:a)"])
def test_what_only_resembles_a_look_around_runs(pattern: str) -> None:
    assert pattern_problem(pattern) is None


def _problem_in_polars(pattern: str) -> str | None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        message = str(error).partition("\n\nThis error")[0].removeprefix("regex error: ")
        return message.splitlines()[-1].removeprefix("error: ")
    return None


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "[a", "*", r"\Z", r"\h", "[z-a]", "a{5,2}", r"\p{Foo}", "(?>a)", "(?#c)a", "\\"),
        *("(?P<n>a)(?P<n>b)", "a{1000}{1000}", r"\w{1,1000}", r"\w{100}{10}", "(" * 300, "(?a)x"),
        *(r"\p{L}+", r"\U0001F600", "[[:alpha:]&&[^b]]", r"\b{start}a", "(?i-s:a)", "a|" * 5000),
    ],
)
def test_a_contract_is_checked_by_the_engine_that_runs_its_patterns(pattern: str) -> None:
    reason = _problem_in_polars(pattern)
    expected = reason and f"it is no regular expression: {reason}"
    assert _problem_in_rust(pattern) == expected


@given(st.text("ab[](){}*+?^$|\\.-&19,:P<idpuL", max_size=14))
def test_any_pattern_has_the_same_problem_in_the_engine_that_runs_it(pattern: str) -> None:
    reason = _problem_in_polars(pattern)
    assert _problem_in_rust(pattern) == (reason and f"it is no regular expression: {reason}")
