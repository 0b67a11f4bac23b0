"""The same inputs are the same version; the number says what a consumer must expect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.pipelines.core.frames import Accounting
from assay.pipelines.publish.naming import Inputs, Previous, change_note, next_version

INPUTS = Inputs("d", "source", "w1", "contract", "policy", "0.1.0")


@pytest.mark.parametrize(
    "field",
    ["dataset", "source_digest", "window", "contract_digest", "policy_digest", "code_version"],
)
def test_each_input_counts(field: str) -> None:
    assert replace(INPUTS, **{field: "other"}).key != INPUTS.key  # type: ignore[arg-type]  # every field is text


@pytest.mark.parametrize(
    ("previous", "contract_version", "source", "window", "number"),
    [
        (None, "1.0.0", "s", None, "1.0.0"),
        (None, "0.3.0", "s", None, "1.0.0"),
        (("1.0.0", "1.0.0", "s", "a"), "1.0.0", "s", "b", "1.1.0"),
        (("1.9.3", "1.0.0", "s", None), "1.2.0", "t", None, "1.10.0"),
        (("1.1.0", "1.0.0", "s", None), "1.0.1", "s", None, "1.1.1"),
        (("1.4.2", "1.0.0", "s", None), "2.0.0", "s", None, "2.0.0"),
    ],
)
def test_the_next_number(
    previous: tuple[str, str, str, str | None] | None,
    contract_version: str,
    source: str,
    window: str | None,
    number: str,
) -> None:
    known = Previous(*previous) if previous else None
    assert (
        next_version(known, contract_version=contract_version, source_digest=source, window=window)
        == number
    )


@pytest.mark.parametrize(
    ("schema", "number"),
    [
        ({"a": "Int64", "b": "String"}, "1.2.4"),
        ({"b": "String", "a": "Int64"}, "1.2.4"),
        ({"a": "Int64", "b": "String", "c": "Date"}, "1.3.0"),
        ({"a": "Int64"}, "2.0.0"),
        ({"a": "Int64", "b": "Int64"}, "2.0.0"),
        ({"a": "Int64", "B": "String"}, "2.0.0"),
        (None, "1.2.4"),
    ],
)
def test_columns_that_readers_lose_are_a_major_step(
    schema: dict[str, str] | None, number: str
) -> None:
    known = Previous("1.2.3", "1.0.0", "s", None, schema={"a": "Int64", "b": "String"})
    assert (
        next_version(known, contract_version="1.0.0", source_digest="s", window=None, schema=schema)
        == number
    )


def test_the_note_says_what_came() -> None:
    assert change_note(None, rows=9, window=None) == "First version: 9 rows"
    assert (
        change_note(Previous("1.0.0", "1.0.0", "s", None, 7), rows=9, window="2013-jan-mar")
        == "After 1.0.0: 9 rows of 2013-jan-mar"
    )


def test_an_account_that_loses_a_row_does_not_balance() -> None:
    assert Accounting(10, 7, 2, 1, {}, {"1 deduplicate": 1}).balances
    assert not Accounting(10, 7, 2, 0).balances
    assert not Accounting(10, 7, 2, 1, {}, {}).balances
