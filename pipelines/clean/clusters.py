"""Pairs of rows that are the same -> groups, each with the row that stays and why the others belong
to it.

Belongs here: closing pairs into groups, choosing, explaining. Stays out: finding pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from assay.pipelines.clean.effects import among, leaving
from assay.pipelines.clean.step_spec import Columns, Effect
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import ROW

STANDING = "_standing"
"""By what a row stays: the least does, nulls last, ties by row number."""
EXPLAINED: dict[str, pl.DataType] = {
    ROW: pl.Int64(),
    "cluster": pl.Int64(),
    "kept": pl.Int64(),
    "linked_to": pl.Int64(),
    "similarity": pl.Float64(),
    "agreed": pl.List(pl.String()),
}
"""A row for each row of a group: the group's smallest row number, the row that stays, and for the
others the row they are most alike (the one that stays, where they are alike), how much, and in
which columns.
"""
CLUSTERS = "clusters"


def standing(step: Any, columns: Sequence[str]) -> pl.Expr:
    """By what the step keeps a row."""
    match step.keep:
        case "last":
            rank = -pl.col(ROW)
        case "most_complete":
            rank = pl.sum_horizontal(
                (
                    pl.col(column).is_null()
                    | (pl.col(column).cast(pl.String).str.strip_chars() == "")
                ).cast(pl.Int32)
                for column in columns
            )
        case "max":
            rank = pl.col(step.keep_by).rank("dense", descending=True)
        case "min":
            rank = pl.col(step.keep_by).rank("dense")
        case _:
            rank = pl.col(ROW)
    return rank.alias(STANDING)


def explained(pairs: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Close the pairs into groups.

    Args:
        pairs: `left`, `right` (row numbers), `similarity`, `agreed`.
        rows: `_row` and `_standing` of at least the rows in pairs.
    """
    if not pairs.height:
        return pl.DataFrame(schema=EXPLAINED)
    grouped = (
        _closed(pairs)
        .join(rows.select(ROW, STANDING), on=ROW)
        .sort("cluster", STANDING, ROW, nulls_last=True)
    )
    chosen = grouped.with_columns(pl.col(ROW).first().over("cluster").alias("kept"))
    both = pl.concat(
        [
            pairs.select(pl.col(a).alias(ROW), pl.col(b).alias("linked_to"), "similarity", "agreed")
            for a, b in (("left", "right"), ("right", "left"))
        ]
    )
    why = (
        both.join(chosen, on=ROW)
        .filter(pl.col(ROW) != pl.col("kept"))
        .with_columns((pl.col("linked_to") == pl.col("kept")).alias("direct"))
    )
    first = why.sort(
        ROW, "direct", "similarity", "linked_to", descending=[False, True, True, False]
    ).unique(ROW, keep="first", maintain_order=True)
    whole = chosen.join(first.select(ROW, "linked_to", "similarity", "agreed"), on=ROW, how="left")
    return whole.select(pl.col(name).cast(kind) for name, kind in EXPLAINED.items()).sort(
        "cluster", ROW
    )


def _closed(pairs: pl.DataFrame) -> pl.DataFrame:
    """`_row` and `cluster` of every row in a pair."""
    from scipy import sparse

    rows = pl.concat([pairs["left"], pairs["right"]]).unique().sort()
    left, right = (rows.search_sorted(pairs[side]).to_numpy() for side in ("left", "right"))
    graph = sparse.coo_matrix(
        (pl.repeat(1, pairs.height, eager=True).to_numpy(), (left, right)),
        shape=(rows.len(), rows.len()),
    )
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    return pl.DataFrame({ROW: rows, "group": group}).select(
        ROW, pl.col(ROW).min().over("group").alias("cluster")
    )


def others_leave(step: Any, fitted: Fitted, _: Columns) -> Effect:
    """Every row of a group but the one that stays."""
    table = fitted.tables[CLUSTERS]
    return leaving(step.action, among(table.filter(pl.col(ROW) != pl.col("kept"))[ROW]))
