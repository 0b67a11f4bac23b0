"""`assay.features`: what is derived from a version for models, on which engine, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from assay.contracts.settings import Purpose, SensitiveClass, Settings, Share
from assay.contracts.transforms import AnySelection, AnyTransform

Wanted = Literal["auto", "polars", "gpu", "ray-gpu"]
"""Where features are built: `auto` takes the GPU where there is one, and Polars elsewhere."""


class Target(Settings):
    """What a model learns: is `column` greater than `above`."""

    name: str
    column: str
    above: float


class Features(Settings):
    """Ordered transforms, the target, and the column that orders rows in time."""

    transforms: tuple[AnyTransform, ...] = Field(min_length=1)
    select: tuple[AnySelection, ...] = ()
    target: Target | None = None
    order_by: str
    holdout: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The share of the rows, the latest, that nothing is fitted on; that of assay.retrain by
    default, and none where there is no such."""
    engine: Wanted = "auto"
    fallback: Literal["error", "allow"] = "error"
    """Whether a transform that the GPU cannot run is an error, or runs on Polars, with its reason
    in the evidence."""
    tolerance: float = Field(default=1e-9, gt=0, le=0.01)
    """How far a value may be from what the CPU gives, relative to that where it is beyond 1. Beyond
    it the features are not published."""
    sample_rows: int = Field(default=20_000, ge=100, le=1_000_000)
    seed: int = Field(default=0, ge=0)
    """Of the training rows that features are selected on, and on which proxies are looked for; how
    many, and which."""
    allows: dict[SensitiveClass, tuple[Purpose, ...]] = Field(default_factory=dict)
    """Purposes for which features may be built from columns of a class; none by default."""
    protected: tuple[str, ...] = ()
    """Columns that no feature should give away, next to the personal ones and the groups of
    assay.bias: how well each feature predicts them is reported."""
    proxy_above: Share = 0.5
    """From what skill on a feature is called a proxy of a protected column: 0 is guessing, 1 is
    knowing."""

    @model_validator(mode="after")
    def _said_whole(self) -> Features:
        if self.target is None:
            asking: list[str] = [t.transform for t in self.transforms if t.transform == "target"]
            for needing in [*asking, *(s.select for s in self.select if s.by_target)]:
                raise ValueError(f"`{needing}` requires a `target` under assay.features")
        if not any(transform.keep for transform in self.transforms):
            raise ValueError(
                "every transform has `keep: false`, so the table would have no feature: "
                "keep at least one"
            )
        taken = {self.order_by, *([self.target.name] if self.target else [])}
        for transform in self.transforms:
            for name in transform.makes:
                if name in taken:
                    raise ValueError(f"two features would be named '{name}'")
                taken.add(name)
        return self

    @property
    def feature_names(self) -> frozenset[str]:
        """What the transforms make, as far as the contract alone states."""
        return frozenset(name for transform in self.transforms for name in transform.makes)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the version that features are derived from, each once.

        Not what orders them, and not the target's.
        """
        return tuple(dict.fromkeys(column for _, columns in self.read_by() for column in columns))

    @property
    def named(self) -> tuple[str, ...]:
        """Every column of the version that the settings name."""
        return tuple(
            dict.fromkeys(
                [
                    *self.reads,
                    self.order_by,
                    *([self.target.column] if self.target else []),
                    *self.protected,
                ]
            )
        )

    def read_by(self) -> Iterator[tuple[AnyTransform, tuple[str, ...]]]:
        """Each transform, and the columns of the version that it reads itself.

        None that an earlier one made.
        """
        derived: set[str] = set()
        for transform in self.transforms:
            yield transform, tuple(column for column in transform.reads if column not in derived)
            derived |= set(transform.makes)

    def leaks(self) -> Iterator[tuple[AnyTransform, str]]:
        """Transforms that look at the target's column in the row itself, and so would tell the
        model what it is to find out.
        """
        if self.target is None:
            return
        in_row: dict[str, set[str]] = {}
        for transform in self.transforms:
            looks_at = set(transform.reads)
            if transform.only_the_past:
                looks_at &= set(getattr(transform, "by", ()))
            base = {source for column in looks_at for source in in_row.get(column, {column})}
            if self.target.column in base:
                yield transform, self.target.column
            in_row |= dict.fromkeys(transform.makes, base)

    def sources(self) -> dict[str, tuple[str, ...]]:
        """Each feature that the contract names, with the columns of the version it is derived from,
        through every transform before.
        """
        of: dict[str, tuple[str, ...]] = {}
        for transform in self.transforms:
            base = tuple(
                dict.fromkeys(
                    source for column in transform.reads for source in of.get(column, (column,))
                )
            )
            of |= dict.fromkeys(transform.makes, base)
        return of
