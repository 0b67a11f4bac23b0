"""Whether the process that works on something is still there.

Belongs here: naming this machine and process, recognizing one that is gone. Stays out: what follows (runs.py, triggers.py).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa

BEAT_S = 20.0
SILENCE = timedelta(
    seconds=100
)  # five beats: a run of another host that is silent for longer is lost
MAX_RUNTIME = timedelta(
    hours=6
)  # as in dagster.yaml; a stage after it is a new look at the same data


@dataclass(frozen=True)
class Worker:
    """The process that works on something, as it was last recorded. `stage`: what it is in the middle of."""

    host: str | None
    process: str | None
    stage: str | None
    started_at: str
    heartbeat_at: str | None


def why_lost(worker: Worker, now: datetime) -> str | None:
    """How one can tell that a process is gone; None while it may be there. Work that an earlier Assay began is evaluated by its time alone."""
    heard = datetime.fromisoformat(worker.heartbeat_at) if worker.heartbeat_at else None
    if worker.process and worker.host == host():
        # the next stage may be starting in another process
        is_between = not worker.stage and heard is not None and now - heard < SILENCE
        if not is_between and not _is_there(worker.process):
            return "its process has ended"
    elif heard is not None and now - heard > SILENCE:
        return f"it has not reported for {SILENCE.seconds} seconds"
    if now - datetime.fromisoformat(worker.started_at) > MAX_RUNTIME:
        return f"it has run for more than {MAX_RUNTIME.seconds // 3600} hours"
    return None


@contextmanager
def heartbeat(name: str, beat: Callable[[], None]) -> Iterator[None]:
    """Call `beat` every 20 seconds from a thread of its own, while the body runs."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(BEAT_S):
            with suppress(sa.exc.OperationalError):  # a database that is busy hears the next beat
                beat()

    heart = threading.Thread(target=run, name=f"heartbeat of {name}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


@cache
def host() -> str:
    """This machine until it starts again: two containers of one host name have different names here only if their host states it."""
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(
            Path("/proc/self/ns/pid").readlink()
        )  # process numbers mean something within it only
    except OSError:
        booted = space = ""
    return f"{socket.gethostname()} {booted} {space}"


def process() -> str:
    """This process: its number, and when it was started, since numbers come again."""
    return f"{os.getpid()} {_started(os.getpid())}"


def _is_there(recorded: str) -> bool:
    number, _, started = recorded.partition(" ")
    return _started(int(number)) == started


def _started(number: int) -> str:
    """When a process was started, in ticks since the machine was; empty if there is none, or where it has ended and no one has noticed."""
    try:
        fields = (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _alive(number)
    return "" if fields[0] in "ZX" else fields[19]


def _alive(number: int) -> str:
    """Without /proc: only whether the number is in use."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "?"
    return "?"
