"""What every database's extract is made of: its shape, the mark to go on from, its columns and rows as CSV.

Belongs here: what the databases share. Stays out: asking any one of them (databases.py, mysql.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from assay.assets.io.decode.landing import repeated_name
from assay.assets.io.sources.places import Mark, Sink
from assay.assets.io.work_progress import tell
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import CsvOptions, Watermark

BATCH = 50_000
Value = str | int | float


@dataclass(frozen=True)
class Extract:
    """What came: the mark reached, None where the source has none; `is_new` is false where nothing lies beyond the mark before."""

    watermark: Value | None
    is_new: bool


def start_after(watermark: Watermark, mark: Mark | None) -> Value | None:
    """Where to go on: what was published, if it was by the same column, else the contract's start."""
    return mark.value if mark is not None and mark.column == watermark.column else watermark.start


def checked(names: Sequence[str], options: CsvOptions, where: Where) -> list[str]:
    """The columns' names. Raises: SourceError: they cannot be told apart, or lack the one that only grows."""
    if not names or "" in names:
        raise SourceError(
            "the query gives no columns, or one without a name", "Name each column with AS", where
        )
    if twice := repeated_name(names):
        raise SourceError(f"in what the query gives, {twice}", "Name each column with AS", where)
    if options.watermark is not None and options.watermark.column not in names:
        raise SourceError(
            f"the rows have no column '{options.watermark.column}'",
            "Mend `watermark` under `options`",
            where,
        )
    return list(names)


def unmarked(count: int, column: str, where: Where) -> None:
    """Raises: SourceError: so many rows have no value in the column that only grows."""
    if count:
        raise SourceError(
            f"{count:,} rows have no value in '{column}', so nobody knows whether they are new",
            "Leave them out in a `query`, or choose another column",
            where,
        )


def write(sink: Sink, frames: Iterator[pl.DataFrame], names: Sequence[str]) -> None:
    """Append rows of text as CSV in which every text is quoted and null is not."""
    rows = 0
    sink.write([(",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n").encode()])
    for frame in frames:
        rows += frame.height
        buffer = io.BytesIO()
        frame.write_csv(buffer, include_header=False, quote_style="non_numeric")
        sink.write([buffer.getvalue()])
        tell(f"{rows:,} rows fetched")
