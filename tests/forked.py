"""Processes that publish, forked from one that has imported what they need: to import it takes longer than to publish.

A forked process has its own number, start time, environment, output and end, and none of the memory or threads of the
tests: it can be stopped, killed and traced as one that was started. Where the start itself is the subject, or a library
must be loaded before Python, start one.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]


class Forked:
    """A process that was forked; it has what tests use of `subprocess.Popen`."""

    def __init__(self, channel: socket.socket, output: int, errors: int) -> None:
        self._channel = channel
        self.pid = int(channel.recv(32))
        self.returncode: int | None = None
        self.stdout, self._errors = os.fdopen(output), os.fdopen(errors)

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        self._channel.setblocking(False)
        try:
            return self._ended()
        except BlockingIOError:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises: TimeoutError."""
        self._channel.settimeout(timeout)
        return self._ended()

    def _ended(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._channel.recv(32))
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """What it has written, once it has ended."""
        written = self.stdout.read()
        self.wait()
        self._errors.seek(0)
        return written, self._errors.read()

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for its end, and let go of what it has written."""
        self.wait()
        for held in (self.stdout, self._errors, self._channel):
            held.close()


def forked(function: str, environment: Mapping[str, str]) -> Forked:
    """Fork a process that calls a function, such as `tests.assets.driver:publish_readings`."""
    module, _, name = function.partition(":")
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output, its_output = os.pipe()
    errors = os.memfd_create("errors")
    files = [other.fileno(), its_output, errors]
    request = json.dumps({"function": name, "environment": dict(environment)}).encode()
    with tempfile.TemporaryFile() as written:
        written.write(request)
        written.seek(0)
        socket.send_fds(_server(module), [b"fork"], [*files, written.fileno()])
    other.close()
    os.close(its_output)
    return Forked(own, output, errors)


@cache
def _server(module: str) -> socket.socket:
    """The process that has imported a module; it ends with this one."""
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.forked", module]
    with other:
        process = subprocess.Popen(command, stdin=other.fileno(), cwd=ROOT, start_new_session=True)

    def end() -> None:
        own.close()
        process.wait()

    weakref.finalize(own, end)
    return own


# -- the server ------------------------------------------------------------------------------------


def _serve(module: Any, channel: socket.socket) -> None:
    while True:
        request, files, _, _ = socket.recv_fds(channel, 16, 4)
        if not request:
            break
        if os.fork() == 0:
            channel.close()
            _watch(module, files)
        for file in files:
            os.close(file)
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _watch(module: Any, files: list[int]) -> NoReturn:
    """Fork the process that does the work, and send its number and its end."""
    channel = socket.socket(fileno=files[0])
    pid = os.fork()
    if pid == 0:
        channel.close()
        _work(module, *files[1:])
    channel.send(str(pid).encode())
    for file in files[1:]:
        os.close(file)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody asks any more
        channel.send(str(status).encode())
    os._exit(0)


def _work(module: Any, output: int, errors: int, request: int) -> NoReturn:
    status = 1
    try:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        with os.fdopen(request) as text:
            data = json.load(text)
        os.environ.clear()
        os.environ.update(data["environment"])
        time.tzset()
        getattr(module, data["function"])()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(importlib.import_module(sys.argv[1]), socket.socket(fileno=0))
