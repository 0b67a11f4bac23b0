"""Rows that leave a pass: taken as they come, kept in the order of the source.

Belongs here: writing one layer of rows quarantined. Stays out: why they were (pipelines/).
"""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from assay.pipelines.core.engine import run
from assay.pipelines.core.frames import ROW

_PART = 122_880  # rows that are sorted at a time


class SetAside:
    """A Parquet file in the making, open while the pass runs.

    Args:
        file: where the rows lie once it is closed, sorted by `_row`; a file without rows if none
            came.
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

    def __exit__(
        self, failed: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        if failed is None:
            self._sort()
        self._spool.unlink(missing_ok=True)

    def _sort(self) -> None:
        """Write the file part after part: sorted at once, what many rows quarantined hold would be
        in memory.
        """
        import pyarrow.parquet as pq

        rows = (
            pl.scan_parquet(self._spool)
            if self._writer is not None
            else pl.LazyFrame(schema=self._schema)
        )
        starts = run(rows.select(ROW).sort(ROW).gather_every(_PART)).to_series().to_list()
        with pq.ParquetWriter(
            self._file, pl.DataFrame(schema=self._schema).to_arrow().schema, compression="zstd"
        ) as writer:
            for start, end in pairwise([*starts, None]):
                part = rows.filter(
                    pl.col(ROW) >= start, pl.col(ROW) < end if end is not None else True
                )
                writer.write_table(run(part.sort(ROW, maintain_order=True)).to_arrow())
