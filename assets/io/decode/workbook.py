"""Workbooks (.xlsx, .xls, .xlsb, .ods) -> the rows of one sheet as text.

Belongs here: choosing the sheet, its header, the text of a cell. Stays out: what cells mean. No
formula and no macro is ever run: what was last computed is read.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.decode.landing import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)
from assay.assets.io.decode.packed import CHUNK, FREE_BYTES, MAX_MEMBERS, MAX_RATIO, Endless, opened

MAX_UNPACKED = 2 * 2**30  # a sheet holds 1,048,576 rows
_MIDNIGHT = r"^\d{4}-\d{2}-\d{2} 00:00:00$"
_MOMENT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?$"


def decode(task: Task) -> Decoded:
    """The sheet and header row that the contract names; rows of empty cells alone are none, as
    blank lines are in CSV.

    Raises: Undecodable: there is no such thing.
    """
    import fastexcel

    file, skipped, null_values = (
        Path(task.file),
        int(task.options["header_row"]),
        list(task.options["null_values"]),
    )
    _check_size(file)
    try:
        book = fastexcel.read_excel(task.file)
        sheet = _sheet(book.sheet_names, task.options["sheet"])
        texts = _load(book, sheet, "string")
        numbers = _load(book, sheet, "float")
    except fastexcel.FastExcelError as error:
        raise Undecodable(
            f"the workbook cannot be read ({type(error).__name__})",
            "Save it anew as .xlsx, without a password",
        ) from None
    if texts.height < skipped:
        raise Undecodable(
            f"the sheet has {texts.height} rows, and no header in row {skipped}",
            "Mend `header_row` under `options`",
        )
    names = _named(texts.row(skipped - 1))
    cells = texts.select(
        _text(texts[skipped:][column], numbers[skipped:][column]).alias(name)
        for name, column in names.items()
    )
    if null_values:
        cells = cells.select(pl.when(~pl.all().is_in(null_values)).then(pl.all()))
    rows = cells.filter(~pl.all_horizontal(pl.all().is_null()))
    rows.write_parquet(Path(task.folder) / ROWS, compression="lz4")
    UnreadableRecords(Path(task.folder)).close()
    return Decoded(rows.height, 0, tuple(names))


def _load(book: Any, sheet: str, kind: str) -> pl.DataFrame:
    frame: pl.DataFrame = book.load_sheet(
        sheet, header_row=None, skip_rows=0, dtypes=kind
    ).to_polars()
    return frame


def _text(text: pl.Series, number: pl.Series) -> pl.Series:
    """A cell's text.

    The reader rounds numbers to nine digits where it writes text (fastexcel 0.21, 2026-11-24), so
    what reads back as another number is written from the number itself.
    """
    frame = pl.DataFrame({"text": text, "number": number})
    exact = frame.select(
        pl.when(
            pl.col("text").cast(pl.Float64, strict=False).ne_missing(pl.col("number"))
            & pl.col("number").is_not_null()
            & pl.col("text").str.contains(r"^-?[0-9.]+$")
        )
        .then(pl.col("number").cast(pl.String))
        .otherwise(pl.col("text"))
        .alias("text")
    )
    moments = exact.filter(pl.col("text").str.contains(_MOMENT))
    if moments.height and moments.select(pl.col("text").str.contains(_MIDNIGHT).all()).item():
        exact = exact.with_columns(
            pl.when(pl.col("text").str.contains(_MIDNIGHT))
            .then(pl.col("text").str.head(10))
            .otherwise(pl.col("text"))
        )  # dates: Excel keeps no other
    else:
        exact = exact.with_columns(
            pl.when(pl.col("text").str.contains(_MOMENT))
            .then(pl.col("text").str.replace(" ", "T", literal=True))
            .otherwise(pl.col("text"))
        )
    return exact["text"]


def _sheet(names: list[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise Undecodable(
            f"the workbook has no sheet '{wanted}' among its {len(names)}",
            "Open it, and correct `sheet` under `options`",
        )
    if wanted is None and len(names) != 1:
        raise Undecodable(
            f"the workbook has {len(names)} sheets", "Name one under `options`: `sheet: NAME`"
        )
    return wanted if wanted is not None else names[0]


def _named(header: tuple[Any, ...]) -> dict[str, str]:
    """The header's names, each with the column it stands over; columns without one at the right are
    none.
    """
    names = list(header)
    while names and names[-1] is None:
        names.pop()
    unnamed = next(
        (f"column {place} has no name" for place, name in enumerate(names, start=1) if not name),
        None,
    )
    wrong = unnamed or repeated_name([str(name) for name in names])
    if not names or wrong:
        problem = f"in the sheet's header, {wrong}" if wrong else "the sheet's header has no names"
        raise Undecodable(problem, "Name each column once, or mend `header_row` under `options`")
    return {name: f"__UNNAMED__{number}" for number, name in enumerate(names)}


def _check_size(file: Path) -> None:
    """A workbook is a zip, and may be a bomb: all of it is unpacked into nothing first, which stops
    where the reader would not.
    """
    with file.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            return  # .xls is not packed
    allowed = min(MAX_UNPACKED, max(FREE_BYTES, file.stat().st_size * MAX_RATIO))
    try:
        with opened(file) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > allowed:
                raise _bomb(allowed)
            for member in members:
                with archive.open(member) as packed:
                    while packed.read(CHUNK):
                        pass
    except Endless:
        raise _bomb(allowed) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise Undecodable(
            f"the workbook cannot be unpacked ({type(error).__name__})",
            "Save it anew, without a password",
        ) from None


def _bomb(allowed: int) -> Undecodable:
    return Undecodable(
        f"the workbook unpacks to more than {allowed:,} bytes, or {MAX_MEMBERS:,} parts",
        "Deliver the table as CSV or Parquet",
    )
