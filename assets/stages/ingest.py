"""Ingest, done: the source's bytes -> an immutable folder in the lake, named by their digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from assets.hands import sources
from assets.hands.sources.landing import rows_in
from assets.stages.run import Run, stage
from contracts.settings import CsvOptions
from lineage.facts import Table
from pipelines.frames import Receipt
from pipelines.ingest.records import numbered

NOTE = "landed.digest"


@dataclass(frozen=True)
class Landed:
    """What was landed, and whether it was there already."""

    receipt: Receipt
    unchanged: bool


def land(run: Run) -> Landed:
    """Land the source, unless the same bytes lie there already.

    Raises: SourceError: it cannot be reached or read, or its checksum is wrong.
    """
    office, contract = run.office, run.contract
    with stage(run, "landed") as noted:
        office.home.check_region(contract)
        _ = run.lease
        fetched = sources.fetch(contract, office.home.roots)
        target = landed_folder(run, fetched.digest)
        unchanged = target.is_dir()
        if not unchanged:
            staged = office.lake.staging(contract.name, run.run_id) / "landed"
            staged.mkdir(mode=0o700)
            read = sources.read(contract, fetched, staged)
            receipt = Receipt(fetched.digest, contract.source.location, read.rows, read.unreadable, fetched.size_bytes, read.columns, read.header, read.found)
            (staged / "receipt.json").write_text(json.dumps(asdict(receipt)))
            office.lake.move_in(staged, target)
        receipt = receipt_of(run, fetched.digest)
        sources.check_columns(contract, receipt.columns)
        (office.lake.staging(contract.name, run.run_id) / NOTE).write_text(fetched.digest)
        noted.inputs.append(Table(name=contract.source.location, version=fetched.digest))
        noted.outputs.append(Table(name=f"{contract.name}/landed", version=fetched.digest, columns=tuple((c, "String") for c in receipt.columns), rows=receipt.rows))
    return Landed(receipt, unchanged)


def landed_folder(run: Run, digest: str) -> Path:
    """Where bytes of this digest land: the same bytes read with other options are other rows."""
    options = run.contract.source.options
    suffix = "" if options == CsvOptions() else "-" + hashlib.sha256(options.model_dump_json().encode()).hexdigest()[:8]
    return run.office.lake.folder(run.contract.name, "landed") / (digest + suffix)


def landed_in(run: Run) -> Receipt:
    """The receipt of what this run landed; lands now where the run has not."""
    note = run.office.lake.folder(run.contract.name, "staging") / run.run_id / NOTE
    return receipt_of(run, note.read_text()) if note.exists() else land(run).receipt


def receipt_of(run: Run, digest: str) -> Receipt:
    """The receipt beside landed rows."""
    data = json.loads((landed_folder(run, digest) / "receipt.json").read_text())
    before = {"header": 1 if run.contract.source.format == "csv" else 0}  # receipts of earlier releases do not say it
    return Receipt(**{**before, **data, "columns": tuple(data["columns"])})


def landed_rows(run: Run, digest: str) -> pl.LazyFrame:
    """The landed rows, as text, with their record numbers."""
    return numbered(rows_in(landed_folder(run, digest)), unreadable_records(run, digest)["record"].to_list(), receipt_of(run, digest).header)


def unreadable_records(run: Run, digest: str) -> pl.DataFrame:
    """Record number and reason of each unreadable record; its text stays in the landed folder."""
    return pl.read_parquet(landed_folder(run, digest) / "unreadable.parquet", columns=["record", "reason"])
