"""What a check of contracts found, in the one shape that every report is derived from.

Belongs here: the shape. Stays out: finding (load.py, compatibility/), reporting (assay/reports/).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.contracts.errors import NOWHERE, ContractError, ContractErrors, Where, shortened

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
MOST_NAMED = 5
"""Names that one message lists."""


@dataclass(frozen=True)
class Problem:
    """One thing found.

    `id` names the kind (`odcs.required`, `policy.license`, `change.column_removed`) or the
    contract's own rule (`dep_delay_minimum`): the same in every report, in Dagster and in lineage.
    `details` is plain data for machines: counts, row numbers, never a personal value.
    """

    id: str
    severity: Severity
    problem: str
    remedy: str
    where: Where = NOWHERE
    path: str = ""
    details: dict[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problem", shortened(self.problem))
        object.__setattr__(self, "remedy", shortened(self.remedy))

    def __str__(self) -> str:
        place = str(self.where)
        return (
            f"{place}: {self.severity}: {self.problem}. {self.remedy}. [{self.id}]"
            if place
            else f"{self.severity}: {self.problem}. {self.remedy}. [{self.id}]"
        )


def problems_of(error: ContractError) -> tuple[Problem, ...]:
    """An error, or several reported together, as problems."""
    errors = error.problems if isinstance(error, ContractErrors) else (error,)
    return tuple(
        Problem(item.id, "error", item.problem, item.remedy, item.where, item.path)
        for item in errors
    )


def as_error(problems: Iterable[Problem]) -> ContractError:
    """Problems as what one raises: one error, or several reported together."""
    errors = tuple(
        ContractError(item.problem, item.remedy, item.where, item.id, item.path)
        for item in problems
    )
    return ContractErrors(errors) if len(errors) > 1 else errors[0]


def key_path(path: tuple[str | int, ...]) -> str:
    """A path in a document as people write it: `schema[0].properties[2].name`."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{shortened(step)}" for step in path
    ).lstrip(".")


def suggestion(
    key: str,
    choices: Iterable[str],
    otherwise: str = "Remove it, or put it under `customProperties`",
) -> str:
    """'Did you mean' for a word that is not known, and never the word itself."""
    key = str(key)
    if len(key) > 200:  # matching takes time that grows with the square of the length
        return otherwise
    others = [choice for choice in choices if choice != key]
    close = difflib.get_close_matches(key, others, n=1)
    return f"Did you mean '{close[0]}'" if close else otherwise


def name_first(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
