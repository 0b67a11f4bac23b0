"""Bytes on disk, kept.

Belongs here: digests, fsync, atomic renames, being alone in a folder, telling a full disk from
other trouble. Stays out: what the bytes mean.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from assay.contracts.errors import PublicationError

SWEEP_AGE_S = 24 * 3600


def sha256(file: Path) -> str:
    """Digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_file(file: Path) -> None:
    """Have the file's bytes on the disk, not in memory, when this returns."""
    _sync(file, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk: a file whose name is not synced can be lost though its
    bytes are.
    """
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path, upto: Path) -> None:
    """Sync every file and folder below `root`, and the folders from it up to `upto`."""
    for folder, _, files in os.walk(root):
        for name in files:
            sync_file(Path(folder) / name)
        sync_folder(Path(folder))
    for parent in root.parents:
        sync_folder(parent)
        if parent == upto:
            return


def sync_together(root: Path, upto: Path) -> None:
    """As `sync_tree`, several files at once, so that the file system can write them together: for
    many small files, where nothing depends on which is first.
    """
    folders = [(Path(folder), files) for folder, _, files in os.walk(root)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sync_file, [folder / name for folder, files in folders for name in files]))
        list(threads.map(sync_folder, [folder for folder, _ in folders]))
    for parent in root.parents:
        sync_folder(parent)
        if parent == upto:
            return


def write_atomically(file: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file whole or not at all, synced; for its owner only unless `mode` states
    otherwise.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(file.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have no other process that asks for the same work in the folder meanwhile; who is killed
    holds it no longer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


_FULL = ("no space left on device", "database or disk is full", "disk quota exceeded")


def left_behind(path: Path, now_s: float) -> bool:
    """Whether it has lain there for longer than any run takes; not where its own run has removed it
    just now.
    """
    try:
        return now_s - path.stat().st_mtime > SWEEP_AGE_S
    except FileNotFoundError:
        return False


def is_disk_full(error: BaseException | None, folder: Path | None = None) -> bool:
    """Whether an error, or one it came from, states that the disk is full.

    Libraries wrap the number, so their words are read too.
    Args:
        folder: a place on that disk. SQLite in WAL mode, which Dagster uses, calls a full disk an
            I/O error; then the disk is asked.
    """
    if (
        folder is not None
        and "disk i/o error" in str(error).lower()
        and shutil.disk_usage(folder).free < 2**20
    ):
        return True
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or any(
            words in str(error).lower() for words in _FULL
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_read_only(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, states that nothing may be written there.

    SQLite states it in words.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return True
        if any(
            words in str(error).lower() for words in ("readonly database", "read-only file system")
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def room_on_disk() -> Iterator[None]:
    """Turn any library's way of saying 'no space left' into one error; everything else goes
    through.
    """
    try:
        yield
    # each library has its own class for this; what is not about space is raised again as it was
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise PublicationError(
            "the disk is full",
            "Free some space and run again. Published versions are intact, and nothing of this run is visible",
        ) from error
