"""Promised types -> Polars types, and text -> values of them.

Belongs here: which type a column is kept as, and how its text is read: strictly, exactly, or not at all.
Stays out: what else a value must keep (rules.py). What lakes have no type for is kept in the nearest one they have: a time as ISO text,
an unsigned integer in the next wider signed one; the range of the promised type is part of reading it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import polars as pl

from assay.contracts.formats import decimal, integer_names, strptime
from assay.contracts.model import Column

INTEGERS: dict[str, tuple[pl.DataType, int, int]] = {
    **{
        f"i{bits}": (kind, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        for bits, kind in ((8, pl.Int8()), (16, pl.Int16()), (32, pl.Int32()), (64, pl.Int64()))
    },
    **{
        f"u{bits}": (kind, 0, 2**bits - 1)
        for bits, kind in (
            (8, pl.Int16()),
            (16, pl.Int32()),
            (32, pl.Int64()),
            (64, pl.Decimal(20, 0)),
        )
    },
}
NUMBERS: dict[str, pl.DataType] = {
    "f32": pl.Float32(),
    "float32": pl.Float32(),
    "real": pl.Float32(),
    "f64": pl.Float64(),
    "float64": pl.Float64(),
    "double": pl.Float64(),
}
OTHERS: dict[str, pl.DataType] = {
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "time": pl.String(),
}
ELEMENTS: dict[str, pl.DataType] = {
    "float64": pl.Float64(), "float32": pl.Float32(), "float16": pl.Float32(), "bfloat16": pl.Float32(), "int8": pl.Int8(), "uint8": pl.Int16(), "binary": pl.Int8(),
}  # fmt: skip
NESTED = ("object", "array", "map", "vector")
# `[0-9]`, not `\d`: in Polars' patterns that matches digits of every script, which the cast then refuses
INTEGER = r"^[+-]?[0-9]{1,38}$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def width(column: Column) -> str:
    """The width an integer is promised in, such as `i32`: by its format, else its physical type, else 64 bits."""
    return (
        column.format
        if column.format in INTEGERS
        else integer_names().get((column.physical_type or "").lower().strip(), "i64")
    )


def dtype(column: Column) -> pl.DataType:
    """The Polars type of a promised column: of exactly the width that is promised, else the widest of its logical type."""
    match column.logical_type:
        case "integer":
            return INTEGERS[width(column)][0]
        case "number":
            digits = decimal(column.physical_type)
            return (
                pl.Decimal(*digits)
                if digits
                else NUMBERS.get(
                    column.format or (column.physical_type or "").lower().strip(), pl.Float64()
                )
            )
        case "timestamp":
            return pl.Datetime("us", "UTC" if column.timezone else None)
        case "object":
            return pl.Struct({field.name: dtype(field) for field in column.fields})
        case "array":
            return pl.List(dtype(column.fields[0]))
        case "map":
            return pl.List(pl.Struct({field.name: dtype(field) for field in column.fields}))
        case "vector":
            return pl.Array(ELEMENTS[column.element_type], column.dimensions or 0)
        case _:
            return OTHERS[column.logical_type]


def read(column: Column) -> pl.Expr:
    """Text -> the promised type; null where the text is not written as one. Whole numbers in place of text, of a column promised as numbers, are taken as they are.

    ISO 8601 for dates and times unless the contract says another format, UTC where no zone is said; JSON for what is nested.
    """
    if column.logical_type in ("integer", "number", "date", "timestamp"):
        return pl.col(column.name).map_batches(
            _reader(column), return_dtype=dtype(column), is_elementwise=True
        )
    return _value(_decoded(column), column).alias(column.name)


def readable(column: Column, value: pl.Expr) -> pl.Expr:
    """False where there is text that is not written as the promised type, at any depth; never null.

    Args:
        value: what `read` made of the text.
    """
    given = pl.col(column.name)
    return given.is_null() | (
        value.is_not_null()
        if column.logical_type not in NESTED
        else _decoded(column).pipe(lambda it: it.is_not_null() & ~_loses(it, column))
    )


def _reader(column: Column) -> Callable[[pl.Series], pl.Series]:
    """Most text is written plainly, and then nothing needs to be asked of it twice: only what a plain reading leaves null is looked at with care."""

    def read_batch(text: pl.Series) -> pl.Series:
        given = text.alias(column.name)
        if given.dtype.is_integer():
            if not dtype(column).is_decimal():
                return given.to_frame().select(_meaning(pl.col(column.name), column)).to_series()
            given = given.cast(pl.String)
        values = given.to_frame().select(_plainly(pl.col(column.name), column, given)).to_series()
        if values.null_count() == given.null_count() and (
            not values.dtype.is_float() or math.isfinite(values.sum())
        ):  # what is not finite shows in the sum
            return values
        unsure = values.is_null() & given.is_not_null()
        if values.dtype.is_float():
            unsure |= ~values.is_finite().fill_null(True)
        careful = (
            given.filter(unsure).to_frame().select(_value(pl.col(column.name), column)).to_series()
        )
        return values.scatter(unsure.arg_true(), careful)

    return read_batch


def _plainly(text: pl.Expr, column: Column, batch: pl.Series) -> pl.Expr:
    """`_meaning` of text without white space around it, but for fractions that are not finite; of a time, in the one form that the batch starts with."""
    if dtype(column).is_float():
        return text.cast(dtype(column), strict=False)
    if column.logical_type == "timestamp" and not column.format:
        first = batch.drop_nulls().head(1).to_list()
        form = "%Y-%m-%dT%H:%M:%S" if "T" in "".join(first) else "%Y-%m-%d %H:%M:%S"
        zone = "UTC" if column.timezone else None
        return text.str.to_datetime(
            form + ("Z" if zone and "".join(first).endswith("Z") else ""),
            strict=False,
            time_unit="us",
            time_zone=zone,
        )
    return _meaning(text, column)


def _decoded(column: Column) -> pl.Expr:
    if column.logical_type not in NESTED:
        return pl.col(column.name)
    return pl.col(column.name).map_batches(
        _json_reader(column), return_dtype=_of_text(column), is_elementwise=True
    )


def _value(text: pl.Expr, column: Column) -> pl.Expr:
    """What the text means; of a nested column, what each text in it means."""
    match column.logical_type:
        case "string":
            return text
        case "object":
            return pl.when(text.is_not_null()).then(_fields(text, column))
        case "array":
            return text.list.eval(_value(pl.element(), column.fields[0]))
        case "map":
            return text.list.eval(_fields(pl.element(), column))
        case "vector":
            return _vector(text, column)
        case _:
            return _meaning(text.str.strip_chars(), column)


def _meaning(plain: pl.Expr, column: Column) -> pl.Expr:
    """What text of a plain type means. Polars' own casts of text to whole and binary numbers take nothing but digits, sign, point and exponent."""
    match column.logical_type:
        case "integer":
            kind, low, high = INTEGERS[width(column)]
            wide = (
                pl.when(plain.str.contains(INTEGER))
                .then(plain)
                .cast(pl.Decimal(38, 0), strict=False)
                if kind.is_decimal()
                else plain.cast(pl.Int64, strict=False)
            )
            return (
                wide
                if kind == pl.Int64 and low < 0
                else pl.when(wide.is_between(low, high)).then(wide).cast(kind, strict=False)
            )
        case "number":
            return _number(plain, column)
        case "boolean":
            lower = plain.str.to_lowercase()
            return (
                pl.when(lower.is_in(["true", "1", "t", "yes"]))
                .then(True)
                .when(lower.is_in(["false", "0", "f", "no"]))
                .then(False)
            )
        case "date":
            return plain.str.to_date(
                strptime(column.format) if column.format else "%Y-%m-%d", strict=False
            )
        case "timestamp":
            return _timestamp(plain, column)
        case _:
            times = [
                plain.str.to_time(form, strict=False)
                for form in (
                    [strptime(column.format)] if column.format else ["%H:%M:%S%.f", "%H:%M"]
                )
            ]
            return _first(times).dt.to_string("%H:%M:%S%.f")


