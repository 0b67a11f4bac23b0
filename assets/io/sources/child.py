"""Decoding in a process of its own: bytes that no one trusts can end that process, and nothing
else.

Belongs here: its limits, and why it ended. Stays out: starting it (fork_server.py), what is decoded
(assets/io/decode). No row crosses between the processes: the child writes Parquet into the
folder, and answers with numbers.
"""

from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from assay.assets.io.decode.task import Task
from assay.assets.io.sources.fork_server import Ended, fork_server
from assay.assets.io.sources.read_result import Read
from assay.contracts.errors import SourceError, Where

PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "TMPDIR",
    "POLARS_MAX_THREADS",
    "COVERAGE_PROCESS_START",
)
_FILE_MB = 4096  # what may be written of a small source; a large one may take _GROWS times its size
_GROWS = 20
_OUT_OF_MEMORY = ("memory allocation of", "bad_alloc", "MemoryError", "Cannot allocate memory")
"""What libraries print before they end a process that has no memory left."""


class Limits(BaseSettings):
    """What decoding one file may take.

    ASSAY_DECODE_MEMORY_MB: above what the libraries take themselves. ASSAY_DECODE_SECONDS: for a
    small file; each MiB adds one. ASSAY_DECODE_EXPANSION: how many times its size a Parquet file
    may unpack to (one that stays under 256 MiB always may).
    """

    model_config = SettingsConfigDict(env_prefix="ASSAY_DECODE_", frozen=True)

    memory_mb: int = Field(default=4096, ge=256)
    seconds: int = Field(default=60, ge=1)
    expansion: int = Field(default=1000, ge=1)


def decoded(
    kind: str,
    file: Path,
    folder: Path,
    options: dict[str, Any],
    where: Where,
    limits: Limits | None = None,
) -> Read:
    """Decode one file into `rows.parquet` and `unreadable.parquet` in the folder.

    Args:
        kind: a module of assets/io/decode.
    Raises: SourceError: it cannot be read, or the process reached a limit or was ended by what it
        read.
    """
    limits = limits or Limits()
    size_mb = file.stat().st_size // 2**20
    timeout_s = limits.seconds + size_mb
    task = Task(
        kind,
        str(file.resolve()),
        str(folder.resolve()),
        options,
        limits.memory_mb,
        limits.expansion,
    )
    request = {
        "task": asdict(task),
        "cpu_s": timeout_s * (os.cpu_count() or 1),
        "file_mb": max(_FILE_MB, _GROWS * size_mb),
    }
    ended = _run(kind, json.dumps(request), timeout_s, where)
    return _read(ended.status, ended.out, ended.err, limits, where)


def _run(kind: str, request: str, timeout_s: int, where: Where) -> Ended:
    """Have a process answer the request, without the installation's secrets in its environment."""
    environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    try:
        try:
            return fork_server(environment).run(kind, request, timeout_s)
        except (EOFError, ConnectionError):  # the server was ended since the file before: once more
            return fork_server(environment).run(kind, request, timeout_s)
    except TimeoutError:
        raise SourceError(
            f"reading the file took longer than {timeout_s:,} s",
            "Check the file; if it is right, raise ASSAY_DECODE_SECONDS",
            where,
        ) from None


def _read(status: int, out: str, err: str, limits: Limits, where: Where) -> Read:
    """What the child answered. Raises: SourceError: it could not, or did not."""
    answer = json.loads(out) if status == 0 and out else {}
    if "decoded" in answer:
        done = answer["decoded"]
        return Read(
            done["rows"], done["unreadable"], tuple(done["columns"]), done["header"], done["found"]
        )
    if "problem" in answer:
        place = replace(where, line=answer["line"]) if answer["line"] else where
        raise SourceError(answer["problem"], answer["remedy"], place)
    if answer.get("errno") in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(answer["errno"], os.strerror(answer["errno"]))
    raise SourceError(*_why_it_ended(answer, status, err, limits), where)


def _why_it_ended(answer: dict[str, Any], status: int, err: str, limits: Limits) -> tuple[str, str]:
    """The problem and the remedy, where the child reached a limit or was ended by what it read."""
    if answer.get("errno") == errno.EFBIG or status == -signal.SIGXFSZ:
        size = f"{_FILE_MB:,} MiB and {_GROWS} times its size"
        return (
            f"the unpacked file is larger than {size}",
            "Check the file: it unpacks to much more than its size",
        )
    if _lacked_memory(answer, err):
        return (
            f"reading the file needs more than {limits.memory_mb:,} MiB of memory",
            "Deliver it in smaller parts; if it is right, raise ASSAY_DECODE_MEMORY_MB",
        )
    if status == -signal.SIGXCPU:
        return (
            "reading the file took more processor time than allowed",
            "Check the file; if it is right, raise ASSAY_DECODE_SECONDS",
        )
    if "errno" in answer:
        return (
            f"the file cannot be read ({os.strerror(answer['errno'])})",
            "Give this user the right to read it",
        )
    ending = f"failed with status {status}"
    if status < 0:
        ending = f"was ended by {signal.Signals(-status).name}"
    return (
        f"the process that read the file {ending}",
        "Get the file again, or write it again: it may be malformed or malicious",
    )


def _lacked_memory(answer: dict[str, Any], err: str) -> bool:
    """Whether the child ended for lack of memory, by its answer or by a library's last line."""
    return (
        "exceeded" in answer
        or answer.get("errno") == errno.ENOMEM
        or any(text in err for text in _OUT_OF_MEMORY)
    )
