"""Markdown tables for the generated pages, and the files with their meanings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

MEANINGS = Path(__file__).parent / "meanings"


def meanings(name: str) -> dict[str, Any]:
    """Read the meanings of one page."""
    content: dict[str, Any] = yaml.safe_load((MEANINGS / f"{name}.yaml").read_text("utf-8"))
    return content


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Render a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """One cell on one line, its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(value: object) -> str:
    """A value as a contract or a command line writes it."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"
