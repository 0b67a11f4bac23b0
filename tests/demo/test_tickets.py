"""The demo's tickets: the same seed the same bytes, and every planted thing where the record says it is."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from random import Random

import phonenumbers
import polars as pl
import pytest
from stdnum import iban, luhn

from assay.demo.tickets import (
    BROKEN,
    CATEGORIES,
    COLUMNS,
    DECOYS,
    KINDS,
    PERSONAL,
    PLAIN,
    PLANTED_SCHEMA,
    Planted,
    found_of_planted,
    generate,
)

ROWS = 1_500
FILES = ("support_tickets.csv", "support_tickets.planted.parquet", "support_tickets.planted.json")


class Demo:
    """One small file, read with the most forgiving reader there is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = generate(folder, rows=ROWS, seed=7)
        with (folder / FILES[0]).open(encoding="utf-8", newline="") as file:
            self.records = list(csv.reader(file))
        self.readable = [record for record in self.records[1:] if len(record) == len(COLUMNS)]
        self.planted = pl.read_parquet(folder / FILES[1])

    def cells(self, column: str) -> list[str]:
        return [record[COLUMNS.index(column)] for record in self.readable]

    def values(self, kind: str) -> list[str]:
        return self.planted.filter(kind=kind)["value"].to_list()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    demo: Demo, tmp_path: Path
) -> None:
    generate(tmp_path, rows=ROWS, seed=7)
    assert all(
        (tmp_path / name).read_bytes() == (demo.folder / name).read_bytes() for name in FILES
    )
    generate(tmp_path, rows=ROWS, seed=8)
    assert not any(
        (tmp_path / name).read_bytes() == (demo.folder / name).read_bytes() for name in FILES
    )


def test_the_columns_are_the_contracts(demo: Demo) -> None:
    contract = (
        Path(__file__).parents[2] / "contracts/datasets/support_tickets.odcs.yaml"
    ).read_text(encoding="utf-8")
    assert tuple(demo.records[0]) == COLUMNS
    assert [contract.index(f"name: {column}") for column in COLUMNS] == sorted(
        contract.index(f"name: {column}") for column in COLUMNS
    )


def test_every_fault_is_counted_as_it_stands_in_the_file(demo: Demo) -> None:
    told, rows = demo.told, [tuple(record) for record in demo.readable]
    assert len(rows) == told.rows_written == ROWS
    assert len(demo.records) - 1 - len(rows) == told.unreadable == len(BROKEN) == 7
    assert len(rows) - len(set(rows)) == told.duplicates == 15
    assert {column: demo.cells(column).count("") for column in told.nulls} == told.nulls
    assert sum(category not in CATEGORIES for category in demo.cells("category")) == told.typos > 0
    assert (
        sum(float(minutes) > 60 for minutes in demo.cells("handle_minutes") if minutes)
        == told.outliers
        > 0
    )
    assert told.values == {kind: len(demo.values(kind)) for kind in sorted(set(KINDS.values()))}
    assert json.loads((demo.folder / FILES[2]).read_text(encoding="utf-8")) == asdict(told)
    assert isinstance(told, Planted)


def test_no_broken_line_is_a_record_and_none_leaves_a_quote_open() -> None:
    for line in BROKEN:
        assert len(next(csv.reader([line]))) != len(COLUMNS)
        assert line.count('"') % 2 == 0


def test_every_planted_value_stands_in_its_cell(demo: Demo) -> None:
    assert dict(demo.planted.schema) == PLANTED_SCHEMA
    for row, column, kind, value in demo.planted.iter_rows():
        cell = demo.records[row - 1][COLUMNS.index(column)]
        assert value in cell if column == "message" else value == cell and KINDS[column] == kind


def test_planted_values_keep_their_checksums(demo: Demo) -> None:
    assert all(
        luhn.is_valid(card.replace(" ", "").replace("-", "")) for card in demo.values("card")
    )
    assert all(iban.is_valid(account) for account in demo.values("iban"))
    assert len({account[:2] for account in demo.values("iban")}) >= 10
    regions = ("US", "GB", "DE", "FR", "SE", "AU")
    for phone in demo.values("phone"):
        assert any(
            phonenumbers.is_valid_number(phonenumbers.parse(phone, region)) for region in regions
        )


def test_what_only_looks_personal_is_not_planted(demo: Demo) -> None:
    pools = {"iban": demo.values("iban")}
    for _, decoy in DECOYS:
        for seed in range(50):
            text = decoy(Random(seed), pools)
            assert not iban.is_valid(text)
            assert not (len(text) == 16 and text.isdigit() and luhn.is_valid(text))
    assert not any(
        text in message
        for text in ("{}", "{product}", "{order}", "{n}")
        for message in demo.cells("message")
    )


def test_messages_vary(demo: Demo) -> None:
    messages = demo.cells("message")
    within = demo.planted.filter(column="message")["row"].n_unique() / ROWS
    assert 0.25 < within < 0.35
    assert len(PLAIN) + len(PERSONAL) + len(DECOYS) >= 30
    assert all(any(mark in message for message in messages) for mark in (",", '"', "\n"))


def test_found_is_what_equals_or_contains_or_is_contained_at_the_same_place() -> None:
    planted = pl.DataFrame(
        [
            (2, "message", "phone", "+49 30 23125123"),
            (3, "message", "name", "Ann Lee"),
            (4, "email", "email", "a@example.com"),
            (5, "message", "card", "4111"),
            (6, "message", "card", "4222"),
        ],
        schema=PLANTED_SCHEMA,
        orient="row",
    )
    found = pl.DataFrame(
        [
            (2, "message", "phone", "+49 30 23125123"),
            (2, "message", "phone", "30 23125123"),  # the same value again counts once
            (3, "message", "name", "Ms Ann Lee"),
            (4, "message", "email", "a@example.com"),  # another column
            (5, "message", "phone", "4111"),  # another kind
            (6, "message", "card", ""),
        ],
        schema=PLANTED_SCHEMA,
        orient="row",
    )
    assert found_of_planted(planted, found).rows() == [
        ("card", 2, 0, 2),
        ("email", 1, 0, 1),
        ("name", 1, 1, 0),
        ("phone", 1, 1, 0),
    ]
