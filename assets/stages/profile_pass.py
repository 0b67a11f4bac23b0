"""The profile pass: one streaming scan of the landed rows for counts, personal data, and what
cleaning is fitted on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import polars as pl

from assay.assets.stages import fitted
from assay.assets.stages.ingest import receipt_of
from assay.assets.stages.run import Run
from assay.assets.stages.search import FOUND_SCHEMA, MANY_ROWS, few_values, searched
from assay.assets.stages.window_rows import treated_rows, window_rows, within
from assay.contracts.errors import SourceError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import Window
from assay.pipelines.clean import steps
from assay.pipelines.clean.duplicates import parts_of
from assay.pipelines.core.engine import held_in_memory, run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.publish.naming import Inputs
from assay.pipelines.validate.evaluate import kept_by_all, without_repeats

Learned = TypeVar("Learned")


@dataclass(frozen=True)
class Profile:
    """What the pass measured of the rows of a window. `found` holds personal values."""

    rows: int
    found: pl.DataFrame
    row_licenses: list[str]
    """The licences that rows name, where the contract has a column for them."""
    fitted: tuple[Fitted, ...]
    """What each cleaning step has learned."""
    kept_by_all: tuple[str, ...]
    """Rules that every value of the source keeps, unchanged."""


def profile_rows(run: Run, inputs: Inputs, window: Window | None) -> Profile:
    """Measure the landed rows of a window.

    Raises: SourceError: a partition's own file holds rows of other partitions.
    """
    digest = inputs.source_digest
    landed = receipt_of(run, digest).rows
    cells = landed * len(run.contract.columns)
    with held_in_memory(window_rows(run, digest, window), cells) as rows:
        return _profiled(run, inputs, window, rows, landed)


def _profiled(
    run: Run, inputs: Inputs, window: Window | None, rows: pl.LazyFrame, landed: int
) -> Profile:
    contract = run.contract
    few = few_values(run, inputs.source_digest)
    learned_before = fitted.kept(run)

    def learning(found: pl.DataFrame) -> steps.Fitting:
        return steps.fitting(treated_rows(run, inputs, found), rows, contract, learned_before)

    # what is redacted is only known after the search; without it, cleaning learns in the same pass
    early = None if redacts(contract) else _Learner(learning(pl.DataFrame(schema=FOUND_SCHEMA)))
    large_rules = contract.rules if landed >= MANY_ROWS else ()
    unique = _Learner(without_repeats(rows, contract, large_rules, parts_of(landed)))
    found, (count, licenses, strays, *learned) = searched(
        run,
        rows,
        few,
        rows.select(pl.len().alias("rows")),
        _row_licenses(rows, contract),
        _strays(run, rows, window),
        *(early.plans if early else []),
    )
    _refuse_strays(run, strays)
    cleaning = early or _Learner(learning(found))
    if early and early.plans:
        early.send(learned)
    for learner in (cleaning, unique):  # one after the other: each may sort millions of hashes
        while learner.plans:
            learner.send(run_together(learner.plans))
    return Profile(
        rows=count.item(),
        found=found,
        row_licenses=licenses["license"].to_list(),
        fitted=cleaning.done,
        kept_by_all=kept_by_all(contract.rules, contract, few) + unique.done,
    )


def redacts(contract: Contract) -> bool:
    """Whether a column's personal values are cut out of its texts, so that they have to be found
    first.
    """
    return any(treatment.treatment == "redact" for treatment in contract.privacy.columns.values())


def _row_licenses(rows: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    if not contract.license.column:
        return pl.LazyFrame({"license": []})
    column = pl.col(contract.license.column)
    return rows.select(column.drop_nulls().unique().sort().alias("license"))


def _strays(run: Run, rows: pl.LazyFrame, window: Window | None) -> pl.LazyFrame:
    """The count of rows that came in a partition's own file and do not belong to it."""
    if run.own_source and window:
        return rows.select((~within(run.contract, window)).sum().alias("strays"))
    return rows.select(pl.lit(0).alias("strays"))


def _refuse_strays(run: Run, strays: pl.DataFrame) -> None:
    if strays.height and strays["strays"][0]:
        raise SourceError(
            f"{strays['strays'][0]:,} of its rows do not belong to {run.window}",
            "Deliver them with their own partition",
            Where(file=run.contract.source.shown_location),
        )


class _Learner(Generic[Learned]):
    """Something that learns from the rows, stopped wherever it waits for a pass: `plans` are what
    it waits for, none once it is `done`.
    """

    def __init__(
        self, learning: Generator[Sequence[pl.LazyFrame], list[pl.DataFrame], Learned]
    ) -> None:
        self._learning = learning
        self.done: Learned
        self.plans: Sequence[pl.LazyFrame] = []
        self.send(None)

    def send(self, frames: list[pl.DataFrame] | None) -> None:
        """Hand in what the plans gave."""
        try:
            self.plans = self._learning.send(frames)  # type: ignore[arg-type]  # a generator is started with None
        except StopIteration as learned:
            self.plans, self.done = [], learned.value
