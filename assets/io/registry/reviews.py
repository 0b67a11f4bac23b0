"""Reviews: what persons have to decide, and what they decided.

Belongs here: their tables and transactions. Stays out: whose decision counts (pipelines/admit/review.py), signatures (services/review.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa

from assay.assets.io.registry.clock_doubts import ClockDoubts
from assay.assets.io.registry.database import (
    Database,
    Json,
    columns,
    first_record,
    inserted_id,
    metadata,
)
from assay.assets.io.registry.ledger import Ledger

reviews = sa.Table(
    "reviews", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("input_key", sa.String, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False), sa.Column("asked_at", sa.String, nullable=False), sa.Column("asked_by", sa.String),
    sa.UniqueConstraint("dataset", "input_key"),
)  # fmt: skip
approvals = sa.Table(
    "approvals", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("review_id", sa.Integer, nullable=False), sa.Column("approver", sa.String, nullable=False),
    sa.Column("decision", sa.String, nullable=False), sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
samples = sa.Table(
    "review_samples", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("review_id", sa.Integer, nullable=False), sa.Column("column", sa.String, nullable=False),
    sa.Column("before", sa.Text, nullable=False), sa.Column("after", sa.Text, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class Review:
    """A delivery that waits for a decision. An earlier Assay did not record who requested it."""

    id: int
    dataset: str
    input_key: str
    reasons: list[str]
    asked_at: str
    asked_by: str | None


@dataclass(frozen=True)
class Approval:
    """A signed decision on a review."""

    id: int
    review_id: int
    approver: str
    decision: str
    at: str
    envelope: str


@dataclass(frozen=True)
class ReviewSample:
    """A replacement in a column of the delivery: the shapes of a cell before and after it."""

    column: str
    before: str
    after: str


_REVIEW = sa.select(*columns(reviews, Review))


class Reviews:
    """The part of the registry that knows reviews."""

    def __init__(self, database: Database, log: Ledger, clock: ClockDoubts) -> None:
        self._database, self._ledger, self._clock_doubts = database, log, clock

    def request(self, dataset: str, input_key: str, reasons: list[str]) -> Review:
        """The review of these inputs, requested now if no one has."""
        query = _REVIEW.where(reviews.c.dataset == dataset, reviews.c.input_key == input_key)
        actor = self._database.actor
        with self._database.write() as connection:
            review = first_record(connection, Review, query)
            if review is None:
                row: Json = {"dataset": dataset, "input_key": input_key, "reasons": reasons}
                row |= {"asked_at": self._database.now(), "asked_by": actor}
                number = connection.execute(sa.insert(reviews).values(**row))
                details = {"input_key": input_key, "reasons": reasons}
                self._ledger.add(connection, "held for review", dataset, details)
                return Review(id=inserted_id(number), **row)
            if review.asked_by is None:
                this = sa.update(reviews).where(reviews.c.id == review.id)
                connection.execute(this.values(asked_by=actor))
            return replace(review, asked_by=review.asked_by or actor)

    def approve(self, review: Review, approver: str, decision: str, envelope: str) -> None:
        """Keep a signed decision on a review."""
        with self._database.write() as connection:
            self._clock_doubts.check_in(connection, "approvals are not accepted")
            row: Json = {"review_id": review.id, "approver": approver, "decision": decision}
            row |= {"at": self._database.now(), "envelope": envelope}
            connection.execute(sa.insert(approvals).values(**row))
            entry = {"review": review.id, "input_key": review.input_key, "approver": approver}
            self._ledger.add(connection, f"review {decision}", review.dataset, entry)

    def approvals(self, review_id: int) -> list[Approval]:
        """The signed decisions on a review, the oldest first."""
        query = sa.select(*columns(approvals, Approval)).where(approvals.c.review_id == review_id)
        return self._database.all(Approval, query.order_by(approvals.c.id))

    def samples(self, review_id: int) -> list[ReviewSample]:
        """The replacements that a review shows."""
        query = sa.select(*columns(samples, ReviewSample)).where(samples.c.review_id == review_id)
        return self._database.all(ReviewSample, query.order_by(samples.c.id))

    def keep_samples(self, review_id: int, shown: Sequence[ReviewSample]) -> None:
        """Keep the replacements that a review shows."""
        with self._database.write() as connection:
            for sample in shown:
                connection.execute(sa.insert(samples).values(review_id=review_id, **asdict(sample)))

    def all(self) -> list[Review]:
        """All reviews, the oldest first."""
        return self._database.all(Review, _REVIEW.order_by(reviews.c.id))
