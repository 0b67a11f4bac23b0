"""What steps share in doing: what becomes of a row, and looking up what was learned about it.

Belongs here: expressions over one row that several kinds of repair use. Stays out: each repair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from assay.contracts.steps.actions import Action
from assay.pipelines.clean.step_spec import Effect
from assay.pipelines.core.frames import ROW


def leaving(action: Action, condition: pl.Expr | None) -> Effect:
    """Do that with the rows where the condition is true."""
    match action:
        case "remove":
            return Effect(removes=condition)
        case "set_aside":
            return Effect(sets_aside=condition)
        case "flag":
            return Effect(flags=condition)


def among(rows: pl.Series) -> pl.Expr:
    """True where `_row` is one of those.

    Searched by halves: a hash table of them would be built again for every batch.
    """
    known = np.sort(rows.to_numpy())

    def is_among(numbers: pl.Series) -> pl.Series:
        given = numbers.to_numpy()
        at = np.searchsorted(known, given)
        return pl.Series(numbers.name, known[np.minimum(at, known.size - 1)] == given, pl.Boolean)

    return (
        pl.col(ROW).map_batches(is_among, return_dtype=pl.Boolean, is_elementwise=True)
        if known.size
        else pl.lit(False)
    )


def of_row(table: pl.DataFrame, column: str) -> pl.Expr:
    """The value that a table with `_row` has for the row; null where it has none."""
    held = table.select(ROW, column).drop_nulls().sort(ROW)
    known, values = held[ROW].to_numpy(), held[column]

    def value_of_row(numbers: pl.Series) -> pl.Series:
        given = numbers.to_numpy()
        at = np.minimum(np.searchsorted(known, given), known.size - 1)
        return values.gather(
            pl.Series(at).set(pl.Series(known[at] != given), None).cast(pl.UInt32)
        ).rename(numbers.name)

    return (
        pl.col(ROW).map_batches(value_of_row, return_dtype=values.dtype, is_elementwise=True)
        if known.size
        else pl.lit(None, values.dtype)
    )


def of_group(table: pl.DataFrame, by: Sequence[str], column: str) -> pl.Expr:
    """The value that a table has for the row's group; null where it has none, and where a column of
    the group is null.
    """
    held = table.select(*by, pl.col(column).alias("_value")).drop_nulls()

    def value_of_group(keys: pl.Series) -> pl.Series:
        return (
            keys.struct.unnest()
            .join(held, on=list(by), how="left", maintain_order="left")["_value"]
            .rename(keys.name)
        )

    return pl.struct(by).map_batches(
        value_of_group, return_dtype=held["_value"].dtype, is_elementwise=True
    )
