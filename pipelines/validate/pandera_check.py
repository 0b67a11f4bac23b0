"""Batches about to be written -> pandera's second opinion.

Belongs here: running pandera on eager batches, and the canary that proves it runs. Stays out: the
schema (contracts/schema.py). pandera checks only the schema of a lazy frame unless told otherwise,
in silence; hence eager batches, an explicit depth, and a canary.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.contracts.errors import QualityError, Where
from assay.contracts.model import Contract, Rule
from assay.contracts.rules import judge
from assay.contracts.schema import pandera_schema
from assay.contracts.types import dtype

if TYPE_CHECKING:
    import pandera.polars as pa


class PanderaCheck:
    """pandera's schema of one contract, proved to refuse what it must.

    Raises: QualityError: a canary row that must fail passed; nothing is validated by a validator
    that does not work.
    """

    def __init__(self, contract: Contract, schema: pa.DataFrameSchema | None = None) -> None:
        self.contract = contract
        self.schema = schema or pandera_schema(contract)
        self.rows = 0
        self._prove()

    def check(self, batch: pl.DataFrame) -> None:
        """Validate one eager batch of published rows.

        Raises: QualityError: pandera refuses what the rules let through. Names columns and checks,
        never values.
        """
        broken = self._failures(batch)
        if broken:
            column, check = sorted(broken)[0]
            place = Where(dataset=self.contract.name, field=column, rule=check)
            raise QualityError(
                f"pandera refuses rows that the rules let through ({len(broken)} kinds of failure)",
                "The two compilations of the contract disagree; report this contract",
                place,
            )
        self.rows += batch.height

    def _failures(self, batch: pl.DataFrame) -> set[tuple[str, str]]:
        return {(str(column), str(check)) for column, check, _ in self._cases(batch)}

    def _cases(self, batch: pl.DataFrame) -> list[tuple[Any, Any, Any]]:
        from pandera.config import ValidationDepth, config_context
        from pandera.errors import SchemaErrors

        try:
            with config_context(
                validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA
            ):
                self.schema.validate(batch, lazy=True)
        except SchemaErrors as errors:
            return list(errors.failure_cases.select("column", "check", "index").iter_rows())
        return []

    def _prove(self) -> None:
        """Every canary row breaks one rule; pandera must name each row."""
        types = {column.name: dtype(column) for column in self.contract.published_columns}
        canaries = {
            rule: row
            for rule in self.contract.rules
            if set(rule.columns) <= set(types) and (row := canary(rule, types)) is not None
        }
        if not canaries:
            return
        rows = pl.concat(canaries.values(), how="diagonal").match_to_schema(
            pl.Schema(types), missing_columns="insert"
        )
        named = set(self._cases(rows))
        for index, rule in enumerate(canaries):
            if (rule.columns[0], rule.name, index) not in named:
                place = Where(dataset=self.contract.name, rule=rule.name)
                raise QualityError(
                    "pandera let a row through that must fail",
                    "Nothing is validated until it works: check the pandera version and PANDERA_* variables",
                    place,
                )


def canary(rule: Rule, types: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
    """A row of one cell that breaks the rule; None where one value cannot (presence, uniqueness,
    counts), cannot be of that type, or does not set rows aside.
    """
    if (
        not rule.splits_rows
        or rule.path
        or len(rule.columns) != 1
        or rule.kind
        in ("required", "type", "unique", "nullValues", "duplicateValues", "relationship")
    ):
        return None
    (column,) = rule.columns
    if types[column].is_nested():
        return None
    tries = (
        pl.Series(column, _tries(rule), strict=False).cast(types[column], strict=False).drop_nulls()
    )
    broken = tries.to_frame().filter(~judge(rule, pl.col(column))).head(1)
    return (
        broken if len(broken) else None
    )  # a rule that no value of the type can break has no canary


_LONGEST_TRY = 1_000_000


def _days_next_to(day: date) -> list[date]:
    """A day or moment with its neighbours, as far as dates reach."""
    days = [day]
    with suppress(OverflowError):
        days.append(day - timedelta(days=1))
    with suppress(OverflowError):
        days.append(day + timedelta(days=1))
    return days


def _tries(rule: Rule) -> list[Any]:
    """Values of which at least one should break the rule."""
    match rule.argument:
        case bool():
            return []
        case date() as day:
            return _days_next_to(day)
        case int() | float() as number if rule.kind not in (
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
        ):
            return [number - 1, number, number + 1, number * 0.7 + 1]
        case int() as length:
            if length > _LONGEST_TRY:
                return []  # no cell is that long: nothing can be tried
            return ["", "x" * (length + 1)] if rule.kind.endswith("Length") else []
        case tuple() as values if values and not isinstance(values[0], str | None):
            return [*values, max(values) + 1]
        case _:
            return [
                "",
                "\x00",
                "§§",
                "x" * 200,
                "0",
                "99:99",
                *(
                    [value for value in rule.argument if value]
                    if isinstance(rule.argument, tuple)
                    else []
                ),
            ]
