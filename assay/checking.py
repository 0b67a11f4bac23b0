"""Contracts checked, for `assay check`."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import ConfigurationError, ContractError, ContractErrors, Where, shown


def check_contracts(paths: list[Path]) -> tuple[list[str], int]:
    """Read every contract below the paths. Returns: the problems, each with file, line and remedy; and how many files."""
    from assets.hands.home import home, read_contract

    files = [file for path in paths or [home().contracts] for file in (sorted(path.rglob("*.odcs.yaml")) if path.is_dir() else [path])]
    if not files:
        raise ConfigurationError("no contract (*.odcs.yaml) lies there", "Name a contract or a folder of them", Where(file=", ".join(shown(p) for p in paths)))
    problems: list[str] = []
    for file in files:
        try:
            read_contract(file)
        except ContractErrors as errors:
            problems += [str(problem) for problem in errors.problems]
        except ContractError as error:
            problems.append(str(error))
    return problems, len(files)
