"""Expiry, done: versions older than the contract keeps them -> closed at once, their files removed a day later.

Belongs here: which versions, and the sweep. Stays out: the record, which stays (assets/io/versions.py).
A reader that opened a version before it expired has a day to finish; nobody opens it after. A file that a living version holds as well stays.
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
    """Expire what is due of a data set, and remove what dead runs and long expired versions left in the lake.

    Kept, however old: the newest version, whatever a reference points to, and what a model or an index in service was made from.
    Args:
        rehearse: only tell what is due.
    Returns: the versions that are due.
    Raises: ClockError: the clock is in doubt, so nothing is removed.
    """
    contract = installation.contract(name)
    installation.registry.check_clock("nothing expires")
    age = timedelta(days=int(contract.retention.versions[1:-1]))
    serving = frozenset(
        row["version"]
        for kind in ("model", "index")
        if (row := installation.registry.in_service(name, kind))
    )
    due = installation.registry.due_to_expire(name, age, serving)
    if rehearse:
        return [row["version"] for row in due]
    closed = [
        row["version"]
        for row in due
        if installation.registry.expire(row, f"older than {contract.retention.versions}")
    ]
    if closed:
        installation.settle()
    for folder in _left_over(installation, name, grace):
        installation.lake.discard(folder)
    installation.registry.keep_watch()
    return closed


def due_to_go(installation: Installation, name: str, *, grace: timedelta = GRACE) -> list[str]:
    """What `expire` would close or remove of a data set now: versions by their number, folders by their path in the lake.

    Raises: ClockError: the clock is in doubt.
    """
    versions = expire(installation, name, rehearse=True)
    root = installation.lake.root
    folders = [str(folder.relative_to(root)) for folder in _left_over(installation, name, grace)]
    return [*versions, *sorted(folders)]


def _left_over(installation: Installation, name: str, grace: timedelta) -> list[Path]:
    """The folders in the lake that no living version and no run needs."""
    now = installation.clock()
    readable = [
        row
        for row in installation.registry.versions(name)
        if not row["expired_at"] or now - datetime.fromisoformat(row["expired_at"]) < grace
    ]
    registered = {
        Path(file.path).parts[0]
        for row in readable
        for file in evidence.files(installation.statement(row))
    }
    lake = installation.lake
    return [
        *lake.left_by_dead_runs(name, now.timestamp(), registered.__contains__),
        *lake.sketches_of_others(name, {row["version"] for row in readable}),
    ]
