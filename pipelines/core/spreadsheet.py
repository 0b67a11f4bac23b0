"""Cells of a file for people -> cells that no spreadsheet takes for a formula, and back.

Belongs here: files that someone opens. Stays out: data for programs, which stay as they are.
Source: OWASP, CSV Injection: what begins with = + - @, a tab or a carriage return may be run when
the file is opened; also written in full width, or behind spaces and quotes.
"""

from __future__ import annotations

import polars as pl
import polars.selectors as cs

_FORMULA = r"""^['"\s]*[=+\-@\t\r＝＋－＠]"""
_NUMBER = r"^-[0-9]+(?:\.[0-9]+)?$"  # is no formula, and someone wants to count with it


def escape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """An apostrophe before each text that could be a formula."""
    text = cs.string()
    return frame.with_columns(
        pl.when(text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER))
        .then(pl.lit("'") + text)
        .otherwise(text)
        .name.keep()
    )


def unescape_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The texts as they were before."""
    text = cs.string()
    return frame.with_columns(
        pl.when(text.str.starts_with("'") & text.str.contains(_FORMULA))
        .then(text.str.slice(1))
        .otherwise(text)
        .name.keep()
    )
