"""A Delta table opens in independent readers after every type of column was added, and changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io import delta_log
from assay.assets.io.lake import Lake
from assay.contracts.types import dtype, read
from tests.conftest import columns, contract

TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "string": ({"logicalType": "string"}, "a"),
    **{
        name: ({"logicalType": "integer", "logicalTypeOptions": {"format": name}}, "100")
        for name in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
    },
    "f32": ({"logicalType": "number", "logicalTypeOptions": {"format": "f32"}}, "0.5"),
    "f64": ({"logicalType": "number"}, "0.5"),
    "decimal": ({"logicalType": "number", "physicalType": "decimal(38,5)"}, "0.5"),
    "binary": ({"logicalType": "string", "physicalType": "binary"}, "00ff"),
    "boolean": ({"logicalType": "boolean"}, "true"),
    "date": ({"logicalType": "date"}, "2024-01-06"),
    "time": ({"logicalType": "time"}, "10:00"),
    "timestamp": ({"logicalType": "timestamp"}, "2024-01-06T10:00:00Z"),
    "timestamp without zone": (
        {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}},
        "2024-01-06T10:00:00",
    ),
    "array": ({"logicalType": "array", "items": {"logicalType": "integer"}}, "[1]"),
    "array of timestamps without zone": (
        {
            "logicalType": "array",
            "items": {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}},
        },
        '["2024-01-06T10:00:00"]',
    ),
    "object": (
        {"logicalType": "object", "properties": [{"name": "f", "logicalType": "integer"}]},
        '{"f": 1}',
    ),
    "map": (
        {
            "logicalType": "map",
            "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "number"}},
        },
        '{"k": 1}',
    ),
    "vector": ({"logicalType": "vector", "logicalTypeOptions": {"dimensions": 2}}, "[1, 2]"),
}


def by_polars(table: Path) -> list[dict[str, Any]]:
    return pl.read_delta(str(table)).to_dicts()


def by_deltalake(table: Path) -> list[dict[str, Any]]:
    from deltalake import DeltaTable

    rows: list[dict[str, Any]] = DeltaTable(str(table)).to_pyarrow_table().to_pylist()
    return rows


def by_duckdb(table: Path) -> list[dict[str, Any]]:
    """DuckDB's own reader, where its extension is installed; otherwise its scan of the dataset."""
    import duckdb
    from deltalake import DeltaTable

    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        try:
            connection.execute("LOAD delta")
            source = f"delta_scan('{table}')"
        except duckdb.Error:
            connection.register("given", DeltaTable(str(table)).to_pyarrow_dataset())
            source = "given"
        rows = (
            connection.sql(f"SELECT * FROM {source}").to_arrow_table().to_pylist()
        )  # the test's own path
    found: list[dict[str, Any]] = rows
    return found


READERS: list[Callable[[Path], list[dict[str, Any]]]] = [by_polars, by_deltalake, by_duckdb]


def published(frame: pl.DataFrame, lake: Lake, table: Path, sequence: int) -> None:
    """Commit one file as the next version of the table."""
    file = table / f"v{sequence}" / "part.parquet"
    file.parent.mkdir(parents=True)
    frame.write_parquet(file)
    path = file.relative_to(table).as_posix()
    lake.commit_delta(table, sequence, [(path, file.stat().st_size, 1)], frame.schema, "a note")


def one_row(name: str, definition: dict[str, Any], text: str) -> pl.DataFrame:
    column = contract(columns({"name": name, **definition})).columns[0]
    frame = pl.DataFrame({name: [text]}).select(read(column))
    assert frame.schema[name] == dtype(column)
    assert frame[name].null_count() == 0
    return frame


@pytest.mark.parametrize("kind", TYPES)
def test_every_reader_opens_a_table_with_a_column_added_or_changed(
    kind: str, tmp_path: Path
) -> None:
    lake, table = Lake(tmp_path), tmp_path / "data" / "versions"
    plain = pl.DataFrame({"a": ["x"]})
    added = one_row("b", *TYPES[kind])
    changed = one_row("a", *TYPES[kind])
    for sequence, frame in enumerate((plain, plain.hstack(added), changed, plain), start=1):
        published(frame, lake, table, sequence)
        for rows in READERS:
            (row,) = rows(table)
            assert list(row) == frame.columns
            assert None not in row.values()
    assert delta_log.newest_sequence(delta_log.read(table)) == 4
