"""What a kind of transform is: how it is fitted, and what it then makes of any row.

Belongs here: the shapes and words that every transform shares. Stays out: each transform (its own
module), running them in order (table.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.features import Target
from assay.contracts.transforms.base import Sampled
from assay.pipelines.core.fitting import Fitted, Frames, Learning
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn

_FARTHEST = 2**59
HELPER = "_of_"
"""Prefix of columns that are created on the way and dropped again."""


@dataclass(frozen=True)
class Context:
    """What a transform may know next to its own settings.

    Args:
        types: the columns it sees, those of the transforms before it included.
        order_by: the column that orders the rows in time.
        last: the time of the last training row, in microseconds or in units of the number that
            orders; None if that is no time.
        others: the rows of other data sets, by data set.
        on: the array library that computes what expressions cannot say.
        in_pieces: the engine takes rows piece by piece, and Python may look each piece up in a
            table.
    """

    types: Mapping[str, pl.DataType]
    order_by: str
    target: Target | None = None
    last: int | None = None
    others: Mapping[str, pl.LazyFrame] = field(default_factory=dict)
    on: Any = np
    in_pieces: bool = False


@dataclass(frozen=True)
class Made:
    """What a transform makes of a frame: expressions, over one row unless they say `over`.

    Args:
        columns: feature -> expression; it may read `helpers`.
        inputs: feature -> the columns it is derived from, where the expression itself does not tell.
        helpers: columns computed once for several features, and dropped again.
    """

    columns: Mapping[str, pl.Expr]
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    helpers: Mapping[str, pl.Expr] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """One kind of transform.

    Args:
        fit: (transform, the training rows with `_row`, context) -> what it learns.
        made: (transform, what was learned, context) -> what it makes of rows.
        arrays: it computes with `Context.on`, so that a GPU's array library makes it where a GPU's
            plan cannot.
    """

    fit: Callable[[Any, pl.LazyFrame, Context], Learning]
    made: Callable[[Any, Fitted, Context], Made]
    arrays: bool = False


def finite(value: pl.Expr) -> pl.Expr:
    """Null where a computation left the floats: two numbers far apart can."""
    return pl.when(value.is_finite()).then(value)


def times(context: Context) -> pl.Expr:
    """When a row was: microseconds since 1970, or the whole number that orders it.

    Null where no one knows.

    Raises: FeatureError: the rows are ordered by something else.
    """
    return moments(context.order_by, context.types[context.order_by])


def moments(column: str, dtype: pl.DataType) -> pl.Expr:
    """The same for any column of that type."""
    if isinstance(dtype, pl.Datetime | pl.Date):
        return (
            pl.col(column).cast(pl.Datetime("us", getattr(dtype, "time_zone", None))).to_physical()
        )
    if dtype.is_integer():
        return pl.when(pl.col(column).is_between(-_FARTHEST, _FARTHEST)).then(
            pl.col(column).cast(pl.Int64)
        )  # beyond it, distances leave 64 bits
    raise FeatureError(
        f"'{column}' is {dtype}, not a time",
        "Order rows by a date, a timestamp or a whole number",
        Where(field=column),
    )


def sampled(
    transform: Sampled, rows: pl.LazyFrame, columns: Mapping[str, pl.Expr]
) -> Generator[Mapping[str, pl.LazyFrame], Frames, Frames]:
    """Two rounds: how many rows have each column, and at most `sample_rows` of its values, in the
    order of the rows; nulls of one column say nothing of another.
    """
    counted = (
        yield {"given": rows.select(value.count().alias(name) for name, value in columns.items())}
    )["given"].row(0, named=True)
    plans = {
        name: drawn(
            rows.select(ROW, value.alias(name)).drop_nulls(name),
            transform.sample_rows,
            counted[name],
            transform.seed,
        ).select(name)
        for name, value in columns.items()
    }
    return (yield plans)


def looked_up(
    value: pl.Expr,
    table: pl.DataFrame,
    column: str,
    context: Context,
    default: float | int | None = None,
) -> pl.Expr:
    """What a table states next to its `value`: a hash join on every engine.

    `default` for a value it lacks, and for a missing one.

    Polars does not know that such a join goes row by row, and would keep all rows for it: 3.2 GB of
    ten million, and twice the time (2026-11-28).
    """
    known = table[column]
    if not table.height:
        return pl.lit(default, known.dtype)

    def join(values: Any) -> Any:
        return values.replace_strict(
            table["value"], known, default=default, return_dtype=known.dtype
        )

    found = (
        value.map_batches(join, return_dtype=known.dtype, is_elementwise=True)
        if context.in_pieces
        else join(value)
    )
    return pl.when(value.is_null()).then(pl.lit(default, known.dtype)).otherwise(found)


def coded(value: pl.Expr, known: pl.Series, context: Context) -> pl.Expr:
    """The place of a value among different ones; null for one that is not there."""
    return looked_up(
        value,
        pl.DataFrame({"value": known, "code": pl.int_range(len(known), eager=True)}),
        "code",
        context,
    )


def name_part(category: object) -> str:
    """A category as part of a feature's name."""
    return (
        "".join(character if character.isalnum() else "_" for character in str(category)) or "other"
    )


def nothing_seen(column: str, what: str) -> FeatureError:
    """The error of a column that teaches nothing."""
    return FeatureError(
        f"'{column}' has no value {what} among the training rows",
        "Remove it from assay.features, or let a step of assay.cleaning fill its missing values",
        Where(field=column),
    )


def for_each_column(
    columns: Sequence[str], makes: Sequence[str], expression: Callable[[str], pl.Expr]
) -> Made:
    """The same expression of each column."""
    return Made({name: expression(column) for column, name in zip(columns, makes, strict=True)})
