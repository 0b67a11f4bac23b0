"""Bytes of a source are bytes in the version, whatever the source calls them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.contracts.errors import ContractError
from tests.conftest import SampleHome, columns, contract, setting

PHOTOS = [b"\x00\xff", b"", None]
TABLE = pa.table({"id": [1, 2, 3], "photo": pa.array(PHOTOS, pa.binary())})


def parquet(path: Path) -> dict[str, Any]:
    pq.write_table(TABLE, path)
    return {"format": "parquet"}


def arrow(path: Path) -> dict[str, Any]:
    with pa.ipc.new_file(path, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return {"format": "arrow"}


def csv(path: Path) -> dict[str, Any]:
    path.write_text('id,photo\n1,00FF\n2,""\n3,\n', encoding="utf-8")
    return {"format": "csv", "options": {"null_values": [""]}}


def of_sqlite(path: Path) -> dict[str, Any]:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER, photo BLOB)")
        connection.executemany("INSERT INTO photos VALUES (?, ?)", enumerate(PHOTOS, start=1))
    connection.close()
    return {"format": "sql", "location": "sqlite:inbox/photos", "options": {"table": "photos"}}


def of_duckdb(path: Path) -> dict[str, Any]:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER, photo BLOB)")
        connection.executemany("INSERT INTO photos VALUES (?, ?)", list(enumerate(PHOTOS, start=1)))
    return {"format": "sql", "location": "duckdb:inbox/photos", "options": {"table": "photos"}}


def without_table_rules(data: dict[str, Any]) -> None:
    data["schema"][0]["quality"] = []


def photo(physical_type: str, **more: Any) -> dict[str, Any]:
    return {"name": "photo", "logicalType": "string", "physicalType": physical_type, **more}


@pytest.mark.parametrize("write", [parquet, arrow, csv, of_sqlite, of_duckdb])
def test_bytes_are_published_as_bytes(
    installation: SampleHome, write: Callable[[Path], dict[str, Any]]
) -> None:
    form = write(installation.root / "inbox" / "photos")
    installation.promise(
        columns(
            {"name": "id", "logicalType": "integer"},
            photo("binary", logicalTypeOptions={"maxLength": 2}),
        ),
        without_table_rules,
        setting("source", **{"location": "inbox/photos", **form}),
        setting("cleaning", _=[]),
    )
    installation.published()
    table = installation.root / "lake" / "readings" / "versions"
    photos = dict(pl.read_delta(str(table)).select("id", "photo").iter_rows())
    assert photos[1] == PHOTOS[0]
    assert list(photos.values())[1:] == ([None, None] if write is csv else PHOTOS[1:])


@pytest.mark.parametrize(
    "name", ["binary", "BYTEA", "blob", "varbinary(16)", "VARBINARY(max)", "bytes", "longblob"]
)
def test_every_name_of_bytes_is_known(name: str) -> None:
    assert contract(columns(photo(name))).columns[0].is_binary


@pytest.mark.parametrize(
    "rule", [{"logicalTypeOptions": {"pattern": "a"}}, {"logicalTypeOptions": {"format": "email"}}, {"enum": [{"value": "a"}]}]
)  # fmt: skip
def test_rules_about_text_are_refused_for_bytes(rule: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        contract(columns(photo("binary", **rule)))
