"""A reason for a decision is refused where it holds personal data, with the place and without the value."""

from __future__ import annotations

import base64
import json

import pytest

from assay.contracts.errors import ConfigurationError
from assay.lineage.approval import reason_in
from assay.pipelines.admit.reasons import checked_reason

HIDDEN = base64.b64encode(b"zora.quint@canary.example").decode()


@pytest.mark.parametrize(
    ("before", "value", "kind"),
    [
        ("asked ", "zora.quint@canary.example", "email"),
        ("", "ｚora.quint@canary.example", "email"),
        ("charged ", "4111 1111 1111 1111", "card"),
        ("call ", "+49 30 901820", "phone"),
        ("my name is ", "Zora Quint", "name"),
        ("iban ", "DE89370400440532013000", "iban"),
        ("see ", HIDDEN, "email"),
        ("see ", "zora.quint%40canary.example", "email"),
        ("see ", "zora.quint&#64;canary.example", "email"),
        ("see ", "zora.quint\\u0040canary.example", "email"),
    ],
)
def test_personal_data_in_a_reason_are_refused(before: str, value: str, kind: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_reason(f"{before}{value} for the meter")
    message = str(refused.value)
    start, end = len(before) + 1, len(before) + len(value)
    assert (f"({kind})" in message, value in message) == (True, False)
    assert f"in characters {start} to {end}" in message


@pytest.mark.parametrize(
    "reason",
    [
        "part codes, not phones", "meter 12 was calibrated on Monday", "retrained by the platform team, run 4711", "complaints from Newark",
        "see run 0199c1d2-0000-7000-8000-000000000000", "fixed in decf5fa1234567890abcdef1234567890abcdef12", "OPS-12345: 1,234,567 rows on 2026-12-01 12:00",
        "https://tickets.example.com/browse/OPS-123?x=1",
    ],
)  # fmt: skip
def test_other_reasons_are_taken(reason: str) -> None:
    assert checked_reason(f" {reason} ") == reason


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_decision_needs_a_reason(reason: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a reason"):
        checked_reason(reason)


def test_the_reason_of_a_signed_decision_is_read_without_its_key() -> None:
    payload = base64.b64encode(json.dumps({"predicate": {"why": "part codes"}}).encode()).decode()
    assert reason_in(json.dumps({"payload": payload})) == "part codes"
    assert [reason_in(text) for text in ("", "{}", "[]", '{"payload": "x"}')] == [None] * 4
