"""Which paths of this machine a source may be read from.

Belongs here: `inbox` of the home and the named roots are open, the rest of the home is not, however
a path is spelled. Stays out: finding files (gather.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

INBOX = "inbox"
OUTSIDE = f"the path is outside ASSAY_HOME/{INBOX} and every folder of ASSAY_SOURCE_ROOTS"
REMEDY = f"Move the file to {INBOX}, or add its folder to ASSAY_SOURCE_ROOTS; another data set is a source as assay:NAME"


def is_source(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a source may be read from a resolved path.

    Args:
        roots: the home first, then the folders of ASSAY_SOURCE_ROOTS, all of them resolved.
    """
    home, *named = roots
    inbox = (
        home / INBOX
        # an operator may have made it a link to a larger disk, and never to another part of the home
    ).resolve()
    is_inbox = inbox == home / INBOX or not lies_in_home(inbox, home)
    if is_inbox and (path.is_relative_to(inbox) or _identity(inbox) in _identities(path)):
        return True
    return any(path.is_relative_to(root) for root in named) and not lies_in_home(path, home)


def lies_in_home(path: Path, home: Path) -> bool:
    """Whether a path is the home or is in it, by its text or by what the file system states its
    folders are.

    A file system that does not distinguish upper and lower case, or a second mount, spells the same
    folder otherwise.
    """
    if path.is_relative_to(home):
        return True
    return not _identities(path).isdisjoint(_closed(home))


def _closed(home: Path) -> set[tuple[int, int] | None]:
    """The home, and what is directly in it, except the inbox."""
    try:
        inner = [path for path in home.iterdir() if path.name != INBOX]
    except OSError:  # there is no home yet
        inner = []
    return {_identity(path) for path in (home, *inner)} - {None}


def _identities(path: Path) -> set[tuple[int, int] | None]:
    """What the file system calls a path and each folder above it."""
    return {_identity(folder) for folder in _and_above(path)} - {None}


def _and_above(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
