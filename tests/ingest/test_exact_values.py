"""Decimals of 38 digits and bytes are published exactly, whatever file delivers them.

What databases deliver is in test_databases.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from tests.conftest import SampleHome, setting

DIGITS = "1234567890123456789012345678.0123456789"
BYTES = b"\x00\xff\x0a"
FIRST = f'{{"meter": "M1", "amount": {DIGITS}, "raw": "00ff0a"}}'
SECOND = '{"meter": "M2", "amount": null, "raw": null}'
TABLE = pa.table(
    {
        "meter": ["M1", "M2"],
        "amount": pa.array([Decimal(DIGITS), None], pa.decimal128(38, 10)),
        "raw": pa.array([BYTES, None], pa.binary()),
    }
)


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    return buffer.getvalue()


def _arrow(writer: Callable[..., Any]) -> bytes:
    buffer = io.BytesIO()
    with writer(buffer, TABLE.schema) as written:
        written.write_table(TABLE)
    return buffer.getvalue()


def _workbook() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as workbook:
        sheet = workbook.add_worksheet()
        for row, cells in enumerate((TABLE.column_names, ("M1", DIGITS, "00ff0a"), ("M2",))):
            for column, cell in enumerate(cells):
                sheet.write_string(row, column, cell)
    return buffer.getvalue()


DELIVERIES = {
    "csv": ("csv", f"meter,amount,raw\nM1,{DIGITS},00ff0a\nM2,,\n".encode()),
    "json lines": ("jsonl", f"{FIRST}\n{SECOND}\n".encode()),
    "json": ("json", f"[{FIRST}, {SECOND}]".encode()),
    "json with numbers as text": (
        "json",
        f"[{FIRST}, {SECOND}]".replace(DIGITS, f'"{DIGITS}"').encode(),
    ),
    "parquet": ("parquet", _parquet()),
    "arrow file": ("arrow", _arrow(pa.ipc.new_file)),
    "arrow stream": ("arrow", _arrow(pa.ipc.new_stream)),
    "workbook with numbers as text": ("excel", _workbook()),
}


def exact_columns(data: dict[str, Any]) -> None:
    """Declare a key, a number of 38 digits and a column of bytes."""
    table = data["schema"][0]
    table["properties"] = [
        {"name": "meter", "logicalType": "string", "primaryKey": True},
        {"name": "amount", "logicalType": "number", "physicalType": "decimal(38,10)"},
        {"name": "raw", "logicalType": "string", "physicalType": "binary"},
    ]
    table["quality"] = []


def published_exactly(installation: SampleHome) -> bool:
    """Whether the two rows come out of a version as they went in."""
    row = installation.published().row
    rows = installation.open().scan(row).select("meter", "amount", "raw").collect().sort("meter")
    return rows.rows() == [("M1", Decimal(DIGITS), BYTES), ("M2", None, None)]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_numbers_of_38_digits_and_bytes_are_published_exactly(
    installation: SampleHome, delivery: str
) -> None:
    file_format, content = DELIVERIES[delivery]
    (installation.root / "inbox" / "delivery").write_bytes(content)
    source = setting("source", location="inbox/delivery", format=file_format, options={})
    installation.promise(source, exact_columns)
    assert published_exactly(installation)
