"""Functions and files stay short enough to be read at once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
FUNCTION_LINES, FILE_LINES = 50, 500

MODULES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if not any(part.is_symlink() for part in [path, *path.parents])
)


def long_functions(text: str) -> list[str]:
    functions = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [
        f"{function.name} has {length} lines"
        for function in functions
        if (length := function.end_lineno - function.lineno + 1) > FUNCTION_LINES  # type: ignore[operator]  # parsed code has ends
    ]


def test_there_are_modules_to_look_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_longer_than_fifty_lines(room: str) -> None:
    modules = [path for path in MODULES if path.relative_to(ROOT).parts[0] == room]
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in modules
        for problem in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_function_of_fifty_one_lines_is_named() -> None:
    body = "\n".join("    pass" for _ in range(FUNCTION_LINES))
    assert long_functions(f"def longest():\n{body}\n") == ["longest has 51 lines"]
    assert long_functions(f"def longest():\n{body[:-9]}\n") == []


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in MODULES
    }
    assert [str(path) for path, length in lengths.items() if length > FILE_LINES] == []
