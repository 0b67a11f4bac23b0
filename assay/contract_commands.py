"""Contracts, for `assay contracts`: compared, upgraded, exported, documented."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.contracts.document import Document
from assay.contracts.errors import ContractError, Where, shown
from assay.contracts.problems import as_error


def compared(old: str, new: str) -> dict[str, Any]:
    """Two contracts, each a file or REVISION:FILE in git, as plain data: every change classified, and the version step they demand."""
    from assay.contracts.compatibility import compare

    comparison = compare(_document(old).data, _document(new).data)
    changes = [{**asdict(change), "text": change.text} for change in comparison.changes]
    made = (
        "old_version",
        "new_version",
        "level",
        "breaking",
        "demanded_version",
        "version_suffices",
    )
    return {**{name: getattr(comparison, name) for name in made}, "changes": changes}


def _document(named: str) -> Document:
    """A contract of any version as ODCS v3.2.0. Raises: ContractError(s): what the standard says against it."""
    from assay.assets.io.home import contract_text
    from assay.contracts.document import parse
    from assay.contracts.load import newest
    from assay.contracts.standard import schema_problems

    text = (
        _committed(named)
        if ":" in named and not Path(named).exists()
        else contract_text(Path(named))
    )
    document = parse(text, named)
    if "dataContractSpecification" in (document.data or {}):
        return newest(document)
    errors = [problem for problem in schema_problems(document) if problem.severity == "error"]
    if errors:
        raise as_error(errors)
    return newest(document)


def _committed(named: str) -> str:
    from assay.assets.io.git import show

    revision, _, file = named.partition(":")
    try:
        return show(revision, file)
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise ContractError(
            "git has no such file there",
            "Name a file, or REVISION:FILE with the path from the repository's root",
            Where(file=named),
            "assay.file",
        ) from None


def upgraded(path: Path, *, write: bool) -> tuple[str, list[str]]:
    """A contract's text as ODCS v3.2.0, and what was changed; written back, whole or not at all, where `write` says so."""
    from assay.assets.io.home import contract_text
    from assay.assets.io.private import write_for_user
    from assay.contracts.upgrade import rewritten

    text, notes = rewritten(contract_text(path), shown(path))
    if write and notes:
        write_for_user(path, text)
    return text, notes


def exported(name: str, to: str) -> str:
    """A contract in another tool's format."""
    from assay.assets.io.contract_folder import ContractFolder
    from assay.assets.io.home import home, read_contract
    from assay.assets.io.installation import named
    from assay.contracts.exports import export

    file = Path(name)
    return export(
        read_contract(file) if file.is_file() else named(ContractFolder(home()), name), to
    )


def documented(name: str, version: str | None, folder: Path | None) -> str:
    """Data Docs of a published version. Returns: where its first page lies."""
    from assay.assets.io.installation import Installation
    from assay.assets.io.private import users_files
    from assay.assets.services.docs import document

    installation = Installation.open()
    with users_files() if folder else nullcontext():
        return shown(Path(document(installation, name, version, folder)["index"]))
