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

from assay.assets.io.decode.task import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)
from assay.assets.io.decode.zip_limits import (
    CHUNK,
    FREE_BYTES,
    MAX_MEMBERS,
    MAX_RATIO,
    TooManyMembers,
    opened,
)

MAX_UNPACKED = 2 * 2**30  # a sheet holds 1,048,576 rows
_MIDNIGHT = r"^\d{4}-\d{2}-\d{2} 00:00:00$"
_EARLY_DAY = r"^(1900-0[1-9]|1904-0[1-9])-"
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
        serials = _load(book, sheet, "duration")
    except fastexcel.FastExcelError as error:
        raise Undecodable(
            f"the workbook cannot be read ({type(error).__name__})",
            "Save it again as .xlsx, without a password",
        ) from None
    if texts.height < skipped:
        raise Undecodable(
            f"the sheet has {texts.height} rows, but no header in row {skipped} (counted from 1)",
            "Correct `header_row` under `options`",
        )
    names = _named(texts.row(skipped - 1))
    body = [frame[skipped:] for frame in (texts, numbers, serials)]
    lengths = _columns_of_lengths(book, sheet, texts, skipped)
    cells = pl.DataFrame(
        [
            _lengths(serials[skipped:][column]).alias(name)
            if column in lengths
            else _cells(name, *(frame[column] for frame in body))
            for name, column in names.items()
        ]
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


def _cells(name: str, text: pl.Series, number: pl.Series, serial: pl.Series) -> pl.Series:
    """A column's cells as text: numbers exactly, dates, times of day and moments in ISO 8601.

    Args:
        serial: what a date or a time is in the workbook: the time since its first day.
    """
    frame = pl.DataFrame({"text": text, "number": number, "serial": serial})
    is_moment = pl.col("text").str.contains(_MOMENT)
    moments = frame.filter(is_moment)
    if not moments.height:
        return frame.select(_exact_number().alias(name)).to_series()
    clock = pl.col("serial") < pl.duration(days=1)
    midnights_are_days = moments.select((~clock).any()).item() and _has_day_zero(moments)
    is_clock = clock & (pl.col("serial") > pl.duration()) if midnights_are_days else clock
    days = moments.filter(~is_clock)
    all_midnight = days.height and days.select(pl.col("text").str.contains(_MIDNIGHT).all()).item()
    day = (
        pl.col("text").str.head(10)  # dates: Excel keeps no other
        if all_midnight
        else pl.col("text").str.replace(" ", "T", literal=True)
    )
    moment = pl.when(is_clock).then(pl.col("text").str.slice(11)).otherwise(day)
    cell = pl.when(is_moment).then(moment).otherwise(_exact_number())
    return frame.select(cell.alias(name)).to_series()


def _has_day_zero(moments: pl.DataFrame) -> bool:
    """Whether the workbook counts from 1904: its day zero is a date, where 1900 has none."""
    zero = moments.filter(pl.col("serial") == pl.duration())["text"]
    return bool(zero.str.starts_with("1904-").any())


def _exact_number() -> pl.Expr:
    """A number's own digits.

    The reader rounds numbers to nine digits where it writes text (fastexcel 0.21, 2026-11-24), so
    what reads back as another number is written from the number itself. A time of an OpenDocument
    sheet has no text.
    """
    text, number = pl.col("text"), pl.col("number")
    is_rounded = text.cast(pl.Float64, strict=False).ne_missing(number) & number.is_not_null()
    exact = (
        pl.when(is_rounded & text.str.contains(r"^-?[0-9.]+$"))
        .then(number.cast(pl.String))
        .otherwise(text)
    )
    is_bare_time = text.is_null() & pl.col("serial").is_not_null()
    return pl.when(is_bare_time).then(_hours(pl.col("serial"))).otherwise(exact)


def _hours(length: pl.Expr) -> pl.Expr:
    """A length of time as hours, minutes and seconds, such as 07:05:00 or 33:25:42.857."""
    total = length.dt.total_milliseconds()
    parts = [total // 3_600_000, total // 60_000 % 60, total // 1000 % 60]
    digits = [part.cast(pl.String).str.zfill(2) for part in parts]
    rest = total % 1000
    fraction = pl.when(rest > 0).then("." + rest.cast(pl.String).str.zfill(3)).otherwise(pl.lit(""))
    clock = pl.concat_str(digits, separator=":")
    return pl.concat_str(clock, fraction)


def _lengths(serial: pl.Series) -> pl.Series:
    return serial.to_frame("serial").select(_hours(pl.col("serial"))).to_series()


def _columns_of_lengths(book: Any, sheet: str, texts: pl.DataFrame, skipped: int) -> set[str]:
    """The columns of lengths of time, such as 33:25: as text they look like the first days that the
    workbook counts from, so the reader returns the type of each such column.
    """
    import fastexcel

    lengths = set[str]()
    for place, column in enumerate(texts.columns):
        if not texts[skipped:][column].str.contains(_EARLY_DAY).any():
            continue
        try:
            typed = book.load_sheet(
                sheet,
                header_row=None,
                skip_rows=skipped,
                use_columns=[place],
                schema_sample_rows=None,
            ).to_polars()
        except fastexcel.FastExcelError:  # it holds other cells as well
            continue
        if typed.dtypes == [pl.Duration("ms")]:
            lengths.add(column)
    return lengths


def _sheet(names: list[str], wanted: str | None) -> str:
    if wanted is not None and wanted not in names:
        raise Undecodable(
            f"the workbook has no sheet '{wanted}' among its {len(names)} sheets",
            "Correct `sheet` under `options`",
        )
    if wanted is None and len(names) != 1:
        raise Undecodable(
            f"the workbook has {len(names)} sheets",
            "Choose one: `sheet: NAME` under `options`, or `assay new FILE --sheet NAME`",
        )
    return wanted if wanted is not None else names[0]


def _named(header: tuple[Any, ...]) -> dict[str, str]:
    """The header's names, each with the column below it; columns without one at the right are
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
        raise Undecodable(
            problem, "Give each column its own name, or correct `header_row` under `options`"
        )
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
    except TooManyMembers:
        raise _bomb(allowed) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise Undecodable(
            f"the workbook cannot be unpacked ({type(error).__name__})",
            "Save it again, without a password",
        ) from None


def _bomb(allowed: int) -> Undecodable:
    return Undecodable(
        f"the workbook unpacks to more than {allowed:,} bytes, or {MAX_MEMBERS:,} parts",
        "Deliver the table as CSV or Parquet",
    )
