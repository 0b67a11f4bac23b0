"""Text columns -> the texts that represent nothing in each.

Belongs here: which spellings count in which column. Stays out: types (profile.py). The spellings are
in null_spellings.txt and null_marks_in_text.txt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from assay.pipelines.core.engine import run_together
from assay.pipelines.core.package_data import read_lines


def null_spellings() -> tuple[str, ...]:
    """How people, and floats that a computation has left, write that there is nothing."""
    return ("", *read_lines("draft/null_spellings.txt"))


def without(frame: pl.LazyFrame, null_values: Mapping[str, Sequence[str]]) -> pl.LazyFrame:
    """The frame with null where a text is one of those that represent nothing in its column."""
    return frame.with_columns(
        pl.when(~pl.col(name).is_in(list(values))).then(pl.col(name)).alias(name)
        for name, values in null_values.items()
    )


def detected_null_values(
    frame: pl.LazyFrame, typed: Sequence[str], texts: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Column -> the spellings of nothing that it holds.

    In a column of text they may be values: NA is Namibia. Only marks that are no word count there,
    and where a typed column has the same mark.

    Args:
        typed: columns that have a type without the spellings alone.
        texts: columns of text.
    """
    used = _used(frame, dict.fromkeys(typed, null_spellings()))
    marks = set(read_lines("draft/null_marks_in_text.txt"))
    marks &= {value for values in used.values() for value in values}
    return used | _used(frame, dict.fromkeys(texts, tuple(sorted(marks))))


def _used(
    frame: pl.LazyFrame, spellings: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Column -> those of the spellings that some row has; columns without one are left out."""
    plans = [
        frame.select(pl.col(name).filter(pl.col(name).is_in(list(values))).unique())
        for name, values in spellings.items()
        if values
    ]
    columns = run_together(plans) if plans else []
    return {
        values.columns[0]: tuple(sorted(values.to_series())) for values in columns if values.height
    }
