"""Numbers as people write them -> plain ones.

Belongs here: units, currencies, percent, thousands, decimal marks. Stays out: reading plain numbers as their type (contracts/types.py).
"""

from __future__ import annotations

import re

import polars as pl

from assay.contracts.steps import Numbers
from assay.contracts.types import NUMBER
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, nothing_to_learn

_DOUBLE = 15  # significant digits that a double surely holds
_DIGITS = 12  # significant ones of a converted number: 57 × 0.01 is 0.57


def plain(step: Numbers, column: str) -> tuple[pl.Expr, pl.Expr]:
    """The column as plain numbers, and where it is neither a plain number nor one that can be read."""
    text = pl.col(column).str.strip_chars()
    units = "|".join(re.escape(unit) for unit in sorted(step.units, key=len, reverse=True))
    unit = rf"((?i:{units})?)" if units else "()"
    mark = re.escape(step.decimal)
    grouped = rf"|[0-9]{{1,3}}(?:{re.escape(step.thousands)}[0-9]{{3}})+" if step.thousands else ""
    form = rf"^{unit}\s*([+-]?)\s*{unit}\s*((?:[0-9]+{grouped})(?:{mark}[0-9]+)?)\s*{unit}$"
    before, sign, between, digits, after = (text.str.extract(form, group) for group in range(1, 6))
    said = pl.concat_str(
        before, between, after
    ).str.to_lowercase()  # two units are one that nobody declared
    factor = said.replace_strict(
        {"": 1.0, **{name.lower(): by for name, by in step.units.items()}},
        default=None,
        return_dtype=pl.Float64,
    )
    number = digits.str.replace_all(step.thousands, "", literal=True) if step.thousands else digits
    number = sign.str.replace("+", "", literal=True) + number.str.replace(
        step.decimal, ".", literal=True
    )
    short = (
        pl.when(number.str.contains(".", literal=True))
        .then(number.str.replace(r"\.?0+$", ""))
        .otherwise(number)
    )
    converted = (
        (number.cast(pl.Float64, strict=False) * factor)
        .round_sig_figs(_DIGITS)
        .cast(pl.String)
        .str.replace(r"\.0$", "")
    )
    held = (
        number.str.replace_all(r"[^0-9]", "").str.len_chars() <= _DOUBLE
    )  # 0.052000000000000005 is what a computer made of 0.052
    short = (
        pl.when(held | ~number.str.contains(".", literal=True))
        .then(short)
        .otherwise(number.cast(pl.Float64, strict=False).round_sig_figs(_DOUBLE).cast(pl.String))
    )
    written = pl.when(factor == 1).then(short).otherwise(converted)
    if step.thousands == ".":  # 1.234 would be read as thousands the next time
        written = (
            pl.when(written.str.contains(r"^-?[0-9]{1,3}\.[0-9]{3}$"))
            .then(written + "0")
            .otherwise(written)
        )
    is_plain = text.str.contains(NUMBER) & (
        ~digits.str.contains(re.escape(step.thousands)).fill_null(False)
        if step.thousands == "."
        else pl.lit(True)
    )
    return pl.when(is_plain | written.is_null()).then(pl.col(column)).otherwise(written), pl.col(
        column
    ).is_not_null() & ~is_plain & written.is_null()


def _effect(step: Numbers, _: Fitted, __: Columns) -> Effect:
    read = {column: plain(step, column) for column in step.columns}
    return Effect(
        {column: value for column, (value, _) in read.items()},
        **unclear(step, {column: wrong for column, (_, wrong) in read.items()}),
    )


NUMBERS = Kind(nothing_to_learn, _effect, corrects=True)
