"""A version's frame and the contract's features -> fitted state, then the feature table, and the
same features of later rows.

Belongs here: running the transforms in order. Stays out: each transform (its own module), engines'
agreement (parity.py), where it is kept.
A transform may read what those before it made, so it is fitted after them; transforms that read
columns of the version only are fitted together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.features import Features
from assay.contracts.transforms import AnyTransform
from assay.pipelines.core.fitting import Collect, Fitted, Learning, collect_rounds, learn_together
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn
from assay.pipelines.features import (
    arithmetic,
    categories,
    clock,
    embedding,
    groups,
    scaling,
    target,
    texts,
    windows,
)
from assay.pipelines.features.privacy import Proxy, proxies
from assay.pipelines.features.selection import select
from assay.pipelines.features.state import State
from assay.pipelines.features.training import beginning_of_holdout, is_training
from assay.pipelines.features.transform_spec import Context, Kind, moments

KINDS: Mapping[str, Kind] = {
    "scale": scaling.SCALE,
    "quantile": scaling.QUANTILE,
    "log": scaling.LOG,
    "power": scaling.POWER,
    "bin": scaling.BIN,
    "polynomial": arithmetic.POLYNOMIAL,
    "ratio": arithmetic.RATIO,
    "difference": arithmetic.DIFFERENCE,
    "one_hot": categories.ONE_HOT,
    "label": categories.LABEL,
    "ordinal": categories.ORDINAL,
    "frequency": categories.FREQUENCY,
    "target": target.TARGET,
    "hash": categories.HASH,
    "cross": categories.CROSS,
    "embedding": embedding.EMBEDDING,
    "calendar": clock.CALENDAR,
    "cyclical": clock.CYCLICAL,
    "text_statistics": texts.TEXT_STATISTICS,
    "tfidf": texts.TFIDF,
    "ngram_hash": texts.NGRAM_HASH,
    "group": groups.GROUP,
    "window": windows.WINDOW,
    "lag": windows.LAG,
    "as_of": windows.AS_OF,
}
Others = Mapping[str, pl.LazyFrame]
"""The rows of other data sets, by data set."""
_NEW = "_of_new"


# -- features of a frame -------------------------------------------------------------------------


@dataclass(frozen=True)
class Applied:
    """A frame with every feature next to its own columns; each feature with the transform that made
    it and the columns of the version it is derived from.
    """

    frame: pl.LazyFrame
    by: Mapping[str, int]
    inputs: Mapping[str, tuple[str, ...]]


def _apply(
    frame: pl.LazyFrame,
    features: Features,
    fitted: Sequence[Fitted],
    last: int | None,
    others: Others,
    on: Any = np,
    in_pieces: bool = True,
) -> Applied:
    """Raises: FeatureError: two features would have one name."""
    types = dict(frame.collect_schema())
    own, by, inputs = set(types), dict[str, int](), dict[str, tuple[str, ...]]()
    helpers, columns = (
        dict[str, pl.Expr](),
        dict[str, pl.Expr](),
    )  # not added yet: what does not depend on another is computed at the same time
    for place, (transform, learned) in enumerate(zip(features.transforms, fitted, strict=False)):
        if columns.keys() & set(transform.reads):
            frame, helpers, columns = _with(frame, helpers, columns), {}, {}
        made = KINDS[transform.transform].made(
            transform, learned, _context(types, features, last, others, on, in_pieces)
        )
        for name, expression in made.columns.items():
            if name in by or name in own or (features.target and name == features.target.name):
                raise FeatureError(
                    f"two columns would be named '{name}'",
                    "Remove one of the transforms from assay.features",
                    Where(field=name),
                )
            read = made.inputs.get(name) or tuple(sorted(set(expression.meta.root_names())))
            inputs[name] = tuple(
                dict.fromkeys(source for column in read for source in inputs.get(column, (column,)))
            )
            by[name] = place
        helpers, columns = {**helpers, **made.helpers}, {**columns, **made.columns}
        types |= dict(
            _with(frame, made.helpers, made.columns).select(list(made.columns)).collect_schema()
        )
    return Applied(_with(frame, helpers, columns), by, inputs)


def _with(
    frame: pl.LazyFrame, helpers: Mapping[str, pl.Expr], columns: Mapping[str, pl.Expr]
) -> pl.LazyFrame:
    return (frame.with_columns(**helpers) if helpers else frame).with_columns(**columns)


def _context(
    types: Mapping[str, pl.DataType],
    features: Features,
    last: int | None,
    others: Others,
    on: Any = np,
    in_pieces: bool = True,
) -> Context:
    return Context(types, features.order_by, features.target, last, others, on, in_pieces)


def _standing(features: Features, applied: Applied) -> tuple[str, ...]:
    """What is in the table: of the transforms that say `keep`.

    Raises: FeatureError: a feature is no number.
    """
    names = tuple(name for name, place in applied.by.items() if features.transforms[place].keep)
    types = applied.frame.select(list(names)).collect_schema()
    for name in names:
        if not (types[name].is_numeric() or types[name] == pl.Boolean):
            raise FeatureError(
                f"the feature '{name}' is {types[name]}, but a feature must be a number",
                "Write `keep: false`, and use it in another transform",
                Where(field=name),
            )
    return names


# -- fitting --------------------------------------------------------------------------------------


def needed(features: Features, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of a frame that features are derived from, in its order; the target's are for
    fitting only.
    """
    wanted = {
        *features.reads,
        *(
            [features.order_by]
            if any(transform.by_time for transform in features.transforms)
            else []
        ),
    }
    return tuple(column for column in columns if column in wanted)


