"""Read the quarantine: what waits there, and what today's rules say of it.

Belongs here: its lists and rows. Stays out: decisions about it (quarantine_decisions.py), which rows a
decision takes (pipelines/validate/quarantine.py), publishing what is released (stages/quality.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from assay.assets.io.contract_folder import find
from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import HandlingRecord, QuarantineRecord
from assay.assets.stages.handlings import decisions_of, rows_of
from assay.assets.stages.quarantine_record import _expires, path_in_lake
from assay.contracts.errors import QualityError, Where
from assay.contracts.problems import suggestion
from assay.pipelines.core.engine import run as collect
from assay.pipelines.core.frames import REASONS, ROW
from assay.pipelines.validate.quarantine import (
    DECISION,
    PASSES,
    Handling,
    decided,
    judged_again,
    reason_digests,
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
        dict(states_of_rows(installation, row).group_by("state").len().iter_rows())
        if contract and is_there(installation, row)
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
        "file": str(path_in_lake(row)),
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
    frame = scan_rows(installation, row).with_columns(
        decided(decisions_about(installation, row), reason_digests(contract))
    )
    if rule is not None:
        check_reason(row, rule)
        frame = frame.filter(pl.col(REASONS).list.contains(rule))
    actions = {decision.id: decision.action for decision in _decision_records(installation, row)}
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
        if (row.run_id.startswith(run_id) if run_id else is_there(installation, row))
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
    if not is_there(installation, chosen[-1]):
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


def is_there(installation: Installation, row: QuarantineRecord) -> bool:
    """Whether the rows of a quarantine are still kept."""
    return row.expired_at is None and (installation.home.lake / path_in_lake(row)).is_file()


def scan_rows(installation: Installation, row: QuarantineRecord) -> pl.LazyFrame:
    """The rows of a quarantine."""
    return pl.scan_parquet(installation.home.lake / path_in_lake(row))


def _decision_records(installation: Installation, row: QuarantineRecord) -> list[HandlingRecord]:
    return rows_of(installation, row.dataset, row.source_digest, row.window)


def decisions_about(installation: Installation, row: QuarantineRecord) -> list[Handling]:
    """The decisions about the delivery whose rows these are."""
    return decisions_of(installation, row.dataset, row.source_digest, row.window)


def states_of_rows(installation: Installation, row: QuarantineRecord) -> pl.DataFrame:
    """`_row`, `_reasons` and `state` of every quarantined row."""
    actions = {
        decision.id: _STATES[decision.action] for decision in _decision_records(installation, row)
    }
    state = (
        pl.col(DECISION).replace_strict(
            list(actions), list(actions.values()), default="open", return_dtype=pl.String
        )
        if actions
        else pl.lit("open")
    )
    marked = (
        scan_rows(installation, row)
        .select(ROW, REASONS)
        .with_columns(
            decided(
                decisions_about(installation, row),
                reason_digests(installation.contract(row.dataset)),
            )
        )
    )
    return collect(marked.select(ROW, REASONS, state.alias("state")))


def check_reason(row: QuarantineRecord, rule: str) -> None:
    """Raises: QualityError: no row was quarantined for this reason."""
    if rule not in row.reasons:
        raise QualityError(
            "no quarantined row has this reason",
            suggestion(rule, row.reasons, f"Choose one of {', '.join(row.reasons)}"),
            Where(dataset=row.dataset),
        )


# -- today's rules --------------------------------------------------------------------------


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
        scan_rows(installation, row),
        contract,
        related,
        installation.scan(newest) if newest else None,
    )
    waiting = states_of_rows(installation, row).filter(pl.col("state") == "open").select(ROW).lazy()
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
