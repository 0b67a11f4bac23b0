"""Rules -> Polars expressions.

Belongs here: what each rule means on a frame: an expression that is true where a row keeps the
rule, never null.
Stays out: types (types.py), splitting rows (pipelines/validate), the pandera schema (schema.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assay.contracts.errors import ContractError
from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Rule
from assay.contracts.multiples import are_multiples
from assay.contracts.patterns import rust_pattern
from assay.contracts.typed_arguments import (
    LARGEST_STEP,
    SMALL_STEP,
    limit_of,
    listed_in_type,
    longest_of,
    step_of,
    value_type,
)


def was_read(column: str) -> str:
    """The helper column that is false where the text of `column` could not be read as its type."""
    return f"_was_read_{column}"


def was_found(rule: Rule) -> str:
    """The helper column that is true where the row's key is in the table that a relationship points
    to, and null elsewhere.
    """
    return f"_was_found_{rule.name}"


def keeps(rule: Rule, stays: pl.Expr | None = None) -> pl.Expr:
    """True where a row keeps the rule.

    A null breaks only rules about presence; other rules have nothing to evaluate there.

    Args:
        stays: false for rows that no other row counts as repeating; all count by default.
    Raises: ContractError: the rule does not evaluate rows.
    """
    match rule.kind:
        case "type":
            return pl.col(was_read(rule.columns[0]))
        case "unique" | "duplicateValues":
            key = pl.col(rule.columns[0]) if len(rule.columns) == 1 else pl.struct(rule.columns)
            key = key if stays is None else pl.when(stays).then(key)
            return key.is_first_distinct() | key.is_null()
        case "relationship":
            return pl.col(was_found(rule)).is_not_null() | pl.any_horizontal(
                pl.col(column).is_null() for column in rule.columns
            )
        case _ if rule.judges_rows:
            return _along(rule, pl.col(rule.columns[0]), rule.path)
    raise ContractError(
        f"the rule '{rule.name}' applies to the whole table, not to single rows",
        "Evaluate its `bound`",
    )


def _along(rule: Rule, value: pl.Expr, path: tuple[str, ...]) -> pl.Expr:
    """Follow the path into what the column nests; what is not there has nothing to evaluate."""
    if not path:
        return judge(rule, value)
    step, *rest = path
    if step == EACH:
        return value.list.eval(_along(rule, pl.element(), tuple(rest))).list.all().fill_null(True)
    return value.is_null() | _along(rule, value.struct.field(step), tuple(rest))


def judge(rule: Rule, value: pl.Expr) -> pl.Expr:
    """True where one value keeps the rule.

    Raises: ContractError: the rule cannot be evaluated on one value.
    """
    if rule.kind in ("required", "nullValues"):
        return value.is_not_null()
    if rule.kind == "missingValues":
        return _is_given(value, rule)
    holds = _HOLDS.get(rule.kind)
    if holds is None:
        raise ContractError(
            f"the rule '{rule.name}' cannot be evaluated on one value",
            "In Python, call `assay.contracts.rules.keeps`, which evaluates rows",
        )
    return holds(value, rule).fill_null(True)


def _is_given(value: pl.Expr, rule: Rule) -> pl.Expr:
    """True where a value is not one of the rule's markers for a missing value.

    Null counts as missing only if `None` is one of the markers.
    """
    null_is_given = None not in rule.argument
    absent = [word for word in rule.argument if word is not None]
    if not absent:
        return value.is_not_null() | null_is_given
    return (~_is_in(value, rule, absent)).fill_null(null_is_given)


def _is_in(value: pl.Expr, rule: Rule, values: Sequence[Any]) -> pl.Expr:
    listed = listed_in_type(rule, values)
    if listed.dtype is None:
        return value.is_in(list(listed.values))
    return value.is_in(pl.lit(pl.Series(listed.values, dtype=listed.dtype)).implode())


def _compares(value: pl.Expr, rule: Rule) -> pl.Expr:
    limit = limit_of(rule)
    return _COMPARED[limit.comparison](value, pl.lit(limit.value))


def _is_multiple(value: pl.Expr, rule: Rule) -> pl.Expr:
    """Whether a value is a multiple in decimal arithmetic: 0.3 is one of 0.1."""
    step, kind = step_of(rule), value_type(rule)
    if kind is None or kind.is_float():
        return value.map_batches(
            lambda values: are_multiples(values, step),
            return_dtype=pl.Boolean(),
            is_elementwise=True,
        )
    digits = value.to_physical()
    if step <= SMALL_STEP:
        return digits % step.numerator == 0
    if step > LARGEST_STEP:
        return digits == 0
    return digits.cast(pl.Int128) % pl.lit(step.numerator, dtype=pl.Int128) == 0


def _is_valid(value: pl.Expr, rule: Rule) -> pl.Expr:
    """Whether a value matches a pattern, or is one of those listed."""
    valid = rule.argument
    return _matches(value, valid) if isinstance(valid, str) else _is_in(value, rule, valid)


def _matches(value: pl.Expr, pattern: str) -> pl.Expr:
    return value.str.contains(rust_pattern(pattern))


def _length(value: pl.Expr, rule: Rule) -> pl.Expr:
    """Characters of text, or bytes of what is binary."""
    is_binary = isinstance(value_type(rule), pl.Binary)
    return value.bin.size() if is_binary else value.str.len_chars()


def _has_length_1(value: pl.Expr, _: Rule) -> pl.Expr:
    """Whether a vector is one of length 1, up to what 32-bit and shorter elements leave of it."""
    squares = value.list.eval(pl.element().cast(pl.Float64) ** 2)
    return (squares.list.sum().sqrt() - 1).abs() <= 1e-3


def _count_properties(value: pl.Expr, rule: Rule) -> pl.Expr:
    """How many properties an object has, of those it can have."""
    _, names = rule.argument
    count = pl.sum_horizontal(
        value.struct.field(name).is_not_null().cast(pl.Int64) for name in names
    )
    return pl.when(value.is_not_null()).then(count)


_COMPARED: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_HOLDS: Mapping[str, Callable[[pl.Expr, Rule], pl.Expr]] = {
    "minimum": _compares,
    "maximum": _compares,
    "exclusiveMinimum": _compares,
    "exclusiveMaximum": _compares,
    "multipleOf": _is_multiple,
    "minLength": lambda value, rule: _length(value, rule) >= longest_of(rule),
    "maxLength": lambda value, rule: _length(value, rule) <= longest_of(rule),
    "pattern": lambda value, rule: _matches(value, rule.argument),
    "format": lambda value, rule: _matches(value, string_formats()[rule.argument]),
    "enum": lambda value, rule: _is_in(value, rule, rule.argument),
    "invalidValues": _is_valid,
    "minItems": lambda value, rule: value.list.len() >= longest_of(rule),
    "maxItems": lambda value, rule: value.list.len() <= longest_of(rule),
    "uniqueItems": lambda value, _: value.list.n_unique() == value.list.len(),
    "minProperties": lambda value, rule: _count_properties(value, rule) >= rule.argument[0],
    "maxProperties": lambda value, rule: _count_properties(value, rule) <= rule.argument[0],
    "normalized": _has_length_1,
}
"""What each kind of rule asks of a value; null where it has nothing to evaluate."""
