"""What untrusted bytes do, they do to a process that can be lost: it ends at its limits, and the reason is told in one sentence."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from assay.assets.io.decode.__main__ import number_of
from assay.assets.io.decode.task import UNREADABLE
from assay.assets.io.sources.child import PASSED_ON, Limits, decoded
from assay.assets.io.sources.fork_server import ForkServer, fork_server
from assay.assets.io.sources.read_result import Read, rows_in
from assay.contracts.errors import SourceError, Where

WHERE = Where(file="inbox/x")
BOMB = (
    Path(__file__).parents[2].parent
    / "shared"
    / "data"
    / "malformed"
    / "parquet"
    / "data"
    / "large_string_map.brotli.parquet"
)


def test_a_file_is_decoded_elsewhere_and_no_row_crosses(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3\n")
    done = decoded("delimited", tmp_path / "x.csv", tmp_path, {}, WHERE)
    assert (done.rows, done.unreadable, done.columns, done.header) == (1, 1, ("a", "b"), 1)
    assert pl.read_parquet(tmp_path / UNREADABLE).rows() == [(3, "missing columns", "3")]


def test_what_cannot_be_decoded_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[\n{"a": 1},\n{"a": }]')
    with pytest.raises(
        SourceError,
        match=r"^inbox/x:3: the document is not valid JSON \(expecting value\)\. Fix it",
    ):
        decoded("json_text", tmp_path / "x.json", tmp_path, {"format": "json"}, WHERE)


def test_a_parquet_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"x": np.zeros(50_000_000, np.int8)}), tmp_path / "x.parquet", compression="zstd"
    )
    assert (tmp_path / "x.parquet").stat().st_size < 250_000
    with pytest.raises(SourceError, match=r"would unpack to more than .* times its size"):
        decoded("parquet", tmp_path / "x.parquet", tmp_path, {}, WHERE)


TABLE = {"id": list(range(500)), "name": ["ann", None] * 250, "tags": [["a", "b"], []] * 250}


def parquet(generator: random.Random) -> bytes:
    """A file of which up to six bytes are others than they were."""
    stream = io.BytesIO()
    pq.write_table(pa.table(TABLE), stream, row_group_size=100)
    return mutated(stream.getvalue(), generator)


def arrow(generator: random.Random) -> bytes:
    stream, table = io.BytesIO(), pa.table(TABLE)
    with generator.choice([pa.ipc.new_file, pa.ipc.new_stream])(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return mutated(stream.getvalue(), generator)


def workbook(generator: random.Random) -> bytes:
    """Of its parts, too: a zip whose bytes are others is mostly refused by its checksums."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        sheet = book.add_worksheet("S")
        for number, row in enumerate(
            [["id", "name", "at"], *([n, "ann", n / 7] for n in range(60))]
        ):
            sheet.write_row(number, 0, row)
    if generator.random() < 0.2:
        return mutated(stream.getvalue(), generator)
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(stream) as whole,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        hit = generator.choice(whole.namelist())
        for name in whole.namelist():
            made.writestr(
                name, mutated(whole.read(name), generator) if name == hit else whole.read(name)
            )
    return packed.getvalue()


def mutated(whole: bytes, generator: random.Random) -> bytes:
    text = bytearray(whole)
    for _ in range(generator.randint(1, 6)):
        text[generator.randrange(4, len(text) - 4)] = generator.randrange(256)
    return bytes(text)


def read_or_refused(
    folder: Path, make: Callable[[random.Random], bytes], seed: int, count: int
) -> None:
    """Mutated files through the child: rows, or one clear refusal, whatever the bytes make the library do."""
    generator = random.Random(seed)
    for number in range(count):
        target = folder / str(number)
        target.mkdir()
        (target / "x").write_bytes(make(generator))
        with contextlib.suppress(SourceError):
            done = decoded(make.__name__, target / "x", target, {}, WHERE, Limits(seconds=20))
            assert rows_in(target).select(pl.len()).collect().item() == done.rows
        shutil.rmtree(target)


@pytest.mark.parametrize("make", [parquet, arrow, workbook])
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, make: Callable[[random.Random], bytes]
) -> None:
    """H2, a few."""
    read_or_refused(tmp_path, make, seed=1, count=4)


@pytest.mark.soak
@pytest.mark.parametrize("make", [parquet, arrow, workbook])
def test_two_thousand_mutated_files(tmp_path: Path, make: Callable[[random.Random], bytes]) -> None:
    """H2."""
    read_or_refused(tmp_path, make, seed=2, count=2_000)


