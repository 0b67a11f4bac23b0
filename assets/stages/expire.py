"""Expire the versions that are older than the contract keeps them: close them at once, remove their
files a day later.

Belongs here: which versions, and the sweep. Stays out: the record, which stays (assets/io/registry/versions.py).
A reader that opened a version before it expired has a day to finish; nobody opens it after. A file that a living version holds as well stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from assay.assets.io.disk import SWEEP_AGE_S
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.assets.stages.published_keys import forget
from assay.lineage import evidence, partition_tree

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
    left_over = _left_over(installation, name, grace)
    for folder in left_over:
        installation.lake.discard(folder)
    forget(installation, name, [each.name for each in left_over if each.parent.name == "versions"])
    installation.registry.clock_doubts.keep_watch()
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
    """The folders in the lake that no living version and no run needs. Evidence is read only where a folder has lain for a day."""
    now = installation.clock()

    @cache
    def readable() -> list[Version]:
        return [
            row
            for row in installation.registry.versions.all(name)
            if not row.expired_at or now - datetime.fromisoformat(row.expired_at) < grace
        ]

    @cache
    def numbers() -> set[str]:
        return {row.version for row in readable()}

    @cache
    def held() -> set[str]:
        return folders_of(installation, name, readable())

    lake = installation.lake
    return [
        *lake.left_by_dead_runs(name, now.timestamp(), lambda folder: folder in held()),
        *lake.sketches_of_others(name, lambda version: version in numbers()),
    ]


def folders_of(installation: Installation, name: str, rows: Sequence[Version]) -> set[str]:
    """The folders below `versions` that these versions hold. What two of them share is read once."""
    read = installation.partition_reader(name)
    folders: set[str] = set()
    before: str | None = None
    for row in rows:
        document = installation.signed_statement(row)
        tree = document["predicate"].get("partition_tree")
        if tree is None:
            folders |= {Path(file.path).parts[0] for file in evidence.files(document)}
            continue
        _, new = partition_tree.difference(before, tree["root"], read)
        folders |= {Path(path).parts[0] for part in new.values() for path in part["files"]}
        before = tree["root"]
    return folders
