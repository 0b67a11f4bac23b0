"""Rows that leave a pass: taken as they come, kept in the order of the source.

Belongs here: writing one layer of rows set aside. Stays out: why they were (pipelines/).
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from pipelines.frames import ROW


class SetAside:
    """A Parquet file in the making, open while the pass runs.

    Args:
        file: where the rows lie once it is closed, sorted by `_row`; a file without rows if none came.
        schema: of the file; what a batch lacks is null.
    """

    def __init__(self, file: Path, schema: pl.Schema) -> None:
        self._file, self._schema, self._spool = file, schema, file.with_suffix(".spool")
        self._writer: Any = None
        self._lock = threading.Lock()

    def add(self, rows: pl.DataFrame) -> None:
        """Take some rows; from any thread, in any order."""
        import pyarrow.parquet as pq

        table = rows.match_to_schema(self._schema, missing_columns="insert").to_arrow()
        with self._lock:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._spool, table.schema, compression="lz4")
            self._writer.write_table(table)

    def __enter__(self) -> SetAside:
        return self

    def __exit__(self, failed: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._writer is not None:
            self._writer.close()
        if failed is None:
            rows = pl.scan_parquet(self._spool) if self._writer is not None else pl.LazyFrame(schema=self._schema)
            rows.sort(ROW).sink_parquet(self._file, compression="zstd")
        self._spool.unlink(missing_ok=True)
