"""Draft the contract of a new source.

Belongs here: looking for a licence next to it, asking git who drafts. Stays out: reading it
(new_source.py), measuring and proposing (pipelines/draft).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from assay.assets.io.home import Home
from assay.assets.io.license_files import license_beside
from assay.assets.io.sources.read_result import Read, binary_columns, rows_in
from assay.assets.services.new_source import DETECTED, Given, Landed, land
from assay.contracts.column_names import free_name, is_reserved
from assay.contracts.policy import license_policy
from assay.contracts.problems import Problem
from assay.contracts.settings import CsvOptions, Source
from assay.pipelines.admit.replacement_samples import Sample, replacement_samples
from assay.pipelines.core.engine import held_in_memory
from assay.pipelines.draft.doubts.doubt import Doubt
from assay.pipelines.draft.doubts.find_doubts import find_doubts
from assay.pipelines.draft.license import UNKNOWN, LicenseFound
from assay.pipelines.draft.personal_columns import personal_columns
from assay.pipelines.draft.profile import Profile, profile
from assay.pipelines.draft.propose import Draft, draft, hidden_columns
from assay.pipelines.draft.settings import Origin


@dataclass(frozen=True)
class Drafted:
    """The draft, what it was derived from, and what `assay check` will say of it.

    `root_to_set` is the folder that ASSAY_SOURCE_ROOTS must name, if any.
    """

    draft: Draft
    profile: Profile
    origin: Origin
    license: LicenseFound
    problems: tuple[Problem, ...]
    root_to_set: Path | None
    reading: Mapping[str, str] = field(default_factory=dict)
    """How the file is written, where that was found and is not usual."""
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Column to be redacted -> replacements in it, by their shapes."""
    doubts: tuple[Doubt, ...] = ()
    """What looks like an error in the data, the surest first."""
    to_move: bool = False
    """Whether the file is in the home itself, where no source is read from: the draft names its
    place in the inbox.
    """


def drafted(
    given: Given,
    name: str,
    home: Home,
    *,
    license: str | None,
    owner: str | None,
    region: str = "global",
    stated: Mapping[str, Any] | None = None,
    progress: Callable[[str], None],
) -> Drafted:
    """Draft the contract of a source.

    Args:
        stated: `format`, and options of how the source is written that are given, not searched.
        home: which folders sources may be read from, and which hosts.
        region: the contract's.
        license: an SPDX expression, over whatever is next to the file.
        progress: receives what is being done.
    Raises: SourceError: the source does not exist, or cannot be read.
    """
    stated = stated or {}
    with tempfile.TemporaryDirectory(prefix="assay-new-") as temporary:
        folder = Path(temporary)
        progress("reading the source")
        landed = land(given, home, folder, stated)
        names = contract_names(landed.read.columns)
        progress(f"measuring {landed.read.rows:,} rows of {len(names)} columns")
        measured, samples, doubts = _measured(folder, names, landed.read.rows, region)
    progress("looking for a licence")
    license_found = license_of(given.file, license, given.root)
    origin = _origin(given, landed, names, stated)
    progress("writing the draft")
    document = draft(measured, name, origin, license_found, owner, samples, region, doubts)
    return Drafted(
        draft=document,
        profile=measured,
        origin=origin,
        license=license_found,
        problems=_problems(document.text, name),
        root_to_set=given.root_to_set,
        reading=_guesses(origin.options, stated) if origin.format != "sql" else {},
        samples=samples,
        to_move=given.is_in_home,
        doubts=tuple(doubts),
    )


def _origin(
    given: Given, landed: Landed, names: Mapping[str, str], stated: Mapping[str, Any]
) -> Origin:
    """What the draft says of the source."""
    return Origin(
        location=given.location,
        format=landed.source.format,
        digest=landed.digest if given.is_single_file else None,
        options=found_options(landed.read, _stated_options(landed.source, stated)),
        unreadable=landed.read.unreadable,
        names=names,
    )


def _stated_options(source: Source, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given, with the table that was chosen."""
    options = {name: value for name, value in stated.items() if name != "format"}
    if source.options.table is not None:
        options.setdefault("table", source.options.table)
    return options


def _guesses(options: Mapping[str, tuple[Any, str]], stated: Mapping[str, Any]) -> dict[str, str]:
    """What was detected of how the file is written, and is not usual."""
    return {name: str(value) for name, (value, _) in options.items() if name not in stated}


def _measured(
    folder: Path, names: Mapping[str, str], count: int, region: str
) -> tuple[Profile, dict[str, tuple[Sample, ...]], list[Doubt]]:
    """The landed columns under the contract's names, with those that hold bytes, replacements in
    those that the draft redacts, and doubts.
    """
    binary = frozenset(names.get(column, column) for column in binary_columns(folder))
    with held_in_memory(rows_in(folder).rename(names), count * len(names)) as rows:
        measured = replace(profile(rows, list(names.values()), region), binary=binary)
        proposed = personal_columns(measured)
        redacted = [name for name, one in proposed.items() if one.treatment == "redact"]
        samples = replacement_samples(rows, redacted, region)
        doubts = find_doubts(rows, measured, hidden_columns(measured), date.today())
    return measured, samples, doubts


def _problems(text: str, name: str) -> tuple[Problem, ...]:
    """What `assay check` reports of a draft."""
    from assay.contracts.load import lint

    return lint(text, f"{name}.odcs.yaml").problems


# -- how it is written -----------------------------------------------------------------------


def found_options(read: Read, stated: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """How the file is written, as options that read it so, each with why; what a contract means
    anyway is left out.
    """
    usual = CsvOptions()
    options: dict[str, tuple[Any, str]] = {
        name: (value, "given to `assay new`")
        for name, value in stated.items()
        if value != getattr(usual, name)
    }
    for name, value in read.found.items():
        if name == "header" and "renamed" in read.found:
            options[name] = (
                "auto",
                f"missing or repeated names were replaced: {read.found['renamed']}",
            )
        elif name in CsvOptions.model_fields and name not in stated:
            option = _option_of(name, value, is_of_several=len(read.files) > 1)
            if option != getattr(usual, name):
                options[name] = (option, "detected, not documented: check it")
    return options


def _option_of(name: str, value: str, *, is_of_several: bool) -> Any:
    """What was detected, as the option that states it; files that differ are detected each time."""
    if is_of_several and ", " in value:
        return "auto" if name in DETECTED else getattr(CsvOptions(), name)
    if name == "header":
        return value == "first line"
    return int(value) if name in ("header_row", "header_lines", "footer") else value


def contract_names(columns: Sequence[str]) -> dict[str, str]:
    """The source's name of each column -> its name in the contract, which is another where Assay
    has columns of that name itself.
    """
    names = {column: column for column in columns}
    for column in columns:
        if is_reserved(column):
            names[column] = free_name(column, names.values())
    return names


# -- licence and owner -------------------------------------------------------------------------


def license_of(path: Path | None, expression: str | None, root: Path | None) -> LicenseFound:
    """The licence that was given, else what is next to the file or, where nothing does, in the
    folder above it.

    Args:
        path: a file of the source, if it is on this machine.
        root: the folder of sources that holds it; its own folder by default.
    """
    detected = license_beside(path, root or path.parent, license_policy()) if path else None
    if expression is not None:
        agrees = detected is not None and detected.expression == expression
        return LicenseFound(
            expression,
            detected.evidence if agrees and detected else "given with --license",
            "given with --license",
        )
    return detected or LicenseFound(
        UNKNOWN,
        "none found next to the file",
        "no licence file next to the data: give it with --license",
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
