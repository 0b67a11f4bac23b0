"""Looking for values in everything that an installation has written.

Everything is decoded before it is searched: Parquet, SQLite cell by cell, what is compressed in them, base 64 in signed envelopes.
"""

from __future__ import annotations

import base64
import gzip
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

SECRET_FOLDERS = {"inbox", "landed", "keys", "contracts"}
"""What came in, under its owner's eyes alone; the keys; and what its author wrote."""


def holding(root: Path, values: Collection[str]) -> set[str]:
    """Where any of the values stands."""
    every = pl.DataFrame(
        [*texts(root)], schema={"where": pl.String, "text": pl.String}, orient="row"
    )
    holds = pl.col("text").str.contains_any(list(values))
    return set(every.filter(holds)["where"])


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Everything that lies below, decoded: (where, text)."""
    for file in (
        f
        for f in root.rglob("*")
        if f.is_file() and not SECRET_FOLDERS & set(f.relative_to(root).parts)
    ):
        where, content = str(file.relative_to(root)), file.read_bytes()
        if file.suffix == ".parquet":
            yield where, pl.read_parquet(file).write_json()
        elif content.startswith(b"SQLite format 3"):
            yield from _cells(file, where)
        yield where, "\n".join(_unpacked(content))


def _cells(file: Path, where: str) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(file) as connection:
        connection.text_factory = bytes
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                yield (
                    f"{where}:{table.decode()}",
                    "\n".join(
                        text
                        for cell in row
                        for text in _unpacked(
                            cell if isinstance(cell, bytes) else str(cell).encode()
                        )
                    ),
                )


def _unpacked(content: bytes) -> Iterator[str]:
    yield content.decode("latin-1")
    for unpack in (zlib.decompress, gzip.decompress):
        try:
            yield unpack(content).decode("latin-1")
        except (zlib.error, OSError, EOFError):
            continue
    for token in re.findall(rb"[A-Za-z0-9+/]{40,}={0,2}", content):
        try:
            yield base64.b64decode(token, validate=True).decode("latin-1")
        except ValueError:
            continue
