"""Commands that moved under a noun still answer under their old spelling, in the same words."""

from __future__ import annotations

import shlex

import pytest

from assay.cli.aliases import OLD_SPELLINGS
from tests.conftest import GOOD, SampleHome
from tests.journeys.conftest import Assay, assay, command

__all__ = ["assay", "command"]
NO_MODEL = "no contract declares a model named 'readings'"
CALLS = {
    "explain": ("readings --row 2", 0, "No step changed it"),
    "profile": ("readings --json", 0, '"different"'),
    "diff": ("readings@1.0.0 readings@latest", 0, "added"),
    "rollback": ("readings --to 9.9.9 --why x", 1, "9.9.9"),
    "expire": ("--dry-run", 0, "none would expire"),
    "used-by": ("readings", 0, "readings@1.0.0"),
    "why": ("4bf92f3577b34da6a3ce929d0e0e4736", 1, "4bf92f3577b34da6a3ce929d0e0e4736"),
    "reveal": ("file-7f3a9c12d4e5.csv --why x", 1, "file-7f3a9c12d4e5.csv"),
    "replay": ("99", 1, "decision 99"),
    "predict": ("readings rows.csv --purpose analytics --output scores.csv", 1, NO_MODEL),
    "outcomes": ("readings labels.csv", 1, NO_MODEL),
    "search": ("readings tuple", 1, "readings"),
}
"""Each old spelling with arguments, the exit code, and a part of the answer."""


def test_every_old_spelling_is_called_here() -> None:
    assert set(CALLS) == set(OLD_SPELLINGS)


@pytest.mark.parametrize("old", CALLS)
def test_an_old_spelling_gives_the_same_answer(
    installation: SampleHome, assay: Assay, old: str
) -> None:
    installation.deliver(GOOD)
    installation.published()
    words, code, part = CALLS[old]
    answer = assay(*OLD_SPELLINGS[old][0].split(), *shlex.split(words))
    assert assay(old, *shlex.split(words)) == answer
    assert answer[0] == code
    assert part in answer[1] + answer[2]


@pytest.mark.parametrize("old", CALLS)
def test_no_help_page_lists_an_old_spelling(old: str) -> None:
    import typer

    from assay.cli import app

    command = typer.main.get_command(app).commands[old]  # type: ignore[attr-defined]  # a group has commands
    assert command.hidden
    assert f"`assay {OLD_SPELLINGS[old][0]}`" in command.epilog