def fit(
    frame: pl.LazyFrame,
    features: Features,
    collect: Collect,
    *,
    holdout: float | None = None,
    others: Others | None = None,
) -> State:
    """Learn what every transform needs from the training rows, in as few passes as their dependence
    allows.

    Args:
        holdout: the share of the rows, the latest, that nothing is learned from; None learns from
            all.
        others: the rows of the other data sets that the transforms name.
    Raises: FeatureError: there is no training row, a column teaches nothing, or a transform cannot
    use it.
    """
    others = others or {}
    types = dict(frame.collect_schema())
    _require_columns(features, types)
    training, before, last, rows = _training(frame, features, collect, holdout)
    learned: dict[int, Fitted] = {}
    waiting: dict[int, Learning] = {}
    expected: set[str] = set()
    for place, transform in enumerate(features.transforms):
        if expected & set(transform.reads):
            learned |= collect_rounds(learn_together(waiting), collect)
            waiting, expected = {}, set()
        made = _made_so_far(
            frame, features, learned, last, others, set(transform.reads) - set(types)
        )
        whole = frame if made is None else made.frame
        context = _context(dict(whole.collect_schema()), features, last, others)
        training_rows = whole.with_row_index(ROW).filter(training)
        waiting[place] = KINDS[transform.transform].fit(transform, training_rows, context)
        expected |= set(transform.makes)
    learned |= collect_rounds(learn_together(waiting), collect)
    fitted = tuple(learned[place] for place in range(len(learned)))
    inputs = {column: str(types[column]) for column in needed(features, list(types))}
    state = State(features, inputs, before, last, rows, fitted)
    standing = _standing(features, _apply(frame, features, fitted, last, others))
    return replace(state, made=standing, kept=standing)


def _require_columns(features: Features, types: Mapping[str, pl.DataType]) -> None:
    """Raises: FeatureError: a column that features are derived from, or learned by, is missing."""
    target = [features.target.column] if features.target else []
    missing = sorted({*features.reads, features.order_by, *target} - set(types))
    if missing:
        raise FeatureError(
            f"the data frame lacks {', '.join(missing)}", "Use the columns of the published version"
        )


