"""Rows -> what the rows of the same key were before: over a span, or some moments back.

Never the future, never the same moment.

Belongs here: what a row may look at. Stays out: exact sums (exact_sums.py).
What is fitted is the scale of each column, in which sums are counted. At inference the rows from
before have to be there too: give them as history.
A row without a time or a key has no past, and is in no one's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import AsOf, Lag, Window
from assay.contracts.transforms.base import length
from assay.pipelines.core.engine import run_in_memory
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, Learning, nothing_to_learn
from assay.pipelines.features import exact_sums
from assay.pipelines.features.lookback import Past, Values, last_before, over_parts
from assay.pipelines.features.transform_spec import HELPER, Context, Kind, Made, moments, times

_HALF, _LIMB = 20, 40
"""Bits by which numbers are taken apart to be squared, and by which a sum of squares is."""


# -- windows ----------------------------------------------------------------------------------


def _fit_window(transform: Window, rows: pl.LazyFrame, context: Context) -> Learning:
    times(context)  # refuses what is no time before anything is read
    seen = (
        yield {
            "scales": rows.select(
                exact_sums.seen(column).alias(column) for column in transform.columns
            )
        }
    )["scales"].to_dicts()[0]
    return Fitted({column: asdict(exact_sums.scale(seen[column])) for column in transform.columns})


def _windowed(transform: Window, fitted: Fitted, context: Context) -> Made:
    scales = {column: exact_sums.Scale(**fitted.values[column]) for column in transform.columns}
    held = {
        f"{column}|{part}": kind
        for column in transform.columns
        for part, kind in _parts(transform).items()
    }
    keys, seen = _seen(transform, context)
    seen += [
        exact_sums.as_steps(column, each).alias(f"counted|{column}")
        for column, each in scales.items()
    ]
    seen += [
        number(column).alias(f"value|{column}")
        for column in transform.columns
        if _extremes(transform)
    ]
    mark = f"{HELPER}{transform.makes[0]}"
    helper = pl.struct(seen).map_batches(
        partial(_looked_back, transform, keys, held, context.on), return_dtype=pl.Struct(held)
    )

    def of(column: str, part: str) -> pl.Expr:
        return pl.col(mark).struct.field(f"{column}|{part}")

    made = {
        name: _of(function, column, scales[column], of)
        for name, (column, function) in _feature_sources(transform).items()
    }
    return Made(
        made,
        {
            name: (context.order_by, *transform.by, column)
            for name, (column, _) in _feature_sources(transform).items()
        },
        {mark: helper},
    )


def _extremes(transform: Window) -> list[str]:
    return [function for function in transform.functions if function in ("min", "max")]


def _parts(transform: Window) -> dict[str, type[pl.DataType]]:
    """What is found of each column's windows, for the functions to be computed from."""
    squares: dict[str, type[pl.DataType]] = (
        {"high": pl.Int64, "low": pl.Int64} if "std" in transform.functions else {}
    )
    return {
        "n": pl.Int64,
        "sum": pl.Int64,
        **squares,
        "storey": pl.Int16,
        **dict.fromkeys(_extremes(transform), pl.Float64),
    }


def _looked_back(
    transform: Window,
    keys: Sequence[str],
    held: Mapping[str, type[pl.DataType]],
    on: Any,
    given: pl.Series,
) -> pl.Series:
    """Of all rows (a struct of time, keys, and each column's steps and value) what `held` names;
    null where a row has no time or key.
    """
    frame, squared = given.struct.unnest(), "std" in transform.functions
    columns = [_Column.of(frame, name, transform) for name in transform.columns]
    made = {name: _empty(dtype, frame.height) for name, dtype in held.items()}
    there = np.zeros(frame.height, dtype=bool)

    def fill(past: Past) -> None:
        there[past.rows] = True
        for column in columns:
            for part, values in column.over_windows(past, squared).items():
                made[f"{column.name}|{part}"][past.rows] = past.in_row_order(values)

    span = None if transform.span == "all" else length(transform.span)
    gap = length(transform.gap) if transform.gap else 0
    over_parts(fill, frame, keys, span, gap, on)
    return _as_struct(made, held, there, given.name)


