"""Rows -> the rows that speak of the same thing as another, in other words.

Belongs here: the step. Stays out: which rows are compared (blocking.py), how (record_matching.py), what
stays (clusters.py).
It holds the compared columns in memory, and about ten candidates a row; work grows with the rows,
not with their square.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assay.contracts.steps import NearDuplicates
from assay.pipelines.clean.blocking import normal
from assay.pipelines.clean.clusters import CLUSTERS, STANDING, explained, others_leave, standing
from assay.pipelines.clean.record_matching import find_same_records
from assay.pipelines.clean.step_spec import Columns, Kind
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW

_FIRST = "_first"
"""The first record that is written alike."""


def _fit(step: NearDuplicates, rows: pl.LazyFrame, columns: Columns) -> Learning:
    names = list(step.columns or columns)
    found = yield {
        "records": rows.select(
            ROW, standing(step, list(columns)), *(normal(name).alias(name) for name in names)
        )
    }
    records = found["records"].sort(ROW)
    same, each = _equal(records, names)
    alike = find_same_records(each, names, certainty=step.certainty, at_least=step.at_least)
    numbered = alike.with_columns(
        each[ROW].gather(alike[side]).alias(side) for side in ("left", "right")
    )
    return Fitted(
        tables={CLUSTERS: explained(pl.concat([same, numbered]), records.select(ROW, STANDING))}
    )


def _equal(records: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs of each record that is written alike in every column with the first such, and the
    records without those. Empty ones are no one's.
    """
    filled = pl.any_horizontal(pl.col(name) != "" for name in names)
    first = records.filter(filled).with_columns(
        pl.col(ROW).first().over(pl.struct(names)).alias(_FIRST)
    )
    again = first.filter(pl.col(ROW) != pl.col(_FIRST))
    agreed = pl.concat_list(
        pl.when(pl.col(name) != "").then(pl.lit(name)) for name in names
    ).list.drop_nulls()
    pairs = again.select(
        pl.col(_FIRST).alias("left"),
        pl.col(ROW).alias("right"),
        pl.lit(1.0).alias("similarity"),
        agreed.alias("agreed"),
    )
    return pairs, first.filter(pl.col(ROW) == pl.col(_FIRST))


RECORDS = Kind(_fit, others_leave, original=True, keeps=False, chooses=True)
