"""Drift, models and traces at the command line: what is not there is said in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Installation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "99"], "there is no decision 99"),
        (["drift", "show", "readings"], "has not been published"),
        (["drift", "done", "1", "--why", "x"], "there is no trigger 1"),
        (["models", "list", "nobody"], "no contract keeps a model named 'nobody'"),
        (["why", "hello"], "that is no trace id"),
        (["why", "4bf92f3577b34da6a3ce929d0e0e4736"], "nothing is known of the trace"),
        (["outcomes", "readings", "nothing.csv"], "no contract keeps a model named 'readings'"),
        (["predict", "readings", "rows.csv", "--purpose", "analytics", "--output", "scores.csv"], "no contract keeps a model named 'readings'"),
    ],
)
def test_what_is_not_there_is_one_message_and_exit_code_1(installation: Installation, arguments: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "assay.cli", *arguments], env=installation.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("assay: ")
    assert said in line


def test_nothing_that_waits_is_said_so(installation: Installation) -> None:
    done = subprocess.run([sys.executable, "-m", "assay.cli", "drift", "triggers"], env=installation.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Nothing waits.\n")
