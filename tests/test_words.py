"""Messages use current words: one word for one concept, in sentences that everyone understands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
REPLACED = {
    "told": "reported, described",
    "said": "stated",
    "somebody": "a person, another user",
    "nobody": "no one, or name what is missing",
    "whom": "who",
    "anew": "again",
    "mend": "fix, correct",
    "beside": "next to",
    "set aside": "quarantined",
    "sets aside": "quarantines",
    "promised": "declared",
    "held against": "compared with",
}
"""Each word that messages do not use, with what to write in its place."""
WORDS = re.compile(rf"\b({'|'.join(REPLACED)})\b", re.IGNORECASE)
RECORDED = {"pipelines/act/decide.py"}
"""Modules whose sentences are recorded with decisions, and compared when a decision is repeated."""
LEAST_WORDS = 3
"""Shorter texts are keys and names."""


def messages(text: str) -> Iterator[tuple[int, str]]:
    """The texts for people in a module, with their lines: no docstrings, keys or patterns."""
    tree = ast.parse(text)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in statements:
            continue
        if (
            isinstance(node.value, str)
            and len(re.findall(r"[A-Za-z]{2,}", node.value)) >= LEAST_WORDS
        ):
            yield node.lineno, node.value


def replaced_words(text: str) -> list[str]:
    return [
        f"line {line}: write {REPLACED[word.lower()]!r} for {word!r}: {message.strip()[:60]}"
        for line, message in messages(text)
        if "_" not in message
        for word in WORDS.findall(message)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_no_message_uses_a_word_that_was_replaced(room: str) -> None:
    modules = [
        path
        for path in (ROOT / room).rglob("*.py")
        if not any(part.is_symlink() for part in [path, *path.parents])
        if str(path.relative_to(ROOT)) not in RECORDED
    ]
    assert modules
    problems = [
        f"{path.relative_to(ROOT)}, {problem}"
        for path in sorted(modules)
        for problem in replaced_words(path.read_text(encoding="utf-8"))
    ]
    assert problems == []


@pytest.mark.parametrize("word", REPLACED)
def test_a_replaced_word_in_a_message_is_named(word: str) -> None:
    (problem,) = replaced_words(f'raise ValueError(f"the column {{name}} is {word} in the file")')
    assert repr(word) in problem


def test_docstrings_and_short_texts_are_no_messages() -> None:
    assert (
        replaced_words('def told():\n    """What nobody said of it."""\n    return "said so"\n')
        == []
    )
