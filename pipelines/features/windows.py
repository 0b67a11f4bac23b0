"""Rows -> what the rows of the same key were before: over a span, or some moments back. Never the future, never the same moment.

Belongs here: what a row may look at. Stays out: exact sums (exact.py).
What is fitted is the range of each column, in which sums are counted. At inference the rows from before have to be there too: give them as history.
A row without a time or a key has no past, and is in nobody's.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from contracts.errors import FeatureError, Where
from contracts.transforms import AsOf, Lag, Window
from contracts.transforms.base import length
from pipelines.clean.kind import Fitted, Learning
from pipelines.clean.moments import Range, ranges
from pipelines.features import exact
from pipelines.features.kind import HELPER, About, Kind, Made, moments, nothing_to_learn, number, times

_NEVER = -(2**62)  # before everything
_ALWAYS = 2**61


# -- windows ----------------------------------------------------------------------------------


def _fit_window(transform: Window, rows: pl.LazyFrame, about: About) -> Learning:
    times(about)  # refuses what is no time before anything is read
    seen = (yield {"ranges": rows.select(ranges(column).alias(column) for column in transform.columns)})["ranges"].to_dicts()[0]
    return Fitted({column: exact.kept(exact.within(seen[column])) for column in transform.columns})


def _windowed(transform: Window, fitted: Fitted, about: About) -> Made:
    at = times(about)
    span, gap = (_ALWAYS if transform.span == "all" else length(transform.span)), length(transform.gap) if transform.gap else 0
    there = pl.all_horizontal(at.is_not_null(), *(pl.col(key).is_not_null() for key in transform.by))
    when = pl.when(at.is_not_null())

    def rolled(value: pl.Expr, function: str, back: int) -> pl.Expr:
        # without the left end's opposite: the row itself, and every other of its moment, stay outside
        made: pl.Expr = getattr(when.then(value), f"rolling_{function}_by")(at.fill_null(_NEVER), window_size=f"{back}i", closed="left")
        return made.over(transform.by) if transform.by else made

    def total(value: pl.Expr) -> pl.Expr:
        """The sum of whole numbers in the window; less what is not known yet."""
        whole = rolled(value, "sum", min(span + gap, _ALWAYS)).fill_null(0)
        return whole - rolled(value, "sum", gap).fill_null(0) if gap else whole

    made: dict[str, pl.Expr] = {}
    names = iter(transform.makes)
    for column in transform.columns:
        within = Range(**fitted.values[column])
        steps = exact.steps(column, within)
        n = total(steps.is_not_null().cast(pl.Int64))
        for function in transform.functions:
            made[next(names)] = pl.when(there).then(_of(function, column, steps, n, within, rolled, total, span))
    return Made(made)


def _of(
    function: str, column: str, steps: pl.Expr, n: pl.Expr, within: Range, rolled: Callable[[pl.Expr, str, int], pl.Expr], total: Callable[[pl.Expr], pl.Expr], span: int
) -> pl.Expr:
    match function:
        case "count":
            return n
        case "min" | "max":
            return rolled(number(column), function, span)
        case "sum":
            return exact.total(total(steps), n, within)
        case "mean":
            return exact.mean(total(steps), n, within)
        case _:
            wide = steps.cast(pl.Int128)
            return exact.deviation(total(wide), total(wide * wide), n, within)


# -- lags ---------------------------------------------------------------------------------------


def _lagged(transform: Lag, fitted: Fitted, about: About) -> Made:  # noqa: ARG001
    at, keys, mark = times(about), list(transform.by), f"{HELPER}{transform.makes[0]}"
    held = {f"{mark}_{column}_{moment}": (column, moment) for column in transform.columns for moment in transform.moments}

    def step(frame: pl.LazyFrame) -> pl.LazyFrame:
        past = frame.select(at.alias(f"{mark}_at"), *keys, *(number(column).alias(column) for column in transform.columns)).drop_nulls([f"{mark}_at", *keys])
        past = past.group_by(f"{mark}_at", *keys).agg(pl.col(transform.columns).max()).sort(f"{mark}_at", *keys)
        back = [pl.col(column).shift(moment - 1) for column, moment in held.values()]
        past = past.select(f"{mark}_at", *keys, *((value.over(keys) if keys else value).alias(name) for name, value in zip(held, back, strict=True)))
        return _as_of(frame, past, at, mark, {key: key for key in keys}, None)

    there = pl.all_horizontal(at.is_not_null(), *(pl.col(key).is_not_null() for key in keys))
    made = {name: pl.when(there).then(pl.col(mark_)) for mark_, name in zip(held, transform.makes, strict=True)}
    return Made(made, {name: (about.order_by, *keys, column) for (column, _), name in zip(held.values(), transform.makes, strict=True)}, step=step)


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


# -- other data sets ------------------------------------------------------------------------------


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
