"""Manage the quarantine: what waits there, what stewards decide about it, what today's rules say of
it, and when it goes.

Belongs here: the files, the decisions, their expiry. Stays out: which rows a decision takes
(pipelines/validate/quarantine.py), publishing what is released (stages/quality.py).
A decision is about the rows of one delivery (the same bytes, the same window), whichever run has
set them aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assay.assets.io.contract_folder import find
from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import HandlingRecord, NewHandling, QuarantineRecord
from assay.assets.stages.handlings import decisions_of, rows_of
from assay.assets.stages.partition_base import base_of
from assay.assets.stages.quarantine_record import _expires, _path
from assay.contracts.errors import ConfigurationError, QualityError, Where
from assay.contracts.model import Contract
from assay.contracts.problems import suggestion
from assay.lineage import handling
from assay.pipelines.admit.reasons import checked_reason
from assay.pipelines.core.engine import run as collect
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.quarantine import (
    DECISION,
    PASSES,
    Action,
    Handling,
    decided,
    judged_again,
    never,
    reason_digests,
    unreadable_cells,
    without_values,
)

SHOWN = 20
_STATES = {"release": "released", "discard": "discarded"}


# -- reading -----------------------------------------------------------------------------


def listed(installation: Installation, names: Sequence[str]) -> list[dict[str, Any]]:
    """One entry a run that set rows aside: how many of them wait, were released or discarded, and
    when they expire.
    """
    return [
        _entry(installation, row)
        for name in names
        for row in installation.registry.quarantine.all(name)
        if row.rows
    ]


def _entry(installation: Installation, row: QuarantineRecord) -> dict[str, Any]:
    contract = find(installation.contracts, row.dataset)
    states = (
        dict(_states(installation, row).group_by("state").len().iter_rows())
        if contract and _there(installation, row)
        else {}
    )
    return {
        "dataset": row.dataset,
        "run_id": row.run_id,
        "kept_at": row.kept_at,
        "window": row.window,
        "rows": row.rows,
        "reasons": row.reasons,
        "expired_at": row.expired_at,
        "file": str(_path(row)),
        **{state: states.get(state, 0) for state in ("open", "released", "discarded")},
        "expires_at": _expires(row, contract).isoformat() if contract else None,
    }


def shown(
    installation: Installation, name: str, run_id: str | None, rule: str | None, rows: int
) -> dict[str, Any]:
    """The first rows of a run's quarantine with their reasons, and the values of columns that are
    not personal.
    """
    row = record(installation, name, run_id)
    contract = installation.contract(name)
    frame = _scan(installation, row).with_columns(
        decided(_decisions(installation, row), reason_digests(contract))
    )
    if rule is not None:
        _check_reason(row, rule)
        frame = frame.filter(pl.col(REASONS).list.contains(rule))
    actions = {decision.id: decision.action for decision in _describe_decision(installation, row)}
    hidden = [column for column in frame.collect_schema() if column in row.personal]
    first_rows = collect(frame.drop(hidden).sort(ROW).head(rows))
    states = [
        {"_state": _STATES[actions[number]] if number else "open"}
        for number in first_rows[DECISION]
    ]
    values = first_rows.drop(DECISION).to_dicts()
    return {
        **_entry(installation, row),
        "hidden": hidden,
        "first_rows": [{**state, **value} for state, value in zip(states, values, strict=True)],
    }


def record(installation: Installation, name: str, run_id: str | None) -> QuarantineRecord:
    """What a run quarantined; the newest that is still there by default.

    Raises: QualityError: there is none, or it has expired.
    """
    installation.contract(name)
    records = [row for row in installation.registry.quarantine.all(name) if row.rows]
    chosen = [
        row
        for row in records
        if (row.run_id.startswith(run_id) if run_id else _there(installation, row))
    ]
    where = Where(dataset=name)
    if len(chosen) > 1 and run_id:
        raise QualityError(
            f"{len(chosen)} runs have an id that begins with it",
            "Give more characters of the run's id",
            where,
        )
    if not chosen:
        problem = (
            "no run whose id begins with it has quarantined rows"
            if run_id
            else "no row is in the quarantine"
        )
        raise QualityError(problem, "See `assay quarantine list`", where)
    if not _there(installation, chosen[-1]):
        problem = (
            f"expired on {chosen[-1].expired_at[:10]}"
            if chosen[-1].expired_at
            else "is missing from the disk"
        )
        raise QualityError(
            f"the quarantine of run '{chosen[-1].run_id}' {problem}",
            "Deliver the data again",
            where,
        )
    return chosen[-1]


def _there(installation: Installation, row: QuarantineRecord) -> bool:
    return row.expired_at is None and (installation.home.lake / _path(row)).is_file()


def _scan(installation: Installation, row: QuarantineRecord) -> pl.LazyFrame:
    return pl.scan_parquet(installation.home.lake / _path(row))


def _describe_decision(installation: Installation, row: QuarantineRecord) -> list[HandlingRecord]:
    return rows_of(installation, row.dataset, row.source_digest, row.window)


def _decisions(installation: Installation, row: QuarantineRecord) -> list[Handling]:
    return decisions_of(installation, row.dataset, row.source_digest, row.window)


def _states(installation: Installation, row: QuarantineRecord) -> pl.DataFrame:
    """`_row`, `_reasons` and `state` of every quarantined row."""
    actions = {
        decision.id: _STATES[decision.action] for decision in _describe_decision(installation, row)
    }
    state = (
        pl.col(DECISION).replace_strict(
            list(actions), list(actions.values()), default="open", return_dtype=pl.String
        )
        if actions
        else pl.lit("open")
    )
    marked = (
        _scan(installation, row)
        .select(ROW, REASONS)
        .with_columns(
            decided(
                _decisions(installation, row), reason_digests(installation.contract(row.dataset))
            )
        )
    )
    return collect(marked.select(ROW, REASONS, state.alias("state")))


def _check_reason(row: QuarantineRecord, rule: str) -> None:
    if rule not in row.reasons:
        raise QualityError(
            "no quarantined row has this reason",
            suggestion(rule, row.reasons, f"Choose one of {', '.join(row.reasons)}"),
            Where(dataset=row.dataset),
        )


# -- deciding -----------------------------------------------------------------------------


def decide(
    installation: Installation,
    name: str,
    action: Action,
    *,
    run_id: str | None,
    rule: str | None,
    rows: Sequence[int],
    why: str,
) -> dict[str, Any]:
    """Release quarantined rows into the next version, or discard them: their values go at once, and
    for good.

    Returns: the decision as it was kept.
    Raises: ConfigurationError: no reason, one that holds personal data, or neither or both of a
        rule and rows. QualityError: what
        was requested cannot be, with the first row and column.
    """
    reason = checked_reason(why)
    _check_request(rule, rows)
    installation.home.check_writable()
    if action == "discard":
        installation.registry.clock_doubts.check("nothing is discarded")
    row, contract = record(installation, name, run_id), installation.contract(name)
    if action == "release":
        _check_delivery(installation, row, contract)
    chosen = _chosen(installation, row, rule, rows)
    covers = _covers(row, contract, chosen, rule) if action == "release" else {}
    wanted = Handling(0, action, tuple(sorted(set(rows))), rule, covers)
    decision = {
        "dataset": name,
        "source_digest": row.source_digest,
        "window": row.window,
        "run_id": row.run_id,
        "action": action,
        "rule": rule,
        "chosen": list(wanted.rows),
        "covers": dict(covers),
        "rows": _count_taken(installation, row, contract, wanted),
        "why": reason,
        "by": installation.registry.actor,
    }
    files = _files(installation, row, wanted, contract)
    return _keep_decision(installation, decision, files)


def _check_request(rule: str | None, rows: Sequence[int]) -> None:
    if (rule is None) == (not rows):
        raise ConfigurationError(
            "no rows and no rule are given", "Give --row, once or more, or --rule"
        )


def _count_taken(
    installation: Installation, row: QuarantineRecord, contract: Contract, wanted: Handling
) -> int:
    """How many rows a decision takes.

    Raises: QualityError: none, or one to be released holds a cell that cannot be read.
    """
    taken = decided([*_decisions(installation, row), wanted], reason_digests(contract))
    frame = _scan(installation, row).with_columns(taken).filter(pl.col(DECISION) == 0)
    count, unread = run_together([frame.select(pl.len()), unreadable_cells(frame, contract)])
    if not count.item():
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
    return int(count.item())


def _keep_decision(
    installation: Installation, decision: dict[str, Any], files: list[dict[str, Any]]
) -> dict[str, Any]:
    """Sign a decision, keep it, and carry it out."""
    decision = {**decision, "at": installation.registry.now()}
    envelope = handling.signed(files, decision, installation.keys.signer())
    kept = installation.registry.quarantine.handle(NewHandling(**decision, envelope=envelope))
    installation.deliver_outbox()
    return {key: getattr(kept, key) for key in ("id", *decision)}


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
    states = _states(installation, row)
    if rule is not None:
        _check_reason(row, rule)
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


def _files(
    installation: Installation, row: QuarantineRecord, wanted: Handling, contract: Contract
) -> list[dict[str, Any]]:
    """Each quarantine file that holds the delivery's rows; for a discard with a copy that lacks the
    values, which waits until the decision is kept.
    """
    delivery = (row.source_digest, row.window)
    same = [
        other
        for other in installation.registry.quarantine.all(row.dataset)
        if (other.source_digest, other.window) == delivery and _there(installation, other)
    ]
    files = []
    for other in same:
        path = str(_path(other))
        digest, becomes = sha256(installation.home.lake / path), None
        if wanted.action == "discard":
            taken = decided([*_decisions(installation, other), wanted], reason_digests(contract))
            emptied = without_values(
                _scan(installation, other).with_columns(taken),
                pl.col(DECISION).eq(0).fill_null(False),
            ).drop(DECISION)
            copy = installation.lake.emptied(path)
            collect(emptied.sink_parquet(copy, compression="zstd", lazy=True))
            becomes = sha256(copy)
            copy.rename(installation.lake.emptied(path, becomes))
        files.append({"path": path, "sha256": digest, "becomes": becomes})
    return files


# -- today's rules, and the end -------------------------------------------------------------


def replay(installation: Installation, name: str, run_id: str | None) -> dict[str, Any]:
    """Hold a run's open rows against today's contract: how many would pass, per reason they were
    quarantined for.
    """
    row, contract = record(installation, name, run_id), installation.contract(name)
    pointed_to = {rule.argument.dataset for rule in contract.rules if rule.kind == "relationship"}
    related = {
        other: installation.scan(versions[-1])
        for other in sorted(pointed_to)
        if (versions := installation.registry.versions.all(other))
    }
    newest = installation.registry.references.resolve(name)
    # a relationship to the data set itself is compared with what is published
    judged = judged_again(
        _scan(installation, row), contract, related, installation.scan(newest) if newest else None
    )
    waiting = _states(installation, row).filter(pl.col("state") == "open").select(ROW).lazy()
    judged_open = collect(judged.join(waiting, on=ROW, how="semi"))
    reasons = (
        judged_open.explode(REASONS, empty_as_null=False)
        .group_by(REASONS)
        .agg(pl.len().alias("rows"), pl.col(PASSES).sum().alias("would_pass"))
        .sort(REASONS)
        .rename({REASONS: "reason"})
    )
    changed = row.contract_digest != contract.digest
    passing = judged_open.filter(pl.col(PASSES))
    return {
        "dataset": name,
        "run_id": row.run_id,
        "contract_changed": changed,
        "open": judged_open.height,
        "would_pass": passing.height,
        "reasons": reasons.to_dicts(),
        "rows": passing[ROW].sort().head(SHOWN).to_list(),
        "next": f"assay run {name}" if changed and passing.height else None,
    }
