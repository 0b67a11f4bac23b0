"""Batches about to be written -> pandera's second opinion.

Belongs here: running pandera on eager batches, and the canary that proves it runs. Stays out: the schema (contracts/schema.py).
pandera checks only the schema of a lazy frame unless told otherwise, in silence; hence eager batches, an explicit depth, and a canary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.errors import QualityError, Where
from contracts.model import Contract, Rule
from contracts.rules import dtype
from contracts.schema import pandera_schema

if TYPE_CHECKING:
    import pandera.polars as pa


class Gate:
    """pandera's schema of one contract, proved to refuse what it must.

    Raises: QualityError: a canary row that must fail passed; nothing is validated by a validator that does not work.
    """

    def __init__(self, contract: Contract, schema: pa.DataFrameSchema | None = None) -> None:
        self.contract = contract
        self.schema = schema or pandera_schema(contract)
        self.rows = 0
        self._prove()

    def check(self, batch: pl.DataFrame) -> None:
        """Validate one eager batch of published rows.

        Raises: QualityError: pandera refuses what the rules let through. Names columns and checks, never values.
        """
        broken = self._failures(batch)
        if broken:
            column, check = sorted(broken)[0]
            place = Where(dataset=self.contract.name, field=column, rule=check)
            raise QualityError(
                f"pandera refuses rows that the rules let through ({len(broken)} kinds of failure)", "The two compilations of the contract disagree; report this contract", place
            )
        self.rows += batch.height

    def _failures(self, batch: pl.DataFrame) -> set[tuple[str, str]]:
        return {(str(column), str(check)) for column, check, _ in self._cases(batch)}

    def _cases(self, batch: pl.DataFrame) -> list[tuple[Any, Any, Any]]:
        from pandera.config import ValidationDepth, config_context
        from pandera.errors import SchemaErrors

        try:
            with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
                self.schema.validate(batch, lazy=True)
        except SchemaErrors as errors:
            return list(errors.failure_cases.select("column", "check", "index").iter_rows())
        return []

    def _prove(self) -> None:
        """Every canary row breaks one rule; pandera must name each row."""
        published = {column.name for column in self.contract.published_columns}
        broken = {rule: value for rule in self.contract.rules if set(rule.columns) <= published and (value := canary(rule)) is not None}
        if not broken:
            return
        schema = {column.name: dtype(column) for column in self.contract.published_columns}
        rows = pl.DataFrame([{rule.columns[0]: value} for rule, value in broken.items()], schema=schema)
        named = {(column, index) for column, _, index in self._cases(rows)}
        for index, rule in enumerate(broken):
            if (rule.columns[0], index) not in named:
                place = Where(dataset=self.contract.name, rule=rule.name)
                raise QualityError("pandera let a row through that must fail", "Nothing is validated until it works: check the pandera version and PANDERA_* variables", place)


def canary(rule: Rule) -> Any:
    """A value that breaks the rule, or None where one value cannot (presence, types, uniqueness, counts) or the rule only warns."""
    if rule.severity != "error":
        return None
    match rule.kind:
        case "minimum":
            return rule.argument - 1
        case "maximum":
            return rule.argument + 1
        case "exclusiveMinimum" | "exclusiveMaximum":
            return rule.argument
        case "minLength":
            return "" if rule.argument > 0 else None
        case "maxLength":
            return "x" * (rule.argument + 1)
        case "enum":
            return _unlisted(rule.argument)
        case "pattern" | "invalidValues" if isinstance(rule.argument, str):
            tries = pl.Series(["", "\x00", "§§", "x" * 200, "0"])
            misses = tries.filter(~tries.str.contains(rule.argument))
            return misses[0] if len(misses) else None
        case "invalidValues":
            return _unlisted(rule.argument)
        case _:
            return None


def _unlisted(values: tuple[Any, ...]) -> Any:
    if isinstance(values[0], str):
        return "".join(str(value) for value in values) + "?"
    return max(values) + 1
