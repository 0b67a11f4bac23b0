"""New, done: a file nobody has promised anything about -> a drafted contract.

Belongs here: reading the file, looking for a licence beside it, asking git who drafts. Stays out: measuring and proposing (pipelines/draft).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.assets.io.disk import sha256
from assay.assets.io.license_files import license_beside
from assay.assets.io.sources import Read, read_file, unpacked
from assay.assets.io.sources.landing import rows_in
from assay.assets.io.sources.roots import INBOX, is_source
from assay.contracts.errors import SourceError, Where, shown
from assay.contracts.problems import Problem
from assay.contracts.settings import CsvOptions, Source
from assay.pipelines.admit.names import rule_word
from assay.pipelines.draft.license import UNKNOWN, LicenseFound
from assay.pipelines.draft.profile import Profile, profile
from assay.pipelines.draft.propose import Draft, draft
from assay.pipelines.draft.settings import Origin


@dataclass(frozen=True)
class Drafted:
    """The draft, what it was made from, and what `assay check` will say of it. `root_to_set` is the folder that ASSAY_SOURCE_ROOTS must name, if any."""

    draft: Draft
    profile: Profile
    origin: Origin
    license: LicenseFound
    problems: tuple[Problem, ...]
    root_to_set: Path | None
    to_move: bool = False
    """Whether the file lies in the home itself, where no source is read from: the draft names its place in the inbox."""


def drafted(
    path: Path,
    name: str,
    roots: Sequence[Path],
    *,
    license: str | None,
    owner: str | None,
    told: Callable[[str], None],
) -> Drafted:
    """Draft the contract of a file.

    Args:
        roots: the folders that sources may be read from; the file's location is written from the first that holds it.
        license: an SPDX expression, over whatever lies beside the file.
        told: hears what is being done.
    Raises: SourceError: the file is not there, or cannot be read.
    """
    from assay.contracts.load import lint

    where = Where(file=shown(path))
    if not path.is_file():
        raise SourceError(
            "the file is not there",
            "Give the path of a CSV, JSON, JSON lines, Parquet, Arrow or Excel file, or of an archive of one",
            where,
        )
    path = path.resolve()
    allowed = is_source(path, roots)
    root = (
        next((folder for folder in roots if path.is_relative_to(folder)), None) if allowed else None
    )
    in_home = not allowed and path.is_relative_to(roots[0])
    location = (
        str(path.relative_to(root))
        if root
        else str(path)
        if allowed
        else f"{INBOX}/{path.name}"
        if in_home
        else path.name
    )
    with tempfile.TemporaryDirectory(prefix="assay-new-") as made:
        folder = Path(made)
        told("reading the file")
        source, read = _landed(path, location, folder, where)
        names, left_out = _promisable(read.columns)
        told(f"measuring {read.rows:,} rows of {len(names)} columns")
        measured = profile(rows_in(folder), names)
    told("looking for a licence")
    found = license_of(path, license, root or path.parent)
    origin = Origin(
        location, source.format, sha256(path), found_options(read), read.unreadable, left_out
    )
    told("writing the draft")
    done = draft(measured, name, origin, found, owner)
    return Drafted(
        done,
        measured,
        origin,
        found,
        lint(done.text, f"{name}.odcs.yaml").problems,
        None if allowed or in_home else path.parent,
        in_home,
    )


# -- reading --------------------------------------------------------------------------------


def _landed(path: Path, location: str, folder: Path, where: Where) -> tuple[Source, Read]:
    """Land the file as a run would. Raises: SourceError: it cannot be read, or most of it cannot."""
    file = unpacked(path, folder, where)
    kind = _format(file, path)
    options = (
        CsvOptions()
        if kind in ("parquet", "arrow", "excel")
        else CsvOptions(encoding="auto")
        if kind != "csv"
        else CsvOptions(
            delimiter="auto", quote="auto", escape="auto", encoding="auto", header="auto"
        )
    )
    source = Source(origin="external", location=location, format=kind, options=options)
    read = read_file(source, file, folder, where)
    if read.unreadable > read.rows:
        said = "; ".join(f"{name} {value!r}" for name, value in read.found.items())
        raise SourceError(
            f"{read.unreadable:,} of {read.unreadable + read.rows:,} records cannot be read"
            + f" ({said})" * bool(said),
            "Save the file as CSV in UTF-8 with one header line and as many cells in every line",
            where,
        )
    return source, read


def _format(
    file: Path, named: Path
) -> Literal["csv", "json", "jsonl", "parquet", "arrow", "excel"]:
    """By the file's first bytes and its name's ending."""
    with file.open("rb") as stream:
        first = stream.read(6)
    if first.startswith(b"PAR1") or first == b"ARROW1":
        return "parquet" if first.startswith(b"PAR1") else "arrow"
    endings: dict[str, Literal["json", "jsonl", "parquet", "arrow", "excel"]] = {
        ".parquet": "parquet", ".pq": "parquet", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow",
        ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
    }  # fmt: skip
    return endings.get(named.suffix.lower(), "csv")


def found_options(read: Read) -> dict[str, tuple[Any, str]]:
    """What was found of how the file is written, as options that read it so, each with why; what a contract means anyway is left out."""
    usual = CsvOptions()
    names = {"first line": True, "none": False}
    options: dict[str, tuple[Any, str]] = {}
    for name, value in read.found.items():
        if name == "header" and "renamed" in read.found:
            options[name] = (
                "auto",
                f"names that are missing or taken are made: {read.found['renamed']}",
            )
        elif name in CsvOptions.model_fields:
            said = names[value] if name == "header" else value
            if said != getattr(usual, name):
                options[name] = (said, "found, not stated anywhere: check it")
    return options


def _promisable(columns: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The columns that a contract can promise, and those whose name it cannot carry: rules are named after columns, in A-Z, a-z, 0-9 and _."""
    names: list[str] = []
    words: set[str] = set()
    for column in columns:
        word = rule_word(column)
        if word and word not in words and not column.startswith("_"):
            names.append(column)
            words.add(word)
    return names, tuple(column for column in columns if column not in names)


# -- licence and owner -------------------------------------------------------------------------


def license_of(path: Path, said: str | None, root: Path) -> LicenseFound:
    """The licence that was said, else what lies beside the file or, where nothing does, in the folder above it."""
    beside = license_beside(path, root)
    if said is not None:
        agrees = beside is not None and beside.expression == said
        return LicenseFound(
            said,
            beside.evidence if agrees and beside else "said with --license",
            "said with --license",
        )
    return beside or LicenseFound(
        UNKNOWN,
        "none found beside the file",
        "no licence lies beside the file: say it with --license",
    )


def drafter() -> str | None:
    """git's user.email, where git is set up."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # constant arguments, no shell
            [git, "config", "user.email"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None
