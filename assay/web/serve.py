"""`assay ui`: one web UI a home, its sign-in link, and its end.

Belongs here: the lock, the port, the link, waiting. Stays out: the services themselves (supervise),
what they answer (front).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from assay.assets.io.home import account
from assay.contracts.errors import ConfigurationError
from assay.web.processes import adopt_orphans, end_descendants
from assay.web.provider import provider_settings
from assay.web.public_address import PublicAddress
from assay.web.sign_in import LINK_LIFE_S, Links
from assay.web.supervise import ORDERLY_S, STOP, Plan

LOOK_EVERY_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Place:
    """Where a home keeps what concerns its web UI: the lock, unused links, the services' logs."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked while a web UI runs, supervisor included; holds its address."""
        return self.folder / "serving.json"

    @property
    def links(self) -> Links:
        """Its one-time links."""
        return Links(self.folder / "links")

    def url(self) -> str | None:
        """The address of the web UI that runs on this home; None if there is none."""
        try:
            with self.lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _address(file)
        except OSError:
            return None
        return None

    @contextmanager
    def claim(self) -> Iterator[IO[str]]:
        """Be the only web UI of this home.

        Raises: ConfigurationError: another one runs, or the home cannot be written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"the web UI cannot write {self.folder} ({error.strerror})",
                "Give this user the right to write the home",
            ) from None
        with os.fdopen(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                address = _address(file) or "an address that it has not chosen yet"
                raise ConfigurationError(
                    f"this home already has a web UI, at {address}",
                    "Open it with `assay ui --link`, or stop it first",
                ) from None
            yield file


def _address(file: IO[str]) -> str | None:
    file.seek(0)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.load(file)["url"])
    return None


def new_link(home: Path) -> str:
    """A fresh sign-in link of the web UI that runs. Raises: ConfigurationError: none does."""
    place = Place(home / "ui")
    url = place.url()
    if url is None:
        raise ConfigurationError("no web UI runs on this home", "Start it with `assay ui`")
    return _link(place, url)


def _link(place: Place, url: str) -> str:
    return f"{url}/sign-in?token={place.links.create()}"


def serve(home: Path, port: int) -> int:
    """Run the web UI until it is ended.

    Returns: the exit code. Raises: ConfigurationError: it cannot start.
    """
    place = Place(home / "ui")
    with place.claim() as lock, _listen(port) as listening:
        url = f"http://127.0.0.1:{port}{_prefix()}"
        lock.truncate()
        json.dump({"url": url, "pid": os.getpid()}, lock)
        lock.flush()
        prepare(home)
        place.links.sweep(everything=True)
        reader, writer = os.pipe()
        plan = Plan(port, listening.fileno(), reader, lock.fileno(), place.folder)
        adopt_orphans()
        with _stop_on_signals() as stop:
            supervisor = _start(plan)
            os.close(reader)
            listening.close()
            print(_greeting(_link(place, url), place), flush=True)
            return _wait(supervisor, writer, stop)


def _prefix() -> str:
    """The path below which every page is. Raises: ConfigurationError: a setting is wrong."""
    return PublicAddress(provider_settings().public_url or "").prefix


def prepare(home: Path) -> None:
    """Have Dagster's instance below the home, and name both to the services."""
    from assay.assets.dagster.instance import instance
    from assay.assets.io.home import home as current_home

    where = current_home()
    instance(where).dispose()
    # no contract at all is a message here; one that is wrong is shown by the UI
    where.contract_paths()
    os.environ["ASSAY_HOME"] = str(home)
    os.environ["ASSAY_CONTRACTS"] = str(where.contracts.resolve())


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        why = os.strerror(error.errno or errno.EIO)
        raise ConfigurationError(
            f"the page cannot be served on port {port} ({why})", "Name a free one with --port"
        ) from None


def _start(plan: Plan) -> subprocess.Popen[bytes]:
    """The supervisor, in a session of its own: Ctrl-C in the terminal comes to us alone."""
    keep = (plan.listening, plan.lifeline, plan.lock)
    return subprocess.Popen(  # noqa: S603  # this interpreter and our own module, without a shell
        [sys.executable, "-m", "assay.web.supervise", *plan.write()],
        stdin=subprocess.DEVNULL,
        pass_fds=keep,
        start_new_session=True,
    )


def _greeting(link: str, place: Place) -> str:
    return (
        f"Open this link to sign in as {account()}. It works once, "
        f"for {LINK_LIFE_S // 60} minutes; `assay ui --link` prints another.\n\n"
        f"    {link}\n\n"
        f"The first page takes some seconds. Logs: {place.folder}. Ctrl-C ends the web UI."
    )


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """Signals that end the web UI, as they come.

    A shell has the background processes of a script ignore SIGINT; here it is heard again.
    """
    stop: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: stop.append(number))
        for number in _SIGNALS
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(supervisor: subprocess.Popen[bytes], writer: int, stop: list[int]) -> int:
    """Until the supervisor ends; a signal asks it to, a second one hurries."""
    is_stopping = False
    while supervisor.poll() is None:
        if stop and not is_stopping:
            os.write(writer, STOP)
            is_stopping = True
        if len(stop) > 1:
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(LOOK_EVERY_S)
    code = supervisor.poll()
    end_descendants(0.0 if code is None or code < 0 else ORDERLY_S)
    if code is not None and code < 0 and not stop:
        raise ConfigurationError(
            f"the supervisor of the web UI was stopped ({signal.Signals(-code).name}), "
            "and so was the UI",
            "Start `assay ui` again",
        )
    return code if code is not None and code > 0 else 0
