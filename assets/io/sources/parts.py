"""Many files of one source -> one landed table, and which records came from which file.

Belongs here: reading several at once, joining them, counting on. Stays out: reading any one of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from assay.assets.io.decode.landing import ROWS, UNREADABLE
from assay.assets.io.names import with_hint
from assay.assets.io.sources.landing import UNREADABLE_SCHEMA, Read, rows_in
from assay.assets.io.sources.places import together
from assay.assets.io.work_progress import tell
from assay.contracts.errors import AssayError, SourceError, Where
from assay.pipelines.core.frames import ROW, FileRead
from assay.pipelines.ingest.records import numbered

Reader = Callable[[Path, Path, Where], Read]


def read(files: Sequence[tuple[str, Path]], reader: Reader, folder: Path, where: Where) -> Read:
    """Read each file by itself, then all of them as one table.

    Args:
        files: what each is known by, and where it lies.
    Returns: what was read. `_row` counts on from file to file: its `files` say which records are whose. A column that a file lacks is null there.
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
        tell(f"{done:,} of {len(files):,} files read")
        return result

    reads = together(read_part, list(enumerate(files, start=1)))
    return _joined([name for name, _ in files], reads, folder, where)


def _joined(names: Sequence[str], reads: Sequence[Read], folder: Path, where: Where) -> Read:
    columns = tuple(dict.fromkeys(column for each in reads for column in each.columns))
    lowered = [column.lower() for column in columns]
    if len(set(lowered)) != len(lowered):
        several = next(column for column in columns if lowered.count(column.lower()) > 1)
        number = next(
            number for number, each in enumerate(reads, start=1) if several in each.columns
        )
        place = reads[number - 1].columns.index(several) + 1
        problem = (
            f"the files write column {place} of file {number} in several ways (case does not count)"
        )
        raise SourceError(problem, "Write it the same way in each of them", where)
    offset, rows, unreadable, files = 0, [], [], []
    for number, (name, each) in enumerate(zip(names, reads, strict=True), start=1):
        inner = folder / f"part-{number:05}"
        bad = pl.read_parquet(inner / UNREADABLE)
        rows.append(
            numbered(
                rows_in(inner, each.columns), bad["record"].to_list(), each.header
            ).with_columns(pl.col(ROW) + offset)
        )
        unreadable.append(bad.with_columns(pl.col("record") + offset))
        last = offset + each.header + each.rows + each.unreadable
        files.append(
            FileRead(
                name,
                each.rows,
                each.unreadable,
                offset + 1,
                last,
                tuple(column for column in columns if column not in each.columns),
            )
        )
        offset = last
    pl.concat(rows, how="diagonal_relaxed").select(ROW, *columns).sink_parquet(
        folder / ROWS, compression="zstd"
    )
    pl.concat([pl.DataFrame(schema=UNREADABLE_SCHEMA), *unreadable]).write_parquet(
        folder / UNREADABLE
    )
    for number in range(1, len(names) + 1):
        shutil.rmtree(folder / f"part-{number:05}")
    return Read(
        sum(each.rows for each in reads),
        sum(each.unreadable for each in reads),
        columns,
        found=_merge_findings(reads),
        files=tuple(files),
    )


def _merge_findings(reads: Sequence[Read]) -> dict[str, str]:
    """What was found of how the files are written; where they differ, each way once."""
    keys = dict.fromkeys(key for each in reads for key in each.found)
    return {
        key: ", ".join(dict.fromkeys(each.found[key] for each in reads if key in each.found))
        for key in keys
    }
