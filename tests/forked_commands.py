"""`assay` as a document's session calls it: a new process for each command, forked from one that has imported what commands import.

To start Python and to import takes two seconds of processor time a command, and is tested where the process itself is the subject.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORTED = ("assay.reading", "assay.running", "assay.assets.dagster.instance")
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    request = dict(arguments=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ))
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps(request).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(16) or 70))
"""


@contextmanager
def assay_command(
    folder: Path, environment: dict[str, str], also: tuple[str, ...] = ()
) -> Iterator[Path]:
    """Write a command `assay` into the folder, and serve it.

    `also` names further modules that many of the commands import.
    Yields: the folder, for the path.
    """
    place, client = folder / "assay.socket", folder / "assay"
    client.write_text(CLIENT.format(python=sys.executable, path=str(place)))
    client.chmod(0o755)
    arguments = [sys.executable, "-m", "tests.forked_commands", str(place), *also]
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield folder
        finally:
            server.terminate()


def serve(place: str, *also: str) -> None:
    """Fork a process for each connection."""
    for module in (*IMPORTED, *also):
        __import__(module)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                if not os.fork():
                    listening.close()
                    _answer(connection)
                    os._exit(0)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _answer(connection: socket.socket) -> None:
    """Fork once more, for the command itself; send its exit code."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile("rb").read())
    command = os.fork()
    if not command:
        connection.close()
        os._exit(_run(files, **request))
    for file in files:
        os.close(file)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    connection.sendall(str(code).encode())


def _run(files: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    from assay.cli import main

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["assay", *arguments]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(*sys.argv[1:])
