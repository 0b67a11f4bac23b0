"""How this project's docstrings become sections: `Returns: …` on one line is a section too."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

SECTION = re.compile(r"^(Returns|Raises|Example|Examples): +(.+(?:\n(?!\w+:|\n).+)*)", re.M)
TWO_PARAMETERS = re.compile(r"^( +)(\w+), (\w+): (.+)$", re.M)
NEXT_ERROR = re.compile(r" (?=[A-Z]\w+Error: )")


def in_sections(text: str) -> str:
    """Move the text of a section below the line of its name, and give each parameter a line."""
    return TWO_PARAMETERS.sub(r"\1\2: \4\n\1\3: \4", SECTION.sub(_section, text))


def _section(match: re.Match[str]) -> str:
    name, text = match[1], " ".join(match[2].split())
    if name.startswith("Example"):
        return f"\n**{name}**: {text}"
    items = NEXT_ERROR.split(text) if name == "Raises" else [text]
    return f"\n{name}:\n" + "\n".join(f"    {item}" for item in items) + "\n"


class Docstrings(Extension):  # type: ignore[misc]
    """Rewrites each function's docstring when it is loaded."""

    def on_function(self, *, func: Any, **_: object) -> None:
        """Rewrite the docstring, where there is one."""
        if func.docstring:
            func.docstring.value = in_sections(func.docstring.value)
