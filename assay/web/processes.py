"""Processes below this one: finding them, ending them, and having them end with us.

Linux gives orphans to the nearest process that calls itself their reaper, so none is lost.
Elsewhere (macOS) the process group takes its place.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_ON_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True) if _ON_LINUX else None


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(parent: int) -> None:
    """For a new child, before it runs its program: get SIGTERM when the parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)


def descendants(of: int) -> list[int]:
    """Every process below one."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in _parents():
        children[parent].append(pid)
    if not _ON_LINUX and os.getsid(of) == of:
        children[of] += _orphans_of_group(of)
    below: list[int] = []
    waiting = [of]
    while waiting:
        pids = children[waiting.pop()]
        below += pids
        waiting += pids
    return below


def _orphans_of_group(leader: int) -> list[int]:
    """Of a process group, those whose own parent has ended: they are children of process 1."""
    command = ["/bin/ps", "-axo", "pid=,ppid=,pgid="]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  # a constant
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    return [pid for pid, parent, group in rows if group == leader and parent == 1]


def _parents() -> list[tuple[int, int]]:
    if not _ON_LINUX:
        table = subprocess.run(
            ["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True
        ).stdout
        return [
            (int(pid), int(parent)) for pid, parent in (line.split() for line in table.splitlines())
        ]
    pairs = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended since
            pairs.append(
                (int(file.parent.name), int(file.read_text().rpartition(")")[2].split()[1]))
            )
    return pairs


def reap() -> dict[int, int]:
    """Forget the children that have ended since the last call.

    Returns: exit code by pid; minus the signal's number where a signal ended the process.
    """
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (result := os.waitpid(-1, os.WNOHANG))[0]:
            ended[result[0]] = os.waitstatus_to_exitcode(result[1])
    return ended


def end_descendants(grace_s: float) -> None:
    """End everything below this process: politely, after `grace_s` seconds for certain.

    Returns when nothing is left.
    """
    me, polite_until = os.getpid(), time.monotonic() + grace_s
    for pid in descendants(me):
        _signal(pid, signal.SIGTERM)
    while True:
        reap()
        below = [pid for pid in descendants(me) if _ON_LINUX or pid != me]
        if not below:
            return
        if time.monotonic() > polite_until:
            for pid in below:
                _signal(pid, signal.SIGKILL)
        time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
