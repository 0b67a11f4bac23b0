"""Draft the contract of a new file.

Belongs here: reading the file, looking for a licence next to it, asking git who drafts. Stays out:
measuring and proposing (pipelines/draft).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

from assay.assets.io.disk import sha256
from assay.assets.io.license_files import license_beside
from assay.assets.io.sources import Read, read_file, unpacked
from assay.assets.io.sources.first_bytes import format_of_text, kind_by_bytes
from assay.assets.io.sources.read_result import binary_columns, rows_in
from assay.assets.io.sources.roots import INBOX, is_source
from assay.contracts.column_names import free_name, is_reserved
from assay.contracts.errors import SourceError, Where, shown
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
from assay.pipelines.ingest.values_as_names import values_as_names

Kind = Literal["csv", "json", "jsonl", "parquet", "arrow", "excel"]
_SAMPLE = 1_000
"""Rows that show whether a column holds names of persons."""


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
    path: Path,
    name: str,
    roots: Sequence[Path],
    *,
    license: str | None,
    owner: str | None,
    region: str = "global",
    stated: Mapping[str, Any] | None = None,
    progress: Callable[[str], None],
) -> Drafted:
    """Draft the contract of a file.

    Args:
        stated: options of how the file is written that are given, not searched.
        roots: the folders that sources may be read from; the file's location is written from the
            first that holds it.
        region: the contract's.
        license: an SPDX expression, over whatever is next to the file.
        progress: receives what is being done.
    Raises: SourceError: the file does not exist, or cannot be read.
    """
    where = _check_file(path)
    path = path.resolve()
    place = _place(path, roots)
    with tempfile.TemporaryDirectory(prefix="assay-new-") as temporary:
        folder = Path(temporary)
        progress("reading the file")
        source, read = _landed(path, place.location, folder, where, stated or {})
        names = contract_names(read.columns)
        progress(f"measuring {read.rows:,} rows of {len(names)} columns")
        measured, samples, doubts = _measured(folder, names, read.rows, region)
    progress("looking for a licence")
    license_found = license_of(path, license, place.root or path.parent)
    options = found_options(read, stated or {})
    origin = Origin(place.location, source.format, sha256(path), options, read.unreadable, names)
    progress("writing the draft")
    document = draft(measured, name, origin, license_found, owner, samples, region, doubts)
    return Drafted(
        draft=document,
        profile=measured,
        origin=origin,
        license=license_found,
        problems=_problems(document.text, name),
        root_to_set=place.root_to_set,
        reading=_guesses(options, stated or {}),
        samples=samples,
        doubts=tuple(doubts),
        to_move=place.is_in_home,
    )


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


def _check_file(path: Path) -> Where:
    where = Where(file=shown(path))
    if not path.is_file():
        raise SourceError(
            "the file does not exist",
            "Give the path of a CSV, JSON, JSON lines, Parquet, Arrow or Excel file, or of an archive of one",
            where,
        )
    return where


# -- where the file lies -------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where a file lies, as the contract names it, and what has to be done before a run may read it
    there.
    """

    location: str
    root: Path | None = None
    """The folder of sources that holds it."""
    root_to_set: Path | None = None
    is_in_home: bool = False


def _place(path: Path, roots: Sequence[Path]) -> _Place:
    if is_source(path, roots):
        root = next((folder for folder in roots if path.is_relative_to(folder)), None)
        return _Place(str(path.relative_to(root)) if root else str(path), root)
    if path.is_relative_to(roots[0]):
        return _Place(f"{INBOX}/{path.name}", is_in_home=True)
    return _Place(path.name, root_to_set=path.parent)


# -- reading --------------------------------------------------------------------------------


