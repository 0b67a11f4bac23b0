"""New, done: a file nobody has promised anything about -> a drafted contract.

Belongs here: reading the file, looking for a licence beside it, asking git who drafts. Stays out: measuring and proposing (pipelines/draft).
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.hands.beside import license_beside
from assets.hands.disk import sha256
from assets.hands.sources import Read, read_file, unpacked
from contracts.errors import SourceError, Where, shown
from contracts.problems import Problem
from contracts.settings import CsvOptions, Source
from pipelines.admit.names import rule_word
from pipelines.draft.license import UNKNOWN, LicenseFound
from pipelines.draft.profile import Profile, profile
from pipelines.draft.propose import Draft, Origin, draft

DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Drafted:
    """The draft, what it was made from, and what `assay check` will say of it. `root_to_set` is the folder that ASSAY_SOURCE_ROOTS must name, if any."""

    draft: Draft
    profile: Profile
    origin: Origin
    license: LicenseFound
    problems: tuple[Problem, ...]
    root_to_set: Path | None


def drafted(path: Path, name: str, roots: Sequence[Path], *, license: str | None, owner: str | None, told: Callable[[str], None]) -> Drafted:
    """Draft the contract of a file.

    Args:
        roots: the folders that sources may be read from; the file's location is written from the first that holds it.
        license: an SPDX expression, over whatever lies beside the file.
        told: hears what is being done.
    Raises: SourceError: the file is not there, or cannot be read.
    """
    from contracts.load import lint

    where = Where(file=shown(path))
    if not path.is_file():
        raise SourceError("the file is not there", "Give the path of a CSV or Parquet file, or of a zip of one", where)
    path = path.resolve()
    root = next((folder for folder in roots if path.is_relative_to(folder)), None)
    location = str(path.relative_to(root or path.parent))
    with tempfile.TemporaryDirectory(prefix="assay-new-") as made:
        folder = Path(made)
        told("reading the file")
        source, read = _landed(path, location, folder, where)
        names, left_out = _promisable(read.columns)
        told(f"measuring {read.rows:,} rows of {len(names)} columns")
        measured = profile(pl.scan_parquet(folder / "rows.parquet"), names)
    told("looking for a licence")
    found = license_of(path, license, root or path.parent)
    origin = Origin(location, source.format, sha256(path), source.options.delimiter, source.options.quote, read.unreadable, left_out)
    told("writing the draft")
    done = draft(measured, name, origin, found, owner)
    return Drafted(done, measured, origin, found, lint(done.text, f"{name}.odcs.yaml").problems, None if root else path.parent)


# -- reading --------------------------------------------------------------------------------


def _landed(path: Path, location: str, folder: Path, where: Where) -> tuple[Source, Read]:
    """Land the file as a run would. Raises: SourceError: it cannot be read, or most of it cannot."""
    file = unpacked(path, folder, where)
    with file.open("rb") as stream:
        is_parquet = stream.read(4) == b"PAR1" or path.suffix in (".parquet", ".pq")
    options = CsvOptions() if is_parquet else _dialect(file)
    source = Source(origin="external", location=location, format="parquet" if is_parquet else "csv", options=options)
    read = read_file(source, file, folder, where)
    if read.unreadable > read.rows:
        raise SourceError(
            f"{read.unreadable:,} of {read.unreadable + read.rows:,} records cannot be read with the delimiter {options.delimiter!r}",
            "Save the file as CSV in UTF-8 with one header line and as many cells in every line",
            where,
        )
    return source, read


def _dialect(file: Path) -> CsvOptions:
    """Delimiter and quote as DuckDB's sniffer sees them, where the header bears it out; else those of RFC 4180."""
    import duckdb

    with file.open("rb") as stream:
        header = stream.readline(2**20).decode("utf-8", errors="replace")
    try:
        with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as connection:
            delimiter, quote = connection.execute("SELECT Delimiter, Quote FROM sniff_csv(?, ignore_errors = true)", [str(file)]).fetchall()[0]
    except duckdb.Error:
        delimiter, quote = max(DELIMITERS, key=header.count), '"'
    return CsvOptions(delimiter=delimiter if delimiter in DELIMITERS and delimiter in header else ",", quote=quote if quote in ("'", '"') else '"')


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
        return LicenseFound(said, beside.evidence if agrees and beside else "said with --license", "said with --license")
    return beside or LicenseFound(UNKNOWN, "none found beside the file", "no licence lies beside the file: say it with --license")


def drafter() -> str | None:
    """git's user.email, where git is set up."""
    try:
        done = subprocess.run(["git", "config", "user.email"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None