def _fields(text: pl.Expr, column: Column) -> pl.Expr:
    return pl.struct(
        _value(text.struct.field(field.name), field).alias(field.name) for field in column.fields
    )


def _first(tries: list[pl.Expr]) -> pl.Expr:
    return pl.coalesce(tries)


def _number(text: pl.Expr, column: Column) -> pl.Expr:
    digits = decimal(column.physical_type)
    if digits:  # exactly: what has more digits than promised is not rounded, it is not read
        whole, point = digits[0] - digits[1], digits[1]
        exact = (
            rf"^[+-]?0*[0-9]{{0,{whole}}}(\.[0-9]{{0,{point}}}0*)?$"
            if point
            else rf"^[+-]?0*[0-9]{{0,{whole}}}(\.0*)?$"
        )
        return (
            pl.when(text.str.contains(exact) & text.str.contains("[0-9]"))
            .then(text)
            .cast(pl.Decimal(*digits), strict=False)
        )
    value = text.cast(dtype(column), strict=False)
    return pl.when(value.is_finite()).then(
        value
    )  # 1e999 is written as a number, and is none of this width


def _timestamp(text: pl.Expr, column: Column) -> pl.Expr:
    zone = "UTC" if column.timezone else None
    if column.format:
        said = strptime(column.format)
        return text.str.to_datetime(said, strict=False, time_unit="us", time_zone=zone)
    plain = text.str.replace("T", " ", literal=True)
    naive = plain.str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us", time_zone=zone
    )
    if zone is None:
        return naive
    # a `Z` or an offset is honoured; the two formats cover ISO 8601 with and without one
    zoned = plain.str.replace("Z$", "+00:00").str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f%:z", strict=False, time_unit="us", time_zone="UTC"
    )
    return _first([zoned, naive])


