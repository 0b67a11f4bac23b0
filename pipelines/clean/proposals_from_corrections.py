"""Rows that someone has corrected -> the proposals that they bear out, and those that they teach.

Belongs here: comparing cells with what they should be. Stays out: patterns of a cell before and
after (examples.py).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep, Dependencies, Rewrite
from assay.pipelines.clean import examples
from assay.pipelines.clean.trials import Proposal, apply_step, proposal_of
from assay.pipelines.core.frames import ROW


def _compare_cells(
    sample: pl.DataFrame, after: pl.DataFrame, right: pl.DataFrame, name: str
) -> pl.DataFrame:
    """The cells of a column that someone has read: `was`, `now` and `right`."""
    both = sample.select(ROW, pl.col(name).alias("was")).join(
        after.select(ROW, pl.col(name).alias("now")), on=ROW
    )
    return both.join(right.select(ROW, pl.col(name).alias("right")), on=ROW).sort(ROW)


def without_spoilt_columns(
    sample: pl.DataFrame, table: Contract, proposal: Proposal, right: pl.DataFrame
) -> Proposal | None:
    """The proposal without the columns of which it spoils more cells than it corrects; None if
    nothing is left of it.
    """
    spoilt = _spoilt_columns(sample, table, proposal, right)
    if not spoilt:
        return proposal
    step = _without(proposal.step, spoilt)
    if step is None:
        return None
    what = "columns where your corrections confirm it"
    return proposal_of(sample, table, step, what)


def _spoilt_columns(
    sample: pl.DataFrame, table: Contract, proposal: Proposal, right: pl.DataFrame
) -> set[str]:
    after = apply_step(sample, table, proposal.step)
    spoilt = set()
    for name in proposal.cells.keys() & set(right.columns):
        cells = _compare_cells(sample, after, right, name)
        right_now, right_before = (
            cells[side].eq_missing(cells["right"]).sum() for side in ("now", "was")
        )
        if right_now < right_before:
            spoilt.add(name)
    return spoilt


def _without(step: CleaningStep, spoilt: set[str]) -> CleaningStep | None:
    """The step on its other columns; None if there are none."""
    kept: tuple[Any, ...]
    if isinstance(step, Dependencies):
        key = "dependencies"
        kept = tuple(rule for rule in step.dependencies if rule.decides not in spoilt)
    else:
        key = "columns"
        kept = tuple(name for name in getattr(step, "columns", ()) if name not in spoilt)
    return step.model_copy(update={key: kept}) if kept else None


def taught_by_corrections(
    sample: pl.DataFrame, table: Contract, right: pl.DataFrame
) -> list[Proposal]:
    """What the rows that someone has corrected teach beyond the steps before: a pattern a step,
    the columns that share it together.
    """
    columns: dict[tuple[str, str | None], list[str]] = {}
    for name in (name for name in table.column_names if name in right.columns):
        cells = _compare_cells(sample, sample, right, name)
        for step in examples.rewrites(name, cells["was"], cells["right"]):
            columns.setdefault((step.pattern, step.to), []).append(name)
    proposals = []
    for (pattern, to), names in columns.items():
        rewrite = Rewrite(step="rewrite", columns=tuple(names), pattern=pattern, to=to)
        what = "values like those that you corrected"
        proposals.append(proposal_of(sample, table, rewrite, what))
        sample = apply_step(sample, table, rewrite)
    return proposals
