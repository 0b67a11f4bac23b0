"""Whether a fill suits the columns that it names, decided without frames.

`assay check` reads hundreds of contracts without them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from assay.contracts.formats import integer_names

if TYPE_CHECKING:
    from assay.contracts.model import Column
    from assay.contracts.steps.missing import FillMissing

_WIDTHS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "u8": 8, "u16": 16, "u32": 32, "u64": 64}


def unfit(step: FillMissing, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    """Problem and remedy: a constant of another type than a column that gets it, and an order
    without distances where a line needs them.
    """
    promised = {column.name: column for column in columns}
    for name in step.columns if step.value is not None else ():
        if name in promised and not fits(step.value, promised[name]):
            yield (
                f"fill_missing puts {step.value!r} into '{name}', "
                f"a column of another type or width: {promised[name].logical_type}",
                "Write a value of the column's type",
            )
    order = promised.get(step.order_by or "")
    if (
        step.method == "interpolate"
        and order
        and order.logical_type not in ("integer", "number", "date", "timestamp")
    ):
        yield (
            f"fill_missing interpolates over '{order.name}', "
            f"which the contract declares as {order.logical_type}",
            "Order by numbers, dates or timestamps",
        )


def fits(value: object, column: Column) -> bool:
    """Whether a column of that type, and width, can hold it; dates and times as ISO text.

    What is nested holds no constant.
    """
    match column.logical_type:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and _within(value, column)
        case "number":
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            )
        case "date":
            return _reads(date.fromisoformat, value)
        case "timestamp":
            return _reads(datetime.fromisoformat, value)
        case "time":
            return _reads(time.fromisoformat, value)
        case _:
            return False


def _within(value: int, column: Column) -> bool:
    physical_type = (column.physical_type or "").lower().strip()
    named = integer_names().get(physical_type, physical_type)
    name = column.format if column.format in _WIDTHS else named
    bits = _WIDTHS.get(name, 64)
    if name in _WIDTHS and name.startswith("u"):
        return 0 <= value < 1 << bits
    return -(1 << bits - 1) <= value < 1 << bits - 1


def _reads(read: Callable[[str], object], value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        read(value)
    except ValueError:
        return False
    return True
