"""Decoding in a process of its own: bytes that nobody trusts can end that process, and nothing else.

Belongs here: starting it, its limits, ending it, and telling why it ended. Stays out: what is decoded (assets/io/decode).
No row crosses between the processes: the child writes Parquet into the folder, and answers with numbers.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from assay.assets.io.decode.landing import Task
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import SourceError, Where

_PASSED_ON = (
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


class Limits(BaseSettings):
    """What decoding one file may take.

    ASSAY_DECODE_MEMORY_MB: above what the libraries take themselves. ASSAY_DECODE_SECONDS: for a small file; each MiB adds one.
    ASSAY_DECODE_EXPANSION: how many times its size a Parquet file may unpack to (one that stays under 256 MiB always may).
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
    Raises: SourceError: it cannot be read, or the process reached a limit or was ended by what it read.
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
    told = {
        "task": asdict(task),
        "cpu_s": timeout_s * (os.cpu_count() or 1),
        "file_mb": max(_FILE_MB, _GROWS * size_mb),
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "assay.assets.io.decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        cwd=Path(__file__).parents[4], env={name: value for name, value in os.environ.items() if name in _PASSED_ON}, text=True, errors="replace",
    )  # fmt: skip
    try:
        out, err = child.communicate(json.dumps(told), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"reading the file took longer than {timeout_s:,} s",
            "Check the file; if it is right, set ASSAY_DECODE_SECONDS",
            where,
        ) from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    return _read(child.returncode, out, err, limits, where)


def _read(status: int, out: str, err: str, limits: Limits, where: Where) -> Read:
    """What the child answered. Raises: SourceError: it could not, or did not."""
    answer = json.loads(out) if status == 0 and out else {}
    if "decoded" in answer:
        done = answer["decoded"]
        return Read(
            done["rows"], done["unreadable"], tuple(done["columns"]), done["header"], done["found"]
        )
    if "problem" in answer:
        raise SourceError(
            answer["problem"],
            answer["remedy"],
            replace(where, line=answer["line"]) if answer["line"] else where,
        )
    if answer.get("errno") in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(answer["errno"], os.strerror(answer["errno"]))
    if answer.get("errno") == errno.EFBIG or status == -signal.SIGXFSZ:
        raise SourceError(
            f"what is read of the file fills more than {_FILE_MB:,} MiB and {_GROWS} times its size",
            "Check the file: it unpacks to far more than it is",
            where,
        )
    if (
        "exceeded" in answer
        or answer.get("errno") == errno.ENOMEM
        or any(
            word in err
            for word in (
                "memory allocation of",
                "bad_alloc",
                "MemoryError",
                "Cannot allocate memory",
            )
        )
    ):
        raise SourceError(
            f"reading the file needs more than {limits.memory_mb:,} MiB of memory",
            "Deliver it in smaller parts; if it is right, set ASSAY_DECODE_MEMORY_MB",
            where,
        )
    if status == -signal.SIGXCPU:
        raise SourceError(
            "reading the file took more processor time than it may",
            "Check the file; if it is right, set ASSAY_DECODE_SECONDS",
            where,
        )
    if "errno" in answer:
        raise SourceError(
            f"the file cannot be read ({os.strerror(answer['errno'])})",
            "Give this user the right to read it",
            where,
        )
    ended = (
        f"was ended by {signal.Signals(-status).name}"
        if status < 0
        else f"failed with status {status}"
    )
    raise SourceError(
        f"the process that read the file {ended}",
        "Fetch the file again, or write it anew: it may be malformed, or made to hurt",
        where,
    )
