"""What a kind of repair is: how it learns, and what it then does to any row.

Belongs here: the shapes that every repair has. Stays out: each repair (its own module), running
them in order (steps.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assay.contracts.model import Column, Rule
from assay.pipelines.core.fitting import Fitted, Learning


@dataclass(frozen=True)
class Effect:
    """What a step does to one row, as expressions over that row alone, so that neither batches nor
    order matter.

    `changes` gives columns new values; the conditions are true where the row leaves (`removes`),
    goes into quarantine (`sets_aside`), or is only noted (`flags`). A condition that is null is
    false. `doubts` note the row too, and name the column whose cell is wrong. `helpers` are columns
    that the others are derived from, computed once and dropped again.
    """

    changes: Mapping[str, pl.Expr] = field(default_factory=dict)
    removes: pl.Expr | None = None
    sets_aside: pl.Expr | None = None
    flags: pl.Expr | None = None
    doubts: Mapping[str, pl.Expr] = field(default_factory=dict)
    helpers: Mapping[str, pl.Expr] = field(default_factory=dict)


class Columns(dict[str, Column]):
    """The declared columns by name, and the rules they keep."""

    def __init__(self, columns: Iterable[Column], rules: Iterable[Rule] = ()) -> None:
        super().__init__({column.name: column for column in columns})
        self.rules = tuple(rules)

    @property
    def plain_text(self) -> tuple[str, ...]:
        """The columns of plain strings."""
        return tuple(name for name, column in self.items() if column.logical_type == "string")


@dataclass(frozen=True)
class Kind:
    """One kind of repair.

    Args:
        fit: (step, rows as the steps before leave them, columns) -> what it learns. The rows have
            `_row`, and text in the phase `text`, else typed columns.
        effect: (step, what was learned, columns) -> what it does.
        corrects: its new values are observations corrected, which later steps learn from; a filled
            or capped value is none.
        original: it is fitted on rows before personal columns are replaced, since two persons may
            share a mask. It keeps row numbers only.
        chooses: it keeps one row of several, so it is fitted on those rows only that the steps
            before it leave.
        keeps: what it learned can be applied to other rows than the ones it was fitted on; row
            numbers cannot.
    """

    fit: Callable[[Any, pl.LazyFrame, Columns], Learning]
    effect: Callable[[Any, Fitted, Columns], Effect]
    corrects: bool = False
    original: bool = False
    chooses: bool = False
    keeps: bool = True


def unclear(step: Any, doubts: Mapping[str, pl.Expr]) -> dict[str, Any]:
    """What a step's `unclear` makes of cells that are wrong and cannot be put right: nothing,
    notes, or rows quarantined.
    """
    if step.unclear == "leave" or not doubts:
        return {}
    return (
        {"doubts": doubts}
        if step.unclear == "flag"
        else {"doubts": doubts, "sets_aside": pl.any_horizontal(doubts.values())}
    )
