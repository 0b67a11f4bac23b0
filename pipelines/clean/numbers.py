"""Numbers as people write them -> plain ones.

Belongs here: units, currencies, percent, thousands, decimal marks. Stays out: reading plain numbers
as their type (contracts/types.py).
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
    """The column as plain numbers, and where it is neither a plain number nor one that can be
    read.
    """
    text = pl.col(column).str.strip_chars()
    form = _form(step)
    before, sign, between, digits, after = (text.str.extract(form, group) for group in range(1, 6))
    # two units are one that no one declared
    factor = _factor(step, pl.concat_str(before, between, after).str.to_lowercase())
    written = _written(step, _number(step, sign, digits), factor)
    is_plain = text.str.contains(NUMBER)
    if step.thousands == ".":
        is_plain &= ~digits.str.contains(re.escape(step.thousands)).fill_null(False)
    value = pl.when(is_plain | written.is_null()).then(pl.col(column)).otherwise(written)
    return value, pl.col(column).is_not_null() & ~is_plain & written.is_null()


def _form(step: Numbers) -> str:
    """The pattern of a number with its unit: unit, sign, unit, digits, unit; two of the units are
    empty.
    """
    units = "|".join(re.escape(unit) for unit in sorted(step.units, key=len, reverse=True))
    unit = rf"((?i:{units})?)" if units else "()"
    mark = re.escape(step.decimal)
    grouped = rf"|[0-9]{{1,3}}(?:{re.escape(step.thousands)}[0-9]{{3}})+" if step.thousands else ""
    digits = rf"((?:[0-9]+{grouped})(?:{mark}[0-9]+)?)"
    return rf"^{unit}\s*([+-]?)\s*{unit}\s*{digits}\s*{unit}$"


def _factor(step: Numbers, unit: pl.Expr) -> pl.Expr:
    """By what a number of the unit is multiplied; null for a unit that no one declared."""
    factors = {"": 1.0, **{name.lower(): by for name, by in step.units.items()}}
    return unit.replace_strict(factors, default=None, return_dtype=pl.Float64)


def _number(step: Numbers, sign: pl.Expr, digits: pl.Expr) -> pl.Expr:
    """The number without marks of thousands, with a decimal point."""
    bare = digits.str.replace_all(step.thousands, "", literal=True) if step.thousands else digits
    minus = sign.str.replace("+", "", literal=True)
    return minus + bare.str.replace(step.decimal, ".", literal=True)


def _written(step: Numbers, number: pl.Expr, factor: pl.Expr) -> pl.Expr:
    """The number times its factor, as text."""
    written = pl.when(factor == 1).then(_shortened(number)).otherwise(_converted(number, factor))
    if step.thousands == ".":  # 1.234 would be read as thousands the next time
        is_grouped = written.str.contains(r"^-?[0-9]{1,3}\.[0-9]{3}$")
        written = pl.when(is_grouped).then(written + "0").otherwise(written)
    return written


def _shortened(number: pl.Expr) -> pl.Expr:
    """Without zeros at the end, and rounded where a double does not hold all its digits:
    0.052000000000000005 is what a computer made of 0.052.
    """
    is_decimal = number.str.contains(".", literal=True)
    short = pl.when(is_decimal).then(number.str.replace(r"\.?0+$", "")).otherwise(number)
    is_held = number.str.replace_all(r"[^0-9]", "").str.len_chars() <= _DOUBLE
    rounded = number.cast(pl.Float64, strict=False).round_sig_figs(_DOUBLE).cast(pl.String)
    return pl.when(is_held | ~is_decimal).then(short).otherwise(rounded)


def _converted(number: pl.Expr, factor: pl.Expr) -> pl.Expr:
    value = (number.cast(pl.Float64, strict=False) * factor).round_sig_figs(_DIGITS)
    return value.cast(pl.String).str.replace(r"\.0$", "")


def _effect(step: Numbers, _: Fitted, __: Columns) -> Effect:
    read = {column: plain(step, column) for column in step.columns}
    return Effect(
        {column: value for column, (value, _) in read.items()},
        **unclear(step, {column: wrong for column, (_, wrong) in read.items()}),
    )


NUMBERS = Kind(nothing_to_learn, _effect, corrects=True)
