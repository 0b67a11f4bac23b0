"""Columns in which something is found -> a few replacements, before and after, without the values.

Belongs here: the sample that a person reads before the first run, or before a decision. Stays out:
finding (personal.py), replacing (redact.py).
Letters and digits are shown by their shape, so that a replacement inside a word is seen and no
person is: `Xxxx xxx@xxxxxxx.xxx xxxxx` became `Xxxx <EMAIL> xxxxx`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

import polars as pl

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit import personal
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.admit.redact import redactions
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.frames import ROW

MOST = 3
_AROUND = 60  # characters that are shown


@dataclass(frozen=True)
class Sample:
    """One replacement: the shapes of the text before and after it."""

    before: str
    after: str


def replacement_samples(
    frame: pl.LazyFrame, columns: Sequence[str], region: str = "global"
) -> dict[str, tuple[Sample, ...]]:
    """The first replacements in each of these text columns, at most `MOST` a column."""
    found = {
        column: pl.concat(
            run_together(personal.spans(frame, [column], regions=PhoneRegions(region)))
        )
        for column in columns
    }
    return {column: _samples(frame, column, found[column]) for column in columns}


def samples_of_found(
    frame: pl.LazyFrame, found: pl.DataFrame, columns: Sequence[str]
) -> dict[str, tuple[Sample, ...]]:
    """The first replacements in each of these columns, as `redact` would replace what is found.

    Args:
        frame: `_row` and the columns; what is not text is shown as text.
        found: `_row`, `column`, `kind` and `value` of every personal value.
    """
    texts = frame.select(ROW, pl.col(columns).cast(pl.String))
    return {column: _samples(texts, column, found.filter(column=column)) for column in columns}


def _samples(frame: pl.LazyFrame, column: str, found: pl.DataFrame) -> tuple[Sample, ...]:
    rows = found[ROW].unique(maintain_order=True).sort().head(MOST)
    if rows.is_empty():
        return ()
    found = found.filter(pl.col(ROW).is_in(rows.implode()))
    cells = frame.filter(pl.col(ROW).is_in(rows.implode())).select(ROW, column)
    redacted = redactions(found, [column])[column]
    texts = run(cells.select(pl.col(column).alias("before"), redacted.alias("after")))
    return tuple(_sample(before, after) for before, after in texts.iter_rows())


def _sample(before: str, after: str) -> Sample:
    """The part around the first replacement, by its shape."""
    same = next(
        (at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0
    )
    part = slice(max(0, same - _AROUND // 2), same + _AROUND // 2)
    return Sample(_shape(before)[part], shape_of_redacted(after)[part])


def shape_of_redacted(text: str) -> str:
    """The shape of a text between its placeholders."""
    parts = re.split(_placeholders(), text)
    return "".join(part if at % 2 else _shape(part) for at, part in enumerate(parts))


@cache
def _placeholders() -> str:
    return f"(<(?:{'|'.join(kind.upper() for kind in get_args(PersonalKind))})>)"


def _shape(text: str) -> str:
    """Letters as x and X, digits as 9; the rest as it is."""
    small = re.sub(r"[^\W\d_]", lambda letter: "X" if letter[0].isupper() else "x", text)
    return re.sub(r"\d", "9", small)
