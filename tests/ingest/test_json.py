"""JSON lands as it is written, or is refused, or set aside line by line with the reason; nothing in it is taken for something else."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.assets.io.decode.json_text import decode
from assay.assets.io.decode.task import ROWS, UNREADABLE, Decoded, Task, Undecodable
from assay.assets.stages.ingest import land, landed_rows
from assay.contracts.model import Column
from assay.contracts.types import read
from tests.conftest import SampleHome, columns, setting

SUITE = Path(__file__).parents[2].parent / "shared" / "data" / "malformed" / "json"


def decoded(
    text: bytes | str, format: str = "jsonl", **options: Any
) -> tuple[Decoded, pl.DataFrame, pl.DataFrame]:
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "x"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        done = decode(Task("json_text", str(file), made, {"format": format, **options}))
        return done, pl.read_parquet(Path(made) / ROWS), pl.read_parquet(Path(made) / UNREADABLE)


def test_values_land_as_text_and_what_is_nested_as_json() -> None:
    _, rows, _ = decoded(
        '{"a": "x", "b": 1.50, "c": true, "d": null, "e": {"f": [1, null, "é"]}}\n'
    )
    assert rows.rows(named=True) == [
        {"a": "x", "b": "1.50", "c": "true", "d": None, "e": '{"f":[1,null,"é"]}'}
    ]


def test_numbers_stay_as_they_are_written() -> None:
    numbers = ["123456789012345678901234567890", "1E400", "-0.0", "0.1000", "1e-7"]
    _, rows, _ = decoded("\n".join(f'{{"n": {number}, "in": [{number}]}}' for number in numbers))
    assert rows["n"].to_list() == numbers
    assert rows["in"].to_list() == [f"[{number}]" for number in numbers]


def test_nested_text_is_what_a_contract_reads_back() -> None:
    _, rows, _ = decoded('{"tags": ["a", "b"]}\n{"tags": []}\n')
    column = Column(
        name="tags", logical_type="array", fields=(Column(name="tags_each", logical_type="string"),)
    )
    assert rows.select(read(column))["tags"].to_list() == [["a", "b"], []]


def test_columns_that_come_later_are_null_before() -> None:
    records = [{"a": number} if number < 25_000 else {"b": number} for number in range(45_000)]
    done, rows, _ = decoded("\n".join(map(json.dumps, records)))
    assert (done.columns, rows.columns, rows.height) == (("a", "b"), ["a", "b"], 45_000)
    assert (rows["a"].null_count(), rows["b"].null_count()) == (20_000, 25_000)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a":', "invalid JSON: expecting value (column 6)"),
        ('{"a": 1} x', "invalid JSON: extra data (column 10)"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": 1, "a": 2}', "a key stands twice"),
        ('{"a": {"b": 1, "b": 2}}', "a key stands twice"),
        ('{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"a": "\xff"}', "invalid encoding"),
        ('{"a": ' + "[" * 100_000, "nested too deep"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "nested too deep"),
        ("{'a': 1}", "invalid JSON: expecting property name enclosed in double quotes (column 2)"),
    ],
)
def test_a_line_that_is_no_json_is_set_aside_with_its_reason(
    line: str | bytes, reason: str
) -> None:
    text = line if isinstance(line, bytes) else line.encode()
    done, rows, unreadable = decoded(b'{"a": 1}\n' + text + b'\n\n{"a": 2}\n')
    assert (done.rows, rows["a"].to_list()) == (2, ["1", "2"])
    assert unreadable.rows() == [(2, reason, text.decode("utf-8", "replace"))]


def test_a_document_is_an_array_of_records_or_one() -> None:
    assert decoded('[{"a": 1}, {"a": 2}]', "json")[1]["a"].to_list() == ["1", "2"]
    assert decoded('{"a": [1]}', "json")[1].rows() == [("[1]",)]
    assert decoded(' [ 1 , "x" , null , [2] ] ', "json")[1]["value"].to_list() == [
        "1",
        "x",
        None,
        "[2]",
    ]
    assert decoded("[]", "json")[0].rows == 0


def test_a_record_of_a_document_that_cannot_be_kept_is_set_aside() -> None:
    done, rows, unreadable = decoded('[{"a": 1}, {"b": 1, "b": 2}, {"a": 3}]', "json")
    assert (done.rows, rows["a"].to_list()) == (2, ["1", "3"])
    assert unreadable.rows() == [(2, "a key stands twice", '{"b": 1, "b": 2}')]


@pytest.mark.parametrize(
    ("text", "says"), [('{"A": 1, "a": 2}', "the same name"), ('{"_row": 1}', "reserved for Assay")]
)
def test_keys_that_cannot_be_columns_are_refused(text: str, says: str) -> None:
    with pytest.raises(Undecodable, match=says):
        decoded(text, "json")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])), lambda each: st.lists(each) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), each), max_leaves=8)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=5))
def test_what_is_nested_means_the_same_afterwards(values: list[Any]) -> None:
    _, rows, unreadable = decoded("\n".join(json.dumps({"x": [value]}) for value in values))
    assert [json.loads(text) for text in rows["x"]] == [[value] for value in values]
    assert unreadable.height == 0


def fuzz(seed: int, count: int) -> None:
    generator = random.Random(seed)
    good = b'{"id": 1, "name": "\xc3\xa4nn", "tags": ["a", {"b": null}], "n": -1.5e3}\n'
    for number in range(count):
        text = bytearray(good * generator.randint(1, 4))
        for _ in range(generator.randint(1, 5)):
            at = generator.randrange(len(text))
            text[at : at + generator.randint(0, 3)] = generator.choice(
                (
                    b"\x00",
                    b'"',
                    b"{",
                    b"[" * 500,
                    b"\n",
                    b"\xff",
                    b"1e999",
                    b"NaN",
                    b"\\u",
                    bytes([generator.randrange(256)]),
                )
            )
        try:
            done, rows, unreadable = decoded(bytes(text), "json" if number % 2 else "jsonl")
        except Undecodable:
            continue
        assert (rows.height, unreadable.height) == (done.rows, done.unreadable)
        if not number % 2:
            assert done.rows + done.unreadable == sum(
                bool(line.strip(b" \t\r")) for line in bytes(text).split(b"\n")
            )


def test_mutated_json_is_read_refused_or_set_aside() -> None:
    fuzz(seed=1, count=200)


@pytest.mark.soak
def test_two_thousand_mutated_files() -> None:
    fuzz(seed=2, count=2_000)


@pytest.mark.skipif(not SUITE.is_dir(), reason="the shared malformed files are not here")
def test_the_json_suite_is_accepted_and_refused_as_it_says() -> None:
    for file in sorted(SUITE.glob("*.json")):
        try:
            outcome = "y" if decoded(file.read_bytes(), "json")[0] else ""
        except Undecodable:
            outcome = "n"
        assert file.name[0] in (outcome, "i"), file.name


def test_a_contract_lands_json_lines(installation: SampleHome) -> None:
    installation.promise(
        columns({"name": "n", "logicalType": "integer"}),
        setting("source", location="inbox/readings.csv", format="jsonl"),
    )
    installation.deliver('{"n": 1}\n{"n": }\n{"n": 3, "more": [1]}\n')
    run = installation.run()
    receipt = land(run).receipt
    assert (receipt.rows, receipt.unreadable, receipt.columns) == (2, 1, ("n", "more"))
    assert landed_rows(run, receipt.digest).collect()["_row"].to_list() == [1, 3]
