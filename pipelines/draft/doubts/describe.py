"""A doubt -> the words about it, for the terminal, the draft's comments and JSON.

Belongs here: sentences. Stays out: deciding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from assay.pipelines.draft.doubts.doubt import Doubt, listed
from assay.pipelines.draft.writer import Comment

_LISTED = 10
"""Doubts that the terminal lists."""


def describe_doubt(doubt: Doubt) -> str:
    """Where, what, how many, how sure."""
    example = "" if doubt.example is None else f", such as {doubt.example!r}"
    return (
        f"{listed(doubt.columns)}: {doubt.problem} ({doubt.count:,} of {doubt.rows:,} rows{example};"
        f" confidence {doubt.confidence:.0%})"
    )


def describe_rule(doubt: Doubt) -> str:
    """What would report it from the next run on."""
    return f"{doubt.rule}, with a tolerance of {doubt.tolerance_pct:g} %"


def comments_about(doubts: Sequence[Doubt], column: str) -> dict[str, Comment]:
    """Comments above a column of the draft: the doubts whose first column it is."""
    about = [doubt for doubt in doubts if doubt.columns[0] == column]
    return {
        f"doubt {number}": Comment(
            f"DOUBT {doubt.kind}: {describe_doubt(doubt)}. It would become {describe_rule(doubt)}"
        )
        for number, doubt in enumerate(about)
    }


def lines_about(doubts: Sequence[Doubt]) -> list[str]:
    """The surest doubts, a line each, and how many more there are."""
    lines = [describe_doubt(doubt) for doubt in doubts[:_LISTED]]
    more = len(doubts) - _LISTED
    return [*lines, f"{more} more doubts are in the draft's comments"] if more > 0 else lines


def as_data(doubts: Sequence[Doubt]) -> list[dict[str, Any]]:
    """The doubts as plain data."""
    return [asdict(doubt) | {"columns": list(doubt.columns)} for doubt in doubts]
