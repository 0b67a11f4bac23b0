"""Steps on numbers far from the others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from assay.contracts.steps.actions import DONE, Action
from assay.contracts.steps.base import Columns, Step

_OTHERS = 0.2  # share of values that may differ from the one that a column holds
_FACTOR = {"iqr": 1.5, "z_score": 3.0, "modified_z_score": 3.5}
_UNIT = {
    "iqr": "interquartile ranges from the quartiles",
    "z_score": "standard deviations from the mean",
    "modified_z_score": "modified z-scores from the median",
}
_MODEL = {
    "isolation_forest": "an isolation forest",
    "local_outlier_factor": "the local outlier factor",
}


class Outliers(Step):
    """Values too far from the others in their column, or rows unlike the others in several.

    Take the row out, note it, or cap the value.
    """

    step: Literal["outliers"]
    columns: Columns
    method: Literal[
        "iqr", "z_score", "modified_z_score", "constant", "isolation_forest", "local_outlier_factor"
    ] = "iqr"
    factor: float | None = Field(default=None, gt=0)
    """How far is too far: 1.5 interquartile ranges (Tukey 1977), 3 standard deviations, 3.5
    modified z-scores (Iglewicz and Hoaglin 1993) by default."""
    share: float | None = Field(default=None, gt=0, le=0.5)
    """The share of rows that the two methods on several columns take for outliers; by default,
    where their papers draw the line. For `constant`, the share of values that may differ from the
    one that the column holds for it to have one: 0.2 by default."""
    neighbours: int = Field(default=20, ge=1, le=1000)
    trees: int = Field(default=100, ge=1, le=1000)
    sample_rows: int = Field(default=10_000, ge=2, le=1_000_000)
    seed: int = 0
    action: Literal[Action, "cap"]

    @model_validator(mode="after")
    def _said_whole(self) -> Outliers:
        if self.method in _MODEL and (self.action == "cap" or self.factor is not None):
            raise ValueError(
                f"`{self.method}` compares several columns together: write a `share`, "
                "without `factor` or `action: cap`"
            )
        if self.method == "constant" and self.factor is not None:
            raise ValueError(
                "`constant` compares with one value, without a distance: write a `share`, no `factor`"
            )
        if self.method not in _MODEL and self.method != "constant" and self.share is not None:
            raise ValueError(
                f"`share` is only allowed with {', '.join(f'`{name}`' for name in ('constant', *_MODEL))}"
            )
        return self

    @property
    def reach(self) -> float:
        """The factor, as said or usual."""
        return self.factor if self.factor is not None else _FACTOR[self.method]

    @property
    def others(self) -> float:
        """The share of values that may differ from a constant."""
        return self.share if self.share is not None else _OTHERS

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def description(self) -> str:
        """What it does."""
        columns = ", ".join(self.columns)
        done = "values are capped" if self.action == "cap" else f"rows are {DONE[self.action]}"
        if self.method in _MODEL:
            return f"What {_MODEL[self.method]} takes for unlike the others in {columns}: {done}."
        if self.method == "constant":
            share = f"{1 - self.others:.0%}"
            return f"Other than the one value that at least {share} of {columns} hold, {done}."
        return f"Beyond {self.reach:g} {_UNIT[self.method]} of {columns}, {done}."
