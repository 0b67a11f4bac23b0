"""Expire the versions that are older than the contract keeps them: close them at once, remove their
files a day later.

Belongs here: which versions, and the sweep. Stays out: the record, which stays
(assets/io/versions.py).
A reader that opened a version before it expired has a day to finish; nobody opens it after. A file
that a living version holds as well stays.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from assay.assets.io.disk import SWEEP_AGE_S
from assay.assets.io.installation import Installation
from assay.lineage import evidence

GRACE = timedelta(seconds=SWEEP_AGE_S)


def expire(
    installation: Installation, name: str, *, rehearse: bool = False, grace: timedelta = GRACE
) -> list[str]:
    """Expire what is due of a data set, and remove what dead runs and long expired versions left in
    the lake.

    Kept, however old: the newest version, whatever a reference points to, and what a model or an
    index in service was made from.
    Args:
        rehearse: only tell what is due.
    Returns: the versions that are due.
    Raises: ClockError: the clock is in doubt, so nothing is removed.
    """
    contract = installation.contract(name)
    installation.registry.clock_doubts.check("nothing expires")
    age = timedelta(days=int(contract.retention.versions[1:-1]))
    serving = frozenset(
        row.version
        for kind in ("model", "index")
        if (row := installation.registry.in_service(name, kind))
    )
    due = installation.registry.references.due_to_expire(name, age, serving)
    if rehearse:
        return [row.version for row in due]
    closed = [
        row.version
        for row in due
        if installation.registry.expire(row, f"older than {contract.retention.versions}")
    ]
    if closed:
        installation.settle()
    _sweep(installation, name, grace)
    installation.registry.clock_doubts.keep_watch()
    return closed


def _sweep(installation: Installation, name: str, grace: timedelta) -> None:
    now = installation.clock()
    rows = installation.registry.versions.all(name)
    readable = [
        row
        for row in rows
        if not row.expired_at or now - datetime.fromisoformat(row.expired_at) < grace
    ]
    known = {
        Path(file.path).parts[0]
        for row in readable
        for file in evidence.files(installation.statement(row))
    }
    installation.lake.sweep(name, now.timestamp(), known.__contains__)
    installation.lake.keep_sketches(name, {row.version for row in readable})
