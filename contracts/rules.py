"""Rules -> Polars expressions.

Belongs here: what each promise means on a frame: true where a row keeps it, never null.
Stays out: splitting rows (pipelines/validate), the pandera schema (schema.py).
"""

from __future__ import annotations

import polars as pl

from contracts.errors import ContractError
from contracts.model import Column, Rule

LOGICAL_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
}
PHYSICAL_TYPES: dict[str, pl.DataType] = {
    "int8": pl.Int8(), "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(), "float32": pl.Float32(), "float64": pl.Float64(), "double": pl.Float64(),
}  # fmt: skip
# `[0-9]`, not `\d`: in Polars' patterns that matches digits of every script, which the cast then refuses
INTEGER = r"^[+-]?[0-9]{1,18}$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def dtype(column: Column) -> pl.DataType:
    """The Polars type of a promised column: its physical type where one is said that fits, else the widest of its logical type."""
    physical = (column.physical_type or "").lower()
    if column.logical_type in ("integer", "number") and physical in PHYSICAL_TYPES:
        return PHYSICAL_TYPES[physical]
    return LOGICAL_TYPES[column.logical_type]


def read(column: Column) -> pl.Expr:
    """Text -> the promised type; null where the text is not written as one. ISO 8601 for dates and times, UTC where none is said."""
    text = pl.col(column.name).str.strip_chars()
    match column.logical_type:
        case "integer":
            value = pl.when(text.str.contains(INTEGER)).then(text).cast(dtype(column), strict=False)
        case "number":
            value = pl.when(text.str.contains(NUMBER)).then(text).cast(dtype(column), strict=False)
        case "boolean":
            lower = text.str.to_lowercase()
            value = pl.when(lower.is_in(["true", "1", "t", "yes"])).then(True).when(lower.is_in(["false", "0", "f", "no"])).then(False)
        case "date":
            value = text.str.to_date("%Y-%m-%d", strict=False)
        case "timestamp":
            # a `Z` or an offset is honoured; the two formats cover ISO 8601 with and without one
            plain = text.str.replace("T", " ", literal=True)
            zoned = plain.str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", strict=False, time_unit="us", time_zone="UTC")
            value = pl.coalesce(zoned, plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us", time_zone="UTC"))
        case "string":
            value = pl.col(column.name)
    return value.alias(column.name)


def was_read(column: str) -> str:
    """The helper column that is false where the text of `column` could not be read as its type."""
    return f"_was_read_{column}"


def keeps(rule: Rule) -> pl.Expr:
    """True where a row keeps the rule. A null breaks only rules about presence; other rules have nothing to judge there.

    Raises: ContractError: the rule does not split rows.
    """
    first = pl.col(rule.columns[0]) if rule.columns else pl.lit(None)
    limit = pl.lit(rule.argument) if isinstance(rule.argument, int | float) else pl.lit(None)
    match rule.kind:
        case "type":
            return pl.col(was_read(rule.columns[0]))
        case "required" | "nullValues":
            return first.is_not_null()
        case "missingValues":
            absent = [value for value in rule.argument if value is not None]
            return ~first.is_in(absent).fill_null(None in rule.argument)
        case "minimum":
            return (first >= limit).fill_null(True)
        case "maximum":
            return (first <= limit).fill_null(True)
        case "exclusiveMinimum":
            return (first > limit).fill_null(True)
        case "exclusiveMaximum":
            return (first < limit).fill_null(True)
        case "minLength":
            return (first.str.len_chars() >= limit).fill_null(True)
        case "maxLength":
            return (first.str.len_chars() <= limit).fill_null(True)
        case "pattern":
            return first.str.contains(rule.argument).fill_null(True)
        case "enum":
            return first.is_in(list(rule.argument)).fill_null(True)
        case "invalidValues":
            return (first.str.contains(rule.argument) if isinstance(rule.argument, str) else first.is_in(list(rule.argument))).fill_null(True)
        case "unique" | "duplicateValues":
            key = first if len(rule.columns) == 1 else pl.struct(rule.columns)
            return key.is_first_distinct() | first.is_null()
        case "rowCount":
            raise ContractError(f"the rule '{rule.name}' speaks of the whole table", "Ask its bound, not its rows")
