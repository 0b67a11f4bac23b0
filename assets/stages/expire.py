"""Expire the versions that are older than the contract keeps them: close them at once, remove their
files a day later.

Belongs here: which versions, and the sweep. Stays out: the record, which stays (assets/io/registry/versions.py).
A reader that opened a version before it expired has a day to finish; no one opens it after. A file that a living version holds as well stays.
"""

from __future__ import annotations

from datetime import timedelta

from assay.assets.io.installation import Installation
from assay.assets.stages.published_keys import remove_from_key_index
from assay.assets.stages.sweep import GRACE, left_over

NOTED_EVERY = timedelta(hours=1)
"""A sweep within the hour after another looks at what that one looked at, and notes nothing."""


def expire(
    installation: Installation,
    name: str,
    *,
    dry_run: bool = False,
    grace: timedelta = GRACE,
    thorough: bool = False,
) -> list[str]:
    """Expire what is due of a data set, and remove what dead runs and long expired versions left in the lake.

    Kept, however old: the newest version, whatever a reference points to, and what a model or an index in service was derived from.
    Args:
        dry_run: only report what is due.
        thorough: look at the whole lake, not at what is new since the last sweep.
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
    if dry_run:
        return [row.version for row in due]
    closed = [
        row.version
        for row in due
        if installation.registry.expire(row, f"older than {contract.retention.versions}")
    ]
    if closed:
        installation.deliver_outbox()
    _sweep(installation, name, grace, thorough=thorough)
    installation.registry.clock_doubts.keep_watch()
    return closed


def due_to_go(installation: Installation, name: str, *, grace: timedelta = GRACE) -> list[str]:
    """What `expire` would close or remove of a data set now: versions by their number, folders by their path in the lake.

    Raises: ClockError: the clock is in doubt.
    """
    versions = expire(installation, name, dry_run=True)
    root = installation.lake.root
    since = installation.registry.sweeps.last(name)
    going = left_over(installation, name, grace=grace, since=since)
    folders = [str(folder.relative_to(root)) for folder in going.folders]
    return [*versions, *sorted(folders)]


def _sweep(installation: Installation, name: str, grace: timedelta, *, thorough: bool) -> None:
    """Remove what no one needs any more in the lake of a data set, and the keys of those files."""
    began, sweeps = installation.clock(), installation.registry.sweeps
    since = None if thorough else sweeps.last(name)
    left = left_over(installation, name, grace=grace, since=since)
    for folder in left.folders:
        installation.lake.discard(folder)
    of_versions = [each.name for each in left.folders if each.parent.name == "versions"]
    remove_from_key_index(installation, name, of_versions)
    if left.old and (since is None or abs(began - since) >= NOTED_EVERY):
        sweeps.note(name, began)
