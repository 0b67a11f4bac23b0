"""Rows -> what the rows of the same key were before: over a span, or some moments back. Never the future, never the same moment.

Belongs here: what a row may look at. Stays out: exact sums (exact.py).
What is fitted is the range of each column, in which sums are counted. At inference the rows from before have to be there too: give them as history.
A row without a time or a key has no past, and is in nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from contracts.errors import FeatureError, Where
from contracts.transforms import AsOf, Lag, Window
from contracts.transforms.base import length
from pipelines.clean.kind import Fitted, Learning
from pipelines.clean.moments import Range, ranges
from pipelines.features import exact
from pipelines.features.kind import HELPER, About, Kind, Made, moments, nothing_to_learn, number, times
from pipelines.features.past import by_key_and_time

_NEVER = -(2**62)  # before everything
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
        made = {name: np.zeros(frame.height, dtype=np.int64) if kind == pl.Int64 else np.full(frame.height, np.nan) for name, kind in held.items()}
        there = np.zeros(frame.height, dtype=bool)
        for past, _ in by_key_and_time(frame, keys, span, gap):
            there[past.rows] = True
            for column in transform.columns:
                for part, values in _whole_numbers(frame[f"steps|{column}"].gather(past.rows), parts).items():
                    made[f"{column}|{part}"][past.rows] = past.sums(values)
                for function in extremes:
                    made[f"{column}|{function}"][past.rows] = past.extremes(frame[f"value|{column}"], function).fill_null(float("nan")).to_numpy()
        told = pl.DataFrame({**made, "there": there}).with_columns(pl.col(pl.Float64).fill_nan(None))
        return told.select(pl.when("there").then(pl.col(name)).alias(name) for name in held).to_struct(given.name)

    keys, seen = _seen(transform, about)
    seen += [exact.steps(column, each).alias(f"steps|{column}") for column, each in within.items()]
    seen += [number(column).alias(f"value|{column}") for column in transform.columns if extremes]
    helper = pl.struct(seen).map_batches(looked_back, return_dtype=pl.Struct(held))

    def of(column: str, part: str) -> pl.Expr:
        return pl.col(mark).struct.field(f"{column}|{part}")

    made = {name: _of(function, column, within[column], of) for name, (column, function) in _asked(transform).items()}
    return Made(made, {name: (about.order_by, *transform.by, column) for name, (column, _) in _asked(transform).items()}, {mark: helper})


def _seen(transform: Window | Lag, about: About) -> tuple[list[str], list[pl.Expr]]:
    """The names of the keys, and what a struct of rows begins with: their time and the keys."""
    keys = {f"key|{place}": column for place, column in enumerate(transform.by)}
    return list(keys), [times(about).alias("at"), *(pl.col(column).alias(name) for name, column in keys.items())]


def _asked(transform: Window) -> dict[str, tuple[str, str]]:
    """Feature -> column and function."""
    pairs = ((column, function) for column in transform.columns for function in transform.functions)
    return dict(zip(transform.makes, pairs, strict=True))


def _whole_numbers(steps: pl.Series, parts: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """What is added up: rows, steps, and for deviations the squares of steps in three parts, none of whose sums needs more than 64 bits."""
    x = steps.fill_null(0).to_numpy()
    made = {"n": steps.is_not_null().cast(pl.Int64).to_numpy(), "sum": x}
    if "high" in parts:
        high = x >> _HALF
        low = x - (high << _HALF)
        made |= {"high": high * high, "mixed": high * low, "low": low * low}
    return made


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
        made = {name: np.full(frame.height, np.nan) for name in held}
        for past, key in by_key_and_time(frame, keys, None, 0):
            found = (values for column in transform.columns for values in past.lags(frame[f"value|{column}"], transform.moments, key))
            for name, values in zip(held, found, strict=True):
                made[name][past.rows] = values
        return pl.DataFrame(made, schema=held).with_columns(pl.all().fill_nan(None)).to_struct(given.name)

    keys, seen = _seen(transform, about)
    seen += [number(column).alias(f"value|{column}") for column in transform.columns]
    helper = pl.struct(seen).map_batches(looked_back, return_dtype=pl.Struct(held))
    inputs = ((about.order_by, *transform.by, column) for column in transform.columns for _ in transform.moments)
    return Made({name: pl.col(mark).struct.field(name) for name in held}, dict(zip(held, inputs, strict=True)), {mark: helper})


# -- other data sets ------------------------------------------------------------------------------


def _as_of(frame: pl.LazyFrame, past: pl.LazyFrame, at: pl.Expr, mark: str, keys: dict[str, str], within: int | None) -> pl.LazyFrame:
    """Each row with the last row of the past from before its moment, in the order the rows came in.

    Args:
        past: `<mark>_at` and the keys, with columns of names of their own; sorted by time.
        keys: ours -> theirs.
    """
    ours = frame.with_row_index(f"{mark}_row").with_columns(at.fill_null(_NEVER).alias(f"{mark}_at")).sort(f"{mark}_at", maintain_order=True)
    joined = ours.join_asof(
        past, on=f"{mark}_at", by_left=list(keys) or None, by_right=list(keys.values()) or None, strategy="backward", allow_exact_matches=False,
        tolerance=within, check_sortedness=False,
    )  # fmt: skip
    return joined.sort(f"{mark}_row")


def _joined(transform: AsOf, fitted: Fitted, about: About) -> Made:  # noqa: ARG001
    """Source: Polars' join_asof, backward, without exact matches."""
    at, mark = times(about), f"{HELPER}{transform.makes[0]}"
    other = about.others.get(transform.dataset)
    if other is None:
        raise FeatureError(f"the rows of '{transform.dataset}' are not at hand", f"Publish it: assay run {transform.dataset}")
    types = other.collect_schema()
    missing = sorted({*transform.columns, transform.time, *transform.by.values()} - set(types))
    if missing:
        raise FeatureError(f"'{transform.dataset}' has no {', '.join(missing)}", "Name columns of its published version", Where(field=missing[0]))
    keys = {ours: f"{mark}_key_{theirs}" for ours, theirs in transform.by.items()}
    held = {f"{mark}_{column}": column for column in transform.columns}

    def step(frame: pl.LazyFrame) -> pl.LazyFrame:
        past = other.select(
            moments(transform.time, types[transform.time]).alias(f"{mark}_at"),
            *(pl.col(theirs).alias(keys[ours]) for ours, theirs in transform.by.items()),
            *(pl.col(column).alias(name) for name, column in held.items()),
        ).drop_nulls([f"{mark}_at", *keys.values()])
        # of several rows of one moment the last in the order of their values, so that it is the same one whatever order they are stored in
        past = past.sort([f"{mark}_at", *keys.values(), *held]).unique([f"{mark}_at", *keys.values()], keep="last", maintain_order=True)
        return _as_of(frame, past, at, mark, keys, length(transform.within) if transform.within else None)

    made = {name: pl.col(mark_).cast(pl.Int8) if types[column] == pl.Boolean else pl.col(mark_) for name, (mark_, column) in zip(transform.makes, held.items(), strict=True)}
    return Made(made, {name: (about.order_by, *transform.by, f"{transform.dataset}.{column}") for name, column in zip(transform.makes, transform.columns, strict=True)}, step=step)


WINDOW = Kind(_fit_window, _windowed)
LAG = Kind(nothing_to_learn, _lagged)
AS_OF = Kind(nothing_to_learn, _joined)