def _landed(
    path: Path, location: str, folder: Path, where: Where, stated: Mapping[str, Any]
) -> tuple[Source, Read]:
    """Land the file as a run would.

    Raises: SourceError: it cannot be read, or most of it cannot.
    """
    file = unpacked(path, folder, where)
    kind = _kind(file, path, where)
    options = _options(kind, stated, where)
    source = Source(origin="external", location=location, format=kind, options=options)
    read = read_file(source, file, folder, where)
    if _is_row_of_data(read, folder, kind, stated, where):
        source = source.model_copy(update={"options": options.model_copy(update={"header": False})})
        read = read_file(source, file, folder, where)
        read = replace(read, found={**read.found, "header": "none"})
    if read.unreadable > read.rows:
        guesses = "; ".join(f"{name} {value!r}" for name, value in read.found.items())
        raise SourceError(
            f"{read.unreadable:,} of {read.unreadable + read.rows:,} records cannot be read"
            + f" ({guesses})" * bool(guesses),
            "Give `--delimiter`, `--encoding` or `--header-row`, or save the file as CSV in UTF-8"
            " with one header line and the same number of cells in every line",
            where,
        )
    return source, read


def _is_row_of_data(
    read: Read, folder: Path, kind: Kind, stated: Mapping[str, Any], where: Where
) -> bool:
    """Whether what was read as the header is a row: its cells are personal values, which a contract
    would repeat.

    Raises: SourceError: they are, and the header is stated, or the kind of file always has names.
    """
    sample = rows_in(folder).head(_SAMPLE).collect()
    values = values_as_names(read.columns, sample)
    if not values:
        return False
    if kind == "csv" and "header" not in stated:
        return True
    place, what = min(values.items())
    remedy = (
        "Give `--no-header` if the first line is a row, or rename the column"
        if kind == "csv"
        else "Add a first row with column names"
    )
    raise SourceError(f"the name of column {place} is personal data ({what})", remedy, where)


def _options(kind: Kind, stated: Mapping[str, Any], where: Where) -> CsvOptions:
    """What is stated of a file of this kind, and what is to be found out.

    Raises: SourceError: what is stated does not fit the kind of file, or is no such option.
    """
    searched: tuple[str, ...] = ()
    if kind == "csv":
        searched = ("delimiter", "quote", "escape", "encoding", "header")
    elif kind in ("json", "jsonl"):
        searched = ("encoding",)
    allowed = {"sheet", "header_row"} if kind == "excel" else set(searched)
    wrong = sorted(set(stated) - allowed) if kind != "csv" else []
    try:
        if wrong:
            raise ValueError(f"`{wrong[0]}` is not an option of {kind} files")
        return CsvOptions(**{**dict.fromkeys(searched, "auto"), **stated})
    except ValueError as error:
        problem = str(error) if wrong else "the options for the text format are not valid"
        remedy = "Give two different ASCII characters as delimiter and quote"
        raise SourceError(problem, "Leave it out" if wrong else remedy, where) from None


_KINDS_OF_ENDINGS: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


def _kind(file: Path, named: Path, where: Where) -> Kind:
    """By the file's first bytes; of a text, by what it starts like, and by its name's ending where
    it starts like nothing.

    Raises: SourceError: it is of a kind that cannot be read.
    """
    kind = kind_by_bytes(file)
    if kind is not None and kind.format is None:
        raise SourceError(f"the file is {kind.shown}, which cannot be read", kind.remedy, where)
    if kind is not None:
        return cast("Kind", kind.format)
    shown_format = format_of_text(file)
    if shown_format == "csv" and not file.stat().st_size:
        return _KINDS_OF_ENDINGS.get(named.suffix.lower(), "csv")
    return cast("Kind", shown_format)


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
            option = _option_of(name, value)
            if option != getattr(usual, name):
                options[name] = (option, "detected, not documented: check it")
    return options


def _option_of(name: str, value: str) -> Any:
    """What was detected, as the option that states it."""
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


def license_of(path: Path, expression: str | None, root: Path) -> LicenseFound:
    """The licence that was given, else what is next to the file or, where nothing does, in the
    folder above it.
    """
    detected = license_beside(path, root, license_policy())
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
