"""Text columns -> the personal values that are encoded in them, as they are written there.

Belongs here: the search of escaped text and of base 64, as plans. Stays out: decoding (decode.py),
what each kind looks like (detectors.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from assay.pipelines.admit import decode
from assay.pipelines.admit.detect import SCHEMA, Finder, finder
from assay.pipelines.admit.detectors import ANY_REGION, PhoneRegions, detectors_for
from assay.pipelines.core.frames import ROW

SUPERSEDED = 0.0
"""The confidence of a value that begins or ends inside an escape: what replaces it, another row
states.
"""
_COLUMNS = (ROW, "column", "kind", "value", "confidence")


def escaped(
    frame: pl.LazyFrame, columns: Sequence[str], regions: PhoneRegions = ANY_REGION
) -> list[pl.LazyFrame]:
    """Plan the search of cells that are encoded, one for each column, as personal.spans gives it.

    A value is reported as it is written; see `without_superseded` for the rows of no confidence.
    """
    return [
        frame.select(pl.col(ROW).cast(pl.Int64), pl.col(column).cast(pl.String).alias("cell"))
        .filter(pl.col("cell").str.contains(decode.MARKS))
        .map_batches(_search(column, regions), schema=SCHEMA, streamable=True)
        .with_columns(pl.lit(column).alias("column"))
        .select(_COLUMNS)
        for column in columns
    ]


def without_superseded(found: pl.DataFrame) -> pl.DataFrame:
    """The findings without those that begin or end inside an escape."""
    superseded = found.filter(pl.col("confidence") == SUPERSEDED)
    if superseded.is_empty():
        return found
    return found.join(superseded, on=[ROW, "column", "kind", "value"], how="anti")


def _search(column: str, regions: PhoneRegions) -> Callable[[pl.DataFrame], pl.DataFrame]:
    find = finder(detectors_for(column, regions))

    def search(cells: pl.DataFrame) -> pl.DataFrame:
        texts = pl.Series("cell", [decode.decoded(cell) for cell in cells["cell"].to_list()])
        plainer = cells.rename({"cell": "written"}).with_columns(texts.cast(pl.String))
        plainer = plainer.filter(pl.col("cell") != pl.col("written"))
        found = find(plainer.select(ROW, "cell")).drop_nulls("value")
        if found.is_empty():
            return found
        holding = plainer.join(found.select(ROW).unique(), on=ROW)
        return pl.concat([_as_written(found, holding), _superseded(find, found, holding)])

    return search


def _as_written(found: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    values = found.join(cells.select(ROW, "written"), on=ROW)
    forms = [
        sorted(decode.written(text, value))
        for text, value in values.select("written", "value").iter_rows()
    ]
    return (
        values.with_columns(pl.Series("value", forms, dtype=pl.List(pl.String)))
        .explode("value", empty_as_null=True)
        .drop_nulls("value")
        .select(list(SCHEMA))
    )


def _superseded(find: Finder, found: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """What the search of the text as it is written finds with a part of an escape."""
    raw = find(cells.select(ROW, pl.col("written").alias("cell"))).drop_nulls("value")
    raw = raw.join(found.select(ROW, "kind").unique(), on=[ROW, "kind"])
    raw = raw.join(cells.select(ROW, "written"), on=ROW)
    cut = [
        decode.cuts_an_escape(text, value)
        for text, value in raw.select("written", "value").iter_rows()
    ]
    return (
        raw.filter(pl.Series(cut, dtype=pl.Boolean))
        .with_columns(pl.lit(SUPERSEDED).alias("confidence"))
        .select(list(SCHEMA))
    )
