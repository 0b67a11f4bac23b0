"""What no one needs any more in the lake of a data set: folders of dead runs, and of versions that
expired a day ago.

Belongs here: finding such folders. Stays out: removing them, and which versions expire (expire.py).
A sweep looks at what is new since the last one: which versions hold a folder is read from their
evidence, and a data set may have thousands of versions. Before anything is removed, the evidence of
every readable version is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assay.assets.io.disk import SWEEP_AGE_S
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.lineage import evidence, partition_tree

GRACE = timedelta(seconds=SWEEP_AGE_S)


@dataclass(frozen=True)
class LeftOver:
    """The folders in the lake that no one needs, and how many old folders of versions there are."""

    folders: tuple[Path, ...]
    old: int


def left_over(
    installation: Installation, name: str, *, grace: timedelta = GRACE, since: datetime | None
) -> LeftOver:
    """Find the folders in the lake that no readable version and no run needs.

    Args:
        grace: how long after its expiry a version is still read.
        since: when the last sweep began; None to look at everything, as where the clock went back.
    """
    now, lake, versions = installation.clock(), installation.lake, installation.registry.versions

    def is_readable(row: Version) -> bool:
        return not row.expired_at or now - datetime.fromisoformat(row.expired_at) < grace

    def is_of_readable(version: str) -> bool:
        row = versions.numbered(name, version)
        return row is not None and is_readable(row)

    ages = lake.version_folders_left_behind(name, now.timestamp())
    suspects = set(ages)
    if since is not None and since <= now:
        suspects = _new_without_version(installation, name, ages, since)
        ended = versions.expired_between(name, since - grace, now - grace)
        suspects |= _held_before_expiry(installation, name, ended) & set(ages)
    if suspects:
        suspects -= folders_of(installation, name, [*filter(is_readable, versions.all(name))])
    folder = lake.folder(name, "versions")
    folders = (
        *lake.staging_left_behind(name, now.timestamp()),
        *(folder / suspect for suspect in sorted(suspects)),
        *lake.sketches_of_others(name, is_of_readable),
    )
    return LeftOver(folders, len(ages))


def _new_without_version(
    installation: Installation, name: str, ages: dict[str, float], since: datetime
) -> set[str]:
    """Of folders by the time they were written: those that a sweep at `since` was too early for,
    and that no version of that time holds.
    """
    early = (since - GRACE).timestamp()
    new = {folder for folder, written_s in ages.items() if written_s > early}
    if not new:
        return set()
    versions = installation.registry.versions
    rows = versions.published_since(name, since - 2 * GRACE)
    without = versions.before(rows[0]) if rows else None
    return new - folders_of(installation, name, rows, without=without)


def _held_before_expiry(
    installation: Installation, name: str, ended: Sequence[Version]
) -> set[str]:
    """The folders of expired versions that the version after each of them does not hold."""
    versions = installation.registry.versions
    return {
        folder
        for row in ended
        for folder in folders_of(installation, name, [row], without=versions.after(row))
    }


def folders_of(
    installation: Installation,
    name: str,
    rows: Sequence[Version],
    *,
    without: Version | None = None,
) -> set[str]:
    """The folders below `versions` that these versions hold. What two of them share is read once.

    Args:
        without: a version whose partitions are left out.
    """
    read = installation.partition_reader(name)
    folders: set[str] = set()
    before: str | None = None
    if without is not None:
        predicate = installation.signed_statement(without)["predicate"]
        before = predicate.get("partition_tree", {}).get("root")
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
