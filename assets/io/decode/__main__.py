"""The process that decodes one file: a task on its input, one answer on its output, everything else
into the task's folder.

It is forked from one that has imported what decoders need (assets/io/sources/fork_server.py). It
ends at its limits of memory, processor time and file size; what a library does on bytes that
were built to attack it, it does here.
"""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import socket
import sys
import traceback
from dataclasses import asdict
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NoReturn

from assay.assets.io.decode.task import Task, Undecodable

_OWN_MB = 1024
"""Next to the data: threads' stacks and arenas, which are reserved and hardly used."""
_FOR_ALL = ("assay.assets.io.decode.delimited", "pyarrow.parquet", "pyarrow.csv")
"""What each decoder imports at its first row. Not Polars: it starts threads, which a fork lacks."""
_FOR_DECODER = {
    "arrow": ("assay.assets.io.decode.arrow", "pyarrow.compute", "duckdb"),
    "json_text": ("assay.assets.io.decode.json_text", "pyarrow.compute"),
    "parquet": ("assay.assets.io.decode.parquet", "duckdb"),
}
"""What some decoders import in addition, which takes longer than most files do."""


class _WithoutPandas(MetaPathFinder, Loader):
    """Refuses pandas, which no decoder uses: Arrow imports it, in 0.3 s, to see whether a list is
    one of its series.
    """

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Find pandas here, and nothing else."""
        return ModuleSpec(name, self) if name == "pandas" else None

    def create_module(self, spec: ModuleSpec) -> NoReturn:
        """Refuse to import it."""
        raise ModuleNotFoundError(name=spec.name)


def serve(channel: socket.socket) -> None:
    """Fork a process for each request, and send the status it ended with, until no one asks any
    more. Each request is the name of a decoder, with three open files: the process's input, output
    and errors.
    """
    sys.meta_path.insert(0, _WithoutPandas())
    for library in _FOR_ALL:
        import_module(library)
    decoders_used = set[str]()
    while True:
        name, files, _, _ = socket.recv_fds(channel, 64, 3)
        if not name:
            return
        decoder = name.decode()
        if decoder in decoders_used:  # for one file alone, the fork imports them itself
            for library in _FOR_DECODER.get(decoder, ()):
                import_module(library)
        decoders_used.add(decoder)
        pid = os.fork()
        if pid == 0:
            _answer(files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(pid, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _answer(files: list[int]) -> NoReturn:
    """Be the forked process: the files take the place of the channel and the server's own."""
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    try:
        decode()
    except BaseException:  # of any kind: the fork must not go on as a second server
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def decode() -> None:
    """Decode, under limits."""
    request = json.load(sys.stdin)
    task, cpu_s, file_mb = Task(**request["task"]), request["cpu_s"], request["file_mb"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the data
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_mb * 2**20, file_mb * 2**20))
    decoder = import_module(f"assay.assets.io.decode.{task.kind}")
    limit = (
        _mapped() + (task.memory_mb + _OWN_MB) * 2**20 + 2 * Path(task.file).stat().st_size
    )  # readers map the file itself, some twice
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        answer: dict[str, Any] = {"decoded": asdict(decoder.decode(task))}
    except Undecodable as error:
        answer = {"problem": error.problem, "remedy": error.remedy, "line": error.line}
    except MemoryError:
        answer = {"exceeded": "memory"}
    except OSError as error:
        answer = {"errno": number_of(error)}
    print(json.dumps(answer), flush=True)
    os._exit(
        0
    )  # Arrow's reading threads may still hold Python objects, and abort where the interpreter ends around them (2026-11-24)


def number_of(error: OSError) -> int:
    """The system's number of an error; Polars has it in the text alone."""
    if error.errno is not None:
        return error.errno
    number = re.search(r"\(os error ([0-9]+)\)", str(error))
    return int(number[1]) if number else errno.EIO


def _mapped() -> int:
    """Bytes of address space this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
