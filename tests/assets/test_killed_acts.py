"""kill -9 at random moments between drift and the switch: the old model always serves, and the action happens exactly once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.assets.test_act import delivered, learning
from tests.conftest import SampleHome

KILLS, SEED = int(os.environ.get("ASSAY_TEST_KILLS", "50")), 20261125
DRIVER = Path(__file__).with_name("act_driver.py")


def environment(installation: SampleHome) -> dict[str, str]:
    return {
        **installation.environment,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "ignore",
    }


def started(installation: SampleHome) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(DRIVER)],
        env=environment(installation),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def serving(installation: SampleHome) -> str:
    """The version that serves and can be loaded, of those that are registered; told by a process of its own, as MLflow goes on reading a store that lay here before."""
    done = subprocess.run(
        [sys.executable, str(DRIVER), "serves"],
        env=environment(installation),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.soak
def test_kill_9_at_random_moments_between_drift_and_the_switch(
    installation: SampleHome, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    learning(installation)
    delivered(installation, 1)
    installation.published()
    with started(installation) as process:
        assert process.wait() == 0
    delivered(installation, 2, shift=4.0)
    installation.published()
    whole = tmp_path / "as-it-was"
    shutil.copytree(installation.root, whole)
    began = time.monotonic()
    with started(installation) as process:
        assert process.wait() == 0
    takes = time.monotonic() - began
    killed = 0
    for _ in range(4 * KILLS):
        shutil.rmtree(installation.root)
        shutil.copytree(whole, installation.root)
        with started(installation) as process:
            time.sleep(chance.uniform(0, takes / 2))
            if process.poll() is None:
                killed += 1
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert serving(installation) in ("1 of 1", "1 of 1 2", "2 of 1 2")
        with started(installation) as process:
            assert process.wait() == 0
        assert serving(installation) == "2 of 1 2"
        opened_home = installation.open()
        assert [
            (row.version, row.action) for row in opened_home.registry.decisions.all("readings")
        ] == [("1.0.0", "retrain"), ("1.1.0", "retrain")]
        assert [
            row.outcome["outcome"]
            for row in opened_home.registry.triggers.all("readings")
            if row.action == "retrain"
        ] == ["in service", "in service"]
        assert [row.version for row in opened_home.registry.models.switches("readings")] == [
            "1",
            "2",
        ]
        if killed == KILLS:  # a moment after the work was over is no kill
            break
    assert killed == KILLS
