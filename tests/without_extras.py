"""`python -m tests.without_extras COMMAND …`: the command line where no extra is installed.

An import hook refuses every package that an extra brings, and what those packages bring most often.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from assay.contracts.extras import EXTRAS

ROOT = Path(__file__).parents[1]
REFUSED = {package for packages in EXTRAS.values() for package in packages} | {
    *("pandas", "plotly", "matplotlib", "requests", "httpx", "flask", "pydantic_ai", "grpc"),
}


class RefusedPackages(MetaPathFinder):
    """Finds no package of an extra."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def run_without_extras(
    *arguments: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.without_extras", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.meta_path.insert(0, RefusedPackages())
    from assay.cli import main

    main()
