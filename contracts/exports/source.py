"""Rules and types -> Python source that builds them.

Belongs here: the text of what rules.py and types.py build; a test proves them equal. Stays out:
what is written around it (polars.py, pandera.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Rule

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

SEES_OTHERS = {
    "type": "a version's columns have their types; it speaks of the text they were read from",
    "relationship": "it needs the data set it points to",
    "rowCount": "it speaks of the whole table",
    "sql": "it is a query of the whole table",
    "anonymity": "it compares every row with every other",
    "metric": "it measures the whole version, and how it was made",
}
"""Kinds of rules whose expression needs more than the frame, and why."""


def rule_source(rule: Rule) -> str:
    """The expression of `contracts.rules.keeps`, as Python with `pl` and `datetime` at hand.

    Raises: KeyError: a kind among SEES_OTHERS.
    """
    column = _column(rule.columns[0])
    if rule.kind in ("unique", "duplicateValues"):
        key = column if len(rule.columns) == 1 else f"pl.struct({list(rule.columns)!r})"
        return f"{key}.is_first_distinct() | {key}.is_null()"
    return _along(rule, column, rule.path)


def dtype_source(kind: pl.DataType) -> str:
    """A Polars type, as Python with `pl` at hand."""
    match kind:
        case pl.Struct():
            fields = (f"{field.name!r}: {_inner_source(field.dtype)}" for field in kind.fields)
            return "pl.Struct({" + ", ".join(fields) + "})"
        case pl.List():
            return f"pl.List({_inner_source(kind.inner)})"
        case _:
            return f"pl.{kind!r}"


def _inner_source(kind: PolarsDataType) -> str:
    """What a nested type holds: Polars lets it be a class or an instance."""
    return dtype_source(kind if isinstance(kind, pl.DataType) else kind())


def _column(name: str) -> str:
    return f"pl.col({name!r})"


def _along(rule: Rule, value: str, path: tuple[str, ...]) -> str:
    if not path:
        return _judge(rule, value)
    step, *rest = path
    if step == EACH:
        inner = _along(rule, "pl.element()", tuple(rest))
        return f"{value}.list.eval({inner}).list.all().fill_null(True)"
    inner = _along(rule, f"{value}.struct.field({step!r})", tuple(rest))
    return f"{value}.is_null() | ({inner})"


def _judge(rule: Rule, value: str) -> str:
    """The expression of `contracts.rules.judge`."""
    if rule.kind in ("required", "nullValues"):
        return f"{value}.is_not_null()"
    if rule.kind == "missingValues":
        return _is_given(value, rule.argument)
    return f"{_HOLDS[rule.kind](value, rule.argument)}.fill_null(True)"


def _is_given(value: str, words: Sequence[Any]) -> str:
    absent = [text for text in words if text is not None]
    if not absent:
        return f"{value}.is_not_null()"
    return f"(~{value}.is_in({literal(absent)})).fill_null({None not in words})"


def _is_multiple(value: str, factor: float) -> str:
    if isinstance(factor, int):
        return f"({value} % {factor!r} == 0)"
    times = f"({value}.cast(pl.Float64) / {factor!r})"
    difference = f"({times} - {times}.round()).abs()"
    return f"({difference} <= 1e-9 * pl.max_horizontal({times}.abs(), 1.0))"


def _is_valid(value: str, valid: str | Sequence[Any]) -> str:
    if isinstance(valid, str):
        return f"{value}.str.contains({valid!r})"
    return f"{value}.is_in({literal(list(valid))})"


def _has_length_1(value: str, _: Any) -> str:
    squares = f"{value}.list.eval(pl.element().cast(pl.Float64) ** 2)"
    return f"(({squares}.list.sum().sqrt() - 1).abs() <= 1e-3)"


def _count_properties(value: str, names: Sequence[str]) -> str:
    is_given = f"{value}.struct.field(name).is_not_null().cast(pl.Int64)"
    count = f"pl.sum_horizontal({is_given} for name in {list(names)!r})"
    return f"pl.when({value}.is_not_null()).then({count})"


_HOLDS: Mapping[str, Callable[[str, Any], str]] = {
    "minimum": lambda value, limit: f"({value} >= pl.lit({literal(limit)}))",
    "maximum": lambda value, limit: f"({value} <= pl.lit({literal(limit)}))",
    "exclusiveMinimum": lambda value, limit: f"({value} > pl.lit({literal(limit)}))",
    "exclusiveMaximum": lambda value, limit: f"({value} < pl.lit({literal(limit)}))",
    "multipleOf": _is_multiple,
    "minLength": lambda value, limit: f"({value}.str.len_chars() >= {limit!r})",
    "maxLength": lambda value, limit: f"({value}.str.len_chars() <= {limit!r})",
    "pattern": lambda value, pattern: f"{value}.str.contains({pattern!r})",
    "format": lambda value, name: f"{value}.str.contains({string_formats()[name]!r})",
    "enum": lambda value, values: f"{value}.is_in({literal(list(values))})",
    "invalidValues": _is_valid,
    "minItems": lambda value, limit: f"({value}.list.len() >= {limit!r})",
    "maxItems": lambda value, limit: f"({value}.list.len() <= {limit!r})",
    "uniqueItems": lambda value, _: f"({value}.list.n_unique() == {value}.list.len())",
    "minProperties": lambda value, limit: f"({_count_properties(value, limit[1])} >= {limit[0]!r})",
    "maxProperties": lambda value, limit: f"({_count_properties(value, limit[1])} <= {limit[0]!r})",
    "normalized": _has_length_1,
}
"""The source of each entry of the same table in contracts/rules.py."""


def literal(value: object) -> str:
    """A value as Python writes it; `datetime` is the module."""
    if isinstance(value, datetime) and value.tzinfo:
        return repr(value.replace(tzinfo=None))[:-1] + ", tzinfo=datetime.timezone.utc)"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)
