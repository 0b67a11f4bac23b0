"""The reference page of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.site.tables import code, table

INTRODUCTION = """# Command line
Every command, with its arguments and options, as `--help` prints them.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the answer is no, or something failed: the message has the place, the problem and the remedy |
| 2 | wrong usage, or an extra is not installed |
"""


def page() -> str:
    """Render the page."""
    import typer.main

    from assay.cli import app

    parts = _sections("assay", typer.main.get_command(app))
    return "\n\n".join([INTRODUCTION, *parts]) + "\n"


def _sections(path: str, command: Any) -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield _section(path, command)
        return
    if path != "assay":
        yield f"## {path}\n\n{_plain(command.help or '')}"
    for name in command.list_commands(None):
        if not commands[name].hidden:
            yield from _sections(f"{path} {name}", commands[name])


def _section(path: str, command: Any) -> str:
    level = "#" * min(3, path.count(" ") + 1)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    parts = [f"{level} {path}", _plain(command.help or "")]
    if arguments:
        rows = ((code(p.name.upper()), _plain(getattr(p, "help", "") or "")) for p in arguments)
        parts.append(table(("argument", "meaning"), rows))
    if options:
        rows = ((_spelling(p), _plain(p.help or "")) for p in options if not p.hidden)
        parts.append(table(("option", "meaning"), rows))
    parts.append(_examples(command.epilog or ""))
    return "\n\n".join(part for part in parts if part)


def _examples(epilog: str) -> str:
    """The examples at the end of a help page, as a block of code."""
    examples = [line.strip("`") for line in epilog.split("  \n")[1:]]
    return "\n".join(["```sh", *examples, "```"]) if examples else ""


def _spelling(option: Any) -> str:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    return f"{names} (required)" if option.required else names


def _plain(text: str) -> str:
    """A help text without markup of the terminal."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\b", "").replace("\f", ""))
    plain = (re.sub(r"\[/?[a-z ]*\]", "", " ".join(part.split())) for part in paragraphs)
    return "\n\n".join(re.sub(r"<([A-Za-z_-]+)>", r"`\1`", part) for part in plain if part)
