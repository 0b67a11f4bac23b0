"""Records whose cells are in the wrong column -> in the right one.

Belongs here: cells that have moved by one column from some column on, and a cell that has swallowed
the next one. Stays out: what a cell should hold.
A column knows its own cells by its type, and where that is text by the words it mostly holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from assay.contracts.model import Column
from assay.contracts.steps import Align
from assay.contracts.types import read
from assay.pipelines.clean.dependencies import NESTED
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.core.fitting import Fitted, Learning

DOMAIN = 200  # values of a column that is known by its words
_COVERED = 0.9  # share of a column's cells that these must be
# so many more cells must fit before a record has moved, and so many must not before it is odd
_FITTING = 3
_MOVED, _ODD = "_moved", 10_000

Signs = np.ndarray[tuple[int, ...], np.dtype[np.int32]]


def _names(step: Align, columns: Columns) -> list[str]:
    return [name for name in step.columns or columns if columns[name].logical_type not in NESTED]


def _fit(step: Align, rows: pl.LazyFrame, columns: Columns) -> Learning:
    texts = {
        f"{index}": name
        for index, name in enumerate(_names(step, columns))
        if columns[name].logical_type == "string"
    }
    plans = {index: _frequent(rows, name, step.support) for index, name in texts.items()}
    plans |= {
        f"{index} given": rows.select((pl.col(name) != "").sum()) for index, name in texts.items()
    }
    found = (yield plans) if plans else {}
    known = {
        name: found[index]["value"].to_list()
        for index, name in texts.items()
        if _is_domain(found[index], found[f"{index} given"].item())
    }
    return Fitted(known)


def _frequent(rows: pl.LazyFrame, name: str, support: int) -> pl.LazyFrame:
    counted = (
        rows.select(pl.col(name).alias("value"))
        .filter(pl.col("value") != "")
        .group_by("value")
        .len()
    )
    return (
        counted.filter(pl.col("len") >= support)
        .sort("len", "value", descending=[True, False])
        .head(DOMAIN + 1)
    )


def _is_domain(frequent: pl.DataFrame, given: int) -> bool:
    return 0 < frequent.height <= DOMAIN and int(frequent["len"].sum()) >= _COVERED * given


def _effect(step: Align, fitted: Fitted, columns: Columns) -> Effect:
    names = _names(step, columns)
    parted, torn = _parted(names, columns, fitted)
    moved = pl.struct(names).map_batches(
        _mover([columns[name] for name in names], fitted),
        return_dtype=pl.Int32,
        is_elementwise=True,
    )
    code = pl.col(_MOVED)
    changes: dict[str, pl.Expr] = {}
    for at, name in enumerate(names):
        stays = parted.get(name, pl.col(name))
        from_left = pl.col(names[at - 1]) if at else pl.lit(None, pl.String)
        from_right = pl.col(names[at + 1]) if at + 1 < len(names) else pl.lit(None, pl.String)
        to_right, to_left = code.is_between(1, at), code.is_between(-at - 1, -1)
        changes[name] = (
            pl.when(code == at + 1)
            .then(None)
            .when(to_right)
            .then(from_left)
            .when(to_left)
            .then(from_right)
            .otherwise(stays)
        )
    odd = (code == _ODD) & ~torn
    return Effect(
        changes,
        helpers={_MOVED: moved},
        flags=odd if step.unclear == "flag" else None,
        sets_aside=odd if step.unclear == "set_aside" else None,
    )


def _mover(columns: Sequence[Column], fitted: Fitted) -> Callable[[pl.Series], pl.Series]:
    """How each record has moved: k+1 where the cells from column k on belong one to the right,
    -(k+1) where those after k belong one to the left, 0 where they stand well, `_ODD` where they do
    not and no one way is right.
    """

    def judge(values: pl.Series) -> pl.Series:
        rows = values.struct.unnest()
        width, here = len(columns), _signs(rows, columns, fitted, 0)
        empty = np.array(
            [
                (rows[column.name].is_null() | (rows[column.name] == "")).to_numpy()
                for column in columns
            ]
        )
        ways = [
            (
                at + 1,
                _moved_score(here, _signs(rows, columns, fitted, -1), at, 1),
                empty[-1] & ~empty[at],
            )
            for at in range(width - 1)
        ]
        ways += [
            (-at - 1, _moved_score(here, _signs(rows, columns, fitted, 1), at, -1), empty[at])
            for at in range(width - 1)
        ]
        before = here.sum(axis=0)
        scores = np.array(
            [
                np.where(possible & (bad == 0) & (good - before >= _FITTING), good, -1)
                for _, (good, bad), possible in ways
            ]
        )
        best = scores.max(axis=0)
        alone = (scores == best).sum(axis=0) == 1
        code = np.array([one for one, _, _ in ways])[scores.argmax(axis=0)]
        odd = np.where((here < 0).sum(axis=0) >= _FITTING, _ODD, 0)
        return pl.Series(np.where((best >= 0) & alone, code, odd), dtype=pl.Int32)

    return lambda values: (
        judge(values)
        if values.len() and len(columns) > 1
        else pl.repeat(0, values.len(), dtype=pl.Int32, eager=True)
    )


def _moved_score(here: Signs, beside: Signs, at: int, way: int) -> tuple[Signs, Signs]:
    """How many cells more fit than do not, and how many do not, were those from `at` on moved."""
    cells = np.concatenate([here[:at], beside[at + 1 :] if way == 1 else beside[at:]])
    return cells.sum(axis=0), (cells < 0).sum(axis=0)


def _signs(rows: pl.DataFrame, columns: Sequence[Column], fitted: Fitted, offset: int) -> Signs:
    """Column by record: 1 where the cell `offset` columns further would fit the column, -1 where it
    would not, 0 where nothing can be said.
    """
    signs = []
    for at, column in enumerate(columns):
        source = at + offset
        known: list[str] = fitted.values.get(column.name) or []
        if not 0 <= source < len(columns) or (column.logical_type == "string" and not known):
            signs.append(np.zeros(rows.height, dtype=np.int32))
            continue
        cell = rows.select(pl.col(columns[source].name).alias(column.name))
        fits = (
            pl.col(column.name).is_in(known)
            if column.logical_type == "string"
            else read(column).is_not_null()
        )
        given = pl.col(column.name).is_not_null() & (pl.col(column.name) != "")
        misfit = (
            0 if column.logical_type == "string" else -1
        )  # a word that is new may still be right
        signs.append(
            cell.select(pl.when(~given).then(0).when(fits).then(1).otherwise(misfit).cast(pl.Int32))
            .to_series()
            .to_numpy()
        )
    return np.array(signs)


def _parted(
    names: Sequence[str], columns: Columns, fitted: Fitted
) -> tuple[dict[str, pl.Expr], pl.Expr]:
    """Cells that end in a value of the next column, which is empty: `Madison WI`, `` -> `Madison`,
    `WI`; and where that is so.
    """
    changes: dict[str, pl.Expr] = {}
    torn = pl.lit(False)
    for name, following in itertools.pairwise(names):
        known = fitted.values.get(following)
        if columns[name].logical_type != "string" or not known or name in changes:
            continue
        head, tail = (
            pl.col(name).str.extract(r"^(.*\S)\s+\S+$"),
            pl.col(name).str.extract(r"\s(\S+)$"),
        )
        empty = pl.col(following).is_null() | (pl.col(following) == "")
        here = (empty & tail.is_in(known) & head.is_not_null()).fill_null(False)
        changes |= {
            name: pl.when(here).then(head).otherwise(pl.col(name)),
            following: pl.when(here).then(tail).otherwise(pl.col(following)),
        }
        torn = torn | here
    return changes, torn


ALIGN = Kind(_fit, _effect, corrects=True)
