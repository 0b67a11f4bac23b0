"""The first bytes of a file -> what kind of file it is, whatever it is called.

Belongs here: signatures of formats that can be read, and of those that cannot. Stays out: reading
any of them. Only the first bytes are believed, and of a zip its list of members.
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.assets.io.decode import zip_limits
from assay.assets.io.decode.encoding import wide_encoding

_HEAD = 4096
_TAR = 257  # where a tar archive has its signature
_DUCKDB = 8


@dataclass(frozen=True)
class FileKind:
    """A kind of file: its name in a sentence; the `format` that reads it, or the packing that
    unpacks it, if any; what to do about it where neither does; and the kind of place that a
    database is.
    """

    shown: str
    format: str | None = None
    packing: str | None = None
    remedy: str = "Export it as CSV or Parquet"
    database: Literal["sqlite", "duckdb"] | None = None


_UNPACK = "Unpack it, or pack the file as .zip, .gz, .bz2, .xz or .zst"
_DATABASE = "Write `format: sql` with `location: {}:PATH`, or export the table as CSV or Parquet"
_PARQUET, _ARROW = FileKind("Parquet", "parquet"), FileKind("Arrow", "arrow")
_EXCEL = FileKind("an Excel workbook", "excel")
_WEB_PAGE = FileKind("a web page (HTML)", remedy="Get the data file itself: the page may be a sign-in page or an error")  # fmt: skip
_XML = FileKind("XML")
BINARY = FileKind("binary data of an unknown kind")
_SIGNATURES: tuple[tuple[bytes, FileKind], ...] = (
    (b"PAR1", _PARQUET),
    (b"PARE", FileKind("encrypted Parquet", remedy="Deliver it without encryption")),
    (b"ARROW1", _ARROW),
    (b"\xff\xff\xff\xff", _ARROW),
    (b"FEA1", FileKind("Feather 1", remedy="Write it as Feather 2 or Parquet")),
    (b"Obj\x01", FileKind("Avro")),
    (b"ORC", FileKind("ORC")),
    (
        b"SQLite format 3\x00",
        FileKind("a SQLite database", remedy=_DATABASE.format("sqlite"), database="sqlite"),
    ),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _EXCEL),
    (b"\x1f\x8b\x08", FileKind("a gzip archive", packing="gz")),
    (b"\xfd7zXZ\x00", FileKind("an xz archive", packing="xz")),
    (b"\x28\xb5\x2f\xfd", FileKind("a Zstandard archive", packing="zst")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", remedy=_UNPACK)),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", remedy=_UNPACK)),
    (b"\x04\x22\x4d\x18", FileKind("an LZ4 archive", remedy=_UNPACK)),
    (b"\xff\x06\x00\x00sNaPpY", FileKind("a Snappy archive", remedy=_UNPACK)),
    (b"\x89HDF\r\n\x1a\n", FileKind("HDF5")),
    (b"CDF\x01", FileKind("NetCDF")),
    (b"CDF\x02", FileKind("NetCDF")),
    (b"\x93NUMPY", FileKind("a NumPy array")),
    (b"RDX", FileKind("an R data file")),
    (b"$FL2@(#)", FileKind("an SPSS file")),
    (b"<stata_dta>", FileKind("a Stata file")),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", FileKind("a SAS file")),
    (b"%PDF-", FileKind("a PDF")),
    (b"\x89PNG\r\n\x1a\n", FileKind("an image")),
    (b"\xff\xd8\xff", FileKind("an image")),
    (b"GIF8", FileKind("an image")),
)
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PLAIN_CONTROLS = bytes([1, *range(9, 14), *range(26, 32)])
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def kind_by_bytes(path: Path) -> FileKind | None:
    """What the file is; None if it is text, or nothing."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head.startswith(_ZIPS):
        return _kind_of_zip(path)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature) and (not signature.isalnum() or _is_no_text(head)):
            return kind
    if _BZIP2.match(head):
        return FileKind("a bzip2 archive", packing="bz2")
    if head[_DUCKDB : _DUCKDB + 4] == b"DUCK":
        return FileKind("a DuckDB database", remedy=_DATABASE.format("duckdb"), database="duckdb")
    if head[_TAR : _TAR + 5] == b"ustar":
        return FileKind("a tar archive", remedy=_UNPACK)
    return _kind_of_text(head)


def _is_no_text(head: bytes) -> bool:
    """Whether what begins like a word goes on as no text does: with control characters, or without
    any line.
    """
    has_lines = b"\n" in head or b"\r" in head
    return not has_lines or any(byte < 9 or 13 < byte < 27 for byte in head[:256])


def _kind_of_zip(path: Path) -> FileKind:
    """A workbook, another document of an office, or an archive."""
    archive = FileKind("a zip archive", packing="zip")
    try:
        with zip_limits.opened(path) as members:
            names = {member.filename for member in members.infolist()}
    except (
        zip_limits.TooManyMembers,
        zipfile.BadZipFile,
        NotImplementedError,
        OSError,
        ValueError,
    ):
        return archive
    if any(name.startswith("xl/workbook.") for name in names) or {"mimetype", "content.xml"} <= names:  # fmt: skip
        return _EXCEL
    if names & {"word/document.xml", "ppt/presentation.xml"}:
        return FileKind("an Office document")
    return archive


def _kind_of_text(head: bytes) -> FileKind | None:
    """A web page, XML, or bytes that are no text."""
    start = head.removeprefix(_BOMS[0]).lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return _WEB_PAGE
    if start.startswith(b"<!--") and b"<html" in head.lower():
        return _WEB_PAGE
    if start.startswith(b"<?xml"):
        return _WEB_PAGE if b"<html" in head.lower() else _XML
    if head.startswith(_BOMS) or wide_encoding(head) or not head:
        return None
    controls = len(head) - len(head.translate(None, bytes(range(32)) + b"\x7f"))
    plain = len(head) - len(head.translate(None, _PLAIN_CONTROLS))
    return BINARY if (controls - plain) > 0.05 * len(head) else None


def format_of_text(path: Path) -> str:
    """The format of a text: `jsonl` or `json` where it starts like one, else `csv`."""
    with path.open("rb") as stream:
        head = stream.read(2**20)
    text = head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    if not text.startswith(("{", "[")):
        return "csv"
    lines = [line for line in text.splitlines()[:3] if line.strip()]
    if _is_json(lines[0]) and (len(lines) > 1 or text.startswith("{")):
        return "jsonl"
    starts_like_json = re.match(r'\{\s*(?:"|\}|\Z)|\[\s*(?:[\[\]{"0-9tfn-]|\Z)', text)
    return "json" if starts_like_json and not re.match(r"\[[^\"\]]*\]\s*[,;\t|]", text) else "csv"


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False
