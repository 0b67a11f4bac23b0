"""Arrow IPC (file, stream, Feather 2) -> rows of text that contracts/types.py reads back exactly. Decoded in a process of its own."""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import Where
from assay.contracts.settings import Source


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read an Arrow file. Raises: SourceError: it cannot be read."""
    return decoded("arrow", file, folder, {"null_values": source.options.null_values}, where)