@dataclass(frozen=True)
class _Column:
    """A column as windows read it, a value a row.

    `steps` are 0 without a number. `known` is 1 with a number, else 0; None if all rows have
    one. `storeys` is None if all are on the lowest. `extremes`: function -> values whose
    greatest is sought, -inf without a number.
    """

    name: str
    steps: Values
    known: Values | None
    storeys: Values | None
    extremes: Mapping[str, Values]

    @classmethod
    def of(cls, frame: pl.DataFrame, name: str, transform: Window) -> _Column:
        """From the frame of all rows."""
        counted = frame[f"counted|{name}"].struct.unnest()
        steps, storeys = counted["steps"], counted["storey"]
        return cls(
            name,
            steps.fill_null(0).to_numpy(),
            steps.is_not_null().cast(pl.Int64).to_numpy() if steps.null_count() else None,
            storeys.fill_null(0).to_numpy() if storeys.max() else None,
            {
                function: (frame[f"value|{name}"] * (1.0 if function == "max" else -1.0))
                .fill_null(-math.inf)
                .to_numpy()
                for function in _extremes(transform)
            },
        )

    def over_windows(self, past: Past, squared: bool) -> dict[str, Values]:
        """The parts of each row's window, of the rows in the order of a part."""
        known, storeys = (
            None if values is None else past.sorted(values) for values in (self.known, self.storeys)
        )
        sums = _sums(past, past.sorted(self.steps), known, storeys, squared)
        extremes = {
            function: past.greatest(past.sorted(values))
            for function, values in self.extremes.items()
        }
        return sums | extremes


def _empty(dtype: type[pl.DataType], rows: int) -> Values:
    if dtype == pl.Float64:
        return np.full(rows, -np.inf)
    return np.zeros(rows, dtype=str(dtype).lower())


def _as_struct(
    made: dict[str, Values], held: Mapping[str, type[pl.DataType]], there: Values, name: str
) -> pl.Series:
    """One struct of all columns; null where a row is not there.

    Takes the columns out of `made` one at a time: each is as long as the whole table.
    """
    absent = None if there.all() else pl.Series(~there)

    def column_of(part: str) -> pl.Series:
        values = pl.Series(part, made.pop(part))
        if held[part] == pl.Float64:
            sign = -1.0 if part.endswith("|min") else 1.0
            values = pl.select(_or_null(pl.lit(values)) * sign).to_series()
        return values if absent is None else values.set(absent, None)

    return pl.DataFrame({part: column_of(part) for part in held}).to_struct(name)


def _seen(transform: Window | Lag | AsOf, context: Context) -> tuple[list[str], list[pl.Expr]]:
    """The names of the keys, and what a struct of rows begins with: their time and the keys."""
    keys = {f"key|{place}": column for place, column in enumerate(transform.by)}

    def key(column: str) -> pl.Expr:
        if context.types[column] != pl.String or isinstance(
            transform, AsOf
        ):  # whose keys are compared with another table's
            return pl.col(column)
        return (
            pl.col(column).cast(pl.Categorical(pl.Categories.random())).to_physical()
        )  # the fastest way to different numbers, by all cores

    return list(keys), [
        times(context).alias("at"),
        *(key(column).alias(name) for name, column in keys.items()),
    ]


def _feature_sources(transform: Window) -> dict[str, tuple[str, str]]:
    """Feature -> column and function."""
    pairs = ((column, function) for column in transform.columns for function in transform.functions)
    return dict(zip(transform.makes, pairs, strict=True))


