"""Acts that persons sign: what was requested, and how it ended.

Belongs here: their table and transactions. Stays out: signatures (reviews.py), carrying out (assets/services/acts.py).
An act is a review with an effect: its review has the act's digest as `input_key`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from assay.assets.io.registry.database import (
    Database,
    Json,
    all_records,
    as_row,
    columns,
    inserted_id,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger
from assay.assets.io.registry.reviews import reviews

acts = sa.Table(
    "acts", metadata,
    sa.Column("review_id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("dataset", sa.String, nullable=False), sa.Column("kind", sa.String, nullable=False),
    sa.Column("effect", sa.JSON, nullable=False), sa.Column("why", sa.Text, nullable=False), sa.Column("nonce", sa.String, nullable=False),
    sa.Column("ended_at", sa.String), sa.Column("outcome", sa.String), sa.Column("note", sa.Text),
)  # fmt: skip

Outcome = Literal["done", "rejected", "void"]


@dataclass(frozen=True)
class NewAct:
    """An act, before it is requested."""

    dataset: str
    kind: str
    effect: Json
    why: str
    nonce: str


@dataclass(frozen=True)
class ActRecord:
    """An act: what it does, and how it ended, with a sentence about it."""

    review_id: int
    dataset: str
    kind: str
    effect: Json
    why: str
    nonce: str
    ended_at: str | None
    outcome: Outcome | None
    note: str | None


_ACT = sa.select(*columns(acts, ActRecord)).order_by(acts.c.review_id)
_WAITS = _ACT.where(acts.c.ended_at.is_(None))


class Acts:
    """The part of the registry that knows the acts that persons sign."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def request(self, act: NewAct, digest: str, reasons: list[str]) -> ActRecord:
        """Keep a request, with its review; the one that waits already where it has the same effect."""
        with self._database.write() as connection:
            of_dataset = _WAITS.where(acts.c.dataset == act.dataset, acts.c.kind == act.kind)
            for waiting in all_records(connection, ActRecord, of_dataset):
                if waiting.effect == act.effect:
                    return waiting
            row: Json = {"dataset": act.dataset, "input_key": digest, "reasons": reasons}
            row |= {"asked_at": self._database.now(), "asked_by": self._database.actor}
            number = inserted_id(connection.execute(sa.insert(reviews).values(**row)))
            connection.execute(sa.insert(acts).values(review_id=number, **as_row(act)))
            entry = {"review": number, "digest": digest, "kind": act.kind, "effect": act.effect}
            self._ledger.add(connection, "act requested", act.dataset, {**entry, "why": act.why})
        return ActRecord(number, **as_row(act), ended_at=None, outcome=None, note=None)

    def of_review(self, review_id: int) -> ActRecord | None:
        """The act of a review; None where the review is about a delivery or a policy."""
        if self._database.read_only and acts.name not in self._database.tables:
            return None  # an earlier layout, read as it is
        return self._database.first(ActRecord, _ACT.where(acts.c.review_id == review_id))

    def waiting(self) -> list[ActRecord]:
        """The acts that have not ended, the oldest first."""
        return self._database.all(ActRecord, _WAITS)

    def end(self, act: ActRecord, outcome: Outcome, note: str, details: Json) -> bool:
        """Note how an act ended; part of the transaction of its effect, where it has one.

        Returns: False where it had ended already, so that nothing may take effect.
        """
        this = sa.and_(acts.c.review_id == act.review_id, acts.c.ended_at.is_(None))
        ended = {"ended_at": self._database.now(), "outcome": outcome, "note": note}
        with self._database.write() as connection:
            if not connection.execute(sa.update(acts).where(this).values(**ended)).rowcount:
                return False
            entry = {"review": act.review_id, "kind": act.kind, "note": note, **details}
            self._ledger.add(connection, f"act {outcome}", act.dataset, entry)
        return True
