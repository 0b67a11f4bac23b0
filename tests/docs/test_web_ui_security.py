"""The page about the web UI's security names tests that exist, for every promise."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "web-ui-security.md"
PROMISES = {*(f"U{number}" for number in range(1, 11)), "G5", "G6", "C6", "sessions", "proxy"}


def rows() -> dict[str, list[tuple[str, str]]]:
    """Promise -> the tests of its row: file and function."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and "test_" in cells[2]:
            found[cells[0]] = list(named_tests(cells[2]))
    return found


def named_tests(cell: str) -> list[tuple[str, str]]:
    tests = []
    for part in cell.split(";"):
        file, *functions = re.findall(r"`([^`]+)`", part)
        tests += [(file if "/" in file else f"web/{file}", function) for function in functions]
    return tests


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_promise_has_a_row() -> None:
    assert set(rows()) == PROMISES


@pytest.mark.parametrize("promise", sorted(PROMISES))
def test_the_tests_of_a_promise_exist(promise: str) -> None:
    tests = rows()[promise]
    assert tests
    assert [test for test in tests if test[1] not in functions_of(test[0])] == []
