"""Redaction replaces whole words and whole numbers, in every row where they were found, and nothing else."""

from __future__ import annotations

import polars as pl
import pytest

from assay.pipelines.admit.redact import redactions
from assay.pipelines.core.frames import ROW


def redacted(texts: list[str], found: list[tuple[int, str, str]]) -> list[str]:
    values = pl.DataFrame(
        [(row, "m", kind, value) for row, kind, value in found],
        schema=[ROW, "column", "kind", "value"],
        orient="row",
    )
    rows = pl.DataFrame({ROW: range(len(texts)), "m": texts})
    return rows.with_columns(**redactions(values, ["m"]))["m"].to_list()


@pytest.mark.parametrize(
    ("kind", "value", "text", "expected"),
    [
        ("name", "No", "Dr. No, November, Noon, Nö and No.", "Dr. <NAME>, November, Noon, Nö and <NAME>."),
        ("name", "Ann Lee", "Ann Lee, Ann Leeds, JoAnn Lee", "<NAME>, Ann Leeds, JoAnn Lee"),
        ("name", "Zoë", "Zoë's, Zoës", "<NAME>'s, Zoës"),
        ("card", "14159265", "3.14159265 and 14159265.", "3.14159265 and <CARD>."),
        ("card", "41111111", "0,41111111; 41111111,22; 41111111", "0,41111111; 41111111,22; <CARD>"),
        ("bank_account", "12345678", "12345678.50 123456789 12345678", "12345678.50 123456789 <BANK_ACCOUNT>"),
        ("bank_account", "12345678", "acct.12345678,12345679", "acct.<BANK_ACCOUNT>,12345679"),
        ("ip_address", "1.1.1.1", "192.1.1.1.1 1.1.1.1.", "192.1.1.1.1 <IP_ADDRESS>."),
        ("phone", "13910998888", "请拨打13910998888谢谢", "请拨打<PHONE>谢谢"),
        ("phone", "+49 30 901820", "tel+49 30 901820, +49 30 9018205", "tel<PHONE>, +49 30 9018205"),
        ("email", "ann@example.com", "<ann@example.com>", "<<EMAIL>>"),
    ],
)  # fmt: skip
def test_only_whole_words_and_numbers_are_replaced(
    kind: str, value: str, text: str, expected: str
) -> None:
    assert redacted([text], [(0, kind, value)]) == [expected]


def test_one_word_is_a_name_in_the_rows_in_which_it_was_found() -> None:
    texts = ["Dear Will, it rains", "Will it rain?", "Ann Lee asks", "so Ann Lee said"]
    found = [(0, "name", "Will"), (2, "name", "Ann Lee")]
    assert redacted(texts, found) == [
        "Dear <NAME>, it rains",
        "Will it rain?",
        "<NAME> asks",
        "so <NAME> said",
    ]


def test_a_value_without_edges_is_replaced_where_it_was_found() -> None:
    texts = ["王伟先生来了", "王伟"]
    assert redacted(texts, [(0, "name", "王伟")]) == ["<NAME>先生来了", "王伟"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"card": 4111111111111111}', '{"card": "<CARD>"}'),
        ('{"card":4111111111111111,"n":1}', '{"card":"<CARD>","n":1}'),
        ("[4111111111111111, 7]", '["<CARD>", 7]'),
        ('{"a": [{"b": 4111111111111111}]}', '{"a": [{"b": "<CARD>"}]}'),
        ('{"a": "card: 4111111111111111, \\"b\\"", "c": 4111111111111111}',
         '{"a": "card: <CARD>, \\"b\\"", "c": "<CARD>"}'),
        ('{"card": "4111111111111111"}', '{"card": "<CARD>"}'),
        ("{card: 4111111111111111}", "{card: <CARD>}"),
        ("[card] 4111111111111111", "[card] <CARD>"),
        ("card: 4111111111111111, paid", "card: <CARD>, paid"),
    ],
)  # fmt: skip
def test_what_was_valid_json_stays_valid_json(text: str, expected: str) -> None:
    assert redacted([text, "[1]"], [(0, "card", "4111111111111111")]) == [expected, "[1]"]
