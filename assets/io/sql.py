"""SQL rules, run: checked queries over Parquet files, in a process that can reach nothing else and
ends in time.

Belongs here: starting the child, giving it its files, ending it. Stays out: what a query may say
(contracts/sql.py).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.contracts.errors import QualityError, Where

MEMORY_MB = 512
TIMEOUT_S = 60.0
BESIDE_MB = 3_072
"""What Python, Arrow and DuckDB's own code map next to the data: the second limit is above
DuckDB's.
"""


def evaluate(
    queries: Mapping[str, str],
    tables: Mapping[str, Sequence[Path]],
    *,
    memory_mb: int = MEMORY_MB,
    timeout_s: float = TIMEOUT_S,
    threads: int = 2,
) -> dict[str, float | None]:
    """Ask each query of the tables.

    Args:
        queries: rule -> SQL that `contracts.sql.checked` let through.
        tables: name -> its Parquet files.
        timeout_s: for all of them together.
    Returns: rule -> the one number it gave; None if that is null.
    Raises: QualityError: a query needs more memory or time than it may, fails, or gives something
        else. Never shows a value.
    """
    if not queries:
        return {}
    task = {
        "queries": dict(queries),
        "tables": {name: [str(file) for file in files] for name, files in tables.items()},
        "memory_mb": memory_mb,
        "threads": threads,
    }
    child = _start()
    answers: dict[str, float | None] = {}
    try:
        out, _ = child.communicate(json.dumps(task), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, _ = child.communicate()
        answers = _answers(out)
        raise _failed(queries, answers, f"it took longer than {timeout_s:g} s") from None
    answers = _answers(out)
    if len(answers) != len(queries):
        raise _failed(queries, answers, f"it needed more than {memory_mb} MB")
    return answers


def _start() -> subprocess.Popen[str]:
    """The process that answers: in a session of its own, so that it can be ended with its children."""
    return subprocess.Popen(
        [sys.executable, "-m", "assay.assets.io.sql"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=Path(__file__).parents[3],
        text=True,
    )


def _answers(out: str) -> dict[str, float | None]:
    """What the child reported before it ended. Raises: QualityError: it reported that a query failed."""
    answers: dict[str, float | None] = {}
    for line in out.splitlines():
        entry = json.loads(line)
        if "problem" in entry:
            raise QualityError(
                f"the query {entry['problem']}",
                "Write a simpler query, or a rule with `metric`",
                Where(rule=entry["rule"]),
            )
        answers[entry["rule"]] = entry["answer"]
    return answers


def _failed(
    queries: Mapping[str, str], answers: Mapping[str, float | None], why: str
) -> QualityError:
    """The first query without an answer is the one that was running."""
    rule = next(name for name in queries if name not in answers)
    return QualityError(
        f"the query was stopped: {why}",
        "Write a simpler query, or a rule with `metric`",
        Where(rule=rule),
    )


# -- in the child ---------------------------------------------------------------------------


def locked(tables: Mapping[str, Sequence[str]], *, memory_mb: int, threads: int) -> Any:
    """A DuckDB that has the tables and nothing else: no file, network, extension, or setting to
    change.

    The files are read by Arrow, outside of it.
    """
    import duckdb
    import pyarrow.dataset as ds

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
    )
    for name, files in tables.items():
        connection.register(name, ds.dataset(list(files), format="parquet"))
    for setting in (
        "TimeZone = 'UTC'",  # days and hours are those of the data, not of the machine's clock
        f"memory_limit = '{memory_mb}MB'",
        f"threads = {threads}",
        "temp_directory = ''",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _answer(connection: Any, rule: str, query: str) -> dict[str, Any]:
    import duckdb

    try:
        rows = connection.execute(query).fetchmany(2)
    except duckdb.OutOfMemoryException:
        return {"rule": rule, "problem": "needs more memory than it may have"}
    except duckdb.Error as error:  # its text may hold a value of the data: its class says enough
        return {"rule": rule, "problem": f"fails ({type(error).__name__})"}
    if len(rows) != 1 or len(rows[0]) != 1:
        return {"rule": rule, "problem": "does not give one row with one number"}
    (value,) = rows[0]
    if value is None:
        return {"rule": rule, "answer": None}
    try:
        return {"rule": rule, "answer": float(value)}
    except (TypeError, ValueError):
        return {"rule": rule, "problem": f"gives a {type(value).__name__}, and no number"}


def main() -> None:
    """Read the task, answer query by query, one JSON line each."""
    task = json.load(sys.stdin)
    limit = (task["memory_mb"] + BESIDE_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the data
    connection = locked(task["tables"], memory_mb=task["memory_mb"], threads=task["threads"])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for rule, query in task["queries"].items():
        print(json.dumps(_answer(connection, rule, query)), flush=True)


if __name__ == "__main__":
    main()