def _made_so_far(
    frame: pl.LazyFrame,
    features: Features,
    learned: Mapping[int, Fitted],
    last: int | None,
    others: Others,
    read: set[str],
) -> Applied | None:
    """The frame with what earlier transforms made, where this one reads any of it."""
    if not read:
        return None
    return _apply(frame, features, [learned[place] for place in range(len(learned))], last, others)


def _training(
    frame: pl.LazyFrame, features: Features, collect: Collect, holdout: float | None
) -> tuple[pl.Expr, int | None, int | None, int]:
    """What makes a row a training row; the times of the first row after them and of the last of
    them, and how many there are.
    """
    order = features.order_by
    training: pl.Expr = pl.lit(True)
    if holdout is not None:
        cut = collect([frame.select(beginning_of_holdout(order, holdout))])[0]
        training = is_training(order, pl.lit(cut.item(), cut.schema[order]))
    dtype = frame.collect_schema()[order]
    ordered = dtype.is_integer() or isinstance(dtype, pl.Datetime | pl.Date)
    at = moments(order, dtype) if ordered else pl.lit(None, pl.Int64)
    summary = collect(
        [
            frame.select(
                pl.len().alias("all"),
                training.sum().alias("rows") if holdout is not None else pl.len().alias("rows"),
                at.filter(training).max().alias("last"),
            )
        ]
    )[0]
    every, rows, last = summary.row(0)
    if not rows:
        remedy = (
            "Publish more rows, or choose another `holdout`"
            if every
            else "Publish a version with rows"
        )
        raise FeatureError(
            f"there is no training row among {every:,} rows: they cannot be split in time by '{order}'"
            if every
            else "there are no rows to fit on",
            remedy,
        )
    before = (
        None
        if holdout is None or not ordered
        else collect([frame.filter(~training).select(at.min())])[0].item()
    )
    return training, before, last, rows


# -- selecting, and what gives away what it should not
# --------------------------------------------------


def looked_through(
    frame: pl.LazyFrame,
    state: State,
    collect: Collect,
    protected: Sequence[str],
    others: Others | None = None,
) -> tuple[State, tuple[Proxy, ...]]:
    """Select features by the contract, and hold those that stay against the protected columns, on
    one sample of the training rows.

    Raises: FeatureError: nothing is left.
    """
    features = state.features
    if not features.select and not protected:
        return state, ()
    applied = _apply(frame, features, state.fitted, state.last, others or {})
    training = (
        pl.lit(True)
        if state.before is None
        else moments(features.order_by, frame.collect_schema()[features.order_by]) < state.before
    )
    label = [target.truth(features.target).alias("_label")] if features.target else []
    beside = [pl.col(column).alias(f"_protected_{column}") for column in protected]
    rows = (
        applied.frame.select(*state.made, *beside, *label, training.alias("_training"))
        .with_row_index(ROW)
        .filter("_training")
    )
    (count,) = collect([frame.filter(training).select(pl.len())])
    (found,) = collect([drawn(rows, features.sample_rows, count.item(), features.seed)])
    kept, scores = select(
        found, state.made, found["_label"] if label else None, features.select, features.seed
    )
    proxy_columns = proxies(
        found.select(
            *kept, *(pl.col(f"_protected_{column}").alias(column) for column in protected)
        ),
        {name: applied.inputs[name] for name in kept},
        protected,
        features.seed,
    )
    return replace(state, kept=kept, scores=scores), proxy_columns


# -- applying
# -----------------------------------------------------------------------------------------


