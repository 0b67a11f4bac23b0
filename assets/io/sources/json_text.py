"""JSON documents and JSON lines -> rows, and the records that cannot be read. Decoded in a process of its own."""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import Where
from assay.contracts.settings import Source


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read a JSON document, or one of JSON lines. Raises: SourceError: it is empty, or (a document) no JSON."""
    return decoded(
        "json_text",
        file,
        folder,
        {
            "format": source.format,
            "encoding": source.options.encoding,
            "null_values": source.options.null_values,
        },
        where,
    )
