"""Rows that are set aside lie in the order of the source, however they came and however many they are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assay.assets.io import row_spool
from assay.assets.io.row_spool import SetAside
from assay.pipelines.core.frames import REASONS, ROW

SCHEMA = pl.Schema({ROW: pl.Int64(), REASONS: pl.List(pl.String()), "meter": pl.String()})


def batch(*rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {ROW: rows, REASONS: [[f"r{row}"] for row in rows], "meter": [f"M{row}" for row in rows]},
        schema=SCHEMA,
    )


@pytest.mark.parametrize("part", [1, 3, 100])
def test_batches_in_any_order_are_one_sorted_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(row_spool, "_PART", part)
    with SetAside(tmp_path / "rows.parquet", SCHEMA) as layer:
        for rows in ((7, 8), (1, 9), (2,), (3, 5, 5)):
            layer.add(batch(*rows))
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(batch(1, 2, 3, 5, 5, 7, 8, 9))
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]


def test_no_row_at_all_is_a_file_without_rows(tmp_path: Path) -> None:
    with SetAside(tmp_path / "rows.parquet", SCHEMA):
        pass
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(batch())
