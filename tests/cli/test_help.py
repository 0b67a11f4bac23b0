"""Every help page has one sentence that says what the command does, and examples that work."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from assay.cli import PANELS, app

ROOT = typer.main.get_command(app)
LONGEST_SUMMARY = 90
WITHOUT_JSON = {
    "run", "demo", "ui", "clock confirm", "refs set", "refs delete", "versions rollback",
    "quarantine release", "quarantine discard", "review approve", "review reject", "review sign",
    "review submit", "review key", "contracts upgrade", "contracts export", "contracts docs",
    "drift override", "drift done", "models promote", "models rollback", "models predict",
    "models outcomes", "index rollback",
}  # fmt: skip
"""Commands that decide or write: their answer is one line, or a file."""


def pages(command: Any = ROOT, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each help page that a help page lists, by the words after `assay`."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from pages(inner, f"{path} {name}".strip())


PAGES = dict(pages())
COMMANDS = [path for path, page in PAGES.items() if not hasattr(page, "commands")]


def examples(page: Any) -> list[str]:
    title, *lines = (page.epilog or "").split("  \n")
    assert title == ("Example:" if len(lines) == 1 else "Examples:")
    return [line.removeprefix("`").removesuffix("`") for line in lines]


def parse(text: str) -> str:
    """Parse an example as the command line does, without running it. Returns: the command's path."""
    first, *words = shlex.split(text)
    assert first == "assay"
    command, path = ROOT, []
    while hasattr(command, "commands") and words and words[0] in command.commands:
        path.append(words[0])
        command = command.commands[words.pop(0)]
        assert not command.hidden, f"{text!r} uses an old spelling"
    command.make_context(path[-1], words, resilient_parsing=False)
    return " ".join(path)


@pytest.mark.parametrize("path", PAGES)
def test_a_help_page_opens_with_one_sentence(path: str) -> None:
    summary = (PAGES[path].help or "").split("\n\n")[0]
    assert summary.endswith(".")
    assert ". " not in summary, "one sentence"
    assert "xample" not in summary, "examples stand at the end"
    assert len(summary) <= LONGEST_SUMMARY


@pytest.mark.parametrize("path", PAGES)
def test_a_help_page_ends_with_examples_that_parse(path: str) -> None:
    shown = examples(PAGES[path])
    assert shown
    for example in shown:
        assert parse(example).startswith(path)


@pytest.mark.parametrize("path", COMMANDS)
def test_reading_commands_print_json(path: str) -> None:
    options = {spelling for option in PAGES[path].params for spelling in option.opts}
    assert ("--json" in options) == (path not in WITHOUT_JSON)


def test_the_top_level_is_listed_by_panels_in_their_order() -> None:
    listed = [name for name in ROOT.list_commands(None) if not ROOT.commands[name].hidden]
    panels = [ROOT.commands[name].rich_help_panel for name in listed]
    assert list(dict.fromkeys(panels)) == list(PANELS)
    assert panels == sorted(panels, key=list(PANELS).index)
    assert listed[:6] == ["run", "status", "show", "check", "new", "verify"]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    with pytest.raises(SystemExit) as end:
        app(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"assay {version('assay')}\n")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_shown_on_a_terminal_and_leaves_the_output_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    import sys

    from assay.cli.render import show_progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    with show_progress("comparing the versions") as show:
        show("reading 2 of 3")
        time.sleep(0.2)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("reading 2 of 3…" in err) == is_terminal