def _sums(
    past: Past, steps: Values, known: Values | None, storeys: Values | None, squared: bool
) -> dict[str, Values]:
    """Over each window: numbers, steps, and for deviations the squares of steps in two limbs; in
    steps of the highest storey that one of them is on.

    Args:
        steps, known, storeys: of each sorted row its steps, 0 without a number; 1 with one, else 0,
            None if all have one; its storey, None if all are on the lowest.
    """
    on = past.on
    if storeys is None or not bool(on.any(storeys > 0)):
        return _of_storey(past, steps, known, squared) | {
            "storey": on.zeros(past.since.shape, dtype=on.int16)
        }
    made = dict.fromkeys(
        ("n", "sum", *(("high", "low") if squared else ())),
        on.zeros(past.since.shape, dtype=on.int64),
    )
    top = on.zeros(past.since.shape, dtype=on.int64)
    for storey in sorted(int(each) for each in on.unique_values(storeys)):
        on_it = storeys == storey
        part = _of_storey(
            past,
            on.where(on_it, steps, 0),
            on.astype(on_it, on.int64) if known is None else on.where(on_it, known, 0),
            squared,
        )
        up = on.where(part["n"] > 0, storey - top, 0) * exact_sums.UP
        made = {
            "n": made["n"] + part["n"],
            "sum": (made["sum"] >> on.where(up < 63, up, 63)) + part["sum"],
        } | _limbs_up(on, made, up, part)
        top = on.where(part["n"] > 0, storey, top)
    return made | {"storey": on.astype(top, on.int16)}


def _of_storey(past: Past, x: Values, known: Values | None, squared: bool) -> dict[str, Values]:
    """The sums over each window of numbers of one storey; no sum on the way needs more than 64
    bits.
    """
    made = {"n": past.counts if known is None else past.sums(known), "sum": past.sums(x)}
    if squared:
        high = x >> _HALF
        low = x - (high << _HALF)
        mixed, lowest = past.sums(high * low), past.sums(low * low)
        lowest = lowest + ((mixed & (2 ** (_HALF - 1) - 1)) << (_HALF + 1))
        made |= {
            "high": past.sums(high * high) + (mixed >> (_HALF - 1)) + (lowest >> _LIMB),
            "low": lowest & (2**_LIMB - 1),
        }
    return made


def _limbs_up(
    on: Any, made: dict[str, Values], up: Values, part: dict[str, Values]
) -> dict[str, Values]:
    """The squares in greater steps, and those of the next storey."""
    if "high" not in made:
        return {}
    high, low, twice = (
        made["high"],
        made["low"],
        2 * exact_sums.UP,
    )  # the square of a step grows by twice as many bits
    for grown in range(0, 2 * _LIMB, exact_sums.UP):  # storeys further up leave nothing of them
        more = up > grown
        low = on.where(more, (low >> twice) | ((high & (2**twice - 1)) << (_LIMB - twice)), low)
        high = on.where(more, high >> twice, high)
    low = low + part["low"]
    return {"high": high + part["high"] + (low >> _LIMB), "low": low & (2**_LIMB - 1)}


def _or_null(extreme: pl.Expr) -> pl.Expr:
    """The extreme of finite numbers; null of none."""
    return pl.when(extreme.is_finite()).then(extreme)


def _of(
    function: str, column: str, scale: exact_sums.Scale, of: Callable[[str, str], pl.Expr]
) -> pl.Expr:
    n, steps, storey = (of(column, part) for part in ("n", "sum", "storey"))
    match function:
        case "count":
            return n
        case "min" | "max":
            return of(column, function)
        case "sum":
            return exact_sums.total(steps, n, storey, scale)
        case "mean":
            return exact_sums.mean(steps, n, storey, scale)
        case _:
            return exact_sums.deviation(
                steps,
                of(column, "high").cast(pl.Int128) * 2**_LIMB + of(column, "low").cast(pl.Int128),
                n,
                storey,
                scale,
            )


# -- lags ---------------------------------------------------------------------------------------


