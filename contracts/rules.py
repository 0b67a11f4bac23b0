"""Rules -> Polars expressions.

Belongs here: what each promise means on a frame: true where a row keeps it, never null.
Stays out: types (types.py), splitting rows (pipelines/validate), the pandera schema (schema.py).
"""

from __future__ import annotations

import polars as pl

from assay.contracts.errors import ContractError
from assay.contracts.formats import EACH, string_formats
from assay.contracts.model import Rule


def was_read(column: str) -> str:
    """The helper column that is false where the text of `column` could not be read as its type."""
    return f"_was_read_{column}"


def was_found(rule: Rule) -> str:
    """The helper column that is true where the row's key is in the table that a relationship points to."""
    return f"_was_found_{rule.name}"


def keeps(rule: Rule, stays: pl.Expr | None = None) -> pl.Expr:
    """True where a row keeps the rule. A null breaks only rules about presence; other rules have nothing to judge there.

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
    match rule.kind:
        case "required" | "nullValues":
            return value.is_not_null()
        case "missingValues":
            absent = [each for each in rule.argument if each is not None]
            return (
                (~value.is_in(absent)).fill_null(None not in rule.argument)
                if absent
                else value.is_not_null()
            )
        case "minimum":
            holds = value >= pl.lit(rule.argument)
        case "maximum":
            holds = value <= pl.lit(rule.argument)
        case "exclusiveMinimum":
            holds = value > pl.lit(rule.argument)
        case "exclusiveMaximum":
            holds = value < pl.lit(rule.argument)
        case "multipleOf" if isinstance(rule.argument, int):
            holds = value % rule.argument == 0
        case "multipleOf":  # 0.3 is a multiple of 0.1, whatever binary fractions say
            times = value.cast(pl.Float64) / rule.argument
            holds = (times - times.round()).abs() <= 1e-9 * pl.max_horizontal(times.abs(), 1.0)
        case "minLength":
            holds = value.str.len_chars() >= rule.argument
        case "maxLength":
            holds = value.str.len_chars() <= rule.argument
        case "pattern":
            holds = value.str.contains(rule.argument)
        case "format":
            holds = value.str.contains(string_formats()[rule.argument])
        case "enum":
            holds = value.is_in(list(rule.argument))
        case "invalidValues":
            holds = (
                value.str.contains(rule.argument)
                if isinstance(rule.argument, str)
                else value.is_in(list(rule.argument))
            )
        case "minItems":
            holds = value.list.len() >= rule.argument
        case "maxItems":
            holds = value.list.len() <= rule.argument
        case "uniqueItems":
            holds = value.list.n_unique() == value.list.len()
        case "minProperties":
            holds = _properties(rule, value) >= rule.argument[0]
        case "maxProperties":
            holds = _properties(rule, value) <= rule.argument[0]
        case "normalized":
            length = (
                value.arr.to_list().list.eval(pl.element().cast(pl.Float64) ** 2).list.sum().sqrt()
            )
            holds = (
                length - 1
            ).abs() <= 1e-3  # what 32-bit and shorter elements leave of a unit vector
        case _:
            raise ContractError(f"the rule '{rule.name}' says nothing of one value", "Ask `keeps`")
    return holds.fill_null(True)


def _properties(rule: Rule, value: pl.Expr) -> pl.Expr:
    """How many properties an object has; `argument` is the limit and the names it can have."""
    counted = pl.sum_horizontal(
        value.struct.field(name).is_not_null().cast(pl.Int64) for name in rule.argument[1]
    )
    return pl.when(value.is_not_null()).then(counted)