def _vector(text: pl.Expr, column: Column) -> pl.Expr:
    kind, size = ELEMENTS[column.element_type], column.dimensions or 0
    element = pl.element().str.strip_chars()
    number = (
        pl.when(element.str.contains(INTEGER if kind.is_integer() else NUMBER))
        .then(element)
        .cast(kind, strict=False)
    )
    low, high = {"uint8": (0, 255), "binary": (0, 1)}.get(column.element_type, (None, None))
    if high is not None:
        number = pl.when(number.is_between(low, high)).then(number)
    numbers = text.list.eval(number)
    whole = (numbers.list.len() == size) & (numbers.list.drop_nulls().list.len() == size)
    return pl.when(whole).then(numbers).list.to_array(size)


def _loses(text: pl.Expr, column: Column) -> pl.Expr:
    """True where some text in a decoded value is not written as its type."""
    match column.logical_type:
        case "object":
            return pl.any_horizontal(
                _loses(text.struct.field(field.name), field) for field in column.fields
            )
        case "array":
            return (
                text.list.eval(_loses(pl.element(), column.fields[0])).list.any().fill_null(False)
            )
        case "map":
            return (
                text.list.eval(
                    pl.any_horizontal(
                        _loses(pl.element().struct.field(field.name), field)
                        for field in column.fields
                    )
                )
                .list.any()
                .fill_null(False)
            )
        case "vector":
            return text.is_not_null() & _vector(text, column).is_null()
        case _:
            return text.is_not_null() & _value(text, column).is_null()


# -- nested text ------------------------------------------------------------------------


def _of_text(column: Column) -> pl.DataType:
    """The nested type with text in every leaf."""
    match column.logical_type:
        case "object":
            return pl.Struct({field.name: _of_text(field) for field in column.fields})
        case "array":
            return pl.List(_of_text(column.fields[0]))
        case "map":
            return pl.List(pl.Struct({field.name: _of_text(field) for field in column.fields}))
        case "vector":
            return pl.List(pl.String())
        case _:
            return pl.String()


def _json_reader(column: Column) -> Callable[[pl.Series], pl.Series]:
    """JSON text -> nested text, in DuckDB: Polars stops at the first cell that is no JSON, and takes a scalar for a list."""
    query = f"SELECT CASE WHEN {_has_shape('j', column)} THEN from_json(j, {_text(json.dumps(_sql_type(column)))}) END AS value FROM (SELECT TRY_CAST(text AS JSON) AS j FROM given)"  # noqa: S608  # names and the shape are literals

    def decode(values: pl.Series) -> pl.Series:
        import duckdb

        with duckdb.connect() as connection:
            connection.register("given", values.to_frame("text").to_arrow())
            return pl.DataFrame(pl.from_arrow(connection.sql(query).to_arrow_table()))[
                "value"
            ].cast(_of_text(column))

    return decode


def _sql_type(column: Column) -> str:
    """The nested type in DuckDB's words, with text in every leaf."""
    match column.logical_type:
        case "object":
            return (
                "STRUCT("
                + ", ".join(
                    '"' + field.name.replace('"', '""') + '" ' + _sql_type(field)
                    for field in column.fields
                )
                + ")"
            )
        case "array":
            return _sql_type(column.fields[0]) + "[]"
        case "map":
            return f"MAP(VARCHAR, {_sql_type(column.fields[1])})"
        case "vector":
            return "VARCHAR[]"
        case _:
            return "VARCHAR"


def _has_shape(value: str, column: Column) -> str:
    """SQL: is the JSON an object, an array or a scalar wherever the contract says so? Null is all of them."""
    kind = f"coalesce(json_type({value}), 'NULL')"
    each = f"x{value.count('(')}"
    match column.logical_type:
        case "object":
            parts = [
                _has_shape(f"json_extract({value}, {_text('$.' + json.dumps(field.name))})", field)
                for field in column.fields
            ]
            return f"({kind} IN ('OBJECT', 'NULL') AND {' AND '.join(parts)})"
        case "array" | "vector":
            inner = (
                _has_shape(each, column.fields[0])
                if column.fields
                else f"coalesce(json_type({each}), 'NULL') NOT IN ('OBJECT', 'ARRAY')"
            )
            return f"({kind} IN ('ARRAY', 'NULL') AND coalesce(list_bool_and(list_transform(json_extract({value}, '$[*]'), lambda {each}: {inner})), true))"
        case "map":
            inner = _has_shape(each, column.fields[1])
            return f"({kind} IN ('OBJECT', 'NULL') AND coalesce(list_bool_and(list_transform(json_extract({value}, '$.*'), lambda {each}: {inner})), true))"
        case _:
            return f"{kind} NOT IN ('OBJECT', 'ARRAY')"


def _text(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
