"""Steps on what is not there."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from contracts.steps.base import Columns, Step


class FillMissing(Step):
    """Fill nulls, with a number or value fitted on the version's own profile, or a constant."""

    step: Literal["fill_missing"]
    columns: Columns
    method: Literal["median", "mode", "constant"]
    value: str | float | None = None

    @model_validator(mode="after")
    def _constant_has_value(self) -> FillMissing:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("`value` belongs to the method `constant`, and only to it")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its columns, where it computes."""
        return self.columns if self.method == "median" else ()

    @property
    def said(self) -> str:
        """What it does."""
        how = f"with {self.value!r}" if self.method == "constant" else f"with their {self.method}"
        return f"Missing values of {', '.join(self.columns)} are filled {how}."
