"""Steps on what is not there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from assay.contracts.steps.actions import DONE, Action
from assay.contracts.steps.base import Columns, Step

_GROUPED = ("median", "mean", "mode", "forward", "backward", "interpolate")
ORDERED = ("forward", "backward", "interpolate")
"""Methods that look at the rows before and after."""


class FillMissing(Step):
    """Fill nulls.

    Columns of integers get integers, rounded half to even, and nothing is filled beyond a column's
    type.
    """

    step: Literal["fill_missing"]
    columns: Columns
    method: Literal[
        "mean", "median", "mode", "constant", "forward", "backward", "interpolate", "iterative"
    ]
    value: str | StrictBool | StrictInt | StrictFloat | None = None
    """The constant; dates and times as ISO text."""
    by: tuple[str, ...] = ()
    """Within rows that agree in these columns; a group without a value gets what the whole has, and
    none where the method goes by order."""
    order_by: str | None = None
    """The column that orders the rows; ties by row number. A row without it is not filled."""
    using: tuple[str, ...] = ()
    """`iterative`: more columns of numbers to predict from."""
    sample_rows: int = Field(default=100_000, ge=10)
    seed: int = 0

    @model_validator(mode="after")
    def _said_whole(self) -> FillMissing:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("`value` is only allowed with the method `constant`")
        if (self.method in ORDERED) != (self.order_by is not None):
            raise ValueError(
                "`order_by` is required with the methods `forward`, `backward` and `interpolate`, "
                "and allowed with no other"
            )
        if self.by and self.method not in _GROUPED:
            raise ValueError(f"`by` is not allowed with the method `{self.method}`")
        if self.using and self.method != "iterative":
            raise ValueError("`using` belongs to the method `iterative`")
        if self.method == "iterative" and len({*self.columns, *self.using}) == 1:
            raise ValueError(
                "`iterative` predicts columns from each other: list two or more, or add `using`"
            )
        if set(self.columns) & {*self.by, *self.using, self.order_by}:
            raise ValueError("a column that is filled cannot be in `by`, `order_by` or `using`")
        if self.fit == "first" and self.method in ORDERED:
            raise ValueError(
                "`fit: first` keeps what was learned from a version for later ones; "
                "a fill from neighbouring rows learns nothing"
            )
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns, and those that group, order and predict."""
        return tuple(
            dict.fromkeys(
                (*self.columns, *self.by, *([self.order_by] if self.order_by else []), *self.using)
            )
        )

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its columns, where it computes."""
        computes = self.method in ("mean", "median", "interpolate", "iterative")
        return (*self.columns, *self.using) if computes else ()

    @property
    def description(self) -> str:
        """What it does."""
        neighbour = {
            "forward": "the last value before",
            "backward": "the next value after",
            "interpolate": "a line between the values around",
        }
        if self.method == "constant":
            how = f"with {self.value!r}"
        elif self.method == "iterative":
            how = (
                f"with what {', '.join(dict.fromkeys((*self.columns, *self.using)))} predict of "
                "each other"
            )
        elif self.method in neighbour:
            how = f"with {neighbour[self.method]} in the order of {self.order_by}"
        else:
            how = f"with their {self.method}"
        within = f" within {', '.join(self.by)}" if self.by else ""
        return f"Missing values of {', '.join(self.columns)} are filled {how}{within}."


class DropMissing(Step):
    """Rows in which values are missing."""

    step: Literal["drop_missing"]
    columns: Columns
    missing: Literal["any", "all"] = "any"
    """Whether one missing value is enough, or all of them must be."""
    action: Action = "remove"

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def description(self) -> str:
        """What it does."""
        columns = ", ".join(self.columns)
        return f"Rows in which {self.missing} of {columns} is missing are {DONE[self.action]}."
