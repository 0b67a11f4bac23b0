"""Transforms of categories: columns of text, of whole numbers, booleans, dates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, model_validator

from assay.contracts.transforms.base import OfColumns, Transform

Value = str | StrictBool | StrictInt | StrictFloat


class OneHot(OfColumns):
    """One 0/1 column for each of the most frequent categories; any other value is all zeros."""

    transform: Literal["one_hot"]
    most: int = Field(default=20, ge=1, le=1000)


class Label(OfColumns):
    """A number for each category of the training part, in their alphabetical order.

    -1 for one never seen, missing if there is none.
    """

    transform: Literal["label"]

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_label`."""
        return tuple(f"{column}_label" for column in self.columns)


class Ordinal(OfColumns):
    """A category's place in an order that the contract gives, from 0.

    -1 for another, missing if there is none.
    """

    transform: Literal["ordinal"]
    order: tuple[Value, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> Ordinal:
        if len({str(value) for value in self.order}) < len(self.order):
            raise ValueError("`order` lists a category twice")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_ordinal`."""
        return tuple(f"{column}_ordinal" for column in self.columns)


class Frequency(OfColumns):
    """The share of the training rows that hold the same value; 0 for a value never seen."""

    transform: Literal["frequency"]

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_frequency`."""
        return tuple(f"{column}_frequency" for column in self.columns)


class TargetMean(OfColumns):
    """The mean of the target among training rows of the same category, drawn towards the mean of
    all as if that were so many rows more.

    A training row gets it from rows out of its own fold; folds are spans of time, as many rows in
    each.
    """

    transform: Literal["target"]
    smooth: float = Field(default=20.0, ge=0)
    folds: int = Field(default=5, ge=2, le=50)

    @property
    def by_time(self) -> bool:
        """Folds are spans of time."""
        return True

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_target`."""
        return tuple(f"{column}_target" for column in self.columns)


class Hash(OfColumns):
    """The bucket that a value's hash falls into: nothing is learned, and no value is unseen.

    Missing values have none.
    """

    transform: Literal["hash"]
    buckets: int = Field(default=1024, ge=2, le=2**30)
    seed: int = Field(default=0, ge=0, lt=2**32)

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_hash`."""
        return tuple(f"{column}_hash" for column in self.columns)


class Cross(OfColumns):
    """Several categories as one, for the transforms after it; missing where one of them is."""

    transform: Literal["cross"]
    columns: Annotated[tuple[str, ...], Field(min_length=2)]
    keep: Literal[False] = False
    """It is text, so it only serves later transforms."""

    @property
    def makes(self) -> tuple[str, ...]:
        """`a_and_b`."""
        return ("_and_".join(self.columns),)


class Embedding(Transform):
    """Categories as points that are close where they occur together with the same categories of
    another column.

    0 in every dimension for one never seen, or missing.
    """

    transform: Literal["embedding"]
    column: str
    beside: str
    """The column whose categories it is seen with."""
    dimensions: int = Field(default=8, ge=1, le=256)
    most: int = Field(default=10_000, ge=2, le=100_000)
    """How many categories of each are looked at, the most frequent ones."""
    seed: int = Field(default=0, ge=0)

    @property
    def reads(self) -> tuple[str, ...]:
        """Both."""
        return (self.column, self.beside)

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_by_y_1` and so on."""
        return tuple(
            f"{self.column}_by_{self.beside}_{number + 1}" for number in range(self.dimensions)
        )
