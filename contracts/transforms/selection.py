"""Which features are kept.

Each selection looks at those that the one before it left, and its scores are kept.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assay.contracts.settings import Settings, Share


class Selection(Settings):
    """One selection, on the features' sample of the training rows, missing numbers filled with the
    mean of their feature.
    """

    select: str

    @property
    def by_target(self) -> bool:
        """Whether it asks what a feature states about the target."""
        return False


class ByVariance(Selection):
    """Features whose variance is greater; 0 leaves out what is constant."""

    select: Literal["variance"]
    above: float = Field(default=0.0, ge=0)


class ByCorrelation(Selection):
    """Of two features that are correlated more strongly, the first in the contract's order."""

    select: Literal["correlation"]
    at_most: Share = 0.95


class _Most(Selection):
    most: int = Field(ge=1)

    @property
    def by_target(self) -> bool:
        """It does."""
        return True


class ByMutualInformation(_Most):
    """The features that tell most about the target."""

    select: Literal["mutual_information"]


class ByChiSquared(_Most):
    """The features whose chi-squared statistic with the target is greatest, each scaled to 0..1
    first.
    """

    select: Literal["chi_squared"]


class Recursive(_Most):
    """A forest of extra trees is fitted again and again, each time without the features it needs
    least.
    """

    select: Literal["recursive"]
    trees: int = Field(default=50, ge=1, le=1000)
    step: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share of the features that goes in each round."""
