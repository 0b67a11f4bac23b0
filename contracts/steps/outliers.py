"""Steps on numbers far from the others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.steps.base import Columns, Step


class Outliers(Step):
    """Values beyond `factor` interquartile ranges from the quartiles (Tukey 1977): remove the row, or cap the value."""

    step: Literal["outliers"]
    columns: Columns
    method: Literal["iqr"] = "iqr"
    factor: float = Field(gt=0)
    action: Literal["remove", "cap"]

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def said(self) -> str:
        """What it does."""
        done = "rows are removed" if self.action == "remove" else "values are capped"
        return f"Beyond {self.factor:g} interquartile ranges from the quartiles of {', '.join(self.columns)}, {done}."
