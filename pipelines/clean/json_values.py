"""Values <-> plain data, so that what was learned can be kept as JSON and put back in its column's
type.

Belongs here: one value at a time. Stays out: reading text of a source (contracts/types.py).
"""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Literal

import polars as pl

from assay.contracts.column_types import INTEGER_WIDTHS, width
from assay.contracts.model import Column
from assay.contracts.types import dtype

_ROUNDING = {"nearest": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
_EXACT = Context(prec=80)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: dates and times as ISO text, decimals as text."""
    match value:
        case date() | datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def literal(
    value: Any, column: Column, rounding: Literal["nearest", "down", "up"] = "nearest"
) -> pl.Expr:
    """The plain value in the column's type.

    Integers and decimals are rounded, half to even by default, and kept within the type.
    """
    return pl.lit(fitted_to(value, column, rounding), dtype(column))


def fitted_to(
    value: Any, column: Column, rounding: Literal["nearest", "down", "up"] = "nearest"
) -> Any:
    """The same as a value of Python's."""
    kind = dtype(column)
    match column.logical_type:
        case "integer":
            span = INTEGER_WIDTHS[width(column)]
            whole = int(Decimal(str(value)).to_integral_value(_ROUNDING[rounding]))
            within = min(max(whole, span.low), span.high)
            return Decimal(within) if kind.is_decimal() else within
        case "number" if isinstance(kind, pl.Decimal):
            scale = Decimal(1).scaleb(-kind.scale)
            most = Decimal(10) ** ((kind.precision or 38) - kind.scale) - scale
            return min(
                max(Decimal(str(value)).quantize(scale, _ROUNDING[rounding], _EXACT), -most), most
            )
        case "number":
            return float(value)
        case "date":
            return date.fromisoformat(value)
        case "timestamp":
            return _moment(value, column)
        case _:
            return value


def in_type(expression: pl.Expr, column: Column) -> pl.Expr:
    """Numbers that were computed, in the column's type: rounded half to even, and null where they
    are beyond it.
    """
    kind = dtype(column)
    if column.logical_type == "integer":
        rounded = expression.cast(pl.Float64).round(0, mode="half_to_even")
        return rounded.cast(pl.Int64, strict=False).cast(kind, strict=False)
    if isinstance(kind, pl.Decimal):
        return expression.round(kind.scale, mode="half_to_even").cast(kind, strict=False)
    return expression.cast(kind)


def _moment(value: str, column: Column) -> datetime:
    from datetime import UTC

    moment = datetime.fromisoformat(value)
    if not column.timezone:
        return moment.replace(tzinfo=None)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
