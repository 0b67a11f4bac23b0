"""Contract -> a Great Expectations suite, as GX 1.24 loads it.

The suite speaks of a version, in which no row breaks a rule that sets rows aside. A rule that GX
would evaluate otherwise than Assay is left out, and the suite's `meta.left_out` states why. It reads an
Arrow-backed pandas frame (`to_pandas(use_pyarrow_extension_array=True)`): plain pandas turns
integers with nulls into fractions, and does not compare its times with dates.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from assay.contracts.exports.patterns import NotPortable, may_backtrack, portable
from assay.contracts.exports.promised import (
    NOT_PUBLISHED,
    PRESENCE,
    as_json,
    never_null,
    rule_id,
    speaks_of_a_version,
)
from assay.contracts.formats import string_formats
from assay.contracts.model import Bound, Contract, Rule

SEVERITIES = {"error": "critical", "warning": "warning", "info": "info"}
NO_WORD = {
    "type": "a version's columns have their types",
    "relationship": "Great Expectations sees one table",
    "sql": "Great Expectations asks no queries of a frame",
    "anonymity": "Great Expectations measures no anonymity",
    "metric": "Great Expectations does not know how the version was made",
}
COUNTED_OTHERWISE = dict.fromkeys(
    ("unique", "duplicateValues"), "Great Expectations counts the first of equal rows too"
) | {"missingValues": "Great Expectations counts nulls and other words for nothing apart"}
WHOLE = 2**53  # up to here every integer is a float, which Great Expectations keeps bounds as
UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
Expectation = tuple[str, dict[str, Any]]


class _LeftOut(Exception):
    """Great Expectations would evaluate the rule otherwise; the message states why."""


def great_expectations(contract: Contract) -> str:
    """The suite as JSON: `gx.ExpectationSuite(**json.loads(text))`."""
    gx = library()
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    expectations: list[Any] = []
    left_out: dict[str, str] = {}
    for rule in contract.rules:
        try:
            wanted = [*_expectations(contract, rule)]
        except _LeftOut as reason:
            left_out[rule_id(contract, rule)] = str(reason)
            continue
        for kind, words in wanted:
            expectations.append(
                get_expectation_impl(kind)(
                    **words,
                    severity=FailureSeverity(SEVERITIES[rule.severity]),
                    meta={"assay_rule": rule_id(contract, rule)},
                    # without one of its own, a page shows the expectation's description
                    description=_description(rule),
                )
            )
    meta = {
        "assay_contract": {
            "name": contract.name,
            "version": contract.version,
            "digest": contract.digest,
        },
        "left_out": left_out,
    }
    suite = gx.ExpectationSuite(
        name=contract.name, expectations=expectations, meta=meta
    ).to_json_dict()
    return as_json({key: suite[key] for key in ("name", "expectations", "meta")})


def _description(rule: Rule) -> str | None:
    return rule.description if rule.description not in ("", rule.name) else None


def library() -> Any:
    """The module `great_expectations`, imported in peace.

    It takes ten seconds, and would tell its makers that it was used.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read on import
    with warnings.catch_warnings():
        # importing it reaches the parser's old name in Python, by way of its own requirements
        warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
        import great_expectations

    return great_expectations


def _expectations(contract: Contract, rule: Rule) -> Iterator[Expectation]:
    if not speaks_of_a_version(contract, rule):
        raise _LeftOut(NOT_PUBLISHED)
    if rule.kind in NO_WORD:
        raise _LeftOut(NO_WORD[rule.kind])
    if rule.path:
        raise _LeftOut("Great Expectations does not look into nested values")
    if rule.kind == "rowCount":
        yield _row_count(rule.bound)
        return
    mostly = _mostly(rule, rule.kind in PRESENCE or set(rule.columns) <= never_null(contract))
    for kind, words in _of_rows(rule):
        if mostly < 1 and kind in UNIQUE:
            raise _LeftOut("Great Expectations counts the first of equal rows too")
        if mostly < 1 and rule.kind == "missingValues":
            raise _LeftOut("Great Expectations counts absent and null values apart")
        yield kind, words | ({"mostly": mostly} if mostly < 1 else {})


