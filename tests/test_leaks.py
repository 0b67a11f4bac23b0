"""The search for leaks finds a value that is planted in any format that an installation writes."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.leaks import holding

VALUE = "bafeligo.zurimo@canary.example"
TEXT = json.dumps({"x": f"ask {VALUE}, please"}).encode()


def _orphan(file: Path) -> None:
    """A dictionary entry that no cell refers to."""
    entries = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), ["plain", VALUE])
    pq.write_table(pa.table({"x": entries}), file, write_statistics=False, compression="zstd")


def _of_metadata(file: Path) -> None:
    table = pa.table({"x": [1]}).replace_schema_metadata({"from": VALUE})
    pq.write_table(table, file)


def _statistics(file: Path) -> None:
    """Cells that are not there any more: the file is changed, its statistics are not."""
    pq.write_table(pa.table({"x": [VALUE, "x"]}), file, compression="none", use_dictionary=False)
    content = file.read_bytes()
    first = content.find(VALUE.encode())
    file.write_bytes(content[:first] + bytes(len(VALUE)).replace(b"\0", b"q") + content[first + len(VALUE) :])  # fmt: skip


def _cell(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (x BLOB)")
        connection.execute("INSERT INTO t VALUES (?)", (zlib.compress(TEXT),))


def _free_page(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(f"{n} {VALUE}",) for n in range(300)])
        connection.commit()
        connection.execute("DROP TABLE t")
        connection.commit()


def _zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", gzip.compress(TEXT))


def _member_name(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{VALUE}.csv", "x")


def _zstandard(file: Path) -> None:
    with pa.OSFile(str(file), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as stream:
        stream.write(TEXT)
    file.write_bytes(b"before" + file.read_bytes() + b"behind it")


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(content) and None


ESCAPED = "".join(f"\\u{ord(letter):04X}" for letter in VALUE).encode()
PLANTED: dict[str, Callable[[Path], None]] = {
    "plain": _bytes(TEXT), "upper case": _bytes(VALUE.upper().encode()), "json escapes": _bytes(ESCAPED), "percent": _bytes(quote(VALUE, safe="").encode()),
    "gzip": _bytes(gzip.compress(TEXT)), "zlib in the middle": _bytes(b"ab" * 9 + zlib.compress(TEXT) + b"rest"), "bzip2": _bytes(bz2.compress(TEXT)),
    "xz": _bytes(lzma.compress(TEXT)), "zstandard": _zstandard, "zip": _zip, "member's name": _member_name, "utf-16": _bytes(VALUE.encode("utf-16")),
    "base64": _bytes(b'{"payload": "' + base64.b64encode(TEXT) + b'"}'), "base64 for addresses": _bytes(base64.urlsafe_b64encode(b"??>>" + TEXT)),
    "base64 of gzip": _bytes(base64.b64encode(gzip.compress(TEXT))), "base64 behind letters": _bytes(b"x" + base64.b64encode(TEXT)), "hexadecimal": _bytes(TEXT.hex().encode()),
    "parquet": lambda file: pl.DataFrame({"x": [VALUE]}).write_parquet(file), "parquet's name of a column": lambda file: pl.DataFrame({VALUE: [1]}).write_parquet(file),
    "parquet's dictionary": _orphan, "parquet's metadata": _of_metadata, "parquet's statistics": _statistics, "a cell of sqlite": _cell, "a free page of sqlite": _free_page,
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_value_is_detected(tmp_path: Path, kind: str) -> None:
    (tmp_path / "reports").mkdir()
    PLANTED[kind](tmp_path / "reports" / "x")
    (tmp_path / "reports" / "clean").write_text("nothing of interest")
    detected = {where.partition(":")[0] for where in holding(tmp_path, [VALUE])}
    assert detected == {"reports/x"}


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_name_of_a_file_or_folder_is_detected(tmp_path: Path, is_folder: bool) -> None:
    place = tmp_path / "reports" / VALUE
    (place if is_folder else place.parent).mkdir(parents=True)
    if not is_folder:
        place.write_text("x")
    assert holding(tmp_path, [VALUE]) == {f"reports/{VALUE}"}


def test_a_table_of_lancedb_is_read(tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="LanceDB is not installed")
    rows = [{"x": f"{number} {VALUE}"} for number in range(300)]
    lancedb.connect(tmp_path / "index").create_table("passages", rows)
    assert "index/passages.lance" in holding(tmp_path, [VALUE])


def test_what_came_in_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "lake" / "readings" / "landed").mkdir(parents=True)
    (tmp_path / "lake" / "readings" / "landed" / VALUE).write_bytes(TEXT)
    assert holding(tmp_path, [VALUE]) == set()
