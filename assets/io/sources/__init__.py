"""Sources: a location in a contract -> bytes on the disk, then readable rows and unreadable records.

Belongs here: the choice of place (`gather`) and of reader, one module a kind, each with `read`.
Stays out: types and rules. No code of a source is ever run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from assay.assets.io.names import Labels, numbered
from assay.assets.io.sources import (
    archives,
    documents,
    extracts,
    formats,
    parts,
    texts,
)
from assay.assets.io.sources.gather import (
    fetch,
    locate,
    seen_at,
    source_fingerprint,
    without_paths_in_errors,
)
from assay.assets.io.sources.places import Delivery, Fetched, File, Mark, Place
from assay.assets.io.sources.read_result import Read
from assay.contracts.errors import SourceError, Where
from assay.contracts.location import kind_of
from assay.contracts.model import Column, Contract
from assay.contracts.settings import Source
from assay.pipelines.ingest.declared_columns import source_names, undeclared
from assay.pipelines.ingest.renamed_columns import renamed_column

__all__ = [
    "Fetched",
    "Mark",
    "Place",
    "Read",
    "check_columns",
    "fetch",
    "locate",
    "read",
    "read_file",
    "seen_at",
    "source_fingerprint",
    "unpacked",
]

_SAMPLE = 1_000
"""Rows that show which column may be a missing one."""
READERS = {**dict.fromkeys(formats.DECODERS, formats.read), "sql": extracts.read}


def read(contract: Delivery, fetched: Fetched, folder: Path, labels: Labels = numbered) -> Read:
    """Write `rows.parquet` (every column as text, next to `_row`) and `unreadable.parquet` (record,
    reason, text) into `folder`.

    Args:
        labels: what represents the names of members of an archive.
    Raises: SourceError: a file cannot be read at all, or its lines cannot all be accounted for.
    """
    source, where = (
        contract.source,
        Where(file=contract.source.shown_location, dataset=contract.name),
    )
    opened = folder / "opened"
    opened.mkdir(mode=0o700)
    try:
        with without_paths_in_errors(where):
            files = open_files(source, fetched, opened, where, labels)
            return read_files(source, files, folder, where)
    finally:
        shutil.rmtree(opened)


def open_files(
    source: Source, fetched: Fetched, folder: Path, where: Where, labels: Labels = numbered
) -> list[File]:
    """The files of a source, and in place of an archive the files in it, unpacked into `folder`."""
    if kind_of(source.location) == "module":
        return list(fetched.files)
    return [
        inner
        for number, file in enumerate(fetched.files)
        for inner in _inside(source, file, folder / str(number), where, labels)
    ]


def read_files(source: Source, files: Sequence[File], folder: Path, where: Where) -> Read:
    """Read opened files as one table, as `read` does."""
    if source.format == "documents" and kind_of(source.location) == "module":
        return documents.read(source, files[0].path, folder, where)
    if source.format == "documents":
        return texts.read([(file.name, file.path) for file in files], folder, where)
    if len(files) == 1:
        return read_file(source, files[0].path, folder, where)
    shown = [(file.label, file.path) for file in files]
    return parts.read(
        shown,
        lambda path, inner, place: read_file(source, path, inner, place),
        folder,
        where,
    )


def _inside(source: Source, file: File, folder: Path, where: Where, labels: Labels) -> list[File]:
    """The files in an archive; any other file as it is."""
    is_workbook = source.format == "excel"
    packing = archives.packing_of(file.path, file.path.name, is_workbook=is_workbook)
    if source.format == "sql" or packing is None:
        return [file]
    folder.mkdir(mode=0o700)
    place = (
        replace(where, file=f"{where.file}, '{file.label}'") if file.label != where.file else where
    )
    unpacked = archives.unpack(file.path, file.path.name, folder, place, source.options.members)
    if len(unpacked) == 1:
        return [replace(file, path=unpacked[0].path)]
    shown = labels("member", [member.original for member in unpacked])
    return [
        replace(
            file, name=f"{file.name}/{member.name}", path=member.path, label=f"{file.label}/{label}"
        )
        for member, label in zip(unpacked, shown, strict=True)
    ]


def read_file(source: Source, path: Path, folder: Path, where: Where) -> Read:
    """Read one file as `read` does, for who has no contract yet."""
    if source.format == "documents":
        return documents.read(source, path, folder, where)
    file = unpacked(path, folder, where, is_workbook=source.format == "excel")
    try:
        if source.format != "sql":
            formats.check_kind(source, file, where)
        return READERS[source.format](source, file, folder, where)
    finally:
        if file != path:
            file.unlink()


def unpacked(path: Path, folder: Path, where: Where, *, is_workbook: bool = False) -> Path:
    """The one file in an archive, unpacked into the folder; any other file as it is."""
    if archives.packing_of(path, path.name, is_workbook=is_workbook) is None:
        return path
    files = archives.unpack(path, path.name, folder, where)
    if len(files) != 1:
        raise SourceError(
            f"the zip contains {len(files)} files", "Deliver a zip with one file", where
        )
    return files[0].path


def check_columns(contract: Contract, landed: Sequence[str], rows: pl.LazyFrame) -> None:
    """Whether what landed has every declared column.

    Args:
        rows: what landed, as text. A sample of it shows which other column may be a missing one.
    Raises: SourceError: one is missing.
    """
    names = source_names(contract.columns, landed)
    missing = [column for column in contract.columns if column.name not in names]
    if not missing:
        return
    others = undeclared(contract.columns, landed)
    sample = rows.select(others).head(_SAMPLE).collect()
    other = renamed_column(missing[0], contract.rules, others, sample)
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    called = missing[0].physical_name or missing[0].name
    raise SourceError(
        f"the file lacks the declared column '{called}'{more}",
        _what_to_do(missing[0], landed.index(other) + 1 if other else None),
        Where(file=contract.source.shown_location, dataset=contract.name),
    )


def _what_to_do(missing: Column, place: int | None) -> str:
    """What to do about a missing column.

    Args:
        place: of the column that it may be. Where the delivery has no header, what is in its
            place are values: only its place is named.
    """
    if place is None:
        return "Deliver it, or change the contract"
    return (
        f"Column {place} of the delivery may be this column under another name: rename it there, or write"
        f" that name as `physicalName` of '{missing.name}'"
    )
