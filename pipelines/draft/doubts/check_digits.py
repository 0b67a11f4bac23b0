"""Numbers with check digits -> those whose digits do not check.

Belongs here: telling which kind of number a column holds by the digits themselves. Stays out: the
arithmetic (python-stdnum), personal data (pipelines/admit).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

import polars as pl

from assay.pipelines.core.package_data import read_yaml
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

_TRIED = 40
"""Distinct values on which each kind is tried."""
_MOSTLY = 0.7
"""Share of values that must check; of other numbers, one in ten does by chance."""


def failing_check_digits(column: Column) -> Suspicion | None:
    """Numbers whose check digits are wrong, in a column where most are right."""
    if column.profile.kind not in ("string", "integer") or column.texts.height < LEAST_ROWS:
        return None
    value = pl.col("value").str.strip_chars()
    for entry in read_yaml("draft/doubts/check_digits.yaml"):
        fits = column.texts.filter(value.str.contains(f"^(?:{entry['form']})$"))
        if fits.height < LEAST_ROWS or fits["rows"].sum() < _MOSTLY * column.given:
            continue
        is_valid = _validator(entry["module"], entry.get("prefix", ""))
        tried = fits["value"].gather_every(max(1, fits.height // _TRIED))
        if sum(map(is_valid, tried)) < _MOSTLY * len(tried):
            continue
        wrong = [text for text in column.texts["value"] if not is_valid(text.strip())]
        values = pl.Series(wrong, dtype=pl.String)
        if not wrong or len(wrong) > (1 - _MOSTLY) * column.texts.height:
            return None
        return Suspicion(
            problem=f"values whose check digits are not those of a {entry['label']}",
            rule=f"check digits of a {entry['label']}, in a SQL rule or at the source",
            confidence=0.95,
            values=values,
        )
    return None


@cache
def _validator(module: str, prefix: str) -> Callable[[str], bool]:
    is_valid = importlib.import_module(f"stdnum.{module}").is_valid
    return lambda text: bool(is_valid(prefix + text))