@pytest.mark.skipif(not BOMB.is_file(), reason="the shared malformed files are not here")
def test_kilobytes_that_decode_to_gigabytes_end_at_the_limit_and_cost_this_process_nothing(
    tmp_path: Path,
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError, match=r"unpacks to more than|needs more than|cannot be read"):
        decoded("parquet", BOMB, tmp_path, {}, WHERE, Limits(memory_mb=512))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        "["
        + ",".join(['{"a": [1, 2, 3, 4, 5, 6, 7, 8]}'] * 40_000)
        + ',["'
        + "x" * 200_000_000
        + '"]]'
    )
    with pytest.raises(SourceError, match="needs more than 256 MiB of memory"):
        decoded(
            "json_text",
            tmp_path / "x.json",
            tmp_path,
            {"format": "json"},
            WHERE,
            Limits(memory_mb=256),
        )


def test_more_time_than_allowed_is_refused_and_the_process_is_gone(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n' * 100_000)  # under a MiB: no second more
    started = time.monotonic()
    with pytest.raises(SourceError, match="took longer than 1 s"):
        decoded("endless", tmp_path / "x.jsonl", tmp_path, {}, WHERE, Limits(seconds=1))
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("abort", "ended by SIGABRT"),
        ("kill", "ended by SIGKILL"),
        ("leave", "failed with status 3"),
    ],
)
def test_a_decoder_that_ends_its_process_ends_nothing_else(
    what: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(SourceError, match=says):
        decoded("endless", tmp_path / "x", tmp_path, {"what": what}, WHERE)


# -- the server that forks -------------------------------------------------------------------


def server_of(environment: Mapping[str, str] | None = None) -> ForkServer:
    names = set(os.environ) & set(PASSED_ON)
    return fork_server(environment or {name: os.environ[name] for name in names})


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def decode_csv(folder: Path) -> Read:
    (folder / "x.csv").write_text("a,b\n1,2\n")
    return decoded("delimited", folder / "x.csv", folder, {}, WHERE)


def test_one_server_forks_a_process_for_each_file(tmp_path: Path) -> None:
    decode_csv(tmp_path)
    server = server_of()
    assert decode_csv(tmp_path).rows == 1
    assert server_of() is server


def test_a_server_that_was_ended_is_started_again(tmp_path: Path) -> None:
    server = server_of()
    os.killpg(server.pid, signal.SIGKILL)
    assert decode_csv(tmp_path).rows == 1
    assert server_of() is not server


def test_a_server_has_the_environment_of_now_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_SECRET", "hidden")
    decode_csv(tmp_path)
    before = server_of()
    assert "ASSAY_SECRET" not in before.environment
    monkeypatch.setenv("LANG", "C.UTF-8" if os.environ.get("LANG") != "C.UTF-8" else "C")
    decode_csv(tmp_path)
    assert server_of() is not before


def test_whatever_interrupts_the_wait_ends_the_server_and_its_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text("x")
    server = server_of()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2)
    try:
        with pytest.raises(KeyboardInterrupt):
            decoded("endless", tmp_path / "x", tmp_path, {}, WHERE)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not is_there(server.pid)


def test_a_fork_of_the_owner_does_not_end_the_server(tmp_path: Path) -> None:
    server = server_of()
    pid = os.fork()
    if pid == 0:
        server.end()
        os._exit(0)
    os.waitpid(pid, 0)
    assert decode_csv(tmp_path).rows == 1
    assert server_of() is server


def test_each_thread_has_a_server_of_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(4) as pool:
        assert [done.rows for done in pool.map(decode_csv, folders)] == [1] * 4


def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    script = f"""
import os
from pathlib import Path
from assay.assets.io.sources import child, fork_server
from assay.contracts.errors import Where
folder = Path({str(tmp_path)!r})
child.decoded("delimited", folder / "x.csv", folder, {{}}, Where(file="x"))
print(fork_server._of_thread.server.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while is_there(int(done.stdout)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_there(int(done.stdout))


@pytest.fixture(autouse=True)
def _endless(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A decoder that misbehaves, beside the real ones: on the child's path through a folder that its package takes in."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.util, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        return importlib.util.spec_from_file_location(name, {str(folder / 'endless.py')!r}) if name == 'assay.assets.io.decode.endless' else None\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    (folder / "endless.py").write_text(
        "import os, signal, time\n"
        "def decode(task):\n"
        "    match task.options.get('what'):\n"
        "        case 'abort': os.abort()\n"
        "        case 'kill': os.kill(os.getpid(), signal.SIGKILL)\n"
        "        case 'leave': os._exit(3)\n"
        "    time.sleep(600)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{':'.join(part for part in sys.path if part)}")


def test_errors_of_the_system_are_known_by_what_they_say_where_they_have_no_number() -> None:
    assert number_of(OSError("Cannot allocate memory (os error 12)")) == errno.ENOMEM
    assert number_of(OSError(errno.ENOSPC, "No space left")) == errno.ENOSPC
    assert number_of(OSError("something odd")) == errno.EIO
