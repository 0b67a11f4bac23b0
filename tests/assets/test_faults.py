"""What the system does to a publication: calls that fail, power that goes, disks that fill up, bytes that change. The version is whole, or not there."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.assets.services.verify import verify
from assay.contracts.errors import EvidenceError
from assay.lineage.evidence import files
from tests.assets.test_lost_runs import is_stopped, until
from tests.assets.test_publication import (
    PUBLISH,
    ended,
    flip,
    killed_at_random,
    published,
    verified,
)
from tests.conftest import GOOD, SampleHome, small_disk
from tests.forked import Forked, forked

TRACED = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
WAITS_S = 120
CALLS = "openat,write,pwrite64,fsync,fdatasync,close,rename,renameat2,link,linkat,unlink,mkdir,ftruncate"
MARK = re.compile(r'"/reached/([a-z ]+)"')


# -- calls, as strace sees them ------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One call of the process's first thread: its name, which of its name it is, what it was about, and the last named point that was passed before."""

    name: str
    number: int
    about: str
    after: str


def traced(installation: SampleHome, trace: Path, *options: str) -> int:
    """The exit code of a process that publishes, watched by strace."""
    marks = {**installation.environment, "ASSAY_TEST_MARKS": "1"}
    watched = f"trace={CALLS},stat,newfstatat"
    with forked(PUBLISH, marks) as process:
        until(lambda: is_stopped(process))
        command = ["strace", "-f", "-y", "-o", str(trace), "-e", watched, *options]
        with subprocess.Popen(
            [*command, "-p", str(process.pid)], stderr=subprocess.DEVNULL
        ) as strace:
            until(lambda: is_traced(process) or strace.poll() is not None)
            process.send_signal(signal.SIGCONT)
            try:
                status = process.wait(WAITS_S)
            except TimeoutError:  # strace counts each thread's calls, and one that wakes another thread may have failed too: it is ended like any that hangs
                process.kill()
                status = process.wait()
        print(process.communicate())  # shown where a test fails
        return status


def is_traced(process: Forked) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return re.search(r"^TracerPid:\t0$", status, re.MULTILINE) is None


def calls(trace: Path) -> Iterator[Call]:
    """What the first thread called, in order."""
    lines = trace.read_text(errors="replace").splitlines()
    first, after, counted = lines[0].split()[0], "", dict.fromkeys(CALLS.split(","), 0)
    for line in lines:
        thread, _, said = line.partition(" ")
        mark = MARK.search(said)
        if mark:
            after = mark[1]
        name = said.strip().partition("(")[0]
        if thread == first and name in counted:
            counted[name] += 1
            yield Call(name, counted[name], said, after)


def order(trace: Path) -> list[str]:
    """Every line of every thread, without who it was."""
    return [
        line.partition(" ")[2].strip() for line in trace.read_text(errors="replace").splitlines()
    ]


@TRACED
def test_what_is_published_is_on_the_disk_before_it_is_registered(tmp_path: Path) -> None:
    """P5: each file and each folder above it is synced before the commit, and the commit itself before anything follows."""
    installation = SampleHome(tmp_path / "a")
    installation.deliver(GOOD)
    assert traced(installation, tmp_path / "trace") == 0
    seen = order(tmp_path / "trace")
    commit = next(place for place, line in enumerate(seen) if "/reached/before the commit" in line)
    committed = next(
        place for place, line in enumerate(seen) if "/reached/after the commit" in line
    )
    opened_home = installation.open()
    versions = opened_home.home.root / "lake" / "readings" / "versions"

    def synced(path: Path, upto: int, since: int = 0) -> bool:
        return any(
            line.startswith(("fsync(", "fdatasync(")) and f"<{path}>" in line
            for line in seen[since:upto]
        )

    for file in files(opened_home.statement(opened_home.version("readings"))):
        path = versions / file.path
        moved = next(
            place
            for place, line in enumerate(seen)
            if line.startswith("rename") and f'"{path.parent}"' in line
        )
        staged = Path(seen[moved].split('"')[1]) / path.name
        assert synced(staged, moved), "its bytes"
        assert synced(path.parent, commit, moved), "its folder"
        assert synced(versions, commit, moved), "the folder's own name"
    assert any(
        line.startswith(("fsync(", "fdatasync(")) and "registry" in line
        for line in seen[commit:committed]
    )


