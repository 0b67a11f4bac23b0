"""Sources: a location in a contract -> bytes on the disk, then readable rows and unreadable lines.

Belongs here: finding and reading. Stays out: types and rules. No code of a source is ever run.
"""

from __future__ import annotations

import ast
import csv
import importlib.util
import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assets.hands.disk import sha256
from contracts.errors import SourceError, Where
from contracts.model import Contract
from contracts.problems import suggestion
from contracts.settings import CsvOptions, Source
from pipelines.frames import ROW
from pipelines.ingest.records import HEADER, breaks_in_cells, lines_lost

MAX_UNPACKED = 50 * 2**30  # a zip that unpacks to more is no data set of ours
_OFFLINE = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_PARQUET_MEMORY = "2GiB"
UNREADABLE_SCHEMA = {"record": pl.Int64, "reason": pl.String, "text": pl.String}


@dataclass(frozen=True)
class Fetched:
    """A source's file, and the digest of its bytes."""

    path: Path
    digest: str
    size_bytes: int


def fetch(contract: Contract, roots: Sequence[Path]) -> Fetched:
    """Find the source's bytes.

    Raises: SourceError: it is not there, lies outside every root, or its checksum differs from the contract's.
    """
    path = locate(contract, roots)
    where = Where(file=contract.source.location, dataset=contract.name)
    if not path.is_file():
        remedy = (
            "Put the file there (below ASSAY_HOME), or mend `location` under assay.source"
            if ":" not in contract.source.location
            else "Install the package, or mend `location` under assay.source"
        )
        raise SourceError("the source is not there", remedy, where)
    try:
        digest = sha256(path)
    except OSError as error:
        raise SourceError(f"the source cannot be read ({type(error).__name__})", "Give this user the right to read it", where) from None
    if contract.source.sha256 not in (None, digest):
        raise SourceError("the source's checksum is not the one in the contract", "Check where the file came from; if it is right, write its `sha256` into assay.source", where)
    return Fetched(path, digest, path.stat().st_size)


def locate(contract: Contract, roots: Sequence[Path]) -> Path:
    """The path that a location means; it need not exist. Raises: SourceError: no package of that name, or a path outside every root."""
    location = contract.source.location
    where = Where(file=location, dataset=contract.name)
    kind, _, rest = location.partition(":")
    if kind == "package":
        name, _, inner = rest.partition("/")
        spec = importlib.util.find_spec(name)  # finds, and does not import, a top-level package
        if spec is None or not spec.submodule_search_locations:
            raise SourceError(f"no package '{name}' is installed", f"Install it: pip install {name}", where)
        folder = Path(spec.submodule_search_locations[0]).resolve()
        path = (folder / inner).resolve()
        if not path.is_relative_to(folder):
            raise SourceError("the path leaves the package", "Name a file inside it", where)
        return path
    if kind == "module":
        name = rest.partition("#")[0]
        top, *inner_names = name.split(".")
        spec = importlib.util.find_spec(top)
        if spec is None or spec.origin is None:
            raise SourceError(f"no module '{top}' is installed", "Mend `location` under assay.source", where)
        return Path(spec.origin).parent.joinpath(*inner_names).with_suffix(".py") if inner_names else Path(spec.origin)
    paths = [path for root in roots if any((path := (root / location).resolve()).is_relative_to(allowed) for allowed in roots)]
    if not paths:
        raise SourceError("the path lies outside ASSAY_HOME and every folder of ASSAY_SOURCE_ROOTS", "Move the file there, or add its folder to ASSAY_SOURCE_ROOTS", where)
    return next((path for path in paths if path.is_file()), paths[0])


@dataclass(frozen=True)
class Read:
    """What could be read of a source: how many rows of which columns, and how many records could not."""

    rows: int
    unreadable: int
    columns: tuple[str, ...]


def read(contract: Contract, fetched: Fetched, folder: Path) -> Read:
    """Write `rows.parquet` (every column as text, beside `_row`) and `unreadable.parquet` (record, reason, text) into `folder`.

    Raises: SourceError: the file cannot be read at all, or its lines cannot all be accounted for.
    """
    return read_file(contract.source, fetched.path, folder, Where(file=contract.source.location, dataset=contract.name))


def read_file(source: Source, path: Path, folder: Path, where: Where) -> Read:
    """Read one file as `read` does, for who has no contract yet."""
    if source.format == "documents":
        return _read_documents(source, path, folder, where)
    file = unpacked(path, folder, where)
    try:
        return _read_parquet(source, file, folder, where) if source.format == "parquet" else _read_csv(source, file, folder, where)
    finally:
        if file != path:
            file.unlink()


def unpacked(path: Path, folder: Path, where: Where) -> Path:
    """The one file in a zip, unpacked beside; any other file as it is."""
    if path.suffix != ".zip":
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or members[0].file_size > MAX_UNPACKED:
                raise SourceError(f"the zip holds {len(members)} files of {sum(m.file_size for m in members):,} bytes", "Give a zip of one file under 50 GiB", where)
            target = folder / "source.unpacked"  # never the member's own name: it may point anywhere
            with archive.open(members[0]) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 2**20)
            return target
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"the zip cannot be unpacked ({error})", "Fetch it again", where) from None


