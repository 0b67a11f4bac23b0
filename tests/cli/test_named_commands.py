"""Messages, docs and examples name commands that exist, in today's spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from assay.cli import app

REPOSITORY = Path(__file__).parents[2]
TOP_LEVEL = typer.main.get_command(app)
NAMED = re.compile(r"\bassay ([a-z][a-z-]*)(?:[ \n]+([a-z][a-z-]*))?")
SUFFIXES = {".py", ".md", ".yml", ".yaml", ".html", ".toml", ".txt", ".j2"}
PLACES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "action.yml", "docs",
          "integrations", "benchmarks", "contracts", "pipelines", "lineage", "assets",
          "assay/cli", "assay/web", "assay/demo", "assay/*.py", ".ci", ".pre-commit-hooks.yaml")  # fmt: skip
NO_COMMAND = {"office", "site"}
"""Words that follow `assay` in a sentence or a path: an assay office."""


def wrong_names(text: str) -> Iterator[str]:
    """The commands in a text that do not exist, or are old spellings."""
    for named in NAMED.finditer(text):
        command: Any = TOP_LEVEL.commands.get(named[1])  # type: ignore[attr-defined]  # a group has commands
        if named[1] in NO_COMMAND:
            continue
        inner = getattr(command, "commands", None)
        is_group = inner is not None and named[1] != "clock"
        if command is None or command.hidden or (is_group and named[2] and named[2] not in inner):
            line = text[: named.start()].count("\n") + 1
            yield f"line {line}: {named[0]}"


def files() -> Iterator[Path]:
    for place in PLACES:
        for path in REPOSITORY.glob(place):
            yield from [path] if path.is_file() else sorted(path.rglob("*"))


def test_every_named_command_exists_in_todays_spelling() -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY)}, {problem}"
        for path in files()
        if path.is_file() and (path.suffix in SUFFIXES or path.name == "Makefile")
        if path.name != "aliases.py"
        for problem in wrong_names(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    ["run `assay diff a b`", "assay why 4bf9", "assay statuss", "assay refs move x", "`assay ran`"],
)
def test_a_command_that_does_not_exist_or_is_an_old_spelling_is_named(text: str) -> None:
    (problem,) = wrong_names(text)
    assert problem.startswith("line 1: assay ")


@pytest.mark.parametrize(
    "text",
    [
        "assay run readings",
        "`assay versions diff a b`",
        "assay clock",
        "an assay office tests",
        "assay refs, or",
    ],
)
def test_a_command_that_exists_is_accepted(text: str) -> None:
    assert list(wrong_names(text)) == []
