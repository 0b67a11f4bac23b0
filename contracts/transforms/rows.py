"""Transforms that look at other rows: of the same group, from before, of other data sets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from assay.contracts.transforms.base import Columns, Kind, Span, Transform

GroupFunction = Literal["mean", "std", "min", "max", "sum", "median", "count", "n_unique"]
WindowFunction = Literal["mean", "std", "min", "max", "sum", "count"]


class Group(Transform):
    """What the training rows of the same group have in common.

    For a group never seen what all have, and 0 for counts and sums.
    """

    transform: Literal["group"]
    by: Columns
    columns: Columns
    functions: tuple[GroupFunction, ...] = Field(default=("mean",), min_length=1)

    @property
    def reads(self) -> tuple[str, ...]:
        """The groups and the columns."""
        return (*self.by, *self.columns)

    @property
    def needs(self) -> dict[str, Kind]:
        """Numbers, but for counts."""
        return (
            dict.fromkeys(self.columns, "number")
            if set(self.functions) - {"count", "n_unique"}
            else {}
        )

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_mean_by_group`."""
        return tuple(
            f"{column}_{function}_by_{'_'.join(self.by)}"
            for column in self.columns
            for function in self.functions
        )


class OfThePast(Transform):
    """What looks at numbers of the same key from before a row's moment."""

    by: tuple[str, ...] = ()
    columns: Columns

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys and the columns."""
        return (*self.by, *self.columns)

    @property
    def needs(self) -> dict[str, Kind]:
        """Numbers."""
        return dict.fromkeys(self.columns, "number")

    @property
    def by_time(self) -> bool:
        """It goes by time."""
        return True

    @property
    def only_the_past(self) -> bool:
        """It does."""
        return True


class Window(OfThePast):
    """What the rows of the same key were in the span before a row's moment.

    Rows of that very moment, and what comes after, are never looked at.
    """

    transform: Literal["window"]
    functions: tuple[WindowFunction, ...] = Field(default=("mean",), min_length=1)
    span: Span | Literal["all"]
    """How far back; `all` is everything before."""
    gap: Span | None = None
    """How long it takes until a row's values are known: rows of the last so-and-so-long are not
    looked at either."""

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_mean_7d_by_key`."""
        key, gap = (
            (f"_by_{'_'.join(self.by)}" if self.by else ""),
            f"_until_{self.gap}" if self.gap else "",
        )
        return tuple(
            f"{column}_{function}_{self.span}{gap}{key}"
            for column in self.columns
            for function in self.functions
        )


class Lag(OfThePast):
    """The value of the same key at the last moment before, the one before that, and so on.

    Several rows of one moment count as one, with the greatest of their values.
    """

    transform: Literal["lag"]
    moments: tuple[int, ...] = Field(default=(1,), min_length=1)

    @model_validator(mode="after")
    def _goes_back(self) -> Lag:
        if not all(1 <= moment <= 1000 for moment in self.moments):
            raise ValueError("`moments` must be numbers of rows to look back, each from 1 to 1000")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_lag1_by_key`."""
        key = f"_by_{'_'.join(self.by)}" if self.by else ""
        return tuple(
            f"{column}_lag{moment}{key}" for column in self.columns for moment in self.moments
        )


class AsOf(Transform):
    """The last row of another governed data set from before a row's moment.

    Missing if there is none.
    """

    transform: Literal["as_of"]
    dataset: str
    version: str | None = None
    """A version's number or a reference; `latest` by default. Which one it was stays with the
    features."""
    columns: Columns
    """Columns of that data set."""
    time: str
    """Its column that states from when on a row holds."""
    by: dict[str, str] = Field(default_factory=dict)
    """Our key -> its key."""
    within: Span | None = None
    """How old the row may be; as old as it is by default."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Our keys."""
        return tuple(self.by)

    @property
    def by_time(self) -> bool:
        """It goes by time."""
        return True

    @property
    def makes(self) -> tuple[str, ...]:
        """`dataset_column`."""
        return tuple(f"{self.dataset}_{column}" for column in self.columns)
