"""The process that owns the services of the web UI: code server, Dagster's daemon, web server.

It lives as long as `assay ui`, whose end of a pipe it watches: however that process ends, the pipe
closes, and everything here is ended.
Imports nothing heavy, so that it is there at once.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assay.web.processes import adopt_orphans, end_descendants, end_with_parent, reap
from assay.web.service_environment import CODE_SERVER, WEB_SERVER, environment_of

ORDERLY_S, ABANDONED_S = 5.0, 1.0
LOOK_EVERY_S = 0.3
STOP = b"stop"
LOCATION = "assay"
MAX_FOLDER_BYTES = 90  # a unix socket has a path of at most 103 bytes on macOS


@dataclass(frozen=True)
class Plan:
    """What `assay ui` hands over.

    File descriptors: the listening socket, the pipe to watch, the lock that is held until we end.
    """

    port: int
    listening: int
    lifeline: int
    lock: int
    folder: Path

    @classmethod
    def read(cls, arguments: list[str]) -> Plan:
        """From the command line."""
        parser = argparse.ArgumentParser()
        for name in ("port", "listening", "lifeline", "lock"):
            parser.add_argument(f"--{name}", type=int, required=True)
        parser.add_argument("--folder", type=Path, required=True)
        return cls(**vars(parser.parse_args(arguments)))

    def write(self) -> list[str]:
        """As the command line."""
        return [part for name, value in vars(self).items() for part in (f"--{name}", str(value))]


class Services:
    """The services by process id, each with a log file of its own."""

    def __init__(self, plan: Plan, run_folder: Path) -> None:
        self.plan, self.socket = plan, run_folder / "code.sock"
        self.workspace = run_folder / "workspace.yaml"
        self.names: dict[int, str] = {}

    def start(self, name: str, arguments: list[str], keep: tuple[int, ...] = ()) -> None:
        """Start one as `python ARGUMENTS`."""
        me = os.getpid()
        with _open_log(self.plan.folder, name) as log:
            process = subprocess.Popen(  # noqa: S603  # this interpreter and modules that we name
                [sys.executable, *arguments],
                env=environment_of(name, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=keep,
                preexec_fn=lambda: end_with_parent(me),  # this process has one thread
            )
        process.returncode = 0  # `reap` learns of its end, not Popen
        self.names[process.pid] = name

    def start_first(self) -> None:
        """The code server, and the web server, which waits for it after its own long imports."""
        socket = ["--socket", str(self.socket)]
        self.start(
            CODE_SERVER,
            [
                "-m",
                "dagster",
                "code-server",
                "start",
                *socket,
                "-m",
                "assay.assets.dagster.definitions",
                "--location-name",
                LOCATION,
                "--log-level",
                "warning",
            ],
        )
        web = [
            "--port",
            str(self.plan.port),
            "--listening",
            str(self.plan.listening),
            "--links",
            str(self.plan.folder / "links"),
        ]
        self.start(
            WEB_SERVER, ["-m", "assay.web.web_server", *web, *socket], (self.plan.listening,)
        )

    def start_daemon(self) -> None:
        """Dagster's daemon, once the code server answers."""
        self.workspace.write_text(
            f"load_from: [{{grpc_server: {{socket: {self.socket}, location_name: {LOCATION}}}}}]\n"
        )
        self.start(
            "daemon",
            [
                "-m",
                "dagster._daemon",
                "run",
                "--workspace",
                str(self.workspace),
                "--log-level",
                "warning",
            ],
        )

    @property
    def has_daemon(self) -> bool:
        """Whether the daemon was started."""
        return "daemon" in self.names.values()

    def first_end(self) -> str | None:
        """A sentence about a service that has ended by itself; None if all go on."""
        for pid, code in reap().items():
            if pid in self.names:
                how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
                log = self.plan.folder / f"{self.names[pid]}.log"
                return (
                    f"{log}: the {self.names[pid]} of the web UI has ended ({how}), "
                    "so the UI is closed. Read the log and start `assay ui` again."
                )
        return None


def _open_log(folder: Path, name: str) -> BinaryIO:
    """A new log that only its owner can read; the previous one is kept."""
    file = folder / f"{name}.log"
    if file.exists():
        file.replace(folder / f"{name}.before.log")
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def answers(path: Path) -> bool:
    """Whether a server listens on the unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def supervise(plan: Plan, run_folder: Path) -> int:
    """Keep the services until `assay ui` ends or one of them does. Returns: the exit code."""
    services = Services(plan, run_folder)
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: stopping.append(number))
    services.start_first()
    while not stopping:
        if select.select([plan.lifeline], [], [], LOOK_EVERY_S)[0]:
            end_descendants(ORDERLY_S if os.read(plan.lifeline, len(STOP)) == STOP else ABANDONED_S)
            return 0
        if problem := services.first_end():
            print(f"assay: {problem}", file=sys.stderr, flush=True)
            end_descendants(ORDERLY_S)
            return 1
        if not services.has_daemon and answers(services.socket):
            services.start_daemon()
    end_descendants(ORDERLY_S)
    return 0


def main() -> None:
    """What `assay ui` starts."""
    plan = Plan.read(sys.argv[1:])
    os.umask(0o077)  # also what Dagster's services write, and the code server's sockets
    adopt_orphans()
    for descriptor in (plan.lifeline, plan.lock, plan.listening):
        os.set_inheritable(descriptor, False)
    run_folder = Path(tempfile.mkdtemp(prefix="assay-ui-"))  # mode 0700
    if len(os.fsencode(run_folder)) > MAX_FOLDER_BYTES:
        print(
            f"assay: {run_folder}: the path is too long. Set TMPDIR to a shorter folder.",
            file=sys.stderr,
        )
        run_folder.rmdir()
        sys.exit(1)
    try:
        code = supervise(plan, run_folder)
    finally:
        shutil.rmtree(run_folder, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
