"""One-time links, and the sessions they open.

A link's token is kept as the name of an empty file, its SHA-256, below the home: whoever deletes
the file has used the link.
Sessions live in the web server's memory: a restart forgets them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from assay.web.people import Identity

LINK_LIFE_S = 15 * 60
SESSION_LIFE_S = 8 * 3600
_TOKEN = re.compile(r"^[A-Za-z0-9_-]{43}$")  # 32 bytes in base64url


def seconds_since_boot() -> float:
    """Seconds that a wrong clock does not change, and that go on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


@dataclass(frozen=True)
class Links:
    """One-time links of one home, shared by its processes. `folder` is made with mode 0700."""

    folder: Path
    clock: Callable[[], float] = time.time

    def create(self) -> str:
        """Returns: the token of a new link."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.sweep()
        token = secrets.token_urlsafe(32)
        file = self.folder / _digest(token)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        now = self.clock()
        os.utime(file, (now, now))
        return token

    def use(self, token: str) -> bool:
        """Use a link up. Returns: whether it was there, unused and fresh."""
        if not _TOKEN.fullmatch(token):
            return False
        file = self.folder / _digest(token)
        try:
            fresh = self._is_fresh(file)
            file.unlink()  # of several that try at once, one succeeds
        except OSError:
            return False
        return fresh

    def sweep(self, *, everything: bool = False) -> None:
        """Remove links that are too old, or all."""
        for file in self.folder.glob("*"):
            with contextlib.suppress(OSError):
                if everything or not self._is_fresh(file):
                    file.unlink()

    def _is_fresh(self, file: Path) -> bool:
        age_s = self.clock() - file.stat().st_mtime
        return -1 <= age_s <= LINK_LIFE_S


@dataclass(frozen=True)
class _Session:
    end: float
    user: int | None
    identity: Identity


@dataclass
class Sessions:
    """Who is signed in. The browser holds the key; the server its digest, its end and its person.

    `user`: the user id at the other end of the connection; None if the system does not tell.
    """

    clock: Callable[[], float] = seconds_since_boot
    _open: dict[str, _Session] = field(default_factory=dict)

    def begin(self, identity: Identity, user: int | None = None) -> str:
        """Returns: the key of a new session."""
        now = self.clock()
        self._open = {digest: kept for digest, kept in self._open.items() if kept.end > now}
        key = secrets.token_urlsafe(32)
        self._open[_digest(key)] = _Session(now + SESSION_LIFE_S, user, identity)
        return key

    def identity_of(self, key: str, user: int | None = None) -> Identity | None:
        """Who signed in, where the key belongs to a session of this user that has not ended."""
        session = self._open.get(_digest(key))
        if session is None or session.end <= self.clock() or session.user != user:
            return None
        return session.identity

    def end(self, key: str) -> None:
        """Forget the session."""
        self._open.pop(_digest(key), None)
