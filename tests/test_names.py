"""Names of modules and functions say what the thing is: none of these may be one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
SAY_NOTHING = frozenset(
    [
        "told",
        "said",
        "found",
        "made",
        "asked",
        "settled",
        "counted",
        "each",
        "one",
        "about",
        "word",
        "known",
        "few",
        "beside",
        "aside",
        "telling",
        "handed",
        "points",
        "office",
        "past",
        "exact",
    ]
)


def source_files() -> list[Path]:
    """Every Python file of the rooms, once; `assay/` holds links to the others."""
    links = {room for room in (ROOT / "assay").iterdir() if room.is_symlink()}
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return sorted(file for file in files if not links & set(file.parents))


def names_of_functions(code: str) -> list[tuple[int, str]]:
    """Line and name of every function and method, nested ones too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (node.lineno, node.name) for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)
    ]


def says_nothing(name: str) -> bool:
    return name.strip("_") in SAY_NOTHING


def test_there_are_files_to_look_at() -> None:
    assert len(source_files()) > 300


@pytest.mark.parametrize("room", ROOMS)
def test_modules_and_functions_have_names_that_say_what_they_are(room: str) -> None:
    files = [file for file in source_files() if file.is_relative_to(ROOT / room)]
    modules = [str(file.relative_to(ROOT)) for file in files if says_nothing(file.stem)]
    functions = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in files
        for line, name in names_of_functions(file.read_text(encoding="utf-8"))
        if says_nothing(name)
    ]
    assert modules + functions == []


def test_a_name_that_says_nothing_is_noticed() -> None:
    assert [
        name
        for _, name in names_of_functions("class A:\n    def _told(self): ...")
        if says_nothing(name)
    ] == ["_told"]
