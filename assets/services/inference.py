"""The features of a version, opened for a purpose: their table, and the same features of later
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.stages.feature_files import Others
from assay.assets.stages.features import (
    feature_frame,
    feature_state,
    state_others,
    without_features,
)
from assay.contracts.errors import AdmissionError, FeatureError, Where
from assay.pipelines.features import privacy, table
from assay.pipelines.features.state import State


@dataclass(frozen=True)
class FeatureSet:
    """The features of one version.

    Fitted once; what they give for a row is what they gave in the batch, bit by bit.
    """

    dataset: str
    version: str
    state: State
    rows: pl.LazyFrame
    """The feature table."""
    others: Others

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in order."""
        return self.state.kept

    @overload
    def transform(
        self, frame: pl.DataFrame, history: pl.DataFrame | pl.LazyFrame | None = None
    ) -> pl.DataFrame: ...
    @overload
    def transform(
        self, frame: pl.LazyFrame, history: pl.DataFrame | pl.LazyFrame | None = None
    ) -> pl.LazyFrame: ...
    def transform(
        self, frame: pl.DataFrame | pl.LazyFrame, history: pl.DataFrame | pl.LazyFrame | None = None
    ) -> pl.DataFrame | pl.LazyFrame:
        """The features of each row, in order.

        Args:
            frame: rows with the columns of the published version.
            history: rows from before, where windows or lags look back.
        Raises: FeatureError: the frame lacks a column, has one in another type, or is no frame of
            Polars.
        """
        past = given(history, "history") if history is not None else None
        made = table.transform(given(frame, "frame"), self.state, history=past, others=self.others)
        return made.collect() if isinstance(frame, pl.DataFrame) else made


def given(frame: object, what: str) -> pl.LazyFrame:
    """What someone handed in, as a plan.

    Raises: FeatureError: it is no frame of Polars; pandas' frames have other types, and what they
        mean is for their owner to say.
    """
    if isinstance(frame, pl.DataFrame | pl.LazyFrame):
        return frame.lazy()
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__qualname__}".removeprefix(
        "builtins."
    )
    raise FeatureError(
        f"`{what}` is a {kind}, not a Polars frame",
        "Convert it: pl.from_pandas(it), pl.from_arrow(it), or pl.DataFrame(it)",
    )


def open_features(name: str, version: str | None, purpose: str) -> FeatureSet:
    """Open a version's features for one of the purposes it was admitted for, and have that
    recorded.

    Raises: AdmissionError: another purpose, or features carry a class that the contract does not
        allow for it. EvidenceError: files are not what was signed.
        FeatureError: the version has no features.
    """
    installation = Installation.open()
    installation.registry.check_writable()
    row = installation.version(name, version)
    details = installation.registry.derived.get(name, row.version, "features")
    if details is None:
        raise without_features(installation, name, row.version)
    admitted = installation.statement(row)["predicate"]["admission"]["purposes"]
    state = feature_state(installation, name, row.version)
    classed = privacy.refused(details["classes"], state.features.allows, purpose)
    allowed = purpose in admitted and not classed
    installation.registry.uses.record(name, row.version, purpose, allowed=allowed)
    if not allowed:
        feature, kind = next(iter(classed.items()), ("", ""))
        problem = (
            f"{name}@{row.version} was not admitted for '{purpose}'"
            if purpose not in admitted
            else f"the feature '{feature}' is {kind}, which is not allowed for '{purpose}'"
        )
        remedy = (
            f"Open it for {' or '.join(admitted)}"
            if purpose not in admitted
            else "Open it for another purpose, or compute the features without it"
        )
        raise AdmissionError(problem, remedy, Where(dataset=name))
    return FeatureSet(
        name,
        row.version,
        state,
        feature_frame(installation, name, row.version),
        state_others(installation, state),
    )
