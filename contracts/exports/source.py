"""Rules and types -> Python source that builds them.

Belongs here: the text of what rules.py and types.py build; a test proves them equal. Stays out:
what is written around it (polars.py, pandera.py).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Bound, Comparison, Rule
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

if TYPE_CHECKING:
    from polars._typing import PolarsDataType


def rule_source(rule: Rule) -> str:
    """The expression of `contracts.rules.keeps`, as Python with `pl` and `datetime` at hand.

    Raises: KeyError: a kind among SEES_OTHERS.
    """
    column = _column(rule.columns[0])
    if rule.kind in ("unique", "duplicateValues"):
        key = column if len(rule.columns) == 1 else f"pl.struct({list(rule.columns)!r})"
        return f"{key}.is_first_distinct() | {key}.is_null()"
    return _along(rule, column, rule.path)


_OPERATORS: Mapping[Comparison, str] = {
    "mustBe": "==",
    "mustNotBe": "!=",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}


def bound_source(count: str, bound: Bound) -> str:
    """Whether a count of rows keeps a bound; a percentage of no rows is no breach."""
    measured = f"(100.0 * {count} / pl.len())" if bound.unit == "percent" else count
    if isinstance(bound.value, tuple):
        low, high = bound.value
        between = f"{measured}.is_between({literal(low)}, {literal(high)})"
        holds = between if bound.comparison == "mustBeBetween" else f"~{between}"
    else:
        holds = f"({measured} {_OPERATORS[bound.comparison]} {literal(bound.value)})"
    return f"(pl.len() == 0) | {holds}" if bound.unit == "percent" else holds


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
        return _is_given(value, rule)
    return f"{_HOLDS[rule.kind](value, rule)}.fill_null(True)"


def _is_given(value: str, rule: Rule) -> str:
    absent = [word for word in rule.argument if word is not None]
    return f"(~{_is_in(value, rule, absent)}).fill_null({None not in rule.argument})"


def _is_in(value: str, rule: Rule, values: Sequence[Any]) -> str:
    listed = listed_in_type(rule, values)
    source = literal(list(listed.values))
    if listed.dtype is None:
        return f"{value}.is_in({source})"
    return (
        f"{value}.is_in(pl.lit(pl.Series({source}, dtype={dtype_source(listed.dtype)})).implode())"
    )


def _compares(value: str, rule: Rule) -> str:
    limit = limit_of(rule)
    return f"({value} {limit.comparison} pl.lit({literal(limit.value)}))"


def _is_multiple(value: str, rule: Rule) -> str:
    step, kind = step_of(rule), value_type(rule)
    if kind is None or kind.is_float():
        return (
            f"{value}.map_batches(lambda values: are_multiples(values, {step!r}), "
            "return_dtype=pl.Boolean(), is_elementwise=True)"
        )
    if step <= SMALL_STEP:
        return f"({value}.to_physical() % {step.numerator} == 0)"
    if step > LARGEST_STEP:
        return f"({value}.to_physical() == 0)"
    divisor = f"pl.lit({step.numerator}, dtype=pl.Int128)"
    return f"({value}.to_physical().cast(pl.Int128) % {divisor} == 0)"


def helpers_source(rules: Sequence[Rule]) -> str:
    """The functions that the expressions of the rules call, with what they import."""
    if not any(rule.kind == "multipleOf" for rule in rules):
        return ""
    return f"from fractions import Fraction\n\n\n{inspect.getsource(are_multiples)}\n\n"


def _is_valid(value: str, rule: Rule) -> str:
    valid = rule.argument
    return _matches(value, valid) if isinstance(valid, str) else _is_in(value, rule, valid)


def _matches(value: str, pattern: str) -> str:
    return f"{value}.str.contains({rust_pattern(pattern)!r})"


def _length(value: str, rule: Rule) -> str:
    is_binary = isinstance(value_type(rule), pl.Binary)
    return f"{value}.bin.size()" if is_binary else f"{value}.str.len_chars()"


def _has_length_1(value: str, _: Rule) -> str:
    squares = f"{value}.list.eval(pl.element().cast(pl.Float64) ** 2)"
    return f"(({squares}.list.sum().sqrt() - 1).abs() <= 1e-3)"


def _count_properties(value: str, rule: Rule) -> str:
    _, names = rule.argument
    is_given = f"{value}.struct.field(name).is_not_null().cast(pl.Int64)"
    count = f"pl.sum_horizontal({is_given} for name in {list(names)!r})"
    return f"pl.when({value}.is_not_null()).then({count})"


_HOLDS: Mapping[str, Callable[[str, Rule], str]] = {
    "minimum": _compares,
    "maximum": _compares,
    "exclusiveMinimum": _compares,
    "exclusiveMaximum": _compares,
    "multipleOf": _is_multiple,
    "minLength": lambda value, rule: f"({_length(value, rule)} >= {longest_of(rule)})",
    "maxLength": lambda value, rule: f"({_length(value, rule)} <= {longest_of(rule)})",
    "pattern": lambda value, rule: _matches(value, rule.argument),
    "format": lambda value, rule: _matches(value, string_formats()[rule.argument]),
    "enum": lambda value, rule: _is_in(value, rule, rule.argument),
    "invalidValues": _is_valid,
    "minItems": lambda value, rule: f"({value}.list.len() >= {longest_of(rule)})",
    "maxItems": lambda value, rule: f"({value}.list.len() <= {longest_of(rule)})",
    "uniqueItems": lambda value, _: f"({value}.list.n_unique() == {value}.list.len())",
    "minProperties": lambda value, rule: (
        f"({_count_properties(value, rule)} >= {rule.argument[0]})"
    ),
    "maxProperties": lambda value, rule: (
        f"({_count_properties(value, rule)} <= {rule.argument[0]})"
    ),
    "normalized": _has_length_1,
}
"""The source of each entry of the same table in contracts/rules.py."""


def literal(value: object) -> str:
    """A value as Python writes it; `datetime` and `decimal` are the modules."""
    if isinstance(value, datetime) and value.tzinfo:
        return repr(value.replace(tzinfo=None))[:-1] + ", tzinfo=datetime.timezone.utc)"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, Decimal):
        return f"decimal.Decimal('{value}')"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)
