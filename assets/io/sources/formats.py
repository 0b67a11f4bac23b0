"""File formats -> which decoder reads each, and with which of the contract's options.

Each is decoded in a process of its own (child.py), by a module of assets/io/decode.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import Where
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


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read a file of the source's format.

    Raises: SourceError: it cannot be read, or not all of its records can be accounted for.
    """
    decoder = DECODERS[source.format]
    options: dict[str, Any] = source.options.model_dump(include=decoder.options)
    if decoder is _JSON:
        options["format"] = source.format
    return decoded(decoder.module, file, folder, options, where)
