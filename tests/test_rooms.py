"""The house: which room may import which, and what must start fast."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
