"""Landed rows -> the cleaning steps they give reason for, each with what it would do.

Belongs here: the order in which steps are proposed. Stays out: what speaks for each (proposers.py),
trying them (trials.py), writing contracts (pipelines/draft, contracts/upgrade.py).
A step is proposed for what it does to few cells: one that would change most of a column has
misunderstood it, unless the column is of numbers with units.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep
from assay.pipelines.clean import examples
from assay.pipelines.clean.dependencies import sampled
from assay.pipelines.clean.proposals_from_corrections import (
    taught_by_corrections,
    without_spoilt_columns,
)
from assay.pipelines.clean.proposers import ON_TEXT, constants
from assay.pipelines.clean.trials import Proposal, apply_step
from assay.pipelines.core.engine import run
from assay.pipelines.core.frames import ROW

ASKED = 20
"""Rows that someone is asked to correct: as many as those who compare methods allow them."""


def rows_to_correct(
    rows: pl.LazyFrame, contract: Contract, hidden: Collection[str] = (), count: int = ASKED
) -> pl.DataFrame:
    """So many rows that show most of how values are written, for someone to correct: `_row` and
    the columns that are not hidden.
    """
    names = [name for name in contract.column_names if name not in hidden]
    sample = run(sampled(rows, run(rows.select(pl.len())).item()).select(ROW, *names).sort(ROW))
    return sample.filter(pl.col(ROW).is_in(examples.most_varied_rows(sample, names, count)))


def suggested(
    rows: pl.LazyFrame,
    contract: Contract,
    hidden: Collection[str] = (),
    right: pl.DataFrame | None = None,
) -> list[Proposal]:
    """The steps that a sample of the rows speaks for, in the order they would be done; each is
    tried on what those before it leave, the contract's own steps first.

    Args:
        rows: `_row` and the contract's columns as text, as they landed.
        hidden: columns of which nothing is shown and that are left as they are: personal ones.
        right: `_row` and columns of some rows as they should be. They teach patterns, and a
            correction that spoils more of them than it corrects is not proposed for its column.
    """
    names = [name for name in contract.column_names if name not in hidden]
    if not names:
        return []
    table = _without_cleaning(contract, names)
    sample = _after_steps(_sample(rows, names, right), table, contract.cleaning)
    proposals: list[Proposal] = []
    for propose in ON_TEXT:
        for candidate in propose(sample, table):
            proposal = (
                candidate
                if right is None
                else without_spoilt_columns(sample, table, candidate, right)
            )
            if proposal and (proposal.cells or proposal.doubts):
                proposals.append(proposal)
                sample = apply_step(sample, table, proposal.step)
    if right is not None:
        taught = taught_by_corrections(sample, table, right)
        proposals += [proposal for proposal in taught if proposal.cells or proposal.doubts]
    # what works on values comes after what works on text
    return [*proposals, *constants(sample, table)]


def _sample(rows: pl.LazyFrame, names: Sequence[str], right: pl.DataFrame | None) -> pl.DataFrame:
    """The sampled rows, and those that someone has corrected."""
    count = run(rows.select(pl.len())).item()
    sample = run(sampled(rows, count).select(ROW, *names))
    if right is None:
        return sample
    corrected = run(rows.filter(pl.col(ROW).is_in(right[ROW].implode())).select(ROW, *names))
    return pl.concat([sample, corrected]).unique(ROW, keep="first", maintain_order=True)


def _after_steps(
    sample: pl.DataFrame, table: Contract, cleaning: Sequence[CleaningStep]
) -> pl.DataFrame:
    """The sample as the contract's own steps on text leave it, so that none is proposed again."""
    for step in cleaning:
        if step.phase == "text" and set(step.reads) <= set(table.column_names):
            sample = apply_step(sample, table, step)
    return sample


def _without_cleaning(contract: Contract, names: Sequence[str]) -> Contract:
    """The contract of these columns alone, before any step."""
    return contract.model_copy(
        update={
            "columns": tuple(column for column in contract.columns if column.name in names),
            "cleaning": (),
            "rules": tuple(rule for rule in contract.rules if set(rule.columns) <= set(names)),
        }
    )
