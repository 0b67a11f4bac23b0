"""Arrow, workbooks and folders of text land as rows of text with every row accounted for, or are refused in one sentence."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import xlsxwriter

from assay.assets.io.decode.task import ROWS, Task
from assay.assets.io.decode.workbook import decode
from assay.assets.io.sources.texts import header
from assay.assets.stages.ingest import land, landed_rows, unreadable_records
from assay.contracts.errors import SourceError
from assay.contracts.types import read
from tests.conftest import SampleHome, columns, setting
from tests.ingest.test_archives import million

READINGS = pl.DataFrame(
    {"meter": ["M1", "M2"], "energy_kwh": [0.1, 1 / 3], "tariff": ["day", None]}
)


def landed(installation: SampleHome) -> pl.DataFrame:
    run = installation.run()
    return landed_rows(run, land(run).receipt.digest).collect()


def inbox(installation: SampleHome) -> Path:
    return installation.root / "inbox"


# -- Arrow ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "stream", "compressed"])
def test_arrow_lands_exactly(installation: SampleHome, kind: str) -> None:
    path = inbox(installation) / "readings.arrow"
    if kind == "stream":
        READINGS.write_ipc_stream(path)
    else:
        READINGS.write_ipc(path, compression="zstd" if kind == "compressed" else "uncompressed")
    installation.promise(setting("source", location="inbox/readings.arrow", format="arrow"))
    assert landed(installation).rows() == [
        (1, "M1", "0.1", "day"),
        (2, "M2", "0.3333333333333333", None),
    ]


def test_arrow_types_are_written_as_the_contract_reads_them(installation: SampleHome) -> None:
    frame = READINGS.with_columns(
        at=pl.Series([datetime(2026, 1, 2, 3, 4, 5, 678901), None]),
        on=pl.Series([date(2026, 1, 2), None]),
        kind=pl.Series(["a", "b"], dtype=pl.Categorical),
    )
    frame.write_ipc(inbox(installation) / "x.arrow")
    installation.promise(setting("source", location="inbox/x.arrow", format="arrow"))
    assert landed(installation).select("at", "on", "kind").row(0) == (
        "2026-01-02T03:04:05.678901",
        "2026-01-02",
        "a",
    )


def _arrow(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ARROW1\x00\x00",
        b"meter,energy\n",
        _arrow(READINGS)[:-60],
        b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64),
    ],
    ids=["empty", "mark", "text", "cut off", "endless"],
)
def test_what_is_no_arrow_is_refused(installation: SampleHome, content: bytes) -> None:
    (inbox(installation) / "x.arrow").write_bytes(content)
    installation.promise(setting("source", location="inbox/x.arrow", format="arrow"))
    with pytest.raises(SourceError, match="cannot be read as Arrow IPC"):
        land(installation.run())


def test_arrow_with_offsets_out_of_bounds_is_refused_and_not_read(installation: SampleHome) -> None:
    path, offsets = (
        inbox(installation) / "x.arrow",
        b"\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00",
    )
    table = pa.table({"meter": ["M1", "M2"]})
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    content = path.read_bytes()
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, offsets[:-1] + b"\x70"))
    installation.promise(setting("source", location="inbox/x.arrow", format="arrow"))
    with pytest.raises(SourceError, match="cannot be read as Arrow IPC"):
        land(installation.run())


def test_arrow_that_names_a_column_twice_is_refused(installation: SampleHome) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["meter", "Meter"])
    with (
        pa.OSFile(str(inbox(installation) / "x.arrow"), "wb") as stream,
        pa.ipc.new_file(stream, table.schema) as writer,
    ):
        writer.write_table(table)
    installation.promise(setting("source", location="inbox/x.arrow", format="arrow"))
    with pytest.raises(SourceError, match=r"two columns have the same name .columns 1 and 2;"):
        land(installation.run())


# -- workbooks ----------------------------------------------------------------------------------


def workbook(path: Path, **sheets: list[list[Any]]) -> None:
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm:ss"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()


def promise(installation: SampleHome, **options: Any) -> None:
    installation.promise(
        setting("source", location="inbox/readings.xlsx", format="excel", options=options)
    )


def test_a_sheet_lands_as_text_with_numbers_exact(installation: SampleHome) -> None:
    rows = [
        ["meter", "energy_kwh", "tariff"],
        ["M1", 1 / 3, "day"],
        ["007", 1e-10, None],
        [None, None, None],
        ["M3", 123456789012, "a\nb"],
        ["M4", 2.5, True],
    ]
    workbook(inbox(installation) / "readings.xlsx", S=rows)
    promise(installation)
    assert landed(installation).rows() == [
        (1, "M1", "0.3333333333333333", "day"), (2, "007", "1e-10", None), (3, "M3", "123456789012", "a\nb"), (4, "M4", "2.5", "true"),
    ]  # fmt: skip


def test_the_sheet_and_the_header_row_are_those_that_are_named(installation: SampleHome) -> None:
    table = [["a title"], ["meter", "energy_kwh", "tariff"], ["M1", 1, "day"]]
    workbook(inbox(installation) / "readings.xlsx", Notes=[["x"]], Data=table)
    promise(installation, sheet="Data", header_row=2)
    assert landed(installation).rows() == [(1, "M1", "1", "day")]
    for options, says in (
        ({}, "has 2 sheets.*`sheet: NAME`"),
        ({"sheet": "data"}, "no sheet 'data' among its 2"),
        ({"sheet": "Data", "header_row": 9}, "no header in row 9"),
        ({"sheet": "Data"}, "lacks the declared column"),
    ):
        promise(installation, **options)
        with pytest.raises(SourceError, match=says):
            land(installation.run())


@pytest.mark.parametrize("from_1904", [False, True])
def test_a_time_of_day_and_a_length_of_time_have_no_day(from_1904: bool, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "x.xlsx", {"date_1904": from_1904})
    sheet = book.add_worksheet()
    clock, day, length = (
        book.add_format({"num_format": form}) for form in ("hh:mm:ss", "yyyy-mm-dd", "[h]:mm:ss")
    )
    sheet.write_row(0, 0, ["clock", "day", "at", "length", "either"])
    clocks = [time(7, 5), time(0, 0), time(23, 59, 59, 500_000)]
    days = [date(2024, 3, 1), date(1904, 1, 1), date(1999, 2, 28)]
    for row, (at, on) in enumerate(zip(clocks, days, strict=True), start=1):
        sheet.write_datetime(row, 0, at, clock)
        sheet.write_datetime(row, 1, on, day)
        sheet.write_datetime(row, 2, datetime.combine(on, at), day)
        sheet.write_number(row, 3, 1.25 * row, length)
        sheet.write_datetime(row, 4, on if row == 3 else at, day)
    book.close()
    assert decoded_workbook(tmp_path / "x.xlsx").rows() == [
        ("07:05:00", "2024-03-01", "2024-03-01T07:05:00", "30:00:00", "07:05:00"),
        ("00:00:00", "1904-01-01", "1904-01-01T00:00:00", "60:00:00", "1904-01-01" if from_1904 else "00:00:00"),
        ("23:59:59.500", "1999-02-28", "1999-02-28T23:59:59.500", "90:00:00", "1999-02-28"),
    ]  # fmt: skip


def test_a_time_of_day_in_an_opendocument_sheet(tmp_path: Path) -> None:
    cells = (
        ('office:value-type="string"', "clock"),
        ('office:value-type="time" office:time-value="PT07H05M00S"', "07:05"),
    )
    rows = "".join(
        f"<table:table-row><table:table-cell {kind}><text:p>{text}</text:p></table:table-cell></table:table-row>"
        for kind, text in cells
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = f'<office:document-content{names}><office:body><office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    with zipfile.ZipFile(tmp_path / "x.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    assert decoded_workbook(tmp_path / "x.ods")["clock"].to_list() == ["07:05:00"]


def decoded_workbook(file: Path) -> pl.DataFrame:
    options = {"header_row": 1, "null_values": (), "sheet": None}
    decode(Task("workbook", str(file), str(file.parent), options))
    return pl.read_parquet(file.parent / ROWS)


def test_dates_and_times_are_written_as_the_contract_reads_them(installation: SampleHome) -> None:
    workbook(
        inbox(installation) / "readings.xlsx",
        S=[
            ["meter", "on", "at"],
            ["M1", datetime(2026, 1, 2), datetime(2026, 1, 2)],
            ["M2", datetime(2026, 1, 3), datetime(2026, 1, 2, 3, 4, 5)],
        ],
    )
    installation.promise(
        columns(
            {"name": "meter", "logicalType": "string"},
            {"name": "on", "logicalType": "date"},
            {"name": "at", "logicalType": "timestamp"},
        ),
        setting("source", location="inbox/readings.xlsx", format="excel"),
    )
    rows = landed(installation)
    assert rows.select("on", "at").rows() == [
        ("2026-01-02", "2026-01-02T00:00:00"),
        ("2026-01-03", "2026-01-02T03:04:05"),
    ]
    contract = installation.run().contract
    assert rows.select(read(column) for column in contract.columns[1:]).row(1)[0] == date(
        2026, 1, 3
    )


def test_a_header_that_cannot_be_promised_is_refused(installation: SampleHome) -> None:
    for row, says in (
        (["meter", "Meter"], r"the same name .columns 1 and 2;"),
        (["meter", None, "x"], "column 2 has no name"),
    ):
        workbook(inbox(installation) / "readings.xlsx", S=[row, ["1", "2", "3"]])
        promise(installation)
        with pytest.raises(SourceError, match=says):
            land(installation.run())


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 10_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"meter,energy\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)],
    ids=["empty", "zip", "text", "xls"],
)
def test_what_is_no_workbook_is_refused(installation: SampleHome, content: bytes) -> None:
    (inbox(installation) / "readings.xlsx").write_bytes(content)
    promise(installation)
    with pytest.raises(SourceError, match=r"the workbook cannot be (read|unpacked)"):
        land(installation.run())


@pytest.mark.parametrize("make", [_bomb, million])
def test_a_workbook_that_is_a_bomb_is_refused_quickly(
    installation: SampleHome, make: Callable[[], bytes]
) -> None:
    content = make()
    (inbox(installation) / "readings.xlsx").write_bytes(
        (b"" if content.startswith(b"PK\x03\x04") else b"PK\x03\x04") + content
    )
    promise(installation)
    run = installation.run()
    before = sum(os.times()[:4])
    with pytest.raises(SourceError, match="unpacks to more than"):
        land(run)
    assert (
        sum(os.times()[:4]) - before < 5
    )  # seconds at work, those of the process of its own too: a machine that is busy takes longer


# -- documents ------------------------------------------------------------------------------------


def documents(installation: SampleHome, **files: bytes) -> None:
    for name, content in files.items():
        (inbox(installation) / name.replace("_", ".")).write_bytes(content)
    names = ({"name": name, "logicalType": "string"} for name in ("name", "text"))
    installation.promise(
        columns(*names), setting("source", location="inbox/*.md", format="documents")
    )


def test_a_folder_of_documents_is_one_row_a_file(installation: SampleHome) -> None:
    documents(
        installation,
        a_md=b"---\ntitle: A day\ntags: \n---\n# Text\n",
        b_md="\ufeffGrüße\r\nzwei".encode(),
        c_md="é".encode("latin-1"),
        d_md="wide".encode("utf-16"),
        e_md=b"\x00\x01",
    )
    run = installation.run()
    receipt = land(run).receipt
    assert landed_rows(run, receipt.digest).select("_row", "name", "text", "encoding", "title").collect().rows() == [
        (1, "a.md", "# Text\n", "utf-8", "A day"), (2, "b.md", "Grüße\nzwei", "utf-8-sig", None), (4, "d.md", "wide", "utf-16", None),
    ]  # fmt: skip
    assert unreadable_records(run, receipt.digest).rows() == [
        (3, "invalid encoding"),
        (5, "binary"),
    ]
    assert (receipt.rows, receipt.unreadable) == (3, 2)


@pytest.mark.parametrize("text", [
    "no header", "---\ntitle: x\n", "---\na: [1, 2]\n---\nbody", "---\n- a\n---\nbody", "---\na: &x 1\nb: *x\nc: {d: *x}\n---\n", "---\nname: x\n---\n", "---\na: 1\na: 2\n---\n", "---\n: :\n---\n",
    "---\n'a b': 1\n---\n", "---\na: !!python/object:os.system x\nb: {}\n---\n", "---\n" + "".join(f"k{n}: 1\n" for n in range(60)) + "---\n", "---\n" + "a" * 70_000 + ": 1\n---\n",
])  # fmt: skip
def test_a_header_that_is_not_plain_stays_in_the_text(text: str) -> None:
    assert header(text) == ({}, text)


def test_documents_of_which_none_is_text_are_refused(installation: SampleHome) -> None:
    documents(installation, a_md=b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="none of the 1 files is text"):
        land(installation.run())


# -- drafts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["arrow", "excel"])
def test_a_contract_is_drafted_from_them(tmp_path: Path, kind: str) -> None:
    from assay.assets.io.home import Home
    from assay.assets.services.new import drafted
    from assay.assets.services.new_source import given_source
    from assay.contracts.load import load

    home = Home(home=tmp_path / "home", source_roots=str(tmp_path))
    path = tmp_path / f"readings.{'xlsx' if kind == 'excel' else kind}"
    if kind == "excel":
        workbook(path, S=[READINGS.columns, *map(list, READINGS.rows())])
    else:
        READINGS.write_ipc(path)
    done = drafted(
        given_source(str(path), home),
        "readings",
        home,
        license="CC0-1.0",
        owner="ann@example.com",
        progress=lambda _: None,
    )
    assert done.origin.format == kind
    promised = load(done.draft.text, "readings.odcs.yaml")
    assert [(column.name, column.logical_type) for column in promised.columns] == [
        ("meter", "string"),
        ("energy_kwh", "number"),
        ("tariff", "string"),
    ]
