"""The house: which room may import which, and what must start fast."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay", "tests")
MODULE_PATH = re.compile(r"\b(?:[a-z_]+/)*[a-z_]+\.py\b")


def test_rooms_import_only_from_rooms_above_them() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(no_cache=True) == 0


@pytest.mark.parametrize(
    "module",
    ["assay", "assay.cli", "assay.contracts.load", "assay.assets.io.installation", "assay.reading"],
)
def test_the_front_door_opens_without_anything_heavy(module: str) -> None:
    heavy = "{'evidently', 'great_expectations', 'sklearn', 'mlflow', 'lancedb', 'pandera', 'dagster', 'pandas', 'openlineage'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_the_command_line_imports_nothing_that_its_commands_need() -> None:
    needed = "{'polars', 'rich', 'sqlalchemy', 'pyarrow', 'duckdb', 'yaml', 'pydantic'}"
    code = f"import sys, assay.cli; print(sorted({needed} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_assay_check_needs_no_frames() -> None:
    code = "import sys, assay.checking; assay.checking.check_contracts([]); print('polars' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "False"
    )


def test_modules_that_docstrings_name_exist() -> None:
    modules = {
        path.relative_to(ROOT).as_posix(): path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if not any(part.is_symlink() for part in [path, *path.parents])
    }
    missing = [
        f"{name} names {pointer}"
        for name, path in modules.items()
        for pointer in MODULE_PATH.findall(ast.get_docstring(ast.parse(path.read_text())) or "")
        if not any(f"/{module}".endswith(f"/{pointer}") for module in modules)
    ]
    assert missing == []
