"""File formats -> which decoder reads each, and with which of the contract's options.

Each is decoded in a process of its own (child.py), by a module of assets/io/decode.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.first_bytes import BINARY, kind_by_bytes
from assay.assets.io.sources.read_result import Read
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import Source


@dataclass(frozen=True)
class Decoder:
    """A module of assets/io/decode, and the options that it takes; all of them if None."""

    module: str
    options: set[str] | None


_JSON = Decoder("json_text", {"encoding", "null_values"})
DECODERS = {
    "csv": Decoder("delimited", None),
    "json": _JSON,
    "jsonl": _JSON,
    "parquet": Decoder("parquet", {"null_values"}),
    "arrow": Decoder("arrow", {"null_values"}),
    "excel": Decoder("workbook", {"null_values", "sheet", "header_row"}),
}


_READS = {"jsonl": "JSON lines", "json": "JSON", "csv": "delimited text", "excel": "a workbook"}
_TEXTS = ("csv", "json", "jsonl")


def check_kind(source: Source, file: Path, where: Where) -> None:
    """Raises: SourceError: the file's first bytes are those of another kind than the contract's."""
    kind = kind_by_bytes(file)
    is_text = source.format in _TEXTS
    if kind is None or kind.format == source.format or (kind == BINARY and not is_text):
        return
    if kind.packing == "zip" and source.format == "excel":
        return  # the workbook's reader reports what is wrong with it
    if kind == BINARY and source.options.encoding not in ("utf-8", "auto"):
        return
    if kind.packing is not None:
        problem = f"the file in the archive is {kind.shown}"
        raise SourceError(problem, "Pack the file itself, not an archive", where)
    remedy = kind.remedy
    if kind.format is not None:
        wanted = _READS.get(source.format, source.format.capitalize())
        remedy = f"Write `format: {kind.format}` under assay.source, or deliver {wanted}"
    raise SourceError(
        f"the file is {kind.shown}, but the contract states `format: {source.format}`",
        remedy,
        where,
    )


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read a file of the source's format.

    Raises: SourceError: it cannot be read, or not all of its records can be accounted for.
    """
    decoder = DECODERS[source.format]
    options: dict[str, Any] = source.options.model_dump(include=decoder.options)
    if decoder is _JSON:
        options["format"] = source.format
    return decoded(decoder.module, file, folder, options, where)
