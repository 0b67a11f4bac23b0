"""Output that commands share: JSON or text, tables, cells, files.

Rich is imported when it prints.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import ConfigurationError, Where

if TYPE_CHECKING:
    from rich.console import Console

    from assay.cli.grid import Grid

ABSENT = "—"


@cache
def console() -> Console:
    """The terminal that tables and lines are printed on."""
    from rich.console import Console

    return Console()


def print_result(data: Any, as_json: bool, as_text: Callable[[Any], None]) -> None:
    """Print a command's data as JSON, or by its function for people."""
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)


def print_line(text: str) -> None:
    """Print text with Rich's markup; the terminal wraps it, so that it can be copied whole."""
    console().print(text, highlight=False, soft_wrap=True)


@contextmanager
def show_progress(doing: str = "starting") -> Iterator[Callable[[str], None]]:
    """A line on the terminal while a command works; call the function with what is being done.

    It is on standard error, and only on a terminal, so that output stays as it is.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{doing}…") as status:
        yield lambda doing: status.update(f"{doing}…")


def escape(text: str) -> str:
    """Text that Rich prints as it is, square brackets included."""
    from rich.markup import escape as escape_markup

    return escape_markup(text)


def table(title: str, *headers: str) -> Grid:
    """An empty table in the style of all commands; one without headers shows none."""
    from assay.cli.grid import Grid

    return Grid(title, headers)


def count_cell(value: int | None) -> str:
    """A count with thousands separators, or a dash."""
    return ABSENT if value is None else f"{value:,}"


def number_cell(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, or a dash."""
    return ABSENT if value is None else f"{value:.{digits}g}"


def write_output(file: Path, text: str) -> None:
    """Write what a command was asked to put into a file of the user's.

    Raises: ConfigurationError: the file cannot be written.
    """
    from assay.assets.io.private import users_files

    try:
        # appended where the file is a CI system's summary, which several steps write into
        mode = "a" if str(file) == os.environ.get("GITHUB_STEP_SUMMARY") else "w"
        with users_files():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open(mode, encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"it cannot be written ({error.strerror})",
            "Name a file this user may write",
            Where(file=str(file)),
        ) from None
