"""Texts -> their shapes, and the shape of a column -> a pattern that lasts.

Belongs here: which characters make a shape, and which lengths may be promised. Stays out: what else
the cells are (cells.py), whether a pattern is proposed (columns.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assay.pipelines.draft.tolerance import is_nearly_all

_CLASSES = {"\x01": "[A-Z]", "\x02": "[a-z]", "\x03": "[0-9]", "\x04": "[A-Z0-9]"}
_DIGITS = "\x03"
_MOST_PARTS = 12
_DAY_MONTH_YEAR = re.compile("\x03([-/. ])\x03\\1\x03")
"""Three numbers of such a shape may be a date: see `_may_be_dates`."""


@dataclass(frozen=True)
class Pattern:
    """A regular expression that nearly all texts of a column have, and how many rows do not."""

    text: str
    deviating: int


def shape_of(text: pl.Expr) -> pl.Expr:
    """`AB-123` -> `A-9`; null where it holds anything but letters, digits and plain punctuation."""
    shape: pl.Expr = pl.when(text.str.contains("^[A-Za-z0-9 ._/:#-]+$")).then(text)
    for letter, characters in (("\x01", "[A-Z]+"), ("\x02", "[a-z]+"), ("\x03", "[0-9]+")):
        shape = shape.str.replace_all(characters, letter)
    return shape


def merged(shape: pl.Expr) -> pl.Expr:
    """`N9A-9` -> `X-X`: capitals and digits as one class; null where there are small letters."""
    joined = shape.str.replace_all("[\x01\x03]+", "\x04")
    return pl.when(~joined.str.contains("\x02", literal=True)).then(joined)


def common_pattern(texts: pl.DataFrame) -> Pattern | None:
    """The pattern of a column's texts, where nearly all of them have one shape.

    Args:
        texts: `text`, `rows` and `shape` of a column.
    """
    total = int(texts["rows"].sum())
    with_both = texts.with_columns(merged(pl.col("shape")).alias("merged"))
    for kind in ("shape", "merged"):
        most = (
            with_both.group_by(kind).agg(pl.col("rows").sum()).drop_nulls(kind).sort("rows", kind)
        )
        if not most.height:
            continue
        shape, rows = most.row(-1)
        if len(shape) > _MOST_PARTS or not is_nearly_all(rows, total):
            continue
        pattern = _pattern(shape, with_both.filter(pl.col(kind) == shape)["text"])
        return Pattern(pattern, total - rows) if pattern else None
    return None


def _pattern(shape: str, texts: pl.Series) -> str | None:
    """A shape as a regular expression; None if it says too little, or would not last."""
    classes = [part for part in shape if part in _CLASSES]
    groups = "".join(f"({_CLASSES[p]}+)" if p in _CLASSES else re.escape(p) for p in shape)
    lengths, padded = list[tuple[int, int]](), list[bool]()
    for number in range(len(classes)):
        part = texts.str.extract(f"^{groups}$", number + 1)
        sizes = part.str.len_chars().to_list()
        lengths.append((min(sizes), max(sizes)))
        padded.append(part.str.starts_with("0").any())
    if not _says_something(classes, lengths) or _may_be_dates(shape, lengths):
        return None
    counts = map(_count, classes, lengths, padded)
    parts = (_CLASSES[p] + next(counts) if p in _CLASSES else _mark(p) for p in shape)
    return f"^{''.join(parts)}$"


def _says_something(classes: Sequence[str], lengths: Sequence[tuple[int, int]]) -> bool:
    """Whether a shape tells codes from words: it has digits, or is capitals of one length."""
    if _DIGITS in classes or "\x04" in classes:
        return True
    return classes == ["\x01"] and lengths[0][0] == lengths[0][1]


def _count(part: str, lengths: tuple[int, int], has_zeros: bool) -> str:
    """How often a class of characters may come: numbers grow, unless they are padded with zeros."""
    least, most = lengths
    is_fixed = least == most and (part != _DIGITS or has_zeros)
    return f"{{{least}}}" if is_fixed else "+"


def _mark(mark: str) -> str:
    return re.escape(mark) if mark == "." else mark


def _may_be_dates(shape: str, lengths: Sequence[tuple[int, int]]) -> bool:
    """Whether texts begin like a date in digits: its days and months have one digit or two."""
    if not _DAY_MONTH_YEAR.match(shape):
        return False
    longest = [most for _, most in lengths[:3]]
    return sorted(longest) in ([2, 2, 2], [1, 2, 2], [1, 1, 2], [2, 2, 4], [1, 2, 4], [1, 1, 4])
