"""What is too long for every change: real runs of the command line, killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS, SEED = 30, 20261123


def assay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assay.cli", *arguments],
        env={**os.environ, "ASSAY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.soak
def test_kill_9_at_thirty_random_moments_of_a_run_leaves_no_half_version(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    killed = 0
    for number in range(KILLS):
        home = tmp_path / str(
            number % 3
        )  # three installations: each is killed while new, and again where something is published
        process = subprocess.Popen(
            [sys.executable, "-m", "assay.cli", "run", "flights"],
            env={**os.environ, "ASSAY_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.5, 25))
        killed += process.poll() is None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (home / "assay.home").exists():
            verified = assay(home, "verify", "--all")
            assert verified.returncode == 0, verified.stderr
    for number in range(3):
        home = tmp_path / str(number)
        for _ in range(2):
            ended = assay(home, "run", "flights")
            assert ended.returncode == 0, ended.stdout + ended.stderr
        assert assay(home, "verify", "--all").returncode == 0
        shown = assay(home, "status").stdout
        assert "1.1.0" in shown
        assert "83,383" in shown
    assert killed >= KILLS * 2 // 3
