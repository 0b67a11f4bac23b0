"""Suggest, done: the contract's source, read as a run would -> the cleaning steps that its rows speak for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from assets.hands import sources
from assets.hands.office import Office
from assets.hands.sources.landing import rows_in
from contracts.model import Contract
from pipelines.admit.names import perhaps_personal
from pipelines.clean.suggest import Proposal, suggested
from pipelines.ingest.records import numbered


def suggest(office: Office, contract: Contract, told: Callable[[str], None]) -> list[Proposal]:
    """Try the steps on a sample of the source's rows; columns that are personal, or may be, are neither shown nor tried.

    Raises: SourceError: the source cannot be reached or read.
    """
    hidden = set(contract.privacy.columns) | {column.name for column in contract.columns if column.classification or perhaps_personal(column.name)}
    with tempfile.TemporaryDirectory(prefix="assay-suggest-") as made:
        folder = Path(made)
        told("reading the source")
        (folder / "fetched").mkdir()
        fetched = sources.fetch(contract, sources.Place(office.home.roots, folder / "fetched", hosts=office.home.hosts, max_bytes=office.home.source_max_bytes))
        read = sources.read(contract, fetched, folder)
        sources.check_columns(contract, read.columns)
        records = pl.read_parquet(folder / "unreadable.parquet", columns=["record"])["record"].to_list()
        rows = rows_in(folder) if read.files else numbered(rows_in(folder), records, read.header)
        told("trying steps")
        return [proposal for proposal in suggested(rows, contract, hidden) if proposal.step not in contract.cleaning]
