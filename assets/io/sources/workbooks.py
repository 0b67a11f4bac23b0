"""Workbooks (.xlsx, .xls, .xlsb, .ods) -> the rows of one sheet as text. Decoded in a process of its own."""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.sources.child import decoded
from assay.assets.io.sources.landing import Read
from assay.contracts.errors import Where
from assay.contracts.settings import Source


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """Read one sheet. Raises: SourceError: the workbook cannot be read, or has no such sheet or header."""
    return decoded(
        "workbook",
        file,
        folder,
        source.options.model_dump(include={"null_values", "sheet", "header_row"}),
        where,
    )
