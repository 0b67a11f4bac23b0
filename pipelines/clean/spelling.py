"""Text -> the same text in one way of writing; words that represent nothing -> nothing; known
spellings -> the one that is wanted; what a pattern finds -> what it should be.

Belongs here: what can be said of a cell alone. Stays out: what only other cells tell (typos.py,
dependencies.py).
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

import polars as pl

from assay.contracts.patterns import rust_pattern
from assay.contracts.steps import Normalize, Placeholders, Rewrite, Synonyms
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, nothing_to_learn

_INVISIBLE_RANGES = (
    (0, 8),  # controls, but for tab and line ends
    (11, 12),
    (14, 31),
    (127, 159),
    (173, 173),  # soft hyphen
    (8203, 8203),  # zero width space; joiners stay, since scripts and emoji need them
    (8206, 8207),  # marks of direction
    (8234, 8238),
    (8288, 8292),  # word joiner, invisible operators
    (65279, 65279),  # byte order mark
)
"""Code points, first and last, of what cannot be seen."""
_INVISIBLE = dict.fromkeys(
    code for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)
)
_ODD = r"[^\x09\x0a\x0d\x20-\x7e]|&[#A-Za-z]"
_ROUNDS = 10  # what one repair uncovers, the next round sees: `&amp;amp;`


def _normalized(step: Normalize, column: str) -> pl.Expr:
    text = pl.col(column).map_batches(_settler(step), return_dtype=pl.String, is_elementwise=True)
    if step.whitespace:
        text = (
            text.str.replace_all(r"[^\S\n]+", " ")
            .str.replace_all(r" *\n *", "\n")
            .str.strip_chars()
        )
    if step.quotes:
        text = text.str.replace_all(r"'{2,}([\pL\pN])", "'${1}")
    match step.case:
        case "upper":
            return text.str.to_uppercase()
        case "lower":
            return text.str.to_lowercase()
        case "title":
            return text.str.to_titlecase()
    return text


def _settler(step: Normalize) -> Callable[[pl.Series], pl.Series]:
    """Put right what expressions cannot, in the few texts that have it."""

    def settle(values: pl.Series) -> pl.Series:
        odd = values.filter(values.str.contains(_ODD)).unique()
        return (
            values.replace(
                odd, pl.Series([repeat_until_stable(step, text) for text in odd], dtype=pl.String)
            )
            if odd.len()
            else values
        )

    return settle


def repeat_until_stable(step: Normalize, text: str) -> str:
    """The text, corrected until nothing changes any more."""
    for _ in range(_ROUNDS):
        before = text
        if step.entities:
            text = html.unescape(text)
        if step.mojibake:
            import ftfy

            text = ftfy.fix_encoding(text)
        if step.invisible:
            text = text.translate(_INVISIBLE)
        if step.unicode:
            text = unicodedata.normalize(step.unicode, text)
        if text == before:
            break
    return text


def _normalize(step: Normalize, _: Fitted, columns: Columns) -> Effect:
    return Effect(
        {column: _normalized(step, column) for column in step.columns or columns.plain_text}
    )


def _blank(step: Placeholders, _: Fitted, columns: Columns) -> Effect:
    return Effect(
        {
            column: pl.when(~pl.col(column).str.strip_chars().is_in(list(step.values))).then(
                pl.col(column)
            )
            for column in step.columns or columns.plain_text
        }
    )


def _named(step: Synonyms, _: Fitted, __: Columns) -> Effect:
    return Effect({column: pl.col(column).replace(step.values) for column in step.columns})


def rewritten(step: Rewrite, column: str) -> tuple[pl.Expr, pl.Expr]:
    """The column rewritten, and where it matches and cannot be: what would match again is no
    better, and nothing is no value.
    """
    text, pattern = pl.col(column), rust_pattern(step.pattern)
    wrong = text.str.contains(pattern)
    if step.to is None:
        return text, wrong
    new = text.str.replace_all(pattern, step.to)
    better = wrong & (new.str.strip_chars() != "") & ~new.str.contains(pattern)
    return pl.when(better).then(new).otherwise(text), wrong & ~better


def _rewrite(step: Rewrite, _: Fitted, __: Columns) -> Effect:
    read = {column: rewritten(step, column) for column in step.columns}
    changes = {} if step.to is None else {column: value for column, (value, _) in read.items()}
    return Effect(changes, **unclear(step, {column: wrong for column, (_, wrong) in read.items()}))


NORMALIZE = Kind(nothing_to_learn, _normalize, corrects=True)
PLACEHOLDERS = Kind(nothing_to_learn, _blank, corrects=True)
SYNONYMS = Kind(nothing_to_learn, _named, corrects=True)
REWRITE = Kind(nothing_to_learn, _rewrite, corrects=True)
