"""Texts -> those that a computer has damaged.

Belongs here: blanks at the ends, wrong encodings, characters that no one sees or that imitate
others. Stays out: repairs (clean/spelling.py).
"""

from __future__ import annotations

import polars as pl

from assay.pipelines.draft.doubts.doubt import Column, Suspicion

_INVISIBLE = "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
_ODD_SPACE = "[\u00a0\u2000-\u200a\u202f\u205f\u3000]"
_REPLACED = "\ufffd"
_MIXED_SCRIPTS = r"\p{Latin}[\p{Cyrillic}\p{Greek}]|[\p{Cyrillic}\p{Greek}]\p{Latin}"
_FULL_WIDTH = "[\uff01-\uff5e]"


def outer_blanks(column: Column) -> Suspicion | None:
    """Values with blanks before or after them."""
    value = pl.col("value")
    values = column.values_where((value != value.str.strip_chars()) & value.str.contains(r"\S"))
    if not len(values):
        return None
    return Suspicion(
        problem="blanks before or after the value",
        rule="assay.cleaning: {step: normalize}",
        confidence=0.95,
        values=values,
    )


def encoding_damage(column: Column) -> Suspicion | None:
    """Texts read in the wrong encoding, with invisible characters, or of two alphabets at once."""
    unusual = column.texts.filter(pl.col("value").str.contains(r"[^\x20-\x7e]"))
    if unusual.is_empty():
        return None
    value = pl.col("value")
    damaged = value.str.contains(f"{_INVISIBLE}|{_REPLACED}|{_FULL_WIDTH}")
    damaged |= value.str.contains(_ODD_SPACE)
    if column.share(value.str.contains(_MIXED_SCRIPTS)) < 0.1:
        damaged |= value.str.contains(_MIXED_SCRIPTS)
    rest = unusual.filter(~damaged)["value"]
    wrongly_read = pl.Series([text for text in rest if _is_wrongly_read(text)], dtype=pl.String)
    values = pl.concat([unusual.filter(damaged)["value"], wrongly_read])
    if not len(values):
        return None
    return Suspicion(
        problem="damaged or invisible characters",
        rule="assay.cleaning: {step: normalize, mojibake: true, invisible: true}",
        confidence=0.9,
        values=values,
    )


def _is_wrongly_read(text: str) -> bool:
    """Whether a text looks as if UTF-8 had been read in another encoding."""
    from ftfy.badness import is_bad

    return bool(is_bad(text))
