"""`assay.bias`: groups, and outcomes whose shares are compared."""

from __future__ import annotations

from pydantic import (
    Field,
    model_validator,
)

from assay.contracts.settings.base import Settings


class Outcome(Settings):
    """What counts as the outcome in a row: a column above a number, or equal to a value."""

    column: str
    above: float | None = None
    equals: str | float | bool | None = None

    @model_validator(mode="after")
    def _said_once(self) -> Outcome:
        if (self.above is None) == (self.equals is None):
            raise ValueError("write either `above` or `equals`")
        return self


class Slice(Outcome):
    """Rows that are looked at by themselves as well."""

    @property
    def name(self) -> str:
        """As reports call it."""
        return (
            f"{self.column} > {self.above:g}"
            if self.above is not None
            else f"{self.column} = {self.equals}"
        )


class Bias(Settings):
    """Groups whose representation, and whose share of the outcome, each version is measured on.

    A group of fewer than `smallest` rows is neither named nor counted in a measure: someone in it
    could be distinguished.
    """

    groups: tuple[str, ...] = Field(min_length=1)
    label: Outcome | None = None
    smallest: int = Field(default=10, ge=2)
