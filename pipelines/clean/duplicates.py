"""Rows -> the rows that repeat an earlier one in every column, or another one's key.

Belongs here: equal values. Stays out: rows that are only alike (near_records.py, near_texts.py),
keys that must not repeat (a rule).
Hashes show which rows could repeat, and only those are compared, so that memory stays flat and no
hash collision removes a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assay.contracts.steps import Deduplicate, DeduplicateByKey
from assay.pipelines.clean.clusters import CLUSTERS, EXPLAINED, STANDING, others_leave, standing
from assay.pipelines.clean.effects import among, leaving
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW

_HASH = "_hash"
SAMPLE = 20_000
"""The first rows, which show what columns distinguish rows."""
_AT_ONCE = 10_000_000  # rows whose hashes are held at a time


def parts_of(rows: int) -> int:
    """How many parts the hashes of so many rows are looked at in, one after the other, so that
    memory stays flat.
    """
    return 1 + rows // _AT_ONCE


def suspects(
    frame: pl.LazyFrame, columns: Sequence[str], part: int = 0, parts: int = 1
) -> pl.LazyFrame:
    """The hashes that more than one row has: `_hash` (UInt64), of those that leave `part` when
    divided by `parts`. Hashes alone are sorted: 8 bytes a row.
    """
    hashes = _hashed(frame, columns).select(_HASH)
    if parts > 1:
        hashes = hashes.filter(pl.col(_HASH) % parts == part)
    return hashes.sort(_HASH).filter(pl.col(_HASH) == pl.col(_HASH).shift()).unique()


def repeated(
    frame: pl.LazyFrame,
    columns: Sequence[str],
    suspected: pl.DataFrame,
    telling: Sequence[str] | None = None,
) -> pl.LazyFrame:
    """The `_row` of every row equal to an earlier one, and the one that is `kept`, compared value
    by value among the suspected.

    Args:
        telling: the columns whose hashes are suspected, if not all.
    """
    alike = _hashed(frame, telling or columns).join(suspected.lazy(), on=_HASH, how="semi")
    return (
        alike.select(ROW, pl.col(ROW).min().over(pl.struct(columns)).alias("kept"))
        .filter(pl.col(ROW) != pl.col("kept"))
        .sort(ROW)
    )


def _hashed(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    return frame.with_columns(pl.struct(columns).hash(seed=0).alias(_HASH))


def distinguishing_columns(different: Mapping[str, int], sampled: int) -> list[str]:
    """The columns that distinguish rows, if one alone nearly does: what is equal in all columns is
    equal in those, and they are fewer to read.
    """
    if not any(count > 0.9 * sampled for count in different.values()):
        return list(different)
    return [column for column, count in different.items() if count > 0.5 * sampled]


def _fit(_: Deduplicate, rows: pl.LazyFrame, columns: Columns) -> Learning:
    sample = rows.select(list(columns)).head(SAMPLE)
    about = yield {
        "sample": sample.select(pl.all().n_unique()),
        "sampled": sample.select(pl.len()),
        "rows": rows.select(pl.len()),
    }
    few = distinguishing_columns(about["sample"].row(0, named=True), about["sampled"].item())
    parts = parts_of(about["rows"].item())
    suspected = pl.DataFrame(schema={_HASH: pl.UInt64})
    for part in range(parts):
        suspected = suspected.vstack((yield {"hashes": suspects(rows, few, part, parts)})["hashes"])
    if not suspected.height:
        return Fitted(tables={"repeated": pl.DataFrame(schema={ROW: pl.Int64, "kept": pl.Int64})})
    return Fitted(
        tables={
            "repeated": (yield {"repeated": repeated(rows, list(columns), suspected, few)})[
                "repeated"
            ]
        }
    )


def _effect(step: Deduplicate, fitted: Fitted, _: Columns) -> Effect:
    return leaving(step.action, among(fitted.tables["repeated"][ROW]))


EXACT = Kind(_fit, _effect, original=True, keeps=False, chooses=True)


def _fit_keys(step: DeduplicateByKey, rows: pl.LazyFrame, columns: Columns) -> Learning:
    key = list(step.columns)
    keyed = rows.filter(pl.all_horizontal(pl.col(column).is_not_null() for column in key))
    suspected = (yield {"hashes": suspects(keyed, key)})["hashes"]
    if not suspected.height:
        return Fitted(tables={CLUSTERS: pl.DataFrame(schema=EXPLAINED)})
    alike = _hashed(keyed, key).join(suspected.lazy(), on=_HASH, how="semi")
    found = (yield {"alike": alike.select(ROW, *key, standing(step, list(columns)))})["alike"]
    group = pl.struct(key)
    grouped = found.sort(STANDING, ROW, nulls_last=True).with_columns(
        pl.col(ROW).first().over(group).alias("kept"),
        pl.col(ROW).min().over(group).alias("cluster"),
        pl.len().over(group).alias("rows"),
    )
    other = pl.col(ROW) != pl.col("kept")
    table = grouped.filter(pl.col("rows") > 1).select(
        ROW,
        "cluster",
        "kept",
        pl.when(other).then("kept").alias("linked_to"),
        pl.when(other).then(1.0).alias("similarity"),
        pl.when(other).then(pl.lit(key)).alias("agreed"),
    )
    return Fitted(tables={CLUSTERS: table.cast(EXPLAINED).sort("cluster", ROW)})  # type: ignore[arg-type]  # names and types are a schema


BY_KEY = Kind(_fit_keys, others_leave, original=True, keeps=False, chooses=True)
