"""Names of columns that are personal values: what was read as a header is a row of data.

Belongs here: which names they are. Stays out: reading the file without a header.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.pipelines.admit import personal
from assay.pipelines.admit.detectors import FORMAT
from assay.pipelines.core.frames import ROW

_MOST = 0.5
"""The share of a column's cells that must be names of persons, for its own name to be one."""


def values_as_names(names: Sequence[str], sample: pl.DataFrame) -> dict[int, str]:
    """Place of a column, counted from 1 -> the kind of personal data that its name is.

    A name that only resembles a person's counts where the column's cells do too: `Jordan` may be
    the name of a column.

    Args:
        sample: rows of the table, as text.
    """
    by_form = _detected(names, "text").filter(pl.col("confidence") >= FORMAT)
    kinds = dict(by_form.select(pl.col(ROW) + 1, "kind").iter_rows())
    for place in _persons(names):
        cells = sample[names[place]].drop_nulls().to_list()
        if place + 1 not in kinds and len(_persons(cells)) > _MOST * len(cells):
            kinds[place + 1] = "name"
    return kinds


def _persons(texts: Sequence[str]) -> list[int]:
    """The places of the texts that are names of persons."""
    of_persons = _detected(texts, "name").filter(pl.col("kind") == "name")
    return of_persons[ROW].unique().sort().to_list()


def _detected(texts: Sequence[str], column: str) -> pl.DataFrame:
    """What is detected in texts, as cells of a column of that name."""
    cells = pl.Series(column, texts, dtype=pl.String)
    frame = pl.LazyFrame([cells]).with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
    return pl.concat(pl.collect_all(personal.spans(frame, [column], alone=False)))
