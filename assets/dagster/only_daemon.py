"""One daemon an instance: two would start what is due twice."""

import fcntl
from pathlib import Path
from typing import IO

from assay.contracts.errors import ConfigurationError, Where

_held: dict[Path, IO[bytes]] = {}
"""Lock files that stay open, and so locked, until this process ends."""


def be_the_only_daemon(folder: Path) -> None:
    """Lock the instance below `folder` for this process.

    Raises: ConfigurationError: the daemon of another process has it.
    """
    lock = folder.resolve() / "daemon.lock"
    if lock in _held:
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = lock.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(
            "a daemon already runs on this Dagster instance",
            "Stop it, or `assay ui` that started it, before you start another",
            Where(file=str(lock)),
        ) from None
    _held[lock] = file
