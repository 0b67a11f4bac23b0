"""The record of the quarantine: entered when a run quarantines rows, ended when the contract's time
is over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from assay.assets.io.disk import left_behind
from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import NewQuarantine, QuarantineRecord
from assay.assets.stages.admit import Admission
from assay.assets.stages.clean_validate import Refined
from assay.assets.stages.run import Run
from assay.contracts.model import Contract
from assay.contracts.settings import CONFIDENTIAL
from assay.lineage.handling import expiry_name


def note(run: Run, admission: Admission, refined: Refined) -> None:
    """Enter what the run quarantines into the registry, before the file lies where stewards find it."""
    contract, inputs, layer = run.contract, admission.inputs, refined.set_aside["quarantine"]
    classified = [
        column.name for column in contract.columns if column.classification in CONFIDENTIAL
    ]
    personal = {
        *contract.privacy.columns,
        *classified,
        *(finding.column for finding in admission.verdict.findings),
    }
    run.installation.registry.quarantine.keep(
        NewQuarantine(
            dataset=contract.name,
            run_id=run.run_id,
            source_digest=inputs.source_digest,
            window=inputs.window,
            contract_digest=contract.digest,
            rows=int(layer["rows"]),
            sha256=str(layer["sha256"]),
            reasons=dict(refined.accounting.quarantined_by),
            personal=sorted(personal),
        )
    )


def path_in_lake(row: QuarantineRecord) -> Path:
    """Where the rows of a quarantine are, below the lake."""
    return Path(row.dataset) / "quarantine" / f"{row.run_id}.parquet"


def expire(installation: Installation, names: Sequence[str]) -> list[dict[str, Any]]:
    """Remove the quarantines that are older than their contract states today, by the registry's
    clock; and copies that no decision came to need.

    Each is recorded as expired first, then signed for, then removed; what a crash left of that is
    done by the next call.
    """
    installation.registry.clock_doubts.check("nothing expires")
    now = datetime.fromisoformat(installation.registry.now())
    gone = []
    for name in names:
        contract = installation.contract(name)
        folder = installation.lake.folder(name, "quarantine")
        gone_before = _sign_earlier(installation, name)
        limit = (now - _retention(contract)).isoformat(timespec="microseconds")
        for row in installation.registry.quarantine.unexpired(name, limit):
            if not installation.registry.quarantine.expire(
                name, row.run_id, f"retention.quarantine is {contract.retention.quarantine}"
            ):
                continue
            gone.append(
                {
                    "dataset": name,
                    "run_id": row.run_id,
                    "rows": row.rows,
                    "kept_at": row.kept_at,
                }
            )
        for copy in folder.glob(".*.emptied"):
            if left_behind(copy, now.timestamp()):
                copy.unlink(missing_ok=True)
        if gone or gone_before:
            installation.deliver_outbox()
    return gone


def _sign_earlier(installation: Installation, name: str) -> bool:
    """Have it signed for quarantines that expired before such statements were created.

    The registry's record with its entry in the audit log is all that tells of them.
    """
    folder = installation.home.root / "evidence" / name / "quarantine"
    signed = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    unsigned = [
        run
        for run in installation.registry.quarantine.expired(name)
        if expiry_name(run) not in signed
    ]
    if not unsigned:
        return False
    waiting = [entry.payload for entry in installation.registry.outbox.pending()]
    logged = installation.registry.quarantine.expired_in_log(name)
    wanted = [run for run in unsigned if run in logged and {"run_id": run} not in waiting]
    for run in wanted:
        installation.registry.outbox.post("quarantine_expiry", name, {"run_id": run})
    return bool(wanted)


def _expires(row: QuarantineRecord, contract: Contract) -> datetime:
    """When a quarantine has lived as long as the contract states: whole days from when it was kept."""
    return datetime.fromisoformat(row.kept_at) + _retention(contract)


def _retention(contract: Contract) -> timedelta:
    return timedelta(days=int(contract.retention.quarantine[1:-1]))
