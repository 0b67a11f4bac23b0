"""Delimited text (CSV and its kin) -> rows, and the records that cannot be read. Decoded in a process of its own."""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import Where
from assay.contracts.settings import Source


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read a file of delimited text. Raises: SourceError: it cannot be read at all, or its records cannot all be accounted for."""
    return decoded("delimited", file, folder, source.options.model_dump(), where)
