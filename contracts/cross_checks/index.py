"""Columns of `assay.index` that cannot be indexed as they are declared."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract
from assay.contracts.settings import Index

SETTING = "assay.index"


def index(contract: Contract) -> Iterator[Disagreement]:
    """Texts that are none, columns that are not published, vectors of another size."""
    if contract.index is None:
        return
    yield from _texts(contract, contract.index)
    yield from _vector(contract, contract.index)


def _texts(contract: Contract, index: Index) -> Iterator[Disagreement]:
    types = types_of(contract)
    for name in filter(None, (index.text, index.title)):
        if types.get(name, "string") != "string":
            yield Disagreement(
                f"'{name}' is declared as {types[name]}, but an index reads text",
                "Choose a column of strings",
                SETTING,
                "assay.type",
            )
    for name in filter(None, (index.key, index.text, index.title)):
        treatment = contract.privacy.columns.get(name)
        if treatment and treatment.treatment == "drop":
            yield Disagreement(
                f"admission drops the column '{name}'",
                "Choose a column that is published",
                SETTING,
                "assay.columns",
            )


def _vector(contract: Contract, index: Index) -> Iterator[Disagreement]:
    columns = {column.name: column for column in contract.columns}
    column = columns.get(index.vector or "")
    if column is None:
        return
    promised: str = column.logical_type
    if column.logical_type == "vector":
        if column.dimensions == index.dimensions:
            return
        promised = f"{column.dimensions} dimensions"
    yield Disagreement(
        f"'{column.name}' is declared as {promised}, "
        f"but the index has vectors of {index.dimensions}",
        "Write the same `dimensions` in both",
        SETTING,
        "assay.type",
    )
