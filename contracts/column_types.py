"""The type that a version keeps each declared column as, without a frame.

Belongs here: which Polars type it is, and its text in evidence and exports. Stays out: the Polars
type itself, and reading text as one (types.py). What lakes have no type for is kept in the nearest
one they have: a time as ISO text, an unsigned integer in the next wider signed one, a vector as a
list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.contracts.formats import decimal, integer_names
from assay.contracts.model import Column


@dataclass(frozen=True)
class ColumnType:
    """A Polars type by its name, with its arguments, and the types that it nests.

    `nested` is one unnamed type of a list, and the named fields of a struct.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()
    nested: tuple[tuple[str, ColumnType], ...] = ()

    def __str__(self) -> str:
        match self.name:
            case "List":
                return f"List({self.nested[0][1]})"
            case "Struct":
                fields = ", ".join(f"{name!r}: {kind}" for name, kind in self.nested)
                return f"Struct({{{fields}}})"
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"{self.name}({arguments})" if arguments else self.name


@dataclass(frozen=True)
class IntegerWidth:
    """A width of integers: the type that a lake keeps it as, and its range."""

    kept_as: ColumnType
    low: int
    high: int


def decimal_type(precision: int, scale: int) -> ColumnType:
    """Exact numbers of that many digits, and of that many after the point."""
    return ColumnType("Decimal", (("precision", precision), ("scale", scale)))


def _list_of(item: ColumnType) -> ColumnType:
    return ColumnType("List", nested=(("", item),))


STRING, BINARY, BOOLEAN, DATE = map(ColumnType, ("String", "Binary", "Boolean", "Date"))
_INT8, _INT16, _INT32, _INT64 = map(ColumnType, ("Int8", "Int16", "Int32", "Int64"))
_FLOAT32, _FLOAT64 = map(ColumnType, ("Float32", "Float64"))
INTEGER_WIDTHS = {
    "i8": IntegerWidth(_INT8, -(2**7), 2**7 - 1),
    "i16": IntegerWidth(_INT16, -(2**15), 2**15 - 1),
    "i32": IntegerWidth(_INT32, -(2**31), 2**31 - 1),
    "i64": IntegerWidth(_INT64, -(2**63), 2**63 - 1),
    "u8": IntegerWidth(_INT16, 0, 2**8 - 1),
    "u16": IntegerWidth(_INT32, 0, 2**16 - 1),
    "u32": IntegerWidth(_INT64, 0, 2**32 - 1),
    "u64": IntegerWidth(decimal_type(20, 0), 0, 2**64 - 1),
}
_NUMBERS = {
    "f32": _FLOAT32,
    "float32": _FLOAT32,
    "real": _FLOAT32,
    "f64": _FLOAT64,
    "float64": _FLOAT64,
    "double": _FLOAT64,
}
_OTHERS = {"string": STRING, "boolean": BOOLEAN, "date": DATE, "time": STRING}
ELEMENTS = {
    "float64": _FLOAT64,
    "float32": _FLOAT32,
    "float16": _FLOAT32,
    "bfloat16": _FLOAT32,
    "int8": _INT8,
    "uint8": _INT16,
    "binary": _INT8,
}
"""The elements of vectors."""


def width(column: Column) -> str:
    """The width that an integer is declared in, such as `i32`.

    By its format, else its physical type, else 64 bits.
    """
    if column.format in INTEGER_WIDTHS:
        return column.format
    return integer_names().get((column.physical_type or "").lower().strip(), "i64")


def column_type(column: Column) -> ColumnType:
    """The type of a declared column.

    Of exactly the width that is declared, else the widest of its logical type.
    """
    match column.logical_type:
        case "integer":
            return INTEGER_WIDTHS[width(column)].kept_as
        case "number":
            return _number_type(column)
        case "timestamp":
            zone = "UTC" if column.timezone else None
            return ColumnType("Datetime", (("time_unit", "us"), ("time_zone", zone)))
        case "object":
            return _struct_of(column)
        case "array":
            return _list_of(column_type(column.fields[0]))
        case "map":
            return _list_of(_struct_of(column))
        case "vector":
            return _list_of(ELEMENTS[column.element_type])
        case "string" if column.is_binary:
            return BINARY
        case _:
            return _OTHERS[column.logical_type]


def _struct_of(column: Column) -> ColumnType:
    fields = tuple((field.name, column_type(field)) for field in column.fields)
    return ColumnType("Struct", nested=fields)


def _number_type(column: Column) -> ColumnType:
    if digits := decimal(column.physical_type):
        return decimal_type(*digits)
    name = column.format or (column.physical_type or "").lower().strip()
    return _NUMBERS.get(name, _FLOAT64)
