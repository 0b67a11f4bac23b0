"""Rows -> what the rows of the same key were before: over a span, or some moments back. Never the future, never the same moment.

Belongs here: what a row may look at. Stays out: exact sums (exact.py).
What is fitted is the range of each column, in which sums are counted. At inference the rows from before have to be there too: give them as history.
A row without a time or a key has no past, and is in nobody's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from contracts.errors import FeatureError, Where
from contracts.transforms import AsOf, Lag, Window
from contracts.transforms.base import length
from pipelines.clean.kind import Fitted, Learning
from pipelines.clean.moments import Range, ranges
from pipelines.engine import run_in_memory
from pipelines.features import exact
from pipelines.features.kind import HELPER, About, Kind, Made, moments, nothing_to_learn, number, times
from pipelines.features.past import Array, Past, last_before, over_parts

_HALF = 20
"""Bits by which squares are taken apart."""


# -- windows ----------------------------------------------------------------------------------


def _fit_window(transform: Window, rows: pl.LazyFrame, about: About) -> Learning:
    times(about)  # refuses what is no time before anything is read
    seen = (yield {"ranges": rows.select(ranges(column).alias(column) for column in transform.columns)})["ranges"].to_dicts()[0]
    return Fitted({column: exact.kept(exact.within(seen[column])) for column in transform.columns})


def _windowed(transform: Window, fitted: Fitted, about: About) -> Made:
    within = {column: Range(**fitted.values[column]) for column in transform.columns}
    span, gap = (None if transform.span == "all" else length(transform.span)), length(transform.gap) if transform.gap else 0
    extremes = [function for function in transform.functions if function in ("min", "max")]
    parts = ["n", "sum", *(("high", "mixed", "low") if "std" in transform.functions else ())]
    held = {**{f"{column}|{part}": pl.Int64 for column in transform.columns for part in parts}, **{f"{column}|{f}": pl.Float64 for column in transform.columns for f in extremes}}
    mark = f"{HELPER}{transform.makes[0]}"

    def looked_back(given: pl.Series) -> pl.Series:
        frame = given.struct.unnest()
        made = {name: np.zeros(frame.height, dtype=np.int64) if kind == pl.Int64 else np.full(frame.height, -np.inf) for name, kind in held.items()}
        there = np.zeros(frame.height, dtype=bool)
        steps = {column: frame[f"steps|{column}"] for column in transform.columns}
        x = {column: each.fill_null(0).to_numpy() for column, each in steps.items()}
        counted = {column: each.is_not_null().cast(pl.Int64).to_numpy() for column, each in steps.items() if each.null_count()}
        signed = {
            f"{column}|{function}": (frame[f"value|{column}"] * (1.0 if function == "max" else -1.0)).fill_null(-math.inf).to_numpy()
            for column in transform.columns
            for function in extremes
        }

        def fill(past: Past) -> None:
            there[past.rows] = True
            for column in transform.columns:
                for part, values in _sums(past, x[column], counted.get(column), parts):
                    made[f"{column}|{part}"][past.rows] = past.told(values)
            for name, values in signed.items():
                made[name][past.rows] = past.told(past.greatest(past.sorted(values)))

        over_parts(fill, frame, keys, span, gap, about.on)
        without = None if there.all() else pl.Series(~there)

        def told(name: str) -> pl.Series:
            values = pl.Series(name, made.pop(name))  # one at a time: each is a column of the whole table
            if held[name] == pl.Float64:
                values = pl.select(_or_null(pl.lit(values)) * (-1.0 if name.endswith("|min") else 1.0)).to_series()
            return values if without is None else values.set(without, None)

        return pl.DataFrame({name: told(name) for name in held}).to_struct(given.name)

    keys, seen = _seen(transform, about)
    seen += [exact.steps(column, each).alias(f"steps|{column}") for column, each in within.items()]
    seen += [number(column).alias(f"value|{column}") for column in transform.columns if extremes]
    helper = pl.struct(seen).map_batches(looked_back, return_dtype=pl.Struct(held))

    def of(column: str, part: str) -> pl.Expr:
        return pl.col(mark).struct.field(f"{column}|{part}")

    made = {name: _of(function, column, within[column], of) for name, (column, function) in _asked(transform).items()}
    return Made(made, {name: (about.order_by, *transform.by, column) for name, (column, _) in _asked(transform).items()}, {mark: helper})


def _seen(transform: Window | Lag | AsOf, about: About) -> tuple[list[str], list[pl.Expr]]:
    """The names of the keys, and what a struct of rows begins with: their time and the keys."""
    keys = {f"key|{place}": column for place, column in enumerate(transform.by)}

    def key(column: str) -> pl.Expr:
        if about.types[column] != pl.String or isinstance(transform, AsOf):  # whose keys are held against another table's
            return pl.col(column)
        return pl.col(column).cast(pl.Categorical(pl.Categories.random())).to_physical()  # the fastest way to different numbers, by all cores

    return list(keys), [times(about).alias("at"), *(key(column).alias(name) for name, column in keys.items())]


def _asked(transform: Window) -> dict[str, tuple[str, str]]:
    """Feature -> column and function."""
    pairs = ((column, function) for column in transform.columns for function in transform.functions)
    return dict(zip(transform.makes, pairs, strict=True))


def _sums(past: Past, steps: Array, counted: Array | None, parts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Over each window: rows, steps, and for deviations the squares of steps in three parts, none of whose sums needs more than 64 bits.

    Args:
        steps: of each row, 0 where it has none. counted: 1 for a row that has some, else 0; None where every row has.
    """
    x = past.sorted(steps)
    yield "n", past.counts if counted is None else past.sums(past.sorted(counted))
    yield "sum", past.sums(x)
    if "high" in parts:
        high = x >> _HALF
        low = x - (high << _HALF)
        yield "high", past.sums(high * high)
        yield "mixed", past.sums(high * low)
        yield "low", past.sums(low * low)


