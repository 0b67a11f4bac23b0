"""The command line, called as people call it but for a process of its own: what that imports takes seconds, and its end is seldom what a test is about."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from assay.cli import main
from tests.conftest import SampleHome

Assay = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Assay:
    """Call the command line in this process: (exit code, standard output, standard error), whoever writes there."""
    monkeypatch.setattr("assay.running.console._width", 200, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def assay(installation: SampleHome, monkeypatch: pytest.MonkeyPatch, command: Assay) -> Assay:
    """Call it about the installation."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(installation.root / "dagster"))
    return command
