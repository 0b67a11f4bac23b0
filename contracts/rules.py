"""Rules -> Polars expressions.

Belongs here: what each promise means on a frame: true where a row keeps it, never null.
Stays out: types (types.py), splitting rows (pipelines/validate), the pandera schema (schema.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from assay.contracts.errors import ContractError
from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Rule


def was_read(column: str) -> str:
    """The helper column that is false where the text of `column` could not be read as its type."""
    return f"_was_read_{column}"


def was_found(rule: Rule) -> str:
    """The helper column that is true where the row's key is in the table that a relationship points
    to.
    """
    return f"_was_found_{rule.name}"


def keeps(rule: Rule, stays: pl.Expr | None = None) -> pl.Expr:
    """True where a row keeps the rule.

    A null breaks only rules about presence; other rules have nothing to judge there.

    Args:
        stays: false for rows that no other row counts as repeating; all count unless given.
    Raises: ContractError: the rule does not judge rows.
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
        f"the rule '{rule.name}' speaks of the whole table", "Ask its bound, not its rows"
    )


def _along(rule: Rule, value: pl.Expr, path: tuple[str, ...]) -> pl.Expr:
    """Follow the path into what the column nests; what is not there has nothing to judge."""
    if not path:
        return judge(rule, value)
    step, *rest = path
    if step == EACH:
        return value.list.eval(_along(rule, pl.element(), tuple(rest))).list.all().fill_null(True)
    return value.is_null() | _along(rule, value.struct.field(step), tuple(rest))


def judge(rule: Rule, value: pl.Expr) -> pl.Expr:
    """True where one value keeps the rule.

    Raises: ContractError: the rule says nothing of one value.
    """
    if rule.kind in ("required", "nullValues"):
        return value.is_not_null()
    if rule.kind == "missingValues":
        return _is_given(value, rule.argument)
    holds = _HOLDS.get(rule.kind)
    if holds is None:
        raise ContractError(f"the rule '{rule.name}' says nothing of one value", "Ask `keeps`")
    return holds(value, rule.argument).fill_null(True)


def _is_given(value: pl.Expr, words: Sequence[Any]) -> pl.Expr:
    """Whether a value is none of the words that stand for nothing.

    None among them stands for null.
    """
    absent = [text for text in words if text is not None]
    null_is_given = None not in words
    if not absent:
        return value.is_not_null()
    return (~value.is_in(absent)).fill_null(null_is_given)


def _is_multiple(value: pl.Expr, factor: float) -> pl.Expr:
    """Whether a value is a multiple: 0.3 is one of 0.1, whatever binary fractions say."""
    if isinstance(factor, int):
        return value % factor == 0
    times = value.cast(pl.Float64) / factor
    return (times - times.round()).abs() <= 1e-9 * pl.max_horizontal(times.abs(), 1.0)


def _is_valid(value: pl.Expr, valid: str | Sequence[Any]) -> pl.Expr:
    """Whether a value matches a pattern, or is one of those listed."""
    return value.str.contains(valid) if isinstance(valid, str) else value.is_in(list(valid))


def _has_length_1(value: pl.Expr, _: Any) -> pl.Expr:
    """Whether a vector is one of length 1, up to what 32-bit and shorter elements leave of it."""
    squares = value.list.eval(pl.element().cast(pl.Float64) ** 2)
    return (squares.list.sum().sqrt() - 1).abs() <= 1e-3


def _count_properties(value: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """How many properties an object has, of those it can have."""
    count = pl.sum_horizontal(
        value.struct.field(name).is_not_null().cast(pl.Int64) for name in names
    )
    return pl.when(value.is_not_null()).then(count)


_HOLDS: Mapping[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "minimum": lambda value, limit: value >= pl.lit(limit),
    "maximum": lambda value, limit: value <= pl.lit(limit),
    "exclusiveMinimum": lambda value, limit: value > pl.lit(limit),
    "exclusiveMaximum": lambda value, limit: value < pl.lit(limit),
    "multipleOf": _is_multiple,
    "minLength": lambda value, limit: value.str.len_chars() >= limit,
    "maxLength": lambda value, limit: value.str.len_chars() <= limit,
    "pattern": lambda value, pattern: value.str.contains(pattern),
    "format": lambda value, name: value.str.contains(string_formats()[name]),
    "enum": lambda value, values: value.is_in(list(values)),
    "invalidValues": _is_valid,
    "minItems": lambda value, limit: value.list.len() >= limit,
    "maxItems": lambda value, limit: value.list.len() <= limit,
    "uniqueItems": lambda value, _: value.list.n_unique() == value.list.len(),
    "minProperties": lambda value, limit: _count_properties(value, limit[1]) >= limit[0],
    "maxProperties": lambda value, limit: _count_properties(value, limit[1]) <= limit[0],
    "normalized": _has_length_1,
}
"""What each kind of rule asks of a value and its argument; null where it has nothing to judge."""
