"""`assay ui` as tests use it: started, signed in by the link that it prints, asked as its own page asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.conftest import SampleHome

ROOT = Path(__file__).parents[1]
T = TypeVar("T")
_LINK = re.compile(r"http://127\.0\.0\.1:\d+(/sign-in\?token=\S+)")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def wait_for(condition: Callable[[], T | None], within_s: float = 60) -> T:
    """The first answer that is true."""
    end = time.monotonic() + within_s
    while not (result := condition()):
        assert time.monotonic() < end, f"it did not happen within {within_s} s"
        time.sleep(0.2)
    return result


def processes_of(home: Path) -> list[int]:
    """Every process of this installation, whoever its parent is, but for this one."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                f"ASSAY_HOME={home}\0".encode() in (folder / "environ").read_bytes()
                and int(folder.name) != os.getpid()
            ):
                pids.append(int(folder.name))
    return pids


def environment_of(pid: int) -> bytes:
    """What a process was started with; nothing of one that has ended."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "environ").read_bytes()
    return b""


def is_stopped(pid: int) -> bool:
    """Whether it has stopped itself in the middle of its work."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def kill_all(home: Path) -> None:
    """What a machine that goes down takes with it."""
    while alive := processes_of(home):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


@dataclass
class Answer:
    """Status, headers by lower-case name, and body."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass
class WebUi:
    """One that runs, and the cookie of who has signed in."""

    installation: SampleHome
    port: int
    process: subprocess.Popen[str]
    link: str = ""
    cookie: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What the signed-in person's browser sends with a request of the page."""
        return {"Cookie": self.cookie, "Origin": self.url, "Content-Type": "application/json"}

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request, its path sent as it is written here."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method,
                path,
                body,
                {name.replace("_", "-"): value for name, value in headers.items()},
            )
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                text,
            )
        finally:
            connection.close()

    def sign_in(self) -> Answer:
        """Open the printed link."""
        answer = self.request("GET", self.link)
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer

    def graphql(self, query: str, variables: dict[str, Any] | None = None) -> Answer:
        """Ask as the page does."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        return self.request("POST", "/graphql", body, **self.headers)

    def has_definitions(self) -> bool:
        """Whether Dagster has read the contracts."""
        answer = self.graphql(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
        )
        return bool(answer.data["data"]["repositoriesOrError"].get("nodes"))


@contextmanager
def web_ui(installation: SampleHome, **more: str) -> Iterator[WebUi]:
    """`assay ui`, signed in; killed with everything that it has started."""
    port = free_port()
    command = [sys.executable, "-m", "assay.cli", "ui", "--port", str(port)]
    environment = {**installation.environment, **more}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        ui = WebUi(installation, port, process)
        try:
            assert process.stdout is not None
            match = next(filter(None, map(_LINK.search, process.stdout)), None)
            assert match, "no link was printed"
            ui.link = match[1]
            ui.sign_in()
            yield ui
        finally:
            kill_all(installation.root)
            process.wait()
