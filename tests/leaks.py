"""Looking for values in everything that an installation has written.

Names of files are looked at, and their content is decoded before it is searched, as often as
something is packed in it: Parquet with its dictionaries, statistics and metadata, SQLite cell by
cell and with its free pages, tables of LanceDB, archives, what is compressed anywhere in a file,
base 64, hexadecimal digits, JSON escapes, percent encoding, UTF-16.
"""

from __future__ import annotations

import base64
import bz2
import io
import json
import lzma
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import polars as pl

SECRET_FOLDERS = {"inbox", "landed", "keys", "contracts"}
"""What came in, under its owner's eyes alone; the keys; and what its author wrote."""
_DEEPEST = 4


def holding(root: Path, values: Collection[str]) -> set[str]:
    """Where any of the values is, in letters of any case."""
    every = pl.DataFrame(
        [*texts(root)], schema={"where": pl.String, "text": pl.String}, orient="row"
    )
    holds = pl.col("text").str.contains_any(list(values), ascii_case_insensitive=True)
    return set(every.filter(holds)["where"])


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Everything that lies below, decoded: (where, text)."""
    for place in sorted(root.rglob("*")):
        parts = place.relative_to(root).parts
        if SECRET_FOLDERS & set(parts[:-1]) or (place.is_dir() and place.name in SECRET_FOLDERS):
            continue
        where = str(Path(*parts))
        yield where, place.name
        if place.is_dir() and place.suffix == ".lance":
            yield where, _rows_of_lance(place)
        if place.is_file():
            yield from _texts_of_file(place, where)


def _texts_of_file(file: Path, where: str) -> Iterator[tuple[str, str]]:
    content = file.read_bytes()
    if content.startswith(b"PAR1"):
        yield where, "\n".join(_parquet(content))
    elif content.startswith(b"SQLite format 3"):
        yield from _cells(file, where)
    yield where, "\n".join(_decoded(content))


# -- formats with a reader of their own --------------------------------------------------------


def _parquet(content: bytes) -> Iterator[str]:
    """The cells, and every entry of the dictionaries, whether a cell refers to it or not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    yield pl.read_parquet(io.BytesIO(content)).write_json()
    schema = pq.read_schema(io.BytesIO(content))
    encoded = [field.name for field in schema if pa.types.is_large_string(field.type) or pa.types.is_string(field.type)]  # fmt: skip
    table = pq.ParquetFile(io.BytesIO(content), read_dictionary=encoded).read(columns=encoded)
    for column in table.columns:
        for chunk in column.chunks:
            if isinstance(chunk, pa.DictionaryArray):
                yield json.dumps(chunk.dictionary.to_pylist(), ensure_ascii=False)


def _rows_of_lance(folder: Path) -> str:
    import lancedb

    table = lancedb.connect(folder.parent).open_table(folder.stem)
    return json.dumps(table.to_arrow().to_pylist(), ensure_ascii=False, default=str)


def _cells(file: Path, where: str) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.text_factory = bytes
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                cells = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                yield (
                    f"{where}:{table.decode()}",
                    "\n".join(text for cell in cells for text in _decoded(cell)),
                )


# -- what is packed or encoded anywhere ---------------------------------------------------------


def _decoded(content: bytes, depth: int = 0) -> Iterator[str]:
    yield content.decode("latin-1")
    if depth == _DEEPEST:
        return
    for found, look in _LOOKS:
        if found.search(content):
            for inner in look(content):
                yield from _decoded(inner, depth + 1)


def _inflated(content: bytes) -> Iterator[bytes]:
    for start in _starts(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", content):
        with suppress(zlib.error):
            yield zlib.decompressobj(wbits=47).decompress(content[start:])


def _unpacked(mark: bytes, start_again: Callable[[], Any]) -> Callable[[bytes], Iterator[bytes]]:
    def look(content: bytes) -> Iterator[bytes]:
        for start in _starts(mark, content):
            with suppress(OSError, lzma.LZMAError, EOFError, ValueError):
                yield start_again().decompress(content[start:])

    return look


def _zstandard(content: bytes) -> Iterator[bytes]:
    import pyarrow as pa

    for start in _starts(re.escape(b"\x28\xb5\x2f\xfd"), content):
        end = _end_of_frame(content, start)
        if end is not None:
            frame = pa.BufferReader(content[start:end])
            with suppress(OSError):
                yield pa.CompressedInputStream(frame, "zstd").read()


def _end_of_frame(content: bytes, start: int) -> int | None:
    """Where a Zstandard frame ends. Source: RFC 8878, 3.1.1."""
    if start + 5 > len(content):
        return None
    descriptor = content[start + 4]
    has_one_segment = descriptor >> 5 & 1
    size_of_size = (has_one_segment, 2, 4, 8)[descriptor >> 6]
    at = start + 5 + (1 - has_one_segment) + (0, 1, 2, 4)[descriptor & 3] + size_of_size
    is_last = False
    while not is_last:
        block = int.from_bytes(content[at : at + 3], "little")
        is_last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else size)
        if kind == 3 or at > len(content):
            return None
    return at + 4 * (descriptor >> 2 & 1)


def _members(content: bytes) -> Iterator[bytes]:
    cannot_be_read = (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError)
    with suppress(*cannot_be_read), zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield archive.read(name)


def _starts(mark: bytes, content: bytes) -> list[int]:
    return [match.start() for match in re.finditer(mark, content)]


def _base64(content: bytes) -> Iterator[bytes]:
    for token in re.findall(rb"[A-Za-z0-9+/_-]{20,}={0,2}", content):
        plain = token.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        for skipped in range(4):  # what stands before it may look like a part of it
            cut = plain[skipped:]
            with suppress(ValueError):
                yield base64.b64decode(cut[: len(cut) // 4 * 4])
            if len(plain) > 100_000:
                break


def _hexadecimal(content: bytes) -> Iterator[bytes]:
    for token in re.findall(rb"[0-9a-fA-F]{16,}", content):
        yield bytes.fromhex(token[: len(token) // 2 * 2].decode())


def _json_escapes(content: bytes) -> Iterator[bytes]:
    yield re.sub(
        rb"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), content
    )  # fmt: skip


def _percent(content: bytes) -> Iterator[bytes]:
    yield unquote_to_bytes(content)


def _wide(content: bytes) -> Iterator[bytes]:
    yield content.replace(b"\0", b"")


_LOOKS: list[tuple[re.Pattern[bytes], Callable[[bytes], Iterator[bytes]]]] = [
    (re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08"), _inflated),
    (re.compile(rb"BZh[1-9]1AY"), _unpacked(rb"BZh[1-9]1AY", bz2.BZ2Decompressor)),
    (re.compile(rb"\xfd7zXZ\x00"), _unpacked(rb"\xfd7zXZ\x00", lzma.LZMADecompressor)),
    (re.compile(re.escape(b"\x28\xb5\x2f\xfd")), _zstandard),
    (re.compile(rb"\APK\x03\x04"), _members),
    (re.compile(rb"[A-Za-z0-9+/_-]{20}"), _base64),
    (re.compile(rb"[0-9a-fA-F]{16}"), _hexadecimal),
    (re.compile(rb"\\u[0-9a-fA-F]{4}"), _json_escapes),
    (re.compile(rb"%[0-9a-fA-F]{2}"), _percent),
    (re.compile(rb"(?:[ -~]\0){8}"), _wide),
]
"""What shows that something is encoded, and how it is decoded."""
