"""The texts that represent nothing, and a frame without them.

Belongs here: the spellings. Stays out: which count in which column (profile.py). The spellings are
in null_spellings.txt and null_marks_in_text.txt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

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


def null_marks_in_text() -> tuple[str, ...]:
    """The spellings that count in a column of text too, where a typed column has the same: they are
    no words. NA is Namibia.
    """
    return read_lines("draft/null_marks_in_text.txt")
