"""Batches about to be written -> pandera's second opinion.

Belongs here: running pandera on eager batches, and the canary that proves it runs. Stays out: the
schema (contracts/schema.py). pandera checks only the schema of a lazy frame by default,
in silence; hence eager batches, an explicit depth, and a canary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.contracts.errors import QualityError, Where
from assay.contracts.model import Contract, Rule
from assay.contracts.schema import FAILURE_CASES, pandera_schema
from assay.contracts.types import dtype
from assay.pipelines.validate.canary import canary

if TYPE_CHECKING:
    import pandera.polars as pa


_PROVED_AT_ONCE = FAILURE_CASES
"""Canary rows at once: pandera names no more failures of one check."""


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
                f"pandera refuses rows that the rules accept ({len(broken)} kinds of failure)",
                "Report this as a bug in Assay, with the contract",
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
        canaries = [
            (rule, row)
            for rule in self.contract.rules
            if set(rule.columns) <= set(types) and (row := canary(rule, types)) is not None
        ]
        for start in range(0, len(canaries), _PROVED_AT_ONCE):
            self._prove_some(canaries[start : start + _PROVED_AT_ONCE], pl.Schema(types))

    def _prove_some(self, canaries: Sequence[tuple[Rule, pl.DataFrame]], types: pl.Schema) -> None:
        rows = pl.concat((row for _, row in canaries), how="diagonal").match_to_schema(
            types, missing_columns="insert"
        )
        named = set(self._cases(rows))
        for index, (rule, _) in enumerate(canaries):
            if (rule.columns[0], rule.name, index) not in named:
                place = Where(dataset=self.contract.name, rule=rule.name)
                raise QualityError(
                    "the validation library pandera accepted a row that must fail",
                    "Nothing is validated until this works: check the pandera version and PANDERA_* variables",
                    place,
                )
