"""Rules and types -> Python source that builds them.

Belongs here: the text of what rules.py and types.py build; a test proves them equal. Stays out: what is written around it (polars.py, pandera.py).
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Rule

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
    """The expression of `contracts.rules.keeps`, as Python with `pl` and `datetime` at hand. Raises: KeyError: a kind among SEES_OTHERS."""
    if rule.kind in ("unique", "duplicateValues"):
        key = (
            _column(rule.columns[0])
            if len(rule.columns) == 1
            else f"pl.struct({list(rule.columns)!r})"
        )
        return f"{key}.is_first_distinct() | {key}.is_null()"
    return _along(rule, _column(rule.columns[0]), rule.path)


def dtype_source(kind: pl.DataType) -> str:
    """A Polars type, as Python with `pl` at hand."""
    match kind:
        case pl.Struct():
            return (
                "pl.Struct({"
                + ", ".join(
                    f"{field.name!r}: {dtype_source(_instance(field.dtype))}"
                    for field in kind.fields
                )
                + "})"
            )
        case pl.List():
            return f"pl.List({dtype_source(_instance(kind.inner))})"
        case pl.Array():
            return f"pl.Array({dtype_source(_instance(kind.inner))}, {kind.shape[0]})"
        case _:
            return f"pl.{kind!r}"


def _instance(kind: object) -> pl.DataType:
    """What a nested type holds is typed as a class or an instance; types.py makes instances only."""
    assert isinstance(kind, pl.DataType)
    return kind


def _column(name: str) -> str:
    return f"pl.col({name!r})"


def _along(rule: Rule, value: str, path: tuple[str, ...]) -> str:
    if not path:
        return _judge(rule, value)
    step, *rest = path
    if step == EACH:
        return f"{value}.list.eval({_along(rule, 'pl.element()', tuple(rest))}).list.all().fill_null(True)"
    return f"{value}.is_null() | ({_along(rule, f'{value}.struct.field({step!r})', tuple(rest))})"


def _judge(rule: Rule, value: str) -> str:
    argument = rule.argument
    match rule.kind:
        case "required" | "nullValues":
            return f"{value}.is_not_null()"
        case "missingValues":
            absent = [each for each in argument if each is not None]
            return (
                f"(~{value}.is_in({literal(absent)})).fill_null({None not in argument})"
                if absent
                else f"{value}.is_not_null()"
            )
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            operator = {
                "minimum": ">=",
                "maximum": "<=",
                "exclusiveMinimum": ">",
                "exclusiveMaximum": "<",
            }[rule.kind]
            holds = f"({value} {operator} pl.lit({literal(argument)}))"
        case "multipleOf" if isinstance(argument, int):
            holds = f"({value} % {argument!r} == 0)"
        case "multipleOf":
            times = f"({value}.cast(pl.Float64) / {argument!r})"
            holds = f"(({times} - {times}.round()).abs() <= 1e-9 * pl.max_horizontal({times}.abs(), 1.0))"
        case "minLength" | "maxLength":
            holds = f"({value}.str.len_chars() {'>=' if rule.kind == 'minLength' else '<='} {argument!r})"
        case "pattern":
            holds = f"{value}.str.contains({argument!r})"
        case "format":
            holds = f"{value}.str.contains({string_formats()[argument]!r})"
        case "invalidValues" if isinstance(argument, str):
            holds = f"{value}.str.contains({argument!r})"
        case "enum" | "invalidValues":
            holds = f"{value}.is_in({literal(list(argument))})"
        case "minItems" | "maxItems":
            holds = f"({value}.list.len() {'>=' if rule.kind == 'minItems' else '<='} {argument!r})"
        case "uniqueItems":
            holds = f"({value}.list.n_unique() == {value}.list.len())"
        case "minProperties" | "maxProperties":
            counted = f"pl.sum_horizontal({value}.struct.field(name).is_not_null().cast(pl.Int64) for name in {list(argument[1])!r})"
            holds = f"(pl.when({value}.is_not_null()).then({counted}) {'>=' if rule.kind == 'minProperties' else '<='} {argument[0]!r})"
        case "normalized":
            length = f"{value}.arr.to_list().list.eval(pl.element().cast(pl.Float64) ** 2).list.sum().sqrt()"
            holds = f"(({length} - 1).abs() <= 1e-3)"
        case _:
            raise KeyError(rule.kind)
    return f"{holds}.fill_null(True)"


def literal(value: object) -> str:
    """A value as Python writes it; `datetime` is the module."""
    if isinstance(value, datetime) and value.tzinfo:
        return repr(value.replace(tzinfo=None))[:-1] + ", tzinfo=datetime.timezone.utc)"
    return (
        "[" + ", ".join(literal(each) for each in value) + "]"
        if isinstance(value, list)
        else repr(value)
    )
