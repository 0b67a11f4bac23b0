"""What `assay new` is given -> the source that a contract would name, read as a run reads it.

Belongs here: telling files, folders, databases and addresses apart, and which format they have.
Stays out: fetching and decoding (assets/io/sources), measuring and proposing (pipelines/draft).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

import polars as pl

from assay.assets.io import sources
from assay.assets.io.home import Home
from assay.assets.io.sources import databases
from assay.assets.io.sources.archives import SUFFIXES as PACKED
from assay.assets.io.sources.first_bytes import format_of_text, kind_by_bytes
from assay.assets.io.sources.gather import without_paths_in_errors
from assay.assets.io.sources.places import Fetched, File, Place, Sink, fetched, fixed_part
from assay.assets.io.sources.read_result import Read, rows_in
from assay.assets.io.sources.roots import INBOX, is_source
from assay.assets.services.read import open_version
from assay.contracts.errors import SourceError, Where, shown
from assay.contracts.location import DATABASES, SERVERS, displayed, kind_of, problem_of
from assay.contracts.settings import CsvOptions, Source
from assay.pipelines.ingest.values_as_names import values_as_names

Format = Literal["csv", "json", "jsonl", "parquet", "documents", "arrow", "excel", "sql"]
_SAMPLE = 1_000
"""Rows that say whether names of columns are values, and whether text is text."""
_TEXTS = (".txt", ".md", ".markdown", ".rst")
_DATA = (
    ".csv", ".tsv", ".psv", ".dat", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow",
    ".feather", ".ipc", ".xlsx", ".xls", ".ods", ".xlsb", ".xlsm",
)  # fmt: skip
_BY_ENDING: dict[str, Format] = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_NO_TEXT = r"[\x{00}-\x{08}\x{0E}-\x{1A}\x{7F}-\x{84}\x{86}-\x{9F}\x{FFFD}\x{FFFE}\x{FFFF}]"
_MOST_NO_TEXT = 0.02
"""The share of characters that no text has, in a file that is text all the same."""
_SHOWN_TABLES = 10
DETECTED = ("delimiter", "quote", "escape", "encoding", "header")
"""Options of text that are found out where they are not given."""


@dataclass(frozen=True)
class Given:
    """A source as it is given, and as a contract would name it.

    `file` is one of its files where it is on this machine; `roots` are where sources may be read
    from. `root_to_set` is the folder that ASSAY_SOURCE_ROOTS must name, if any; `is_in_home` says
    that the file is in the home itself, from which no run reads.
    """

    location: str
    where: Where
    stem: str
    roots: tuple[Path, ...]
    file: Path | None = None
    root: Path | None = None
    root_to_set: Path | None = None
    is_in_home: bool = False
    is_single_file: bool = False

    @property
    def format(self) -> Format | None:
        """The format that the kind of place decides, if it does."""
        kind = kind_of(self.location)
        if kind in DATABASES:
            return "sql"
        return {"module": "documents", "assay": "parquet"}.get(kind)  # type: ignore[return-value]  # the words of Format


@dataclass(frozen=True)
class Landed:
    """A source that was read: what a contract says of it, its digest, and what was read."""

    source: Source
    digest: str
    read: Read


@dataclass(frozen=True)
class _Delivery:
    """What fetching and reading need of a contract that is not drafted yet."""

    name: str
    source: Source


# -- what is given ----------------------------------------------------------------------------


def given_source(text: str, home: Home) -> Given:
    """Tell what is given: a path, a glob or a folder of this machine, or a location as contracts
    write it.

    Raises: SourceError: there is nothing there, or no such kind of place.
    """
    path = Path(text)
    try:
        is_path = path.exists()
        kind = "path" if is_path else kind_of(text)
    except (OSError, ValueError) as error:
        problem = str(error) if isinstance(error, ValueError) else "the path cannot be read"
        raise SourceError(problem, "Check the path or address", Where(file=text[:100])) from None
    if kind in ("sqlite", "duckdb"):
        return _database_file(Path(text.partition(":")[2]), kind, home)
    if kind == "glob":
        return _glob(path, home)
    if kind != "path":
        return _elsewhere(text, home)
    if path.is_dir():
        return _glob(_data_files(path), home)
    where = Where(file=shown(path))
    if not path.is_file():
        raise SourceError(
            "the file does not exist",
            "Give a file, a folder, a pattern in quotes, an address, or a database such as"
            " sqlite:PATH or postgres:NAME",
            where,
        )
    database = kind_by_bytes(path)
    if database is not None and database.database:
        return _database_file(path, database.database, home)
    return _placed(path.resolve(), home, where, is_single_file=True)


def _placed(path: Path, home: Home, where: Where, *, is_single_file: bool = False) -> Given:
    """A file of this machine, and how a contract names it."""
    roots, stem = home.roots, path.name.partition(".")[0]
    known = Given(
        path.name, where, stem, (*roots, path.parent), path, is_single_file=is_single_file
    )
    if is_source(path, roots):
        root = next((folder for folder in roots if path.is_relative_to(folder)), None)
        location = str(path.relative_to(root)) if root else str(path)
        return replace(known, location=location, root=root, roots=roots)
    if path.is_relative_to(roots[0]):
        return replace(known, location=f"{INBOX}/{path.name}", is_in_home=True)
    return replace(known, root_to_set=path.parent)


def _database_file(path: Path, kind: str, home: Home) -> Given:
    """A database in a file."""
    where = Where(file=f"{kind}:{shown(path)}")
    if not path.is_file():
        raise SourceError("the database file does not exist", "Check the path", where)
    placed = _placed(path.resolve(), home, where)
    return replace(placed, location=f"{kind}:{placed.location}")


def _glob(pattern: Path, home: Home) -> Given:
    """The files that a pattern means, from where the command runs."""
    where = Where(file=shown(pattern))
    absolute = str(Path.cwd() / pattern)
    folder = Path(fixed_part(absolute)).resolve()
    rest = absolute[len(fixed_part(absolute)) :].lstrip("/")
    files = sorted(path for path in folder.glob(rest) if path.is_file()) if folder.is_dir() else []
    if not files:
        raise SourceError("no file matches the pattern", "Check the pattern", where)
    placed = _placed(files[0].resolve(), home, where)
    outer = placed.root or folder.parent
    if placed.root is None:
        placed = replace(placed, roots=(*home.roots, outer), root_to_set=outer)
    inner = folder.relative_to(outer) if folder.is_relative_to(outer) else folder
    return replace(placed, location=str(inner / rest), stem=folder.name)


def _data_files(folder: Path) -> Path:
    """The pattern of a folder's data.

    Raises: SourceError: it has none, or files of several kinds.
    """
    where = Where(file=shown(folder))
    try:
        names = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError as error:
        problem = f"the folder cannot be listed ({type(error).__name__})"
        raise SourceError(problem, "Give this user the right to read it", where) from None
    endings = {_ending(name) for name in names if not name.startswith(".")}
    data = sorted(ending for ending in endings if _without_packing(ending) in _DATA)
    texts = sorted(ending for ending in endings if _without_packing(ending) in _TEXTS)
    if not data and len(texts) != 1:
        raise SourceError("the folder has no data files", "Give a file, or a pattern", where)
    if len(data) > 1:
        several = " or ".join(f"'{shown(folder)}/*{ending}'" for ending in data)
        raise SourceError("the folder has files of several kinds", f"Give {several}", where)
    return folder / f"*{(data or texts)[0]}"


def _ending(name: str) -> str:
    """`.csv` of `a.csv`, `.csv.gz` of `a.csv.gz`."""
    suffix = Path(name).suffix
    return Path(name.removesuffix(suffix)).suffix + suffix if suffix.lower() in PACKED else suffix


def _without_packing(ending: str) -> str:
    inner, _, last = ending.lower().rpartition(".")
    return inner if inner and f".{last}" in PACKED else ending.lower()


def _elsewhere(location: str, home: Home) -> Given:
    """A place that is no path, as a contract names it."""
    kind = kind_of(location)
    source_format = "sql" if kind in SERVERS else "parquet" if kind == "assay" else "csv"
    where = Where(file=displayed(location))
    if problem := problem_of(location, source_format, arrival=False):
        raise SourceError(problem, "Check the address", where)
    name = location.partition(":")[2]
    if kind in ("http", "cloud"):
        name = unquote(urlsplit(location).path).rstrip("/").rpartition("/")[2]
    elif kind in ("package", "module"):
        name = name.rpartition("/")[2].rpartition("#")[2]
    elif kind == "assay":
        name = f"{name.partition('@')[0]}_derived"
    return Given(location, where, name.partition(".")[0].strip("*"), home.roots)


# -- reading ------------------------------------------------------------------------------------


def land(given: Given, home: Home, folder: Path, stated: Mapping[str, Any]) -> Landed:
    """Read the source into `folder` as a run would.

    Args:
        stated: `format`, and options of how the source is written.
    Raises: SourceError: it cannot be reached or read, or most of it cannot.
    """
    where, fetched_to, opened = given.where, folder / "fetched", folder / "opened"
    for inner in (fetched_to, opened):
        inner.mkdir(mode=0o700)
    options = {name: value for name, value in stated.items() if name != "format"}
    if given.format == "sql":
        options |= _table(given, options, fetched_to, home)
    # what a file is shows once it is here: until then, only what finds it counts
    finds = ("table", "query") if given.format == "sql" else ("members",)
    finding = {name: value for name, value in options.items() if name in finds}
    first = _source(given, given.format or "csv", CsvOptions(**finding))
    with without_paths_in_errors(where):
        delivered = _fetched(given, home, fetched_to, first)
        files = sources.open_files(first, delivered, opened, where)
        kind = given.format or stated.get("format") or _format_of(files, given, where)
        source = _source(given, kind, _options(kind, options, where))
        read = sources.read_files(source, files, folder, where)
        if _is_row_of_data(read, folder, kind, options, where):
            without = source.options.model_copy(update={"header": False})
            source = source.model_copy(update={"options": without})
            read = sources.read_files(source, files, folder, where)
            read = replace(read, found={**read.found, "header": "none"})
    _check_read(read, folder, where, kind)
    return Landed(source, delivered.digest, read)


def _source(given: Given, kind: Format, options: CsvOptions) -> Source:
    return Source(origin="external", location=given.location, format=kind, options=options)


def _fetched(given: Given, home: Home, folder: Path, source: Source) -> Fetched:
    """The source's files on this machine.

    A single file is taken where it is: it may be one that no run may read yet.
    """
    if given.is_single_file and given.file is not None:
        from assay.assets.io.disk import sha256

        file = File(given.file.name, given.file, given.file.stat().st_size, str(given.where.file))
        return fetched([(file, sha256(given.file))])
    is_here = given.file is not None or kind_of(given.location) in ("package", "module")
    place = Place(
        # what servers report is noted below the first root: a draft leaves no note
        roots=given.roots if is_here else (folder,),
        folder=folder,
        hosts=home.hosts,
        max_bytes=home.source_max_bytes,
        dataset=lambda: _published(given.location),
    )
    return sources.fetch(_Delivery(given.stem, source), place)


def _published(location: str) -> Fetched:
    """The files of a published version of another data set."""
    from assay.assets.io.installation import Installation
    from assay.contracts.location import upstream
    from assay.lineage import evidence

    named = upstream(location)
    assert named is not None
    open_version(*named, "analytics")  # a draft shows values: the use is checked and recorded
    installation = Installation.open()
    row = installation.version(*named)
    statement = installation.statement(row)
    paths = installation.lake.check_files(row.dataset, evidence.files(statement))
    return fetched(
        [
            (File(f"part-{number:05}.parquet", path, path.stat().st_size, path.name), path.stem)
            for number, path in enumerate(paths, start=1)
        ]
    )


def _table(given: Given, options: Mapping[str, Any], folder: Path, home: Home) -> dict[str, Any]:
    """The only table of a database, where neither a table nor a query is given.

    Raises: SourceError: there is none, or several.
    """
    if "table" in options or "query" in options:
        return {}
    sink = Sink(folder / "tables.csv", home.source_max_bytes, given.where)
    names = databases.table_names(given.location, given.file, sink)
    if len(names) == 1:
        return {"table": names[0]}
    if not names:
        raise SourceError("the database has no table", "Give a query with --query", given.where)
    listed = ", ".join(names[:_SHOWN_TABLES]) + ", …" * (len(names) > _SHOWN_TABLES)
    raise SourceError(
        f"the database has {len(names):,} tables: {listed}", "Choose one with --table", given.where
    )


def _options(kind: Format | None, stated: Mapping[str, Any], where: Where) -> CsvOptions:
    """What is stated of a source of this format, and what is to be found out.

    Raises: SourceError: what is stated does not fit the format, or is no such option.
    """
    allowed: dict[str, tuple[str, ...]] = {
        "csv": ("delimiter", "quote", "escape", "encoding", "header", "header_row", "members"),
        "excel": ("sheet", "header_row", "members"),
        "sql": ("table", "query"),
        "json": ("encoding", "members"),
        "jsonl": ("encoding", "members"),
    }
    own = allowed.get(kind or "csv", ("members",))
    searched = [name for name in DETECTED if name in own]
    wrong = sorted(set(stated) - set(own)) if kind is not None else []
    if wrong:
        problem = f"`{wrong[0]}` is not an option of {kind} files"
        raise SourceError(problem, "Leave it out", where)
    try:
        return CsvOptions(**{**dict.fromkeys(searched, "auto"), **stated})
    except ValueError:
        raise SourceError(
            "the options for the text format are not valid",
            "Give two different ASCII characters as delimiter and quote",
            where,
        ) from None


def _format_of(files: Sequence[File], given: Given, where: Where) -> Format:
    """The format of all files.

    Raises: SourceError: a file is of a kind that cannot be read, or they differ.
    """
    named = given.file.name if given.is_single_file and given.file else None
    endings = {Path(file.name).suffix.lower() for file in files}
    if endings <= set(_TEXTS) and not given.is_single_file and given.file is not None:
        return "documents"
    formats = {format_of_file(file.path, named or file.name, where) for file in files}
    if {"json", "jsonl"} == formats:
        return "json"
    if len(formats) > 1:
        listed = " and ".join(sorted(formats))
        raise SourceError(f"the files have several formats: {listed}", "Give those of one", where)
    return formats.pop()


def format_of_file(file: Path, name: str, where: Where) -> Format:
    """The format by the file's first bytes; of a text, by what it starts like, and by its name's ending where
    it starts like nothing.

    Raises: SourceError: it is of a kind that cannot be read.
    """
    kind = kind_by_bytes(file)
    if kind is not None and kind.format is None:
        raise SourceError(f"the file is {kind.shown}, which cannot be read", kind.remedy, where)
    if kind is not None:
        return cast("Format", kind.format)
    shown_format = format_of_text(file)
    if shown_format == "csv" and not file.stat().st_size:
        return _BY_ENDING.get(Path(name).suffix.lower(), "csv")
    return cast("Format", shown_format)


# -- what was read ------------------------------------------------------------------------------


def _check_read(read: Read, folder: Path, where: Where, kind: Format) -> None:
    """Raises: SourceError: most records cannot be read, the files have no column in common, or what
    was read is no text.
    """
    if read.unreadable > read.rows:
        guesses = "; ".join(f"{name} {value!r}" for name, value in read.found.items())
        raise SourceError(
            f"{read.unreadable:,} of {read.unreadable + read.rows:,} records cannot be read"
            + f" ({guesses})" * bool(guesses),
            "Give `--delimiter`, `--encoding` or `--header-row`, or save the file as CSV in UTF-8"
            " with one header line and the same number of cells in every line",
            where,
        )
    lacking = {column for file in read.files for column in file.lacks}
    if read.files and kind != "documents" and lacking >= set(read.columns):
        raise SourceError("the files have no column in common", "Give those of one table", where)
    if kind == "csv" and _is_noise(read, folder):
        raise SourceError("the file is no text that can be read", "Give --encoding", where)


def _is_noise(read: Read, folder: Path) -> bool:
    """Whether names and cells hold characters that no text has."""
    sample = rows_in(folder).head(_SAMPLE).select(pl.col(read.columns).cast(pl.String)).collect()
    texts = pl.concat([pl.Series(list(read.columns), dtype=pl.String), *sample.iter_columns()])
    length = texts.str.len_chars().sum()
    odd = texts.str.count_matches(_NO_TEXT).sum()
    return bool(odd > _MOST_NO_TEXT * float(length))


def _is_row_of_data(
    read: Read, folder: Path, kind: Format, stated: Mapping[str, Any], where: Where
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