def faults(installation: SampleHome, folder: Path, chance: random.Random, count: int) -> int:
    """Let `count` calls of a publication fail, or end the process, one in each run; every time nothing is corrupt, and the next run publishes. Returns: runs that noticed.

    Only calls about the installation's own files: what is imported is not published.
    """
    assert traced(installation, folder / "trace") == 0
    publishing = [
        call
        for call in calls(folder / "trace")
        if call.after and str(installation.root) in call.about
    ]
    noticed = happened = 0
    for number in range(count):
        call = chance.choice(publishing)
        fault = chance.choice(["error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL"])
        trial = SampleHome(folder / str(number))
        trial.deliver(GOOD)
        status = traced(
            trial, folder / "trial", "-e", f"inject={call.name}:{fault}:when={call.number}"
        )
        noticed += status != 0
        told = (folder / "trial").read_text(errors="replace")
        happened += "(INJECTED)" in told or "killed by SIGKILL" in told
        before = verified(trial)
        assert before in ([], ["1.0.0"]), (call, fault)
        assert status != 0 or before == ["1.0.0"], (
            call,
            fault,
        )  # who is told that it is published finds it
        assert ended(trial) == 0, (call, fault)
        assert verified(trial) == ["1.0.0"], (call, fault)
        opened_home = trial.open()
        assert opened_home.scan(opened_home.version("readings")).collect().height == 3, (
            call,
            fault,
        )
        shutil.rmtree(folder / str(number))
    assert (
        happened >= 0.9 * count
    )  # where the numbers of calls differ from those of the first run, none may be hit
    return noticed


@TRACED
def test_calls_that_fail_corrupt_nothing(tmp_path: Path) -> None:
    """P4, a few."""
    installation = SampleHome(tmp_path / "whole")
    installation.deliver(GOOD)
    assert faults(installation, tmp_path, random.Random(1), 2) >= 1


@TRACED
@pytest.mark.soak
def test_150_calls_that_fail_corrupt_nothing(tmp_path: Path) -> None:
    """P4."""
    installation = SampleHome(tmp_path / "whole")
    installation.deliver(GOOD)
    assert faults(installation, tmp_path, random.Random(2), 150) >= 75


# -- processes that are killed --------------------------------------------------------------------


@pytest.mark.soak
def test_200_kills_at_random_moments_leave_no_half_version(tmp_path: Path) -> None:
    """P1."""
    killed, versions = killed_at_random(tmp_path, seed=20261125, rounds=200)
    assert killed >= 150
    assert versions >= 1


# -- disks that fill up ----------------------------------------------------------------------------


def filled_up(folder: Path, free_kb: int) -> int:
    """A run that has so much room left, then one with room again. Returns: the exit code of the former."""
    with small_disk(folder, 400_000) as small:
        installation = SampleHome(small)
        installation.deliver(GOOD)
        assert ended(installation) == 0
        installation.deliver(
            "meter,energy_kwh,tariff\n"
            + "".join(f"M{n},{n * 7919 % 100003},day\n" for n in range(60_000))
        )
        (small / "ballast").write_bytes(b"\0" * (shutil.disk_usage(small).free - free_kb * 1024))
        status = ended(installation)
        (small / "ballast").unlink()
        assert verified(installation) == (["1.0.0"] if status else ["1.0.0", "1.1.0"])
        assert ended(installation) == 0
        assert verified(installation) == ["1.0.0", "1.1.0"]
        assert not list(small.glob("lake/readings/staging/*"))
        return status


@pytest.mark.parametrize("free_kb", [40, 500])
def test_a_disk_that_fills_up_while_publishing_leaves_the_last_version_and_the_next_run_succeeds(
    tmp_path: Path, free_kb: int
) -> None:
    """P7, at two moments."""
    assert filled_up(tmp_path / "disk", free_kb) != 0


@pytest.mark.soak
def test_a_disk_that_fills_up_at_twenty_moments(tmp_path: Path) -> None:
    """P7."""
    failed = [filled_up(tmp_path / str(number), 10 + 60 * number) != 0 for number in range(20)]
    assert sum(failed) >= 10


# -- bytes that change -----------------------------------------------------------------------------


@pytest.mark.soak
def test_each_of_500_changed_bytes_is_found(installation: SampleHome) -> None:
    """P8: on verifying, and where it is data, on reading too."""
    done = published(installation)
    opened_home = installation.open()
    root, chance = opened_home.home.root, random.Random(8)
    data = [
        root / "lake" / "readings" / "versions" / file.path
        for file in files(opened_home.statement(done.row))
    ]
    for _ in range(500):
        file = chance.choice([*data, root / "evidence" / "readings" / "1.0.0.dsse.json"])
        restore = flip(file, chance)
        with pytest.raises(EvidenceError):
            verify(root, "readings", "1.0.0", opened_home.keys.public())
        if file in data:
            with pytest.raises(EvidenceError):
                installation.open().scan(done.row)
        restore()
    verify(root, "readings", "1.0.0", opened_home.keys.public())
