"""What a stage remembers of itself: plain facts, kept in the outbox until someone hears them.

Belongs here: their shape and JSON. Stays out: OpenLineage (events.py), the outbox
(assets/io/registry/outbox.py).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """Frozen, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Assertion(Fact):
    """One check as OpenLineage tells it. `success` is None if it could not be evaluated."""

    name: str
    success: bool | None
    column: str | None
    severity: Literal["error", "warning", "info"]
    failing: int
    total: int


class Table(Fact):
    """One table read or written.

    `lineage`: column -> (table, column) it was derived from. `masked`: the columns in which personal
    values were replaced or made coarser, and those derived from such columns.
    """

    name: str
    version: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    lineage: dict[str, tuple[tuple[str, str], ...]] = {}
    masked: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    assertions: tuple[Assertion, ...] = ()


class StageFact(Fact):
    """One stage of one run. Times are ISO 8601 in UTC."""

    run_id: str
    dataset: str
    stage: str
    outcome: Literal["COMPLETE", "FAIL"]
    started_at: str
    ended_at: str
    inputs: tuple[Table, ...] = ()
    outputs: tuple[Table, ...] = ()
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The fact as the outbox keeps it."""
        return self.model_dump(mode="json")
