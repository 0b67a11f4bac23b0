"""Decide about quarantined rows: release them into the next version, or discard their values.

Belongs here: planning a decision and carrying it out. Stays out: who signs it (acts.py), which rows
it takes (pipelines/validate/quarantine.py).
A decision is about the rows of one delivery (the same bytes, the same window), whichever run
quarantined them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.quarantine import HandlingRecord, NewHandling, QuarantineRecord
from assay.assets.services.quarantine import (
    check_reason,
    decisions_about,
    is_there,
    record,
    scan_rows,
    states_of_rows,
)
from assay.assets.stages.fault_points import reached
from assay.assets.stages.partition_base import base_of
from assay.assets.stages.quarantine_record import path_in_lake
from assay.contracts.errors import ConfigurationError, QualityError, Where
from assay.contracts.model import Contract
from assay.lineage import handling
from assay.pipelines.core.engine import run as collect
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.quarantine import (
    DECISION,
    Action,
    Handling,
    decided,
    never,
    reason_digests,
    unreadable_cells,
    without_values,
)


@dataclass(frozen=True)
class PlannedDecision:
    """A decision that can be carried out: on which run's rows, and how many it takes."""

    record: QuarantineRecord
    contract: Contract
    handling: Handling
    rows: int
    rows_digest: str
    """SHA-256 of the numbers of the rows that it takes."""
    earlier: tuple[int, ...]
    """The decisions about the data set that it takes into account."""

    def effect(self, installation: Installation) -> Json:
        """The decision as persons sign it."""
        files = [
            [str(path_in_lake(each)), each.sha256] for each in _same_delivery(installation, self)
        ]
        return {
            "run_id": self.record.run_id,
            "rule": self.handling.rule,
            "chosen": list(self.handling.rows),
            "covers": dict(self.handling.covers),
            "rows": self.rows,
            "rows_digest": self.rows_digest,
            "files": files,
        }


def plan_decision(
    installation: Installation,
    name: str,
    action: Action,
    *,
    run_id: str | None,
    rule: str | None,
    rows: Sequence[int],
) -> PlannedDecision:
    """What a release or discard takes now. Nothing is written.

    Raises: ConfigurationError: neither or both of a rule and rows. QualityError: what was requested
        cannot be, with the first row and column. ClockError: nothing is discarded while the clock
        is in doubt.
    """
    _check_request(rule, rows)
    if action == "discard":
        installation.registry.clock_doubts.check("nothing is discarded")
    earlier = _decision_numbers(installation, name)
    row, contract = record(installation, name, run_id), installation.contract(name)
    if action == "release":
        _check_delivery(installation, row, contract)
    chosen = _chosen(installation, row, rule, rows)
    covers = _covers(row, contract, chosen, rule) if action == "release" else {}
    wanted = Handling(0, action, tuple(sorted(set(rows))), rule, covers)
    taken = _taken(installation, row, contract, wanted)
    digest = hashlib.sha256(taken.sort().cast(pl.Int64).to_numpy().astype("<i8").tobytes())
    return PlannedDecision(row, contract, wanted, taken.len(), digest.hexdigest(), earlier)


def _decision_numbers(installation: Installation, name: str) -> tuple[int, ...]:
    return tuple(each.id for each in installation.registry.quarantine.handlings(name))


def _check_request(rule: str | None, rows: Sequence[int]) -> None:
    if (rule is None) == (not rows):
        raise ConfigurationError(
            "no rows and no rule are given", "Give --row, once or more, or --rule"
        )


