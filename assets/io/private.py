"""Who may read what this process writes: its owner alone below the home, as the user's own umask
says everywhere else.

Belongs here: the umask, and modes of a home that are too wide. Stays out: what the files hold.
A umask is the whole process's, so it is set at the entry points (command line, code location) and
around calls in a notebook.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.assets.io.disk import write_atomically

OWNER_ONLY = 0o077
"""Nothing for the group and for others."""


@dataclass
class _Umask:
    """How many blocks of this process want private files now, and the umask from before the first
    of them.
    """

    blocks: int = 0
    users: int | None = None


_lock, _umask = threading.RLock(), _Umask()


@contextmanager
def private_files() -> Iterator[None]:
    """Have all files and child processes that begin in the block private to their owner; the last
    block to end puts the umask back.
    """
    with _lock:
        if _umask.blocks == 0:
            _umask.users = os.umask(OWNER_ONLY)
        _umask.blocks += 1
    try:
        yield
    finally:
        with _lock:
            _umask.blocks -= 1
            if _umask.blocks == 0 and _umask.users is not None:
                os.umask(_umask.users)
                _umask.users = None


def keep_private() -> None:
    """As `private_files`, until the process ends: for a process that serves the installation and
    nothing else.

    Inside such a block nothing changes.
    """
    with _lock:
        if _umask.blocks == 0:
            _umask.users = os.umask(OWNER_ONLY)
            _umask.blocks = 1


@contextmanager
def users_files() -> Iterator[None]:
    """Have files that the block writes outside the home be as open as the user's own umask states."""
    with _lock:
        before = os.umask(OWNER_ONLY if _umask.users is None else _umask.users)
        if _umask.users is None:
            os.umask(before)
        try:
            yield
        finally:
            os.umask(before)


def write_for_user(file: Path, text: str) -> None:
    """Write a small file outside the home, whole or not at all, as open as the user's own umask
    states.
    """
    with users_files():
        write_atomically(file, text, mode=0o666)


# -- a home that others can read --------------------------------------------------------------


@dataclass(frozen=True)
class Narrowed:
    """What `narrow` did: places it closed, and places it could not close, each relative to the
    home.
    """

    closed: tuple[str, ...]
    left_open: tuple[str, ...]


def open_places(root: Path) -> list[str]:
    """Files and folders of a home that others than their owner may read, write or enter, relative
    to it.

    Links are not followed.
    """
    return [place for place, _, _ in _open_entries(root)]


def narrow(root: Path) -> Narrowed:
    """Take the rights of group and others from every file and folder of a home.

    Links are not followed.
    """
    closed: list[str] = []
    left_open: list[str] = []
    for place, folder, name in _open_entries(root):
        (closed if _close(folder, name) else left_open).append(place)
    return Narrowed(tuple(closed), tuple(left_open))


def _open_entries(root: Path) -> Iterator[tuple[str, int, str]]:
    """Each open place: its path below the home, the descriptor of its folder, and its name there;
    folders before what is in them.
    """
    if not root.is_dir():
        return
    for path, folders, files, descriptor in os.fwalk(root):
        if path == str(root) and _is_open(os.fstat(descriptor)):
            yield ".", descriptor, "."
        for name in (*folders, *files):
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except (FileNotFoundError, PermissionError):
                continue  # a run has just removed it, or the folder lets no one in
            if _is_open(status):
                yield str((Path(path) / name).relative_to(root)), descriptor, name


def _is_open(status: os.stat_result) -> bool:
    is_ours = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return is_ours and bool(status.st_mode & OWNER_ONLY)


def _close(folder: int, name: str) -> bool:
    """Narrow one entry by its descriptor, so that a link put in its place meanwhile is not
    followed.
    """
    try:
        entry = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        os.fchmod(entry, stat.S_IMODE(os.fstat(entry).st_mode) & ~OWNER_ONLY)
    except OSError:
        return False
    finally:
        os.close(entry)
    return True
