"""`assay.drift`: what a new version is compared with, and what follows when it has drifted."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    model_validator,
)

from assay.contracts.settings.base import Days, Settings, Share
from assay.contracts.settings.bias import Slice


class Method(Settings):
    """One of Evidently's statistical tests, with its threshold.

    Both always said, because its defaults change with size.
    """

    method: Literal["ks", "wasserstein", "psi", "jensenshannon", "chisquare", "kl_div", "hellinger"]
    threshold: float = Field(gt=0)

    @property
    def gives_p_value(self) -> bool:
        """Whether it drifts below its threshold, which is then a false-alarm rate, and not above
        it.
        """
        return self.method in ("ks", "chisquare")


class PublishedVersion(Settings):
    """A version that stays the measure until someone moves it.

    A reference such as `baseline`, or a number.
    """

    version: str = Field(min_length=1)


class SlidingWindow(Settings):
    """The last so many versions before the newest, taken together."""

    last: int = Field(ge=2, le=24)


Against = Literal["previous"] | PublishedVersion | SlidingWindow


class Texts(Settings):
    """Columns of running text.

    Hashed words as vectors, and a classifier that tries to distinguish the two sides.

    `threshold` is its area under the curve on texts it has not seen: 0.5 states that no one could
    tell.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    threshold: float = Field(default=0.6, gt=0.5, le=1)
    dimensions: int = Field(default=512, ge=64, le=4096)
    sample_rows: int = Field(default=2_000, ge=100, le=20_000)


class Newest(Settings):
    """A version's newest time may be at most so old when it is published."""

    column: str
    within_hours: float = Field(gt=0)


class Performance(Settings):
    """What the model in service must still reach where outcomes have arrived.

    Its score when it was evaluated, less `drop`, and `floor` where there is one.

    Fewer than `least` outcomes say nothing. A fall is reported only where the whole 95 % interval is
    below. `metric` is that of `assay.retrain` by default; a metric of order (`roc_auc`) does not
    see that everything has become likelier, `accuracy` (of what is likelier than not) does.
    """

    metric: Literal["roc_auc", "average_precision", "accuracy"] | None = None
    drop: float = Field(default=0.05, gt=0, lt=1)
    floor: Share | None = None
    least: int = Field(default=200, ge=50)


class Webhook(Settings):
    """Someone else's system that acts: a POST with a signed body.

    `secret` names the environment variable that holds the key; no contract holds it.
    """

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    secret: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class Acting(Settings):
    """What follows from drift, and how often it may.

    A version that drifted counts once `k` of the last `of` versions have; a column of `critical`
    counts at once, alone. After an action nothing more happens for `cool_down`, and in a calendar
    month (UTC) no more than `monthly_budget` actions. `by` names who acts: Assay itself, a Dagster
    job of this installation, or a webhook.
    """

    k: int = Field(default=1, ge=1, le=24)
    of: int = Field(default=1, ge=1, le=24)
    cool_down: Days = "P0D"
    monthly_budget: int | None = Field(default=None, ge=0)
    critical: tuple[str, ...] = ()
    do: Literal["act", "alert"] = "act"
    job: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _possible(self) -> Acting:
        if self.k > self.of:
            raise ValueError("`k` is larger than `of`, the number of versions that it counts among")
        if self.job and self.webhook:
            raise ValueError("choose one: `job` or `webhook`")
        return self


class DriftPolicy(Settings):
    """What a new version is compared with, by which tests, and from where on it counts as drift.

    False alarms: the p-values of one comparison are corrected together. A test that gives a p-value
    drifts where its corrected one is at most its threshold; a distance, a share of missing values,
    of new or vanished categories where it is beyond its threshold and its corrected p-value is at
    most `alpha`.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    numerical: Method
    categorical: Method
    methods: dict[str, Method] = Field(default_factory=dict)
    """Columns with a test of their own."""
    texts: Texts | None = None
    against: tuple[Against, ...] = Field(default=("previous",), min_length=1)
    share: Share
    missing_change_pct: float = Field(gt=0, le=100)
    volume_change_pct: float = Field(gt=0)
    label_change_pct: float = Field(default=5, gt=0, le=100)
    """How far the share of the features' target may move, in percentage points."""
    new_categories: bool = True
    vanished_categories: bool = True
    schema_changes: bool = True
    newest: Newest | None = None
    slices: tuple[Slice, ...] = ()
    predictions: Method = Method(method="jensenshannon", threshold=0.1)
    performance: Performance = Performance()
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    correction: Literal["benjamini-hochberg", "bonferroni", "none"] = "benjamini-hochberg"
    sample_rows: int = Field(default=50_000, ge=100)
    seed: int = 0
    acting: Acting = Acting()

    @model_validator(mode="after")
    def _suited(self) -> DriftPolicy:
        if self.numerical.method == "chisquare":
            raise ValueError("`chisquare` compares categories, not numbers")
        if self.categorical.method in ("ks", "wasserstein"):
            raise ValueError(f"`{self.categorical.method}` compares numbers, not categories")
        if self.predictions.method == "chisquare":
            raise ValueError("`predictions` are numbers, which `chisquare` does not compare")
        for name in (*self.methods, *self.acting.critical):
            if name not in self.columns:
                raise ValueError(f"'{name}' has a test or is critical, but is not among `columns`")
        return self

    def method(self, column: str, kind: Literal["numerical", "categorical"]) -> Method:
        """The test of a column."""
        return self.methods.get(column) or (
            self.numerical if kind == "numerical" else self.categorical
        )
