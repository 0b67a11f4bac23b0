"""`assay.retrain`: what to train when the data have drifted, and when the old model stays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    model_validator,
)

from assay.contracts.settings.base import Settings, Share
from assay.contracts.settings.bias import Slice
from assay.contracts.trainers import TrainerName, parameters_of


class Trainer(Settings):
    """A model of scikit-learn's, by a name from the list, with its parameters."""

    name: TrainerName = "gradient_boosting"
    parameters: dict[str, bool | int | float | str | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_such_parameters(self) -> Trainer:
        if not self.parameters:
            return self
        allowed = parameters_of(self.name)
        if unknown := sorted(set(self.parameters) - allowed):
            raise ValueError(
                f"{self.name} has no parameter '{unknown[0]}': choose {', '.join(sorted(allowed))}"
            )
        return self


class Fairness(Settings):
    """Columns whose groups a model must not treat too differently.

    The largest differences between groups that are allowed, as shares.

    `selection`: of those it answers yes to (demographic parity). `opportunity`: of those it finds
    among the positive (Hardt et al., 2016). A group of fewer than `smallest` evaluated rows is left
    out.
    """

    groups: tuple[str, ...] = Field(min_length=1)
    selection: Share | None = None
    opportunity: Share | None = None
    smallest: int = Field(default=50, ge=10)


class Canary(Settings):
    """A challenger that was not worse serves this share of predictions first, and is evaluated by what
    came true of them.

    From `outcomes` of its own on, it is promoted or rolled back once the interval of its difference
    from the champion says so. Where `most` have not decided it (ten times `outcomes`, by default),
    the difference itself does.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    outcomes: int = Field(default=200, ge=50)
    most: int | None = None

    @model_validator(mode="after")
    def _most_is_no_less(self) -> Canary:
        if self.most is not None and self.most < self.outcomes:
            raise ValueError(f"`most` ({self.most}) is less than `outcomes` ({self.outcomes})")
        return self

    @property
    def limit(self) -> int:
        """Of outcomes: by then it is decided."""
        return self.most or 10 * self.outcomes


class Retrain(Settings):
    """What to train when the data have drifted, how to evaluate it, and when the old model stays.

    A challenger is refused where it is worse than the champion on the same held-back rows by more
    than `tolerance`; in a slice by more than `slice_tolerance`. The interval of the difference has
    `confidence`. `calibration`: the largest expected calibration error allowed.
    """

    model: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=100)
    trainer: Trainer = Trainer()
    metric: Literal["roc_auc", "average_precision"] = "roc_auc"
    holdout: Annotated[float, Field(gt=0, lt=1)]
    tolerance: float = Field(ge=0)
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    resamples: int = Field(default=500, ge=100, le=10_000)
    slices: tuple[Slice, ...] = ()
    slice_tolerance: float = Field(default=0.05, ge=0)
    fairness: Fairness | None = None
    calibration: Share | None = None
    canary: Canary | None = None
    seed: int = 0
