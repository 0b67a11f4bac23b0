"""A mapping of name to text inside a Python module -> rows. Parsed, never run."""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl

from assay.assets.io.decode.task import ROWS
from assay.assets.io.sources.read_result import Read, write_unreadable
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import Source

DOCUMENT_COLUMNS = ("name", "text")


def read(source: Source, file: Path, folder: Path, where: Where) -> Read:
    """A mapping of name to text, written as a literal in a Python module; parsed, never run."""
    attribute = source.location.partition("#")[2]
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        values = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == attribute for t in node.targets)
        ]
        documents = ast.literal_eval(values[-1])
    except (SyntaxError, ValueError, IndexError):
        raise SourceError(
            f"the module assigns no literal value to '{attribute}'",
            "Write `location: module:NAME#ATTRIBUTE`, with an attribute that maps names to texts",
            where,
        ) from None
    if not isinstance(documents, dict) or not all(
        isinstance(key, str) and isinstance(text, str) for key, text in documents.items()
    ):
        raise SourceError(
            f"'{attribute}' does not map names to texts", "Choose another attribute", where
        )
    name, text = DOCUMENT_COLUMNS
    frame = pl.DataFrame(
        {name: list(documents), text: list(documents.values())},
        schema={name: pl.String, text: pl.String},
    )
    frame.write_parquet(folder / ROWS)
    write_unreadable(folder, [])
    return Read(frame.height, 0, DOCUMENT_COLUMNS)
