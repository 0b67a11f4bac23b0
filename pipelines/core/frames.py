"""The shapes that stages hand each other. All frozen, all turn into JSON with
`dataclasses.asdict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl  # `assay check` reads licences with these shapes and no frames

# the record's number in its source, from 1, header included: what an editor shows where no cell
# holds a line break
ROW = "_row"
# prefix of what admission let pass, text or whole numbers, kept next to the typed column
RECEIVED = "_received_"
REMOVED_BY = "_removed_by"
SET_ASIDE_BY = "_set_aside_by"
FLAGGED_BY = "_flagged_by"
# prefix, before the step and the column: true where the step gave the cell another value
CHANGED = "_changed_"
REASONS = "_reasons"


@dataclass(frozen=True)
class FileRead:
    """One of several files, under its label: its records are `first` to `last` of the source,
    header included, so record r is its own r - first + 1. `lacks` are columns that others have.
    """

    name: str
    rows: int
    unreadable: int
    first: int
    last: int
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What was landed: `digest` is the SHA-256 of the source's bytes; `columns` all it has,
    declared or not; `unreadable` records are kept next to the rows.

    `header` counts the records before the first row; `found` is what the contract left open of how
    the file is written, and what it turned out to be. `files`, where there are several;
    `watermark`, what a growing source has reached.
    """

    digest: str
    location: str
    rows: int
    unreadable: int
    size_bytes: int
    columns: tuple[str, ...]
    header: int = 0
    found: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileRead, ...] = ()
    watermark: str | int | float | None = None
    labelled: bool = True
    """Whether the files are under their labels; in receipts of earlier releases they stood under
    their names.
    """
    upstream: Mapping[str, str] | None = None
    """Of another data set as the source: `dataset`, `version`, and `statement`, the SHA-256 of its
    evidence.
    """
    late: int = 0
    """Of a growing source: rows at or behind the mark before that were read now."""
    missed: int = 0
    """Of a growing source: rows that came behind the overlap of the mark, and were not read."""


@dataclass(frozen=True)
class Finding:
    """Personal data of one kind in one column: how many rows hold it, and whether the contract
    knew.
    """

    column: str
    kind: str
    rows: int
    declared: bool
    confidence: float = 1.0
    """How sure: a check digit, a form of its own, words before it, the column's name."""


@dataclass(frozen=True)
class LicenseVerdict:
    """What the licence allows of what is wanted; each reason names the clause."""

    outcome: Literal["allowed", "review", "refused"]
    expression: str
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]
    attribution: tuple[str, ...] = ()
    """Whom everything derived from the data has to name, a line each."""


@dataclass(frozen=True)
class Verdict:
    """Whether the data may be used."""

    outcome: Literal["admitted", "held", "refused"]
    license: LicenseVerdict
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...] = ()


Decision = Literal["approve", "reject"]


@dataclass(frozen=True)
class Approval:
    """One person's decision.

    `input_key` is the SHA-256 over everything that makes the version: source, contract, policies,
    code.
    """

    dataset: str
    input_key: str
    decision: Decision
    why: str
    approver: str
    signed_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Split:
    """What becomes of some rows: kept and quarantined together are the input."""

    kept: pl.DataFrame
    set_aside: pl.DataFrame


@dataclass(frozen=True)
class Check:
    """One rule, evaluated: what was `measured` (failing rows, rows, or what a query returned)
    against its bound. `passed` is None if it could not be evaluated, which is no pass.
    """

    rule: str
    passed: bool | None
    failing: int
    total: int
    severity: Literal["error", "warning", "info"]
    dimension: str
    bound: str
    columns: tuple[str, ...]
    description: str
    measured: float | None = None


@dataclass(frozen=True)
class Accounting:
    """Where every row went."""

    rows_in: int
    published: int
    quarantined: int
    removed: int
    quarantined_by: Mapping[str, int] = field(default_factory=dict)
    removed_by: Mapping[str, int] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """rows in = published + quarantined + removed, and each row removed has one step."""
        return (
            self.rows_in == self.published + self.quarantined + self.removed
            and self.removed == sum(self.removed_by.values())
        )


@dataclass(frozen=True)
class ColumnDrift:
    """One measurement: `score` against `threshold` by `method`; `drifted` is None if it could
    not be measured.
    """

    column: str
    method: str
    score: float | None
    threshold: float
    drifted: bool | None
    note: str = ""
    p_value: float | None = None
    """How probable it would be without drift, corrected for how many were asked; None if chance
    has no part.
    """
    part: str = ""
    """The slice it was measured in; all rows by default."""
    against: str = ""
    """What the version was compared with."""


@dataclass(frozen=True)
class Drift:
    """Two versions compared. `unknown` where there was nothing to compare with."""

    verdict: Literal["drifted", "stable", "unknown"]
    measurements: tuple[ColumnDrift, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Intent:
    """What should be done about a version, and why. Deciding it changes nothing."""

    action: Literal["retrain", "rebuild", "none"]
    reason: str


@dataclass(frozen=True)
class Judgement:
    """A candidate against the one in service, on the same held-back questions."""

    accepted: bool
    metric: str
    candidate: float
    in_service: float | None
    reason: str
