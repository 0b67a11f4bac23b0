"""A file is what its first bytes are, whatever it is called: it is read so, or refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from assay.assets.io.sources import read_file, unpacked
from assay.assets.io.sources.first_bytes import format_of_text, kind_by_bytes
from assay.assets.services.new_source import format_of_file
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import Source

FRAME = pl.DataFrame({"id": list(range(50)), "word": [f"w{n}" for n in range(50)]})
TEXT = FRAME.write_csv().encode()
WHERE = Where(file="data.csv")


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return stream.getvalue()


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t(id)")
    return connection.serialize()


PARQUET = written(FRAME.write_parquet)
READABLE = {
    "parquet": (PARQUET, "parquet"),
    "arrow file": (written(FRAME.write_ipc), "arrow"),
    "arrow stream": (written(FRAME.write_ipc_stream), "arrow"),
    "workbook": (written(FRAME.write_excel), "excel"),
    "json": (written(FRAME.write_json), "json"),
    "json lines": (written(FRAME.write_ndjson), "jsonl"),
    "csv": (TEXT, "csv"),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zip": lambda content: zipped("a", content),
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}
REFUSED = {
    "Avro": written(FRAME.write_avro),
    "a SQLite database": database(),
    "a tar archive": tarred(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(50),
    "a web page (HTML)": b"<!DOCTYPE html>\n<html><body>Sign in</body></html>",
    "XML": b'<?xml version="1.0"?><rows/>',
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "binary data of an unknown kind": bytes(range(256)) * 10,
}


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize("name", ["data.csv", "data.parquet", "data.json", "data.xlsx", "data"])
def test_a_draft_reads_a_file_as_what_it_is(tmp_path: Path, kind: str, name: str) -> None:
    content, expected = READABLE[kind]
    (tmp_path / name).write_bytes(content)
    assert format_of_file(tmp_path / name, name, WHERE) == expected


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("inner", ["text", "parquet"])
def test_a_packed_file_is_unpacked_whatever_it_is_called(
    tmp_path: Path, kind: str, inner: str
) -> None:
    content = TEXT if inner == "text" else PARQUET
    (tmp_path / "data.csv").write_bytes(PACKERS[kind](content))
    plain = unpacked(tmp_path / "data.csv", tmp_path, WHERE)
    assert plain.read_bytes() == content
    assert format_of_file(plain, "data.csv", WHERE) == ("csv" if inner == "text" else "parquet")


@pytest.mark.parametrize("shown", REFUSED)
@pytest.mark.parametrize("name", ["data.csv", "data.parquet", "data.json"])
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, shown: str, name: str) -> None:
    (tmp_path / name).write_bytes(REFUSED[shown])
    with pytest.raises(SourceError) as refused:
        format_of_file(tmp_path / name, name, WHERE)
    assert refused.value.problem == f"the file is {shown}, which cannot be read"
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("stated", "content", "problem", "remedy"),
    [
        ("csv", PARQUET, "the file is Parquet", "Write `format: parquet`"),
        ("jsonl", PARQUET, "the file is Parquet", "Write `format: parquet`"),
        ("csv", READABLE["workbook"][0], "the file is an Excel workbook", "`format: excel`"),
        ("parquet", READABLE["arrow file"][0], "the file is Arrow", "Write `format: arrow`"),
        ("csv", REFUSED["Avro"], "the file is Avro", "Export it as CSV or Parquet"),
        (
            "csv",
            gzip.compress(gzip.compress(TEXT)),
            "in the archive is a gzip archive",
            "Pack the file itself",
        ),
    ],
)
def test_a_file_of_another_kind_than_the_contract_states_is_refused_by_name(
    tmp_path: Path, stated: str, content: bytes, problem: str, remedy: str
) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    source = Source.model_validate(
        {"origin": "external", "location": "inbox/data.csv", "format": stated}
    )
    with pytest.raises(SourceError) as refused:
        read_file(source, tmp_path / "data.csv", tmp_path, WHERE)
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    ["ORC,elf\n1,2\n", "PAR1,PAR2\n4,5\n", "RDX\n1\n", "CDF,x\n1,2\n", "BZhang\nx\n", "PK,id\n1,2\n", "GIF8,x\n1,2\n", "", "a\x01b\n1\x012\n"],
)  # fmt: skip
def test_text_that_begins_like_a_signature_is_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    assert kind_by_bytes(tmp_path / "x") is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "cp932"])
def test_text_of_any_encoding_is_text(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x").write_bytes("id,name\n1,x\n2,y\n".encode(encoding))
    assert kind_by_bytes(tmp_path / "x") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[\n {"a": 1},\n {"a": 2}\n]', "json"),
        ('{"a": 1}\n{"a": 2}\n', "jsonl"),
        ('{\n "a": 1\n}', "json"),
        ("[1, 2]\n[3, 4]\n", "jsonl"),
        ("[id],[name]\n1,a\n", "csv"),
        ("{id},{name}\n1,a\n", "csv"),
        ("id,name\n1,a\n", "csv"),
    ],
)
def test_json_is_known_by_how_it_starts(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "x").write_text(text)
    assert format_of_text(tmp_path / "x") == expected
