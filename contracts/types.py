"""Declared types -> Polars types, and text -> values of them.

Belongs here: how a column's text is read: strictly, exactly, or not at all.
Stays out: which type a column is kept as (column_types.py), what else a value must keep (rules.py).
The range and the dimensions of the declared type are part of reading it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache

import polars as pl

from assay.contracts.column_types import (
    ELEMENTS,
    INTEGER_WIDTHS,
    ColumnType,
    column_type,
    width,
)
from assay.contracts.formats import decimal
from assay.contracts.model import Column
from assay.contracts.moments import (
    plain_spelling,
    read_date,
    read_plain_date,
    read_plain_timestamp,
    read_time,
    read_timestamp,
)

NESTED = ("object", "array", "map", "vector")
# `[0-9]`, not `\d`: in Polars' patterns that matches digits of every script, which the cast then
# refuses
INTEGER = r"^[+-]?[0-9]{1,38}$"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


def dtype(column: Column) -> pl.DataType:
    """The Polars type of a declared column."""
    return polars_type(column_type(column))


@cache
def polars_type(kind: ColumnType) -> pl.DataType:
    """The Polars type that is described."""
    match kind.name:
        case "List":
            return pl.List(polars_type(kind.nested[0][1]))
        case "Struct":
            return pl.Struct({name: polars_type(inner) for name, inner in kind.nested})
    named: pl.DataType = getattr(pl, kind.name)(**dict(kind.arguments))
    return named


def read(column: Column) -> pl.Expr:
    """Text -> the declared type; null where the text is not written as one.

    Whole numbers in place of text, of a column declared as numbers, are taken as they are. ISO 8601
    for dates and times unless the contract names another format, UTC where no zone is given; JSON
    for what is nested.
    """
    if column.logical_type in ("integer", "number", "date", "timestamp"):
        return pl.col(column.name).map_batches(
            _reader(column), return_dtype=dtype(column), is_elementwise=True
        )
    value = _value(pl.col(column.name), column)
    if column.logical_type not in NESTED:
        return value.alias(column.name)
    return _of_decoded(column, value, dtype(column)).alias(column.name)


def readable(column: Column, value: pl.Expr) -> pl.Expr:
    """False where there is text that is not written as the declared type; never null.

    Text at any depth of a nested column counts.

    Args:
        value: what `read` made of the text.
    """
    is_absent = pl.col(column.name).is_null()
    if column.logical_type not in NESTED:
        return is_absent | value.is_not_null()
    decoded = pl.col(column.name)
    is_whole = decoded.is_not_null() & ~_loses(decoded, column)
    return is_absent | _of_decoded(column, is_whole, pl.Boolean())


def _reader(column: Column) -> Callable[[pl.Series], pl.Series]:
    """A reader of batches of text.

    Most text is written plainly, and then nothing needs to be asked of it twice: only what a plain
    reading leaves null is looked at with care.
    """
    text = pl.col(column.name)

    def read_batch(batch: pl.Series) -> pl.Series:
        given = batch.alias(column.name)
        if given.dtype.is_integer():
            if not dtype(column).is_decimal():
                return _evaluate(_meaning(text, column), given)
            given = given.cast(pl.String)
        values = _evaluate(_plainly(text, column, given), given)
        # what is not finite shows in the sum
        is_finite = not values.dtype.is_float() or math.isfinite(values.sum())
        if is_finite and values.null_count() == given.null_count():
            return values
        unsure = values.is_null() & given.is_not_null()
        if values.dtype.is_float():
            unsure |= ~values.is_finite().fill_null(True)
        careful = _evaluate(_value(text, column), given.filter(unsure))
        return values.scatter(unsure.arg_true(), careful)

    return read_batch


def _evaluate(expression: pl.Expr, batch: pl.Series) -> pl.Series:
    return batch.to_frame().select(expression).to_series()


def _plainly(text: pl.Expr, column: Column, batch: pl.Series) -> pl.Expr:
    """`_meaning` of text without white space around it, but for fractions that are not finite.

    Of a time, in the one form that the batch starts with.
    """
    if dtype(column).is_float():
        return text.cast(dtype(column), strict=False)
    if column.format or column.logical_type not in ("date", "timestamp"):
        return _meaning(text, column)
    if column.logical_type == "date":
        return read_plain_date(text)
    first = "".join(batch.drop_nulls().head(1).to_list())
    spelling = plain_spelling(first, is_zoned=column.timezone)
    if spelling is None:
        return _meaning(text, column)
    return read_plain_timestamp(text, spelling, is_zoned=column.timezone)


def _of_decoded(column: Column, wanted: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """What an expression makes of a nested column's decoded text, batch by batch.

    Each batch is decoded once: Polars would decode it again for each mention of each field.
    """
    decode = _json_reader(column)

    def evaluate_batch(batch: pl.Series) -> pl.Series:
        return _evaluate(wanted, decode(batch).alias(column.name))

    return pl.col(column.name).map_batches(evaluate_batch, return_dtype=kind, is_elementwise=True)


def _value(text: pl.Expr, column: Column) -> pl.Expr:
    """What the text means; of a nested column, what each text in it means."""
    match column.logical_type:
        case "string":
            return text.str.decode("hex", strict=False) if column.is_binary else text
        case "object":
            return pl.when(text.is_not_null()).then(_fields(text, column))
        case "array":
            return text.list.eval(_value(pl.element(), column.fields[0]))
        case "map":
            return text.list.eval(_fields(pl.element(), column))
        case "vector":
            return _vector(text, column)
        case "integer":
            return _integer(_whole_text(text.str.strip_chars()), column)
        case _:
            return _meaning(text.str.strip_chars(), column)


def _meaning(plain: pl.Expr, column: Column) -> pl.Expr:
    """What text of a plain type means.

    Polars' own casts of text to whole and binary numbers take nothing but digits, sign, point and
    exponent.
    """
    match column.logical_type:
        case "integer":
            return _integer(plain, column)
        case "number":
            return _number(plain, column)
        case "boolean":
            return _boolean(plain)
        case "date":
            return read_date(plain, column.format)
        case "timestamp":
            return read_timestamp(plain, is_zoned=column.timezone, form=column.format)
        case _:
            return read_time(plain, column.format)


def _integer(text: pl.Expr, column: Column) -> pl.Expr:
    whole = INTEGER_WIDTHS[width(column)]
    kind = polars_type(whole.kept_as)
    if kind.is_decimal():
        digits = pl.when(text.str.contains(INTEGER)).then(text)
        wide = digits.cast(pl.Decimal(38, 0), strict=False)
    else:
        wide = text.cast(pl.Int64, strict=False)
        if width(column) == "i64":
            return wide
    return pl.when(wide.is_between(whole.low, whole.high)).then(wide).cast(kind, strict=False)


def _whole_text(text: pl.Expr) -> pl.Expr:
    """Whole numbers that were written as fractions, such as `1.0` and `1e3`, in digits alone.

    pandas writes integers so in a column with missing values. What is 2^53 or more in
    scientific notation is left: its last digits are not known.
    """
    fraction = text.str.extract(r"^([+-]?[0-9]+)\.0*$")
    value = text.cast(pl.Float64, strict=False)
    is_scientific = text.str.contains(r"^[+-]?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,2}$")
    is_whole = is_scientific & (value == value.round()) & (value.abs() < 2**53)
    scientific = pl.when(is_whole).then(value).cast(pl.Int64).cast(pl.String)
    return pl.coalesce(fraction, scientific, text)


def _boolean(text: pl.Expr) -> pl.Expr:
    lower = text.str.to_lowercase()
    is_true = lower.is_in(["true", "1", "t", "yes"])
    is_false = lower.is_in(["false", "0", "f", "no"])
    return pl.when(is_true).then(True).when(is_false).then(False)


def _fields(text: pl.Expr, column: Column) -> pl.Expr:
    return pl.struct(
        _value(text.struct.field(field.name), field).alias(field.name) for field in column.fields
    )


def _number(text: pl.Expr, column: Column) -> pl.Expr:
    if digits := decimal(column.physical_type):
        return _decimal(text, *digits)
    value = text.cast(dtype(column), strict=False)
    # 1e999 is written as a number, and is none of this width
    return pl.when(value.is_finite()).then(value)


def _decimal(text: pl.Expr, digits: int, point: int) -> pl.Expr:
    """Exactly: what has more digits than declared is not rounded, it is not read."""
    fraction = rf"(\.[0-9]{{0,{point}}}0*)?" if point else r"(\.0*)?"
    exact = rf"^[+-]?0*[0-9]{{0,{digits - point}}}{fraction}$"
    is_exact = text.str.contains(exact) & text.str.contains("[0-9]")
    return pl.when(is_exact).then(text).cast(pl.Decimal(digits, point), strict=False)


def _vector(text: pl.Expr, column: Column) -> pl.Expr:
    kind, size = polars_type(ELEMENTS[column.element_type]), column.dimensions or 0
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
    return pl.when(whole).then(numbers)


def _loses(text: pl.Expr, column: Column) -> pl.Expr:
    """True where some text in a decoded value is not written as its type."""
    match column.logical_type:
        case "object":
            return _field_loses(text, column)
        case "array":
            inner = _loses(pl.element(), column.fields[0])
            return text.list.eval(inner).list.any().fill_null(False)
        case "map":
            inner = _field_loses(pl.element(), column)
            return text.list.eval(inner).list.any().fill_null(False)
        case "vector":
            return text.is_not_null() & _vector(text, column).is_null()
        case _:
            return text.is_not_null() & _value(text, column).is_null()


def _field_loses(text: pl.Expr, column: Column) -> pl.Expr:
    fields = column.fields
    return pl.any_horizontal(_loses(text.struct.field(field.name), field) for field in fields)


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
    """JSON text -> nested text, in DuckDB.

    Polars stops at the first cell that is no JSON, and takes a scalar for a list.
    """
    shape = _text(json.dumps(_sql_type(column)))
    value = f"CASE WHEN {_has_shape('j', column)} THEN from_json(j, {shape}) END"
    json_rows = "SELECT TRY_CAST(text AS JSON) AS j FROM given"
    # names and the shape are literals
    query = f"SELECT {value} AS value FROM ({json_rows})"  # noqa: S608

    def decode(values: pl.Series) -> pl.Series:
        import duckdb

        with duckdb.connect() as connection:
            connection.register("given", values.to_frame("text").to_arrow())
            decoded = pl.DataFrame(pl.from_arrow(connection.sql(query).to_arrow_table()))
            return decoded["value"].cast(_of_text(column))

    return decode


def _sql_type(column: Column) -> str:
    """The nested type in DuckDB's words, with text in every leaf."""
    match column.logical_type:
        case "object":
            fields = (f"{_quoted(field.name)} {_sql_type(field)}" for field in column.fields)
            return f"STRUCT({', '.join(fields)})"
        case "array":
            return f"{_sql_type(column.fields[0])}[]"
        case "map":
            return f"MAP(VARCHAR, {_sql_type(column.fields[1])})"
        case "vector":
            return "VARCHAR[]"
        case _:
            return "VARCHAR"