def _lagged(transform: Lag, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    held = dict.fromkeys(transform.makes, pl.Float64)
    mark = f"{HELPER}{transform.makes[0]}"

    def looked_back(given: pl.Series) -> pl.Series:
        frame = given.struct.unnest()
        made = {name: np.full(frame.height, -np.inf) for name in held}
        columns = [
            frame[f"value|{column}"].fill_null(-math.inf).to_numpy() for column in transform.columns
        ]

        def fill(past: Past) -> None:
            found = (
                lagged
                for values in columns
                for lagged in past.lags(past.sorted(values), transform.moments)
            )
            for name, lagged in zip(held, found, strict=True):
                made[name][past.rows] = past.in_row_order(lagged)

        over_parts(fill, frame, keys, None, 0, context.on)
        return (
            pl.DataFrame(made, schema=held).with_columns(_or_null(pl.all())).to_struct(given.name)
        )

    keys, seen = _seen(transform, context)
    seen += [number(column).alias(f"value|{column}") for column in transform.columns]
    helper = pl.struct(seen).map_batches(looked_back, return_dtype=pl.Struct(held))
    inputs = (
        (context.order_by, *transform.by, column)
        for column in transform.columns
        for _ in transform.moments
    )
    return Made(
        {name: pl.col(mark).struct.field(name) for name in held},
        dict(zip(held, inputs, strict=True)),
        {mark: helper},
    )


# -- other data sets ------------------------------------------------------------------------------


def _joined(transform: AsOf, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    other = _joinable(transform, context)
    types = other.collect_schema()
    keys, seen = _seen(transform, context)
    held = {
        name: pl.Int8() if types[column] == pl.Boolean else types[column]
        for name, column in zip(transform.makes, transform.columns, strict=True)
    }
    past = _before(transform, other, keys, held)
    within = length(transform.within) if transform.within else None

    def looked_up(given: pl.Series) -> pl.Series:
        # of several rows of one moment the last in the order of their values, so that it is the
        # same one whatever order they are stored in
        theirs = run_in_memory(past.sort("at", *held))
        place = last_before(given.struct.unnest(), theirs, keys, within, context.on)
        return theirs.select(pl.col(name).gather(place) for name in held).to_struct(given.name)

    mark = f"{HELPER}{transform.makes[0]}"
    helper = pl.struct(seen).map_batches(looked_up, return_dtype=pl.Struct(held))
    inputs = {
        name: (context.order_by, *transform.by, f"{transform.dataset}.{column}")
        for name, column in zip(transform.makes, transform.columns, strict=True)
    }
    return Made({name: pl.col(mark).struct.field(name) for name in held}, inputs, {mark: helper})


def _joinable(transform: AsOf, context: Context) -> pl.LazyFrame:
    """The rows of the other data set.

    Raises: FeatureError: they are not there, lack a column, or have a key of another type.
    """
    other = context.others.get(transform.dataset)
    if other is None:
        raise FeatureError(
            f"rows are joined to '{transform.dataset}', which has not been published",
            f"Publish it first: assay run {transform.dataset}",
        )
    types = other.collect_schema()
    missing = sorted({*transform.columns, transform.time, *transform.by.values()} - set(types))
    if missing:
        raise FeatureError(
            f"'{transform.dataset}' has no {', '.join(missing)}",
            "Choose columns of its published version",
            Where(field=missing[0]),
        )
    for own, theirs in transform.by.items():
        if context.types[own] != types[theirs]:
            raise FeatureError(
                f"'{own}' is {context.types[own]}, and '{theirs}' of '{transform.dataset}' is {types[theirs]}",
                "Join by columns of the same type",
                Where(field=own),
            )
    return other


def _before(
    transform: AsOf, other: pl.LazyFrame, keys: Sequence[str], held: Mapping[str, pl.DataType]
) -> pl.LazyFrame:
    """The other rows that have a time and a key: `at`, the keys, and the columns as features."""
    dtype = other.collect_schema()[transform.time]
    named_keys = (
        pl.col(theirs).alias(key) for key, theirs in zip(keys, transform.by.values(), strict=True)
    )
    columns = (
        pl.col(column).cast(kind).alias(name)
        for column, (name, kind) in zip(transform.columns, held.items(), strict=True)
    )
    rows = other.select(moments(transform.time, dtype).alias("at"), *named_keys, *columns)
    return rows.drop_nulls(["at", *keys])


WINDOW = Kind(_fit_window, _windowed, arrays=True)
LAG = Kind(nothing_to_learn, _lagged, arrays=True)
AS_OF = Kind(nothing_to_learn, _joined, arrays=True)