def _taken(
    installation: Installation, row: QuarantineRecord, contract: Contract, wanted: Handling
) -> pl.Series:
    """The numbers of the rows that a decision takes.

    Raises: QualityError: none, or one to be released holds a cell that cannot be read.
    """
    taken = decided([*decisions_about(installation, row), wanted], reason_digests(contract))
    frame = scan_rows(installation, row).with_columns(taken).filter(pl.col(DECISION) == 0)
    numbers, unread = run_together([frame.select(ROW), unreadable_cells(frame, contract)])
    if not numbers.height:
        raise QualityError(
            "every row that broke this rule also broke another one",
            "Release the rows of the other rule as well, or rows by number: --row",
            Where(dataset=row.dataset, rule=wanted.rule),
        )
    if wanted.action == "release" and unread.height:
        number, column = unread.row(0)
        kind = contract.column(column).logical_type
        raise QualityError(
            f"it cannot be released: the cell is not a valid {kind}",
            "Fix it in the source and deliver again, or leave it in quarantine",
            Where(dataset=row.dataset, row=number, field=column),
        )
    return numbers[ROW]


def carry_out(
    installation: Installation,
    planned: PlannedDecision,
    *,
    why: str,
    by: str,
    approvals: Sequence[str] = (),
    end: Callable[[HandlingRecord], None] = lambda _: None,
) -> HandlingRecord:
    """Sign a decision, keep it, and carry it out.

    Args:
        by: who decided.
        approvals: what they signed, each a DSSE envelope.
        end: called in the same transaction; what it raises undoes the decision.
    """
    row, wanted = planned.record, planned.handling
    decision: dict[str, Any] = {
        "dataset": row.dataset,
        "source_digest": row.source_digest,
        "window": row.window,
        "run_id": row.run_id,
        "action": wanted.action,
        "rule": wanted.rule,
        "chosen": list(wanted.rows),
        "covers": dict(wanted.covers),
        "rows": planned.rows,
        "why": why,
        "by": by,
        "at": installation.registry.now(),
    }
    files = _files(installation, planned)
    content = {**decision, "approvals": list(approvals)} if approvals else decision
    envelope = handling.signed(files, content, installation.keys.signer())
    reached("act prepared")
    with installation.registry.transaction():
        if _decision_numbers(installation, row.dataset) != planned.earlier:
            raise QualityError(
                "another decision about this quarantine was made in the meantime",
                "Repeat the command",
                Where(dataset=row.dataset),
            )
        kept = installation.registry.quarantine.handle(NewHandling(**decision, envelope=envelope))
        end(kept)
    reached("act carried out")
    installation.deliver_outbox()
    return kept


def _check_delivery(installation: Installation, row: QuarantineRecord, contract: Contract) -> None:
    """Only the newest delivery, evaluated by today's contract, has a next version."""
    where = Where(dataset=row.dataset)
    is_late = _is_replaced_partition if contract.source.partitions else _is_replaced
    if is_late(installation, row):
        raise QualityError(
            f"newer data were delivered after run '{row.run_id}'",
            "A version holds one delivery: fix the rows and deliver them again, or change the rule",
            where,
        )
    if row.contract_digest != contract.digest:
        raise QualityError(
            "the contract has changed since these rows were quarantined",
            f"To validate them against the current rules: assay run {row.dataset}; `assay quarantine replay {row.dataset}` shows the result in advance",
            where,
        )


def _is_replaced(installation: Installation, row: QuarantineRecord) -> bool:
    """Whether another delivery came after the one that these rows are of."""
    delivery = (row.source_digest, row.window)
    later = [
        other
        for other in installation.registry.quarantine.all(row.dataset)
        if other.kept_at > row.kept_at and (other.source_digest, other.window) != delivery
    ]
    newest = installation.registry.references.resolve(row.dataset)
    return bool(later) or (
        newest is not None
        and newest.published_at > row.kept_at
        and (newest.source_digest, newest.window) != delivery
    )


def _is_replaced_partition(installation: Installation, row: QuarantineRecord) -> bool:
    """Whether another delivery of the same partition came after these rows."""
    later = [
        other
        for other in installation.registry.quarantine.all(row.dataset)
        if other.kept_at > row.kept_at
        and other.window == row.window
        and other.source_digest != row.source_digest
    ]
    base = base_of(installation, row.dataset)
    part = base.part(row.window) if base and row.window else None
    return bool(later) or (part is not None and part["source_digest"] != row.source_digest)