def _has_shape(value: str, column: Column) -> str:
    """SQL: whether the JSON is an object, an array or a scalar wherever the contract states it.

    Null is all of them.
    """
    kind = _json_kind(value)
    match column.logical_type:
        case "object":
            parts = [
                _has_shape(f"json_extract({value}, {_text('$.' + json.dumps(field.name))})", field)
                for field in column.fields
            ]
            return f"({kind} IN ('OBJECT', 'NULL') AND {' AND '.join(parts)})"
        case "array":
            return _all_have_shape(value, "ARRAY", "$[*]", column.fields[0])
        case "vector":
            return _all_have_shape(value, "ARRAY", "$[*]", None)
        case "map":
            return _all_have_shape(value, "OBJECT", "$.*", column.fields[1])
        case _:
            return f"{kind} NOT IN ('OBJECT', 'ARRAY')"


def _all_have_shape(value: str, kind: str, items: str, item: Column | None) -> str:
    """SQL: whether the JSON is of a kind, and each of its items of the item's; a scalar if None."""
    name = f"x{value.count('(')}"
    inner = _has_shape(name, item) if item else f"{_json_kind(name)} NOT IN ('OBJECT', 'ARRAY')"
    shapes = f"list_transform(json_extract({value}, '{items}'), lambda {name}: {inner})"
    return (
        f"({_json_kind(value)} IN ('{kind}', 'NULL') AND coalesce(list_bool_and({shapes}), true))"
    )


def _json_kind(value: str) -> str:
    return f"coalesce(json_type({value}), 'NULL')"


def _quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
