"""A cleaning step tried on a sample -> what it would do, and the proposal to do it.

Belongs here: trying one step, saying what it did, and leaving out columns where it does too much.
Stays out: which steps are tried (proposers.py), in what order (suggest.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import (
    CleaningStep,
)
from assay.pipelines.clean import steps
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.fitting import EXPECTED_PRECISION, Fitted, collect_rounds
from assay.pipelines.core.frames import CHANGED, FLAGGED_BY, SET_ASIDE_BY

FEW = 0.4  # share of a column's cells above which a correction is none


@dataclass(frozen=True)
class Proposal:
    """A step, as a contract writes it, and the reason.

    `cells` counts by column what it would change in the sample, `doubts` what it would only note.
    """

    step: CleaningStep
    reason: str
    cells: Mapping[str, int] = field(default_factory=dict)
    doubts: Mapping[str, int] = field(default_factory=dict)

    @property
    def as_yaml(self) -> dict[str, Any]:
        """The step as data, without what is said anyway."""
        return self.step.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class Trial:
    """What a step did to the sample."""

    changed: Mapping[str, int]
    doubted: Mapping[str, int]
    aside: int
    after: pl.LazyFrame
    examples: Mapping[str, tuple[str | None, str | None]]
    precision: float | None
    """The share of the changes that the step expects to be right, where it can tell."""


def text_columns(table: Contract) -> list[str]:
    """The columns of plain strings."""
    return [column.name for column in table.columns if column.logical_type == "string"]


def trial(sample: pl.DataFrame, table: Contract, step: CleaningStep) -> Trial:
    """Let a step learn from the sample and work on it."""
    contract = table.model_copy(update={"cleaning": (step,)})
    lazy, name = sample.lazy(), steps.label(0, step)
    fitted = fit_in_memory(steps.fitting(lazy, lazy, contract))
    *_, (_, frame) = steps.stages(lazy, contract, dict(enumerate(fitted)), read_too=False)
    after = frame.collect()
    marks = [mark for mark in after.columns if mark.startswith(CHANGED)]
    changed = {steps.what(mark)[1]: int(after[mark].sum()) for mark in marks}
    changed = {column: cells for column, cells in changed.items() if cells}
    return Trial(
        changed,
        _doubted_cells(after, name),
        after[SET_ASIDE_BY].count(),
        after.select(sample.columns).lazy(),
        {
            column: _example(sample, after, steps.changed(name, column), column)
            for column in changed
        },
        fitted[0].values.get(EXPECTED_PRECISION),
    )


def _doubted_cells(after: pl.DataFrame, name: str) -> dict[str, int]:
    """Column -> the cells that the step of that label notes as wrong."""
    prefix = f"{name}: "
    flags = after[FLAGGED_BY].explode(empty_as_null=False).value_counts()
    return {
        flag.removeprefix(prefix): count
        for flag, count in flags.iter_rows()
        if flag is not None and flag.startswith(prefix)
    }


def fit_in_memory(fitting: steps.Fitting) -> tuple[Fitted, ...]:
    """Let steps learn, in memory."""
    return collect_rounds(fitting, run_together)


def _example(
    before: pl.DataFrame, after: pl.DataFrame, mark: str, column: str
) -> tuple[str | None, str | None]:
    """The first cell that the step changed, before and after."""
    first = after[mark].arg_max() or 0
    return before[column][first], after[column][first]


def apply_step(sample: pl.DataFrame, table: Contract, step: CleaningStep) -> pl.DataFrame:
    """The sample as the step leaves it."""
    return trial(sample, table, step).after.collect()


def proposal_of(sample: pl.DataFrame, table: Contract, step: CleaningStep, what: str) -> Proposal:
    """The proposal to do a step, with what a trial of it did.

    Args:
        what: what the cells are or have in common, such as "dates in several formats".
    """
    outcome = trial(sample, table, step)
    return Proposal(step, describe_trial(sample, outcome, what), outcome.changed, outcome.doubted)


def describe_trial(sample: pl.DataFrame, outcome: Trial, what: str) -> str:
    """What the step would do, in words: how many cells it corrects and flags, and a few of them."""
    cells, doubted = sum(outcome.changed.values()), sum(outcome.doubted.values())
    rows = f"in {sample.height:,} rows"
    if not cells:
        return f"{what}: flags {_cells(doubted)} {rows}, corrects none"
    most = sorted(outcome.changed, key=lambda column: (-outcome.changed[column], column))
    shown = ", ".join(_describe_example(column, outcome) for column in most[:3])
    parts = [f"{what}: corrects {_cells(cells)} {rows}, such as {shown}"]
    if outcome.precision is not None:
        parts.append(f"about {outcome.precision:.1%} of these changes are expected to be right")
    if doubted:
        parts.append(f"flags {_cells(doubted)} that it cannot correct")
    return "; ".join(parts)


def _cells(number: int) -> str:
    return f"{number:,} cell{'' if number == 1 else 's'}"


def _describe_example(column: str, outcome: Trial) -> str:
    shown = ["no value" if text is None else repr(text) for text in outcome.examples[column]]
    return f"{' → '.join(shown)} in '{column}'"


def propose_where_few(
    sample: pl.DataFrame,
    table: Contract,
    make: Callable[[tuple[str, ...]], CleaningStep],
    names: Sequence[str],
    what: str,
    few: float = FEW,
) -> list[Proposal]:
    """The step on those of the columns where it does something, to few cells."""
    if not names:
        return []
    first = trial(sample, table, make(tuple(names)))
    touched = {name: first.changed.get(name, 0) + first.doubted.get(name, 0) for name in names}
    chosen = [name for name in names if 0 < touched[name] <= few * sample[name].count()]
    if not chosen:
        return []
    proposal = proposal_of(sample, table, make(tuple(chosen)), what)
    return [proposal] if proposal.cells or proposal.doubts else []
