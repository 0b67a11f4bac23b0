"""What persons are asked, and what they decide: the part of the registry that knows reviews and the quarantine.

Belongs here: their tables and transactions. Stays out: whose decision counts (pipelines/admit/review.py), signatures (assets/stages/review.py, handlings.py).
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from assay.assets.io.clock_doubts import ClockDoubts
from assay.assets.io.outbox import Outbox
from assay.assets.io.store import Row, ledger, metadata

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
quarantines = sa.Table(
    "quarantines", metadata,
    sa.Column("dataset", sa.String, primary_key=True), sa.Column("run_id", sa.String, primary_key=True), sa.Column("kept_at", sa.String, nullable=False),
    sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String), sa.Column("contract_digest", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("sha256", sa.String, nullable=False), sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("personal", sa.JSON, nullable=False), sa.Column("expired_at", sa.String),
)  # fmt: skip
handlings = sa.Table(
    "handlings", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("dataset", sa.String, nullable=False), sa.Column("source_digest", sa.String, nullable=False), sa.Column("window", sa.String),
    sa.Column("run_id", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False), sa.Column("rule", sa.String), sa.Column("chosen", sa.JSON, nullable=False),
    sa.Column("covers", sa.JSON, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False), sa.Column("why", sa.Text, nullable=False), sa.Column("by", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False), sa.Column("envelope", sa.Text, nullable=False),
)  # fmt: skip
ADOPTED = "policy adopted"
_QUARANTINE_EXPIRED = "quarantine expired"


class Reviews(Outbox, ClockDoubts):
    """The part of the registry that knows what was decided by whom."""

    # -- reviews ------------------------------------------------------------------

    def ask(self, dataset: str, input_key: str, reasons: list[str]) -> Row:
        """The review of these inputs, asked for now if nobody has."""
        with self._write() as connection:
            query = sa.select(reviews).where(
                reviews.c.dataset == dataset, reviews.c.input_key == input_key
            )
            there = connection.execute(query).mappings().first()
            if there is None:
                connection.execute(
                    sa.insert(reviews).values(
                        dataset=dataset,
                        input_key=input_key,
                        reasons=reasons,
                        asked_at=self.now(),
                        asked_by=self.actor,
                    )
                )
                self._log(
                    connection,
                    "held for review",
                    dataset,
                    {"input_key": input_key, "reasons": reasons},
                )
                there = connection.execute(query).mappings().one()
            elif there["asked_by"] is None:  # asked by an earlier Assay, which did not note by whom
                connection.execute(
                    sa.update(reviews)
                    .where(reviews.c.id == there["id"])
                    .values(asked_by=self.actor)
                )
            return {**there, "asked_by": there["asked_by"] or self.actor}

    def approve(self, review: Row, approver: str, decision: str, envelope: str) -> None:
        """Keep a signed decision on a review."""
        with self._write() as connection:
            self._check_clock(connection, "no approval is taken")
            connection.execute(
                sa.insert(approvals).values(
                    review_id=review["id"],
                    approver=approver,
                    decision=decision,
                    at=self.now(),
                    envelope=envelope,
                )
            )
            self._log(
                connection,
                f"review {decision}",
                review["dataset"],
                {"review": review["id"], "input_key": review["input_key"], "approver": approver},
            )

    def approvals(self, review_id: int) -> list[Row]:
        """The signed decisions on a review, the oldest first."""
        return self._rows(
            sa.select(approvals).where(approvals.c.review_id == review_id).order_by(approvals.c.id)
        )

    def adopted(self, what: str) -> Row | None:
        """What was last adopted of that name, as the audit log has it: its digest, by whom, and the text where it is kept; None before the first."""
        rows = self._rows(
            sa.select(ledger.c.details)
            .where(ledger.c.action == ADOPTED, ledger.c.dataset == what)
            .order_by(ledger.c.sequence.desc())
            .limit(1)
        )
        return dict(json.loads(rows[0]["details"])) if rows else None

    def reviews(self) -> list[Row]:
        """All reviews, the oldest first."""
        return self._rows(sa.select(reviews).order_by(reviews.c.id))

    # -- the quarantine --------------------------------------------------------------

    def keep_quarantine(self, row: Row) -> None:
        """Note the rows that a run sets aside, before their file is moved in; the same run notes them once."""
        with self._write() as connection:
            where = sa.and_(
                quarantines.c.dataset == row["dataset"], quarantines.c.run_id == row["run_id"]
            )
            connection.execute(sa.delete(quarantines).where(where))
            connection.execute(sa.insert(quarantines).values(**row, kept_at=self.now()))

    def quarantines(self, dataset: str) -> list[Row]:
        """What runs of a data set have set aside, the oldest first."""
        return self._rows(
            sa.select(quarantines)
            .where(quarantines.c.dataset == dataset)
            .order_by(quarantines.c.kept_at, quarantines.c.run_id)
        )

    def handle(self, decision: Row) -> Row:
        """Keep a signed decision about quarantined rows, with its entry in the audit log, and the outbox that carries it out."""
        with self._write() as connection:
            if decision["action"] == "discard":
                self._check_clock(connection, "nothing is discarded")
            made = connection.execute(sa.insert(handlings).values(**decision))
            number = int(made.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one
            details = {
                **{
                    key: decision[key]
                    for key in ("run_id", "source_digest", "rule", "chosen", "rows", "why")
                },
                "decision": number,
            }
            self._log(connection, f"quarantine {decision['action']}", decision["dataset"], details)
            self._post(connection, "quarantine", decision["dataset"], {"decision": number})
        return {**decision, "id": number}

    def handlings(self, dataset: str) -> list[Row]:
        """The decisions about a data set's quarantined rows, the oldest first."""
        return self._rows(
            sa.select(handlings).where(handlings.c.dataset == dataset).order_by(handlings.c.id)
        )

    def expire_quarantine(self, dataset: str, run_id: str, why: str) -> bool:
        """Note that a run's quarantine has expired; the outbox signs that, then removes the file.

        Returns: False where it had expired already.
        """
        with self._write() as connection:
            self._check_clock(connection, "nothing expires")
            this = sa.and_(quarantines.c.dataset == dataset, quarantines.c.run_id == run_id)
            open_ = sa.and_(this, quarantines.c.expired_at.is_(None))
            expired = sa.update(quarantines).where(open_).values(expired_at=self.now())
            if not connection.execute(expired).rowcount:
                return False
            self._log(connection, _QUARANTINE_EXPIRED, dataset, {"run_id": run_id, "why": why})
            self._post(connection, "quarantine_expiry", dataset, {"run_id": run_id})
        return True

    def quarantines_expired(self, dataset: str) -> set[str]:
        """The runs whose quarantine has expired, as the audit log has it."""
        entries = sa.and_(ledger.c.action == _QUARANTINE_EXPIRED, ledger.c.dataset == dataset)
        rows = self._rows(sa.select(ledger.c.details).where(entries))
        return {str(json.loads(row["details"])["run_id"]) for row in rows}
