"""Contracts checked, for `assay check`: the standard, our settings, the policies, what changed, and what that would do to published data.

Belongs here: putting the parts together. Stays out: each part (contracts/load.py, project_checks.py, changed_contracts.py), reporting (reports.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.changed_contracts import changed_files, contract_outcome, removed_contract
from assay.contracts.errors import Where, shown
from assay.contracts.problems import Problem
from assay.project_checks import (
    lint_file,
    problems_across_contracts,
    project_contracts,
    upstream_problems,
)
from assay.reports import NOTHING, ContractOutcome, Outcome

if TYPE_CHECKING:
    from assay.assets.io.git import Changed


def check_contracts(paths: Sequence[Path], base: str | None = None) -> Outcome:
    """Check every contract below the paths, the project's by default; with `base`, what changed since that revision as well.

    A path that holds no contract is a problem of its own: a check that checked nothing must not pass.
    Raises: ConfigurationError: there is no git work tree, or no such revision.
    """
    from assay.assets.io.home import home

    started = time.monotonic()
    paths = list(paths) or [home().contracts]
    files = _files(paths)
    before = {} if base is None else changed_files(paths, base)
    empty = [
        _nothing_at(path)
        for path in paths
        if _is_folder(path) and not _holds_a_contract(path, before)
    ]
    linted = {file: lint_file(file) for file in files}
    project = project_contracts(linted)
    problems = {
        file: [
            *document.problems,
            *problems_across_contracts(file, document, linted),
            *upstream_problems(document, project),
        ]
        for file, document in linted.items()
    }
    outcomes = [
        contract_outcome(file, linted[file], problems[file], before.get(file.resolve()))
        for file in files
    ]
    gone = [
        removed_contract(change.old_path, change.old or "")
        for change in before.values()
        if change.path is None and change.old_path
    ]
    return Outcome((*outcomes, *gone, *empty), time.monotonic() - started, base)


def _files(paths: Iterable[Path]) -> list[Path]:
    from assay.assets.io.home import contract_files

    return [
        file for path in paths for file in (contract_files(path) if _is_folder(path) else [path])
    ]


def _is_folder(path: Path) -> bool:
    """Whether contracts are to be looked for in it; what is not there and has no suffix is meant as a folder."""
    try:
        return path.is_dir() or not (path.exists() or path.suffix)
    except (OSError, ValueError):  # a path that no file system takes
        return False


def _holds_a_contract(folder: Path, before: Mapping[Path, Changed]) -> bool:
    """Whether there is a contract below the folder, or was one at the revision that is compared with."""
    return bool(_files([folder])) or any(path.is_relative_to(folder.resolve()) for path in before)


def _nothing_at(path: Path) -> ContractOutcome:
    from assay.assets.io.home import HOW_TO_GET_ONE, NO_CONTRACT

    nothing = Problem(
        NOTHING,
        "error",
        f"{NO_CONTRACT}, so nothing was checked",
        HOW_TO_GET_ONE,
        Where(file=shown(path)),
    )
    return ContractOutcome(shown(path), None, None, None, (nothing,), ())