def checked(frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
    """The columns that features are derived from.

    Raises: FeatureError: one is missing, or of another type.
    """
    types = frame.collect_schema()
    missing = [column for column in state.types if column not in types]
    if missing:
        raise FeatureError(
            f"the data frame lacks {', '.join(missing)}",
            "Use the columns of the published version",
            Where(field=missing[0]),
        )
    for column, wanted in state.types.items():
        if str(types[column]) != wanted and types[column] != pl.Null:
            raise FeatureError(
                f"'{column}' is {types[column]}, but was {wanted} when the features were fitted",
                "Cast it to that type",
                Where(field=column),
            )
    return frame


def transform(
    frame: pl.LazyFrame,
    state: State,
    *,
    history: pl.LazyFrame | None = None,
    others: Others | None = None,
) -> pl.LazyFrame:
    """The features of each row, in the order of the contract.

    Args:
        frame: rows with the columns of the published version.
        history: rows from before, which windows and lags look back at; they are not given back.
        others: the rows of the other data sets that the transforms name.
    Raises: FeatureError: the frame lacks a column that the features are derived from, or has it in
    another type.
    """
    rows = checked(frame, state).select(list(state.types))
    past = checked(history, state).select(list(state.types)) if history is not None else None
    rows, past = _typed(rows, past, state), _typed(past, rows, state) if past is not None else None
    if past is not None:
        rows = pl.concat(
            [
                past.with_columns(pl.lit(False).alias(_NEW)),
                rows.with_columns(pl.lit(True).alias(_NEW)),
            ]
        )
    applied = _apply(
        rows, state.features, state.fitted, state.last, others or {}, in_pieces=False
    )  # whoever collects them may have a GPU
    return (applied.frame if history is None else applied.frame.filter(_NEW)).select(state.kept)


def _typed(frame: pl.LazyFrame, beside: pl.LazyFrame | None, state: State) -> pl.LazyFrame:
    """Columns of nothing but nulls, with the type they ought to have: that of the frame next to, or
    of what the settings were fitted on.
    """
    types, known = frame.collect_schema(), beside.collect_schema() if beside is not None else {}
    nulls = {name: wanted for name, wanted in state.types.items() if types[name] == pl.Null}
    return frame.with_columns(
        pl.col(name).cast(_named(wanted) if known.get(name, pl.Null) == pl.Null else known[name])
        for name, wanted in nulls.items()
    )


def _named(name: str) -> pl.DataType:
    """A type by what it is called."""
    whole = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
    simple = {
        str(kind()): kind()
        for kind in (*whole, pl.Float32, pl.Float64, pl.String, pl.Boolean, pl.Date)
    }
    if name in simple:
        return simple[name]
    if name.startswith("Decimal("):
        return pl.Decimal(*map(int, re.findall("[0-9]+", name)))
    if name.startswith("Datetime(time_unit='us'"):
        return pl.Datetime("us", name.partition("time_zone='")[2].partition("'")[0] or None)
    raise FeatureError(
        f"a column of nulls has no type, but {name} is required", f"Cast it to {name}"
    )


def table(
    frame: pl.LazyFrame,
    state: State,
    *,
    others: Others | None = None,
    on: Any = np,
    in_pieces: bool = True,
) -> pl.LazyFrame:
    """The feature table: the ordering column, the features, and the target (null where its column
    is).

    Args:
        on: the array library that computes what expressions cannot say
            (pipelines.core.engine.arrays).
        in_pieces: the engine takes rows piece by piece (pipelines.core.engine.in_pieces).
    """
    applied = _apply(
        checked(frame, state), state.features, state.fitted, state.last, others or {}, on, in_pieces
    )
    goal = state.features.target
    label = [target.truth(goal).alias(goal.name)] if goal else []
    return applied.frame.select(pl.col(state.features.order_by), *state.kept, *label)


def lineage(
    frame: pl.LazyFrame, state: State, others: Others | None = None
) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """Feature -> the columns it is derived from (of other data sets as `dataset.column`), and -> the
    place of its transform.
    """
    applied = _apply(frame, state.features, state.fitted, state.last, others or {})
    return {name: applied.inputs[name] for name in state.kept}, {
        name: applied.by[name] for name in state.kept
    }


def transform_of(state: State, place: int) -> AnyTransform:
    """The transform at a place."""
    return state.features.transforms[place]
