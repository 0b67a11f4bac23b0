"""Sources: a location in a contract -> bytes on the disk, then readable rows and unreadable lines.

Belongs here: the choice of place (`gather`) and of reader, one module a kind, each with `read`. Stays out: types and rules. No code of a source is ever run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assets.hands.sources import archives, arrow, databases, delimited, documents, json_text, parts, tables, texts, workbooks
from assets.hands.sources.gather import fetch, locate, seen_here
from assets.hands.sources.landing import Read
from assets.hands.sources.places import Fetched, Mark, Place
from contracts.errors import SourceError, Where
from contracts.location import kind_of
from contracts.model import Contract
from contracts.problems import suggestion
from contracts.settings import Source

__all__ = ["Fetched", "Mark", "Place", "Read", "check_columns", "fetch", "locate", "read", "read_file", "seen_here", "unpacked"]

READERS = {"csv": delimited.read, "json": json_text.read, "jsonl": json_text.read, "parquet": tables.read, "arrow": arrow.read, "excel": workbooks.read, "sql": databases.read}


def read(contract: Contract, fetched: Fetched, folder: Path) -> Read:
    """Write `rows.parquet` (every column as text, beside `_row`) and `unreadable.parquet` (record, reason, text) into `folder`.

    Raises: SourceError: a file cannot be read at all, or its lines cannot all be accounted for.
    """
    source, where = contract.source, Where(file=contract.source.location, dataset=contract.name)
    if source.format == "documents" and kind_of(source.location) == "module":
        return documents.read(source, fetched.files[0].path, folder, where)
    opened = folder / "opened"
    opened.mkdir(mode=0o700)
    files = [inner for number, file in enumerate(fetched.files) for inner in _inside(source, (file.name, file.path), opened / str(number), where)]
    try:
        if source.format == "documents":
            return texts.read(files, folder, where)
        if len(files) == 1:
            return read_file(source, files[0][1], folder, where)
        return parts.read(files, lambda path, inner, place: read_file(source, path, inner, place), folder, where)
    finally:
        shutil.rmtree(opened)


def _inside(source: Source, file: tuple[str, Path], folder: Path, where: Where) -> list[tuple[str, Path]]:
    """The files in an archive; any other file as it is."""
    name, path = file
    if not archives.is_archive(path.name) or source.format == "sql":
        return [file]
    folder.mkdir(mode=0o700)
    unpacked = archives.unpack(path, path.name, folder, replace(where, file=f"{where.file}, '{name}'") if name != where.file else where, source.options.members)
    return [(f"{name}/{one.name}" if len(unpacked) > 1 else name, one.path) for one in unpacked]


def read_file(source: Source, path: Path, folder: Path, where: Where) -> Read:
    """Read one file as `read` does, for who has no contract yet."""
    if source.format == "documents":
        return documents.read(source, path, folder, where)
    file = unpacked(path, folder, where)
    try:
        return READERS[source.format](source, file, folder, where)
    finally:
        if file != path:
            file.unlink()


def unpacked(path: Path, folder: Path, where: Where) -> Path:
    """The one file in an archive, unpacked beside; any other file as it is."""
    if not archives.is_archive(path.name):
        return path
    files = archives.unpack(path, path.name, folder, where)
    if len(files) != 1:
        raise SourceError(f"the zip holds {len(files)} files", "Give a zip of one file", where)
    return files[0].path


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
