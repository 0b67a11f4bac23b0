"""A process that has imported the decoders, and forks one process for each file.

To start Python and import Polars and Arrow costs a fifth of a second of processor time; a fork
costs milliseconds. Belongs here: starting that process, asking it, ending it. Stays out: what the
forked process does (assets/io/decode), what its end means (child.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Ended:
    """How a forked process ended: its status (negative for a signal), and what it wrote."""

    status: int
    out: str
    err: str


class ForkServer:
    """One such process, for one thread of this process. It ends with its owner."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it. It leads a process group of its own, in which every fork stays."""
        self.environment, self.owner = dict(environment), os.getpid()
        self._channel, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other_end:
            process = subprocess.Popen(
                [sys.executable, "-m", "assay.assets.io.decode"],
                stdin=other_end.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=Path(__file__).parents[4],
                env=self.environment,
            )
        self.pid = process.pid
        self.end = weakref.finalize(self, _end, self._channel, process, self.owner)

    def run(self, decoder: str, request: str, timeout_s: float) -> Ended:
        """Fork a process that answers one request.

        Args:
            decoder: its name; of one that is used again, the server imports the libraries.
        Raises: TimeoutError: it took longer. EOFError: the server itself is gone. In both cases,
            and wherever something else interrupts the wait, the server and its fork are ended.
        """
        with _memory_file() as given, _memory_file() as out, _memory_file() as err:
            given.write(request)
            given.seek(0)
            try:
                self._channel.settimeout(timeout_s)
                files = [file.fileno() for file in (given, out, err)]
                socket.send_fds(self._channel, [decoder.encode()], files)
                status = self._channel.recv(16)
                if not status:
                    raise EOFError
            except BaseException:
                self.end()
                raise
            out.seek(0)
            err.seek(0)
            return Ended(int(status), out.read(), err.read())


def _memory_file() -> IO[str]:
    """A file in memory, where the system has them: nothing of what was read stays on a disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("assay"), "w+", errors="replace")
    return tempfile.TemporaryFile("w+", errors="replace")


def _end(channel: socket.socket, process: subprocess.Popen[bytes], owner: int) -> None:
    """End the server; a fork of its owner only lets go of it."""
    channel.close()
    if os.getpid() != owner:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_of_thread = threading.local()


def fork_server(environment: Mapping[str, str]) -> ForkServer:
    """The server of this thread, started if there is none with this environment."""
    server: ForkServer | None = getattr(_of_thread, "server", None)
    if (
        server is None
        or not server.end.alive
        or server.owner != os.getpid()
        or server.environment != environment
    ):
        _of_thread.server = server = ForkServer(environment)
    return server
