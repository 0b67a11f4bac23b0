"""Whether binary fractions are multiples of a step, in decimal arithmetic.

Belongs here: functions that need Polars and Python alone, because exported scripts hold their
source. Stays out: exact types, whose remainder Polars calculates (rules.py).
"""

from __future__ import annotations

from fractions import Fraction

import polars as pl


def are_multiples(values: pl.Series, step: Fraction) -> pl.Series:
    """Whether the shortest decimal text of each value is a multiple of the step; null for null.

    A value of at most 15 digits (6 in 32 bits) is one if it is the nearest to its nearest multiple.
    Only what has more digits is calculated one value at a time.
    """
    parts = step.numerator, step.denominator
    # both parts and the count have to be exact as binary fractions
    divisor, factor = map(float, parts) if max(parts) < 2**53 else (1.0, 1.0)
    count = (values.cast(pl.Float64) * factor / divisor).round()
    # a column of the factor: Polars multiplies by the inverse of a number, which rounds twice
    factors = pl.repeat(factor, values.len(), dtype=pl.Float64, eager=True)
    nearest = (count * divisor / factors).cast(values.dtype)
    most = 1e6 if values.dtype == pl.Float32 else 1e15
    is_sure = ((count * divisor).abs() < most) & (max(parts) < 2**53)
    unsure = values.filter(~is_sure & values.is_finite()).unique()
    multiples = [
        value
        for value, text in zip(unsure, unsure.cast(pl.String), strict=True)
        if (Fraction(text) / step).denominator == 1
    ]
    listed = values.is_in(pl.Series(multiples, dtype=values.dtype).implode())
    return (nearest == values).zip_with(is_sure, listed)
