"""Files of text or Markdown -> one row a file: name, text, encoding, and the keys of a simple
header.

Belongs here: decoding, and headers of plain values. Stays out: cutting texts up (act/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from assay.assets.io.decode.task import ROWS
from assay.assets.io.sources.read_result import Read, write_unreadable
from assay.contracts.errors import SourceError, Where
from assay.pipelines.core.frames import ROW

COLUMNS = ("name", "text", "encoding")
MAX_BYTES = 64 * 2**20
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HEADER = re.compile(r"\A---[ \t]*\n(.{0,65536}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_KEY = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,62}$")
_MOST_KEYS = 50


def read(files: Sequence[tuple[str, Path]], folder: Path, where: Where) -> Read:
    """One row a file, in their order; a file that is no text is an unreadable record, with its
    reason.

    Raises: SourceError: none of them is text.
    """
    rows: list[dict[str, Any]] = []
    unreadable: list[tuple[int, str, str]] = []
    for record, (name, path) in enumerate(files, start=1):
        text, encoding = _decoded(path)
        if text is None:
            unreadable.append((record, encoding, name))
            continue
        keys, body = header(text)
        rows.append({**keys, "name": name, "text": body, "encoding": encoding})
    if not rows:
        raise SourceError(f"none of the {len(files):,} files is text", "Save them as UTF-8", where)
    others = tuple(dict.fromkeys(key for row in rows for key in row if key not in COLUMNS))
    frame = pl.DataFrame(rows, schema=dict.fromkeys((*COLUMNS, *others), pl.String))
    frame.with_row_index(ROW, 1).with_columns(pl.col(ROW).cast(pl.Int64)).write_parquet(
        folder / ROWS, compression="zstd"
    )
    write_unreadable(folder, unreadable)
    return Read(frame.height, len(unreadable), tuple(frame.columns))


def _decoded(path: Path) -> tuple[str | None, str]:
    """A file's text and its encoding, or None and the reason.

    Unmarked text is UTF-8 or nothing: other encodings cannot be distinguished.
    """
    if path.stat().st_size > MAX_BYTES:
        return None, f"larger than {MAX_BYTES // 2**20} MB"
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None, "invalid encoding"
    return (None, "binary") if "\x00" in text else (text.replace("\r\n", "\n"), encoding)


def header(text: str) -> tuple[dict[str, str], str]:
    """A Markdown file's header of plain values, and the text below it.

    A header that is not plain stays where it is, in the text.
    """
    match = _HEADER.match(text)
    if match is None:
        return {}, text
    try:
        node = yaml.compose(match[1], Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}, text
    if not isinstance(node, yaml.MappingNode) or len(node.value) > _MOST_KEYS:
        return {}, text
    pairs = {
        key.value: value.value
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)
    }
    lowered = {key.lower() for key in pairs}
    if (
        len(lowered) != len(node.value)
        or not all(_KEY.match(key) for key in pairs)
        or lowered & set(COLUMNS)
    ):
        return {}, text
    return pairs, text[match.end() :]
