"""Landed columns -> the contract's, with null where a text represents nothing in its column.

Belongs here: which landed column is which of the contract's, and the null values of each. Stays
out: types (clean/), null values of a whole source (the decoders apply them).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import polars as pl

from assay.contracts.model import Column


def source_names(columns: Iterable[Column], landed: Collection[str]) -> dict[str, str]:
    """The contract's name of each column that landed -> its name in the source.

    `physicalName` is the source's name. Where nothing landed under it, the column may bear the
    contract's name, as long as no other column of the contract is called so in the source.
    """
    there, listed = set(landed), list(columns)
    physical = {
        column.name: column.physical_name
        for column in listed
        if column.physical_name and column.physical_name in there
    }
    taken = set(physical.values())
    same = {
        column.name: column.name
        for column in listed
        if column.name not in physical and column.name in there and column.name not in taken
    }
    return {**physical, **same}


def undeclared(columns: Iterable[Column], landed: Sequence[str]) -> list[str]:
    """The landed columns that the contract does not declare, in their order."""
    declared = set(source_names(columns, landed).values())
    return [name for name in landed if name not in declared]


def declared_rows(
    rows: pl.LazyFrame, columns: Iterable[Column], names: Mapping[str, str]
) -> pl.LazyFrame:
    """The rows under the contract's names; `names` is what `source_names` returns."""
    renamed = {name: source for name, source in names.items() if name != source}
    if renamed:
        gone = [source for source in renamed.values() if source not in names]
        rows = rows.with_columns(pl.col(source).alias(name) for name, source in renamed.items())
        rows = rows.drop(gone)
    return rows.with_columns(
        pl.when(~pl.col(column.name).is_in(list(column.null_values))).then(pl.col(column.name))
        for column in columns
        if column.null_values and column.name in names
    )