def _chosen(
    installation: Installation, row: QuarantineRecord, rule: str | None, rows: Sequence[int]
) -> pl.DataFrame:
    """The rows that are requested, each still open. Raises: QualityError: the first that is not."""
    states = states_of_rows(installation, row)
    if rule is not None:
        check_reason(row, rule)
        open_rows = states.filter(pl.col(REASONS).list.contains(rule) & (pl.col("state") == "open"))
        if not open_rows.height:
            raise QualityError(
                "every row that broke this rule has been decided already",
                "See `assay quarantine list`",
                Where(dataset=row.dataset, rule=rule),
            )
        return open_rows
    state_of_row = dict(states.select(ROW, "state").iter_rows())
    for number in rows:
        state = state_of_row.get(number)
        if state != "open":
            problem = "it is not in this quarantine" if state is None else f"it is {state} already"
            raise QualityError(
                problem,
                f"See `assay quarantine show {row.dataset}`",
                Where(dataset=row.dataset, row=number),
            )
    return states.filter(pl.col(ROW).is_in(list(rows)))


def _covers(
    row: QuarantineRecord, contract: Contract, chosen: pl.DataFrame, rule: str | None
) -> Mapping[str, str]:
    """What a release overrules: reason -> the digest of today's rule.

    Raises: QualityError: one of them no steward can overrule.
    """
    digests = reason_digests(contract)
    reasons = (
        [rule]
        if rule is not None
        else chosen[REASONS].explode(empty_as_null=False).unique().sort().to_list()
    )
    for reason in reasons:
        barred = never(reason)
        if barred:
            raise QualityError(
                f"it cannot be released: {barred[0]}",
                barred[1],
                Where(dataset=row.dataset, rule=reason),
            )
        if reason not in digests:
            raise QualityError(
                "the row cannot be released: the current contract no longer has the rule or step that quarantined it",
                f"Validate the rows again: assay run {contract.name}",
                Where(dataset=row.dataset, rule=reason),
            )
    return {reason: digests[reason] for reason in reasons}


def _same_delivery(installation: Installation, planned: PlannedDecision) -> list[QuarantineRecord]:
    """The quarantines that hold rows of the same delivery, and whose files are there."""
    row = planned.record
    return [
        other
        for other in installation.registry.quarantine.all(row.dataset)
        if (other.source_digest, other.window) == (row.source_digest, row.window)
        and is_there(installation, other)
    ]


def _files(installation: Installation, planned: PlannedDecision) -> list[dict[str, Any]]:
    """Each quarantine file that holds the delivery's rows; for a discard with a copy that lacks the
    values, which waits until the decision is kept.
    """
    files = []
    for other in _same_delivery(installation, planned):
        path = str(path_in_lake(other))
        digest, becomes = sha256(installation.home.lake / path), None
        if planned.handling.action == "discard":
            becomes = _emptied(installation, other, planned)
        files.append({"path": path, "sha256": digest, "becomes": becomes})
    return files


def _emptied(installation: Installation, other: QuarantineRecord, planned: PlannedDecision) -> str:
    """Write a copy of a quarantine file without the discarded values. Returns: its SHA-256."""
    handlings = [*decisions_about(installation, other), planned.handling]
    taken = decided(handlings, reason_digests(planned.contract))
    emptied = without_values(
        scan_rows(installation, other).with_columns(taken), pl.col(DECISION).eq(0).fill_null(False)
    ).drop(DECISION)
    path = str(path_in_lake(other))
    copy = installation.lake.emptied(path)
    collect(emptied.sink_parquet(copy, compression="zstd", lazy=True))
    digest = sha256(copy)
    copy.rename(installation.lake.emptied(path, digest))
    return digest
