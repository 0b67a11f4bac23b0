"""Draw messages and paragraphs at random, for a reading by people who do not know the code.

Run: `python tools/draw_texts.py [--messages 60] [--paragraphs 30] [--seed TEXT]`. The seed is the
commit unless given, so that a draw can be repeated. Prints a sheet in Markdown.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
_SHORTEST = 60
"""Characters of a paragraph that is worth reading."""


def messages() -> list[str]:
    """The texts of errors and refusals that are written in place, with ‹names› where values are
    filled in; ‹place› is a file and line, a setting or a data set.
    """
    found = [
        message
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
        if not any(part.is_symlink() for part in (file, *file.parents))
        for message in _messages_in(ast.parse(file.read_text("utf-8")))
    ]
    return sorted(set(found))


def _messages_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)
        if called.endswith("Error") or called in ("Undecodable", "Refusal"):
            texts = [text for argument in node.args[:2] if (text := _text(argument))]
            if len(texts) == min(2, len(node.args)) and texts and " " in texts[0]:
                place = "‹place›: " if len(node.args) > 2 or called == "ValueError" else ""
                yield place + ". ".join(text.rstrip(".") for text in texts) + "."


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    """A string as people see it; nothing where it is not written in place."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"‹{_filled(part)}›"
        for part in node.values
    )


def _filled(part: ast.expr) -> str:
    """What a placeholder is filled with, as its last name says."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    names = re.findall(r"[A-Za-z_]{2,}", ast.unparse(value))
    if "__name__" in names:
        return "class of the error"
    return names[-1].strip("_").replace("_", " ") if names else "value"


def paragraphs() -> list[str]:
    """The paragraphs of README and docs, each with its page; code, tables and headings left out."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        f"({page.relative_to(ROOT)}) {' '.join(text.split())}"
        for page in pages
        for text in re.split(r"\n\s*\n", _without_code(page.read_text("utf-8")))
        if len(text) >= _SHORTEST and not re.match(r"\s*(#|\||<|!)", text)
    ]


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```", "\n\n", text, flags=re.DOTALL)


def commit() -> str:
    """The commit that is checked out."""
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip  # noqa: S603  # our own command


def main() -> None:
    """Print the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--paragraphs", type=int, default=30)
    parser.add_argument("--seed", default=None, help="text; the commit unless given")
    given = parser.parse_args()
    seed = given.seed or commit()
    chance = random.Random(seed)  # noqa: S311  # a sample, not a secret
    print(f"# A draw of texts, seed {seed}")
    for title, texts, count in (
        ("Messages", messages(), given.messages),
        ("Paragraphs", paragraphs(), given.paragraphs),
    ):
        print(f"\n## {title}: {count} of {len(texts)}\n")
        for number, text in enumerate(chance.sample(texts, min(count, len(texts))), 1):
            print(f"{number}. {text}")


if __name__ == "__main__":
    main()
