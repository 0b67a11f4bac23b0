"""Transforms of numbers.

A number that is not finite counts as missing, and what is computed from a missing number is missing.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Literal

from pydantic import Field, model_validator

from assay.contracts.transforms.base import Columns, Kind, OfNumbers, Sampled, Transform


class Scale(OfNumbers, Sampled):
    """(x - middle) / width of the training part.

    Mean and deviation, smallest and range, or median and interquartile range.
    """

    transform: Literal["scale"]
    method: Literal["standard", "min_max", "robust"] = "standard"

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_scaled`."""
        return tuple(f"{column}_scaled" for column in self.columns)


class Quantile(OfNumbers, Sampled):
    """Where a value lies among those of the training part, from 0 to 1, or the same on a bell
    curve.
    """

    transform: Literal["quantile"]
    quantiles: int = Field(default=1000, ge=2, le=10_000)
    output: Literal["uniform", "normal"] = "uniform"

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_quantile`."""
        return tuple(f"{column}_quantile" for column in self.columns)


class Log(OfNumbers):
    """The sign of x times log(1 + |x|), which every number has."""

    transform: Literal["log"]

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_log`."""
        return tuple(f"{column}_log" for column in self.columns)


class Power(OfNumbers, Sampled):
    """Closest to a bell curve, by Yeo and Johnson's power or Box and Cox's (numbers above 0 only),
    then standardised.
    """

    transform: Literal["power"]
    method: Literal["yeo_johnson", "box_cox"] = "yeo_johnson"

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_power`."""
        return tuple(f"{column}_power" for column in self.columns)


class Bin(OfNumbers, Sampled):
    """The number of the bin a value falls into, counted from 0.

    Bins are equally wide, equally full, around means, or cut where the contract states.
    """

    transform: Literal["bin"]
    method: Literal["uniform", "quantile", "kmeans", "edges"] = "quantile"
    bins: int = Field(default=10, ge=2, le=256)
    edges: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _said_whole(self) -> Bin:
        if (self.method == "edges") != bool(self.edges) or list(self.edges) != sorted(
            set(self.edges)
        ):
            raise ValueError(
                "`edges`, in ascending order, are required with the method `edges` and allowed with no other"
            )
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_bin`."""
        return tuple(f"{column}_bin" for column in self.columns)


class Polynomial(OfNumbers):
    """Products of the columns up to a degree.

    Of different ones (interactions), and powers of one.
    """

    transform: Literal["polynomial"]
    degree: int = Field(default=2, ge=2, le=4)
    interactions_only: bool = False

    @model_validator(mode="after")
    def _has_what_it_multiplies(self) -> Polynomial:
        if self.interactions_only and len(self.columns) < 2:
            raise ValueError("interactions need two columns or more")
        if len(self.terms) > 1000:
            raise ValueError(
                f"{len(self.terms):,} products are too many: list fewer columns, or lower the degree"
            )
        return self

    @property
    def terms(self) -> dict[str, tuple[str, ...]]:
        """Each product's name, such as `a_x_b` or `a_pow2`, with its factors."""
        every = (
            term
            for size in range(2, self.degree + 1)
            for term in combinations_with_replacement(self.columns, size)
        )
        kept = (term for term in every if not self.interactions_only or len(set(term)) == len(term))
        return {
            "_x_".join(
                f"{c}_pow{term.count(c)}" if term.count(c) > 1 else c for c in dict.fromkeys(term)
            ): term
            for term in kept
        }

    @property
    def makes(self) -> tuple[str, ...]:
        """The products."""
        return tuple(self.terms)


class Ratio(Transform):
    """One column over another; missing where that is 0."""

    transform: Literal["ratio"]
    of: Columns
    to: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sides."""
        return (*self.of, self.to)

    @property
    def needs(self) -> dict[str, Kind]:
        """Numbers."""
        return dict.fromkeys(self.reads, "number")

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_per_y`."""
        return tuple(f"{column}_per_{self.to}" for column in self.of)


class Difference(Transform):
    """One column less another: numbers, or times in seconds."""

    transform: Literal["difference"]
    of: Columns
    less: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Both sides."""
        return (*self.of, self.less)

    @property
    def makes(self) -> tuple[str, ...]:
        """`x_less_y`."""
        return tuple(f"{column}_less_{self.less}" for column in self.of)