def _or_null(extreme: pl.Expr) -> pl.Expr:
    """The extreme of finite numbers; null of none."""
    return pl.when(extreme.is_finite()).then(extreme)


def _of(function: str, column: str, within: Range, of: Callable[[str, str], pl.Expr]) -> pl.Expr:
    n, steps = of(column, "n"), of(column, "sum")
    match function:
        case "count":
            return n
        case "min" | "max":
            return of(column, function)
        case "sum":
            return exact.total(steps, n, within)
        case "mean":
            return exact.mean(steps, n, within)
        case _:
            high, mixed, low = (of(column, part).cast(pl.Int128) for part in ("high", "mixed", "low"))
            return exact.deviation(steps, high * 2 ** (2 * _HALF) + mixed * 2 ** (_HALF + 1) + low, n, within)


# -- lags ---------------------------------------------------------------------------------------


def _lagged(transform: Lag, fitted: Fitted, about: About) -> Made:  # noqa: ARG001
    held = dict.fromkeys(transform.makes, pl.Float64)
    mark = f"{HELPER}{transform.makes[0]}"

    def looked_back(given: pl.Series) -> pl.Series:
        frame = given.struct.unnest()
        made = {name: np.full(frame.height, -np.inf) for name in held}
        columns = [frame[f"value|{column}"].fill_null(-math.inf).to_numpy() for column in transform.columns]

        def fill(past: Past) -> None:
            found = (lagged for values in columns for lagged in past.lags(past.sorted(values), transform.moments))
            for name, lagged in zip(held, found, strict=True):
                made[name][past.rows] = past.told(lagged)

        over_parts(fill, frame, keys, None, 0, about.on)
        return pl.DataFrame(made, schema=held).with_columns(_or_null(pl.all())).to_struct(given.name)

    keys, seen = _seen(transform, about)
    seen += [number(column).alias(f"value|{column}") for column in transform.columns]
    helper = pl.struct(seen).map_batches(looked_back, return_dtype=pl.Struct(held))
    inputs = ((about.order_by, *transform.by, column) for column in transform.columns for _ in transform.moments)
    return Made({name: pl.col(mark).struct.field(name) for name in held}, dict(zip(held, inputs, strict=True)), {mark: helper})


# -- other data sets ------------------------------------------------------------------------------


def _joined(transform: AsOf, fitted: Fitted, about: About) -> Made:  # noqa: ARG001
    other = about.others.get(transform.dataset)
    if other is None:
        raise FeatureError(f"the rows of '{transform.dataset}' are not at hand", f"Publish it: assay run {transform.dataset}")
    types = other.collect_schema()
    missing = sorted({*transform.columns, transform.time, *transform.by.values()} - set(types))
    if missing:
        raise FeatureError(f"'{transform.dataset}' has no {', '.join(missing)}", "Name columns of its published version", Where(field=missing[0]))
    for own, theirs in transform.by.items():
        if about.types[own] != types[theirs]:
            raise FeatureError(f"'{own}' is {about.types[own]}, and '{theirs}' of '{transform.dataset}' is {types[theirs]}", "Join by columns of one type", Where(field=own))
    keys, seen = _seen(transform, about)
    held = {name: pl.Int8() if types[column] == pl.Boolean else types[column] for name, column in zip(transform.makes, transform.columns, strict=True)}
    past = other.select(
        moments(transform.time, types[transform.time]).alias("at"),
        *(pl.col(theirs).alias(key) for key, theirs in zip(keys, transform.by.values(), strict=True)),
        *(pl.col(column).cast(kind).alias(name) for column, (name, kind) in zip(transform.columns, held.items(), strict=True)),
    ).drop_nulls(["at", *keys])

    def looked_up(given: pl.Series) -> pl.Series:
        # of several rows of one moment the last in the order of their values, so that it is the same one whatever order they are stored in
        theirs = run_in_memory(past.sort("at", *held))
        place = last_before(given.struct.unnest(), theirs, keys, length(transform.within) if transform.within else None, about.on)
        return theirs.select(pl.col(name).gather(place) for name in held).to_struct(given.name)

    mark = f"{HELPER}{transform.makes[0]}"
    helper = pl.struct(seen).map_batches(looked_up, return_dtype=pl.Struct(held))
    inputs = {name: (about.order_by, *transform.by, f"{transform.dataset}.{column}") for name, column in zip(transform.makes, transform.columns, strict=True)}
    return Made({name: pl.col(mark).struct.field(name) for name in held}, inputs, {mark: helper})


WINDOW = Kind(_fit_window, _windowed, arrays=True)
LAG = Kind(nothing_to_learn, _lagged, arrays=True)
AS_OF = Kind(nothing_to_learn, _joined, arrays=True)
