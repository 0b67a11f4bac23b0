"""Columns of a Parquet file that hold few different values, and those values: looking at them is
looking at the whole column.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

_SAMPLE = 20_000
_SHARE = 0.2  # a column with more different values than this share of the sample is not asked


def few_values(file: Path, columns: Sequence[str], most: int) -> dict[str, pl.Series]:
    """Column -> its different values, null among them where there is one, for the columns that have
    at most `most`.

    DuckDB compares what the file's dictionaries hold, not every cell.
    """
    import duckdb

    sample = (
        pl.scan_parquet(file)
        .select(columns)
        .head(_SAMPLE)
        .select(pl.all().n_unique())
        .collect()
        .row(0, named=True)
    )
    columns_values = {}
    with duckdb.connect() as connection:
        for column in [name for name, different in sample.items() if different <= _SHARE * _SAMPLE]:
            quoted = '"' + column.replace('"', '""') + '"'
            distinct = connection.sql(
                f"SELECT DISTINCT {quoted} AS value FROM read_parquet(?)",  # noqa: S608  # quoted, and one of the file's own columns
                params=[str(file)],
            ).to_arrow_table()
            if distinct is not None and distinct.num_rows <= most:
                columns_values[column] = pl.Series(column, distinct["value"]).cast(pl.String)
    return columns_values