def _of_rows(rule: Rule) -> Iterator[Expectation]:
    """The expectations that represent a rule about rows."""
    column = rule.columns[0]
    match rule.kind:
        case "required" | "nullValues":
            yield "expect_column_values_to_not_be_null", {"column": column}
        case "missingValues":
            absent = [value for value in rule.argument if value is not None]
            if absent:
                yield (
                    "expect_column_values_to_not_be_in_set",
                    {
                        "column": column,
                        "value_set": absent,
                    },
                )
            if None in rule.argument:
                yield "expect_column_values_to_not_be_null", {"column": column}
        case "unique" | "duplicateValues" if len(rule.columns) == 1:
            yield "expect_column_values_to_be_unique", {"column": column}
        case "unique" | "duplicateValues":
            yield (
                "expect_compound_columns_to_be_unique",
                {
                    "column_list": list(rule.columns),
                    "ignore_row_if": "never",
                },
            )
        case _:
            kind, words = _of_values(rule)
            yield kind, {"column": column, **words}


def _of_values(rule: Rule) -> Expectation:
    """The expectation that represents a rule about the values that are there."""
    if rule.kind in ("minLength", "maxLength") and rule.part and rule.part.is_binary:
        raise _LeftOut("Great Expectations measures text, not bytes")
    match rule.kind:
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return "expect_column_values_to_be_between", _between(rule)
        case "minLength":
            return "expect_column_value_lengths_to_be_between", {"min_value": rule.argument}
        case "maxLength":
            return "expect_column_value_lengths_to_be_between", {"max_value": rule.argument}
        case "format":  # our own patterns, known to take linear time
            pattern = portable(string_formats()[rule.argument])
            return "expect_column_values_to_match_regex", {"regex": pattern}
        case "pattern" | "invalidValues" if isinstance(rule.argument, str):
            return "expect_column_values_to_match_regex", {"regex": _regex(rule.argument)}
        case "enum" | "invalidValues":
            return "expect_column_values_to_be_in_set", {"value_set": list(rule.argument)}
    raise _LeftOut(f"Great Expectations has no word for {rule.kind}")


def _between(rule: Rule) -> dict[str, Any]:
    side = "min" if rule.kind in ("minimum", "exclusiveMinimum") else "max"
    is_strict = rule.kind.startswith("exclusive")
    return {f"{side}_value": _limit(rule.argument), f"strict_{side}": is_strict}


def _limit(value: Any) -> Any:
    if isinstance(value, str):
        raise _LeftOut("Great Expectations does not compare text")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > WHOLE:
        raise _LeftOut(
            "Great Expectations keeps bounds as floating point, which has no such integer"
        )
    return value


def _regex(pattern: str) -> str:
    try:
        written = portable(pattern)
    except NotPortable as error:
        raise _LeftOut(f"the pattern cannot be carried over to Python: {error}") from None
    if may_backtrack(written):
        raise _LeftOut(
            "the pattern repeats what itself varies, "
            "which can take Python's engine exponential time"
        )
    return written


def _mostly(rule: Rule, of_all_rows: bool) -> float:
    """The share that must keep the rule.

    1 where rows that break it are quarantined, so that a version has none.

    Great Expectations asks for at least a share of the values that are there, Assay for at most a
    share of all rows: the same only where the column has no nulls, or nulls are what is counted.
    """
    if rule.splits_rows:
        return 1.0
    bound, value = rule.bound, rule.bound.value
    high = value[1] if isinstance(value, tuple) else value
    if not (
        bound.comparison == "mustBeLessOrEqualTo"
        or (bound.comparison in ("mustBe", "mustBeBetween") and bound.is_a_limit)
    ):
        raise _LeftOut(f"the bound '{bound}' is no share of at most")
    if high == 0:
        return 1.0
    if bound.unit != "percent":
        raise _LeftOut("Great Expectations allows a share of rows, not a number of them")
    if not of_all_rows:
        raise _LeftOut(
            "Great Expectations takes the share of values that are not null, "
            "the contract of all rows"
        )
    return float(1 - Decimal(str(high)) / 100)


def _row_count(bound: Bound) -> Expectation:
    kind = "expect_table_row_count_to_be_between"
    low, high = bound.value if isinstance(bound.value, tuple) else (bound.value, bound.value)
    if bound.unit == "percent" or low % 1 or high % 1:
        raise _LeftOut(f"the bound '{bound}' is no whole number of rows")
    match bound.comparison:
        case "mustBe" | "mustBeBetween":
            return kind, {"min_value": int(low), "max_value": int(high)}
        case "mustBeGreaterThan" | "mustBeGreaterOrEqualTo":
            return kind, {"min_value": int(low) + (bound.comparison == "mustBeGreaterThan")}
        case "mustBeLessThan" | "mustBeLessOrEqualTo":
            return kind, {"max_value": int(high) - (bound.comparison == "mustBeLessThan")}
        case _:
            raise _LeftOut(f"Great Expectations has no word for the bound '{bound}'")