# -- CSV ------------------------------------------------------------------------------


def _read_csv(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """DuckDB reads strictly and keeps what it rejects; what it drops without a word is found by counting lines."""
    import duckdb

    header = _header(source, file, where)
    target = folder / "rows.parquet"
    connection = duckdb.connect(config={"preserve_insertion_order": "true", **_OFFLINE})
    try:
        reader = _csv_reader(file, header, source.options)
        connection.execute(f"COPY (SELECT row_number() OVER () AS {ROW}, * FROM {reader}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        rejected = connection.execute("SELECT line, any_value(error_type), any_value(csv_line) FROM reject_errors GROUP BY line ORDER BY line").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"the file cannot be read as CSV ({type(error).__name__})", "Check `options` under assay.source: delimiter, quote, encoding (UTF-8)", where) from error
    finally:
        connection.close()
    rows = pl.scan_parquet(target)
    unreadable = [(line, str(kind).lower(), text) for line, kind, text in rejected]
    unreadable += _tail(source, file, rows, unreadable, where)
    pl.DataFrame(unreadable, schema=UNREADABLE_SCHEMA, orient="row").write_parquet(folder / "unreadable.parquet")
    return Read(rows.select(pl.len()).collect().item(), len(unreadable), tuple(header))


def _header(source: Source, file: Path, where: Where) -> list[str]:
    with file.open("rb") as stream:
        first = stream.readline(2**20)
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SourceError("the header is not UTF-8", "Save the file as UTF-8", where) from None
    names = next(csv.reader(io.StringIO(text), delimiter=source.options.delimiter, quotechar=source.options.quote), [])
    if not any(names):
        raise SourceError("the file is empty or starts without a header", "Give it a first line with the column names", where)
    twice = sorted({name for name in names if names.count(name) > 1 or name == ROW})
    if twice:
        raise SourceError(f"the header names '{twice[0]}' twice, or as Assay's own column", "Rename one of the columns", where)
    return names


def check_columns(contract: Contract, landed: Sequence[str]) -> None:
    """Whether what landed has every promised column. Raises: SourceError: one is missing."""
    where = Where(file=contract.source.location, dataset=contract.name)
    missing = [name for name in contract.column_names if name not in landed]
    if missing:
        raise SourceError(
            f"the file lacks the promised column '{missing[0]}'" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            suggestion(missing[0], landed, "Deliver it, or change the contract"),
            where,
        )


def _csv_reader(file: Path, header: list[str], options: CsvOptions) -> str:
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in header)
    nulls = ", ".join(_text(value) for value in ("", *options.null_values))
    return (
        f"read_csv({_text(str(file))}, header = true, auto_detect = false, strict_mode = true, store_rejects = true, rejects_limit = 0, max_line_size = 16777216, "
        f"delim = {_text(options.delimiter)}, quote = {_text(options.quote)}, escape = {_text(options.quote)}, nullstr = [{nulls}], columns = {{{columns}}})"
    )


def _text(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _tail(source: Source, file: Path, rows: pl.LazyFrame, unreadable: list[tuple[int, str, str]], where: Where) -> list[tuple[int, str, str]]:
    """A quote that is never closed swallows the file to its end, and DuckDB says nothing: find the lines nobody accounts for."""
    quote = source.options.quote
    with file.open("rb") as stream:
        content = _line_counts(stream, quote.encode())
    height = rows.select(pl.len()).collect().item()
    lost = lines_lost(
        lines_in_file=content.lines,
        rows=height,
        breaks_in_cells=(breaks_in_cells(rows).collect(engine="streaming").item() or 0) if content.quotes else 0,  # only quotes let a cell hold a line break
        lines_unreadable=sum(1 + text.rstrip("\r\n").count("\n") for _, _, text in unreadable),
    )
    unclosed = (content.quotes - sum(text.count(quote) for _, _, text in unreadable)) % 2 == 1
    if lost > 0 and unclosed:
        return [(HEADER + height + len(unreadable) + 1, f"unclosed quote: {lost} lines to the end of the file", "")]
    if 0 <= lost <= content.blank:
        return []  # the lines that nobody has are blank ones, which the reader skips
    raise SourceError(
        f"{abs(lost):,} of the file's {content.lines:,} lines cannot be accounted for",
        "Check `options` under assay.source against the file: nothing was landed, rather than rows lost",
        where,
    )


@dataclass(frozen=True)
class _Counts:
    lines: int
    blank: int
    quotes: int


def _line_counts(stream: io.BufferedReader, quote: bytes) -> _Counts:
    lines = blank = quotes = 0
    last = b"\n"
    while chunk := stream.read(2**22):
        lines += chunk.count(b"\n")
        quotes += chunk.count(quote)
        blank += (last + chunk).count(b"\n\n") + (last + chunk).count(b"\n\r\n")
        last = chunk[-1:]
    return _Counts(lines + (last != b"\n"), blank, quotes)


# -- Parquet ------------------------------------------------------------------------------


def _read_parquet(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """DuckDB reads it, in bounded memory: a few kilobytes may unpack to gigabytes. (Polars ends the whole process on some malformed files, 2026-11-23.)"""
    import duckdb

    target = folder / "rows.parquet"
    opened = folder / "source.parquet"
    opened.symlink_to(file.resolve())  # the file's own name may hold what DuckDB takes for a wildcard
    reader = f"read_parquet({_text(str(opened))}, hive_partitioning = false)"
    connection = duckdb.connect(config={"preserve_insertion_order": "true", "memory_limit": _PARQUET_MEMORY, "temp_directory": "", **_OFFLINE})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        names = _parquet_columns(connection, opened, where)
        described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
        texts = [f"{_as_text(name, kind, source.options)} AS {_name(name)}" for name, kind, *_ in described]
        connection.execute(f"COPY (SELECT row_number() OVER () AS {ROW}, {', '.join(texts)} FROM {reader}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION zstd)")
    except duckdb.OutOfMemoryException as error:
        raise SourceError(f"the file unpacks to more than {_PARQUET_MEMORY} at a time", "Write it anew with smaller row groups", where) from error
    except duckdb.Error as error:
        raise SourceError(
            f"the file cannot be read as Parquet ({type(error).__name__})", "Fetch it again, or write it anew: it may be cut off, encrypted, or no Parquet file", where
        ) from error
    finally:
        connection.close()
        opened.unlink()
    pl.DataFrame(schema=UNREADABLE_SCHEMA).write_parquet(folder / "unreadable.parquet")
    return Read(pl.scan_parquet(target).select(pl.len()).collect().item(), 0, tuple(names))


def _parquet_columns(connection: Any, file: Path, where: Where) -> list[str]:
    """The top-level columns, as the file itself names them: DuckDB renames the second of two."""
    tree = iter(connection.execute(f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({_text(str(file))})").fetchall())

    def skip(children: int) -> None:
        for _ in range(children):
            skip(next(tree)[1])

    names = []
    for _ in range(next(tree)[1]):
        name, children = next(tree)
        names.append(name)
        skip(children)
    if not names or "" in names:
        raise SourceError("the file has no columns, or one without a name", "Write it anew with a name for each column", where)
    lowered = [name.lower() for name in names]
    twice = [name for name in names if lowered.count(name.lower()) > 1 or name.lower() == ROW]
    if twice:
        raise SourceError(f"the file names '{twice[0]}' twice (case does not count), or as Assay's own column", "Rename one of the columns", where)
    return names


def _as_text(name: str, kind: str, options: CsvOptions) -> str:
    """SQL: a column's values as text that contracts/types.py reads back exactly."""
    column = _name(name)
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT")):
        text = f"CAST(to_json({column}) AS VARCHAR)"
    elif kind == "BLOB":
        text = f"lower(hex({column}))"
    elif kind in ("FLOAT", "DOUBLE"):
        text = f"CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS VARCHAR) END"
    elif kind == "TIMESTAMP WITH TIME ZONE":
        text = f"regexp_replace(replace(CAST({column} AS VARCHAR), ' ', 'T'), '[+]00$', '+00:00')"  # the session's zone is UTC
    elif kind.startswith("TIMESTAMP"):
        text = f"replace(CAST({column} AS VARCHAR), ' ', 'T')"
    else:
        text = f"CAST({column} AS VARCHAR)"
    if not options.null_values:
        return text
    return f"CASE WHEN ({text}) NOT IN ({', '.join(_text(value) for value in options.null_values)}) THEN {text} END"


def _name(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


# -- documents ----------------------------------------------------------------------------


DOCUMENT_COLUMNS = ("name", "text")


def _read_documents(source: Source, path: Path, folder: Path, where: Where) -> Read:
    """A mapping of name to text, written as a literal in a Python module; parsed, never run."""
    attribute = source.location.partition("#")[2]
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = [node.value for node in tree.body if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == attribute for t in node.targets)]
        documents = ast.literal_eval(values[-1])
    except (SyntaxError, ValueError, IndexError):
        raise SourceError(
            f"the module assigns no literal to '{attribute}'", "Write `location: module:NAME#ATTRIBUTE`, an attribute that is a plain mapping of name to text", where
        ) from None
    if not isinstance(documents, dict) or not all(isinstance(key, str) and isinstance(text, str) for key, text in documents.items()):
        raise SourceError(f"'{attribute}' is no mapping of name to text", "Name another attribute", where)
    name, text = DOCUMENT_COLUMNS
    frame = pl.DataFrame({ROW: range(1, len(documents) + 1), name: list(documents), text: list(documents.values())}, schema={ROW: pl.Int64, name: pl.String, text: pl.String})
    frame.write_parquet(folder / "rows.parquet")
    pl.DataFrame(schema=UNREADABLE_SCHEMA).write_parquet(folder / "unreadable.parquet")
    return Read(frame.height, 0, DOCUMENT_COLUMNS)
