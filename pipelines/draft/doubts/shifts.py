"""Rows in their order -> columns that are written or measured otherwise from some row on.

Belongs here: one break between two parts that are even in themselves. Stays out: drift between
versions (pipelines/drift).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.clean.shapes import form
from assay.pipelines.draft.doubts.doubt import Column, Suspicion, Table

_BLOCKS = 20
_LEAST_ROWS = 400  # 20 rows a block
_SHARE = 0.6
"""By how much the share of missing values, or of one shape, must change."""
_LOG_SCALE = 0.25
"""By how much the logarithm of a median must change: 1.3 times."""
_CLEAR = 6
"""By how many standard deviations within the parts they must differ; the halves of a straight trend
differ by 3.5.
"""


def shifted_columns(table: Table) -> Iterator[Suspicion]:
    """Columns that change at one row: in missing values, in shape, or in scale."""
    if table.sample.height < _LEAST_ROWS:
        return
    names = [name for name, column in table.columns.items() if column.given]
    block = (pl.int_range(pl.len()) * _BLOCKS // pl.len()).alias("_block")
    features = [
        feature.alias(f"{kind} {index}")
        for index, name in enumerate(names)
        for kind, feature in _features(table.columns[name]).items()
    ]
    measured = table.sample.group_by(block).agg(features).sort("_block")
    for index, name in enumerate(names):
        for kind in _features(table.columns[name]):
            values = measured[f"{kind} {index}"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            if kind == "scale":
                if not (values > 0).all():
                    continue
                values = np.log(values)  # another unit multiplies what varies, too
            at = _break(values, kind)
            if at is None or _is_sorted(table.sample[name]):
                continue
            row = at * table.sample.height // _BLOCKS
            yield Suspicion(
                problem=f"{_WORDS[kind]} change at about row {row:,}, and stay so",
                rule="read the two parts as two sources, or convert one of them",
                confidence=0.75,
                columns=(name,),
                count=min(row, table.sample.height - row),
                rows=table.sample.height,
            )
            break


_WORDS = {
    "missing": "missing values",
    "shape": "the shapes of values",
    "scale": "the sizes of numbers",
}


def _features(column: Column) -> dict[str, pl.Expr]:
    """What is measured of each block of rows."""
    cell = pl.col(column.name)
    features = {"missing": cell.is_null().mean()}
    if column.is_numeric and column.texts.height > 10:
        number = cell.str.strip_chars().cast(pl.Float64, strict=False)
        return features | {"scale": number.median()}
    if column.profile.kind == "string" and not column.is_prose and column.texts.height > 1:
        shape = column.texts.group_by(form(pl.col("value"))).agg(pl.col("rows").sum())
        dominant = shape.sort("rows", "value", descending=True)["value"][0]
        return features | {"shape": (form(cell) == dominant).mean()}
    return features


def _break(values: Any, kind: str) -> int | None:
    """The block from which on the values are others, if they are even before and after it."""
    best, best_at = 0.0, None
    for at in range(2, len(values) - 1):
        left, right = values[:at], values[at:]
        if np.isnan(left).any() or np.isnan(right).any():
            continue
        is_apart = right.min() > left.max() or left.min() > right.max()
        difference = abs(left.mean() - right.mean())
        within = np.sqrt((len(left) * left.var() + len(right) * right.var()) / len(values))
        clear = difference / max(within, 1e-12)
        if is_apart and clear > max(best, _CLEAR) and _is_large(left, right, kind):
            best, best_at = clear, at
    return best_at


def _is_large(left: Any, right: Any, kind: str) -> bool:
    first, second = float(np.median(left)), float(np.median(right))
    return abs(first - second) >= (_SHARE if kind != "scale" else _LOG_SCALE)


def _is_sorted(cells: pl.Series) -> bool:
    """Whether the rows are, nearly, in the order of the column."""
    numbers = cells.str.strip_chars().cast(pl.Float64, strict=False)
    values = numbers if numbers.null_count() < 0.5 * len(cells) else cells
    values = values.drop_nulls()
    if len(values) < 2:
        return True
    down = (values.slice(1) < values.slice(0, len(values) - 1)).mean()
    up = (values.slice(1) > values.slice(0, len(values) - 1)).mean()
    return min(float(down or 0), float(up or 0)) < 0.05  # type: ignore[arg-type]  # of booleans
