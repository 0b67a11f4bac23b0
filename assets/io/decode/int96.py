"""Timestamps of Parquet's INT96, as Spark, Hive and Impala write them.

Belongs here: what DuckDB cuts from them. Stays out: reading rows (parquet.py). DuckDB reads INT96
as microseconds and says nothing of a finer fraction (2.0, 2026-12-01), so columns that have one are
refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.assets.io.decode.task import Undecodable

_BATCH_ROWS = 65_536
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and the last microsecond of the years 1 to 9999, since 1970."""


def check_fractions(file: Path) -> None:
    """Refuse timestamps that would be cut.

    Raises: Undecodable: a column has INT96 timestamps with nanoseconds, or cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            leaves = [opened.schema.column(i) for i in range(len(opened.schema))]
        for leaf in leaves:
            if leaf.physical_type == "INT96" and _has_nanoseconds(file, leaf.path):
                raise Undecodable(
                    f"the column '{leaf.path}' has INT96 timestamps with"
                    " nanoseconds, which would be cut to microseconds",
                    "Write it as TIMESTAMP(NANOS), or rounded to microseconds",
                )
    except (pa.ArrowException, OSError) as error:
        raise Undecodable(
            f"the file's INT96 timestamps cannot be read ({type(error).__name__})",
            "Get the file again, or write them as TIMESTAMP",
        ) from None


def _has_nanoseconds(file: Path, path: str) -> bool:
    """Whether any value has a fraction finer than a microsecond.

    Read in nanoseconds, a year after 2262 overflows; the difference from the value in microseconds
    overflows in the same way, and so is right for every year.
    """
    import pyarrow.parquet as pq

    with (
        pq.ParquetFile(file, coerce_int96_timestamp_unit="ns") as exact,
        pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as cut,
    ):
        batches = zip(
            exact.iter_batches(_BATCH_ROWS, columns=[path]),
            cut.iter_batches(_BATCH_ROWS, columns=[path]),
            strict=True,
        )
        return any(
            _is_cut(_integers(whole.column(0)), _integers(part.column(0)))
            for whole, part in batches
        )


def _is_cut(nanoseconds: Any, microseconds: Any) -> bool:
    """Whether the values differ; those outside the years 1 to 9999 are no timestamps."""
    is_year = (microseconds >= _FIRST) & (microseconds <= _LAST)
    return bool((is_year & (nanoseconds != microseconds * 1_000)).any())


def _integers(values: Any) -> Any:
    """The integers behind the timestamps of a column, of lists and structures their values."""
    import pyarrow as pa

    while not pa.types.is_timestamp(values.type):
        values = values.flatten()[0] if pa.types.is_struct(values.type) else values.flatten()
    return values.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False)
