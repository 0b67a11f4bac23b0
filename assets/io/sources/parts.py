"""Many files of one source -> one landed table, and which records came from which file.

Belongs here: reading several at once, joining them, counting on. Stays out: reading any one of
them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from assay.assets.io.decode.task import ROWS, UNREADABLE
from assay.assets.io.names import with_hint
from assay.assets.io.sources.places import together
from assay.assets.io.sources.read_result import UNREADABLE_SCHEMA, Read, rows_in
from assay.assets.io.work_progress import report_progress
from assay.contracts.errors import AssayError, SourceError, Where
from assay.pipelines.core.frames import ROW, FileRead
from assay.pipelines.ingest.records import numbered

Reader = Callable[[Path, Path, Where], Read]


def read(files: Sequence[tuple[str, Path]], reader: Reader, folder: Path, where: Where) -> Read:
    """Read each file by itself, then all of them as one table.

    Args:
        files: what each is known by, and where it is.
    Returns: what was read. `_row` counts on from file to file: its `files` state which records are
        whose. A column that a file lacks is null there.
    Raises: SourceError: a file cannot be read; it is named, and so are the next ones that cannot.
    """
    done = 0

    def read_part(numbered_file: tuple[int, tuple[str, Path]]) -> Read:
        nonlocal done
        number, (name, path) = numbered_file
        inner = folder / f"part-{number:05}"
        inner.mkdir(mode=0o700)
        try:
            result = reader(path, inner, replace(where, file=name))
        except AssayError as error:
            place = replace(error.where, file=f"{where.file}, '{name}'")
            raise type(error)(error.problem, with_hint(error.remedy, name), place) from error
        done += 1
        report_progress(f"{done:,} of {len(files):,} files read")
        return result

    reads = together(read_part, list(enumerate(files, start=1)))
    return _joined([name for name, _ in files], reads, folder, where)


def _joined(names: Sequence[str], reads: Sequence[Read], folder: Path, where: Where) -> Read:
    """Write the tables of all files as one, and remove them."""
    columns = tuple(dict.fromkeys(column for part in reads for column in part.columns))
    _check_case(columns, reads, where)
    offset, rows, unreadable, files = 0, [], [], []
    for number, (name, part) in enumerate(zip(names, reads, strict=True), start=1):
        inner = folder / f"part-{number:05}"
        bad = pl.read_parquet(inner / UNREADABLE)
        good = numbered(rows_in(inner, part.columns), bad["record"].to_list(), part.header)
        rows.append(good.with_columns(pl.col(ROW) + offset))
        unreadable.append(bad.with_columns(pl.col("record") + offset))
        first, offset = offset + 1, offset + part.header + part.rows + part.unreadable
        missing = tuple(column for column in columns if column not in part.columns)
        files.append(FileRead(name, part.rows, part.unreadable, first, offset, missing))
    table = pl.concat(rows, how="diagonal_relaxed").select(ROW, *columns)
    table.sink_parquet(folder / ROWS, compression="zstd")
    bad_records = pl.concat([pl.DataFrame(schema=UNREADABLE_SCHEMA), *unreadable])
    bad_records.write_parquet(folder / UNREADABLE)
    for number in range(1, len(names) + 1):
        shutil.rmtree(folder / f"part-{number:05}")
    return Read(
        sum(part.rows for part in reads),
        sum(part.unreadable for part in reads),
        columns,
        found=_merge_findings(reads),
        files=tuple(files),
    )


def _check_case(columns: Sequence[str], reads: Sequence[Read], where: Where) -> None:
    """Raises: SourceError: a column's name differs between the files in case alone."""
    lowered = [column.lower() for column in columns]
    if len(set(lowered)) == len(lowered):
        return
    several = next(column for column in columns if lowered.count(column.lower()) > 1)
    number, part = next(
        (number, part) for number, part in enumerate(reads, start=1) if several in part.columns
    )
    place = f"column {part.columns.index(several) + 1} of file {number}"
    raise SourceError(
        f"the files spell {place} in several ways (case is ignored)",
        "Use one spelling in all of them",
        where,
    )


def _merge_findings(reads: Sequence[Read]) -> dict[str, str]:
    """What was detected of how the files are written; where they differ, each way once."""
    keys = dict.fromkeys(key for part in reads for key in part.found)
    return {
        key: ", ".join(dict.fromkeys(part.found[key] for part in reads if key in part.found))
        for key in keys
    }
