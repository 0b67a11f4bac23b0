"""Land the bytes of a source in an immutable folder of the lake, named by their digest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io import sources, watermarks
from assay.assets.io.names import Names, with_hint
from assay.assets.io.sources.read_result import rows_in
from assay.assets.stages import upstream
from assay.assets.stages.related_contracts import check_related_contracts, related_names
from assay.assets.stages.run import Run, stage
from assay.contracts.errors import SourceError, Where
from assay.contracts.location import displayed
from assay.contracts.model import Contract
from assay.contracts.settings import CsvOptions
from assay.lineage.facts import Table
from assay.pipelines.clean import steps
from assay.pipelines.core.frames import FileRead, Receipt
from assay.pipelines.ingest.declared_columns import declared_rows, source_names, undeclared
from assay.pipelines.ingest.records import numbered

NOTE, FETCHED, RECEIPT = "landed.digest", "fetched", "receipt.json"


@dataclass(frozen=True)
class Landed:
    """What was landed, and whether it was there already."""

    receipt: Receipt
    unchanged: bool


def land(run: Run) -> Landed:
    """Land the source, if the same bytes are not there yet.

    Raises: SourceError: it cannot be reached or read, or its checksum is wrong.
    """
    installation, contract = run.installation, run.contract
    with stage(run, "landed") as noted:
        installation.home.check_region(contract)
        check_related_contracts(installation, contract, related_names(contract))
        source = upstream.version_of(installation, contract) if contract.source.upstream else None
        fetched = sources.fetch(contract, _place(run, source))
        unchanged = _read_unless_landed(run, fetched, source)
        receipt = replace(receipt_of(run, fetched.digest), missed=fetched.missed)
        _check_columns(run, receipt)
        (installation.lake.staging(contract.name, run.run_id) / NOTE).write_text(fetched.digest)
        noted.inputs.append(_input(contract, receipt))
        columns = tuple((name, "String") for name in shown_columns(contract, receipt.columns))
        landed = Table(
            name=f"{contract.name}/landed",
            version=fetched.digest,
            columns=columns,
            rows=receipt.rows,
        )
        noted.outputs.append(landed)
    return Landed(receipt, unchanged)


def _read_unless_landed(
    run: Run, fetched: sources.Fetched, source: upstream.Upstream | None
) -> bool:
    """Read what was fetched into the lake, if the same bytes are not there yet.

    Returns: whether they did.
    """
    contract, lake = run.contract, run.installation.lake
    folder = lake.staging(contract.name, run.run_id)
    staged = folder / "landed"
    shutil.rmtree(staged, ignore_errors=True)  # of an attempt of this run that failed
    staged.mkdir(mode=0o700)
    labels = names_of(run).labels
    read = sources.read(contract, fetched, staged, labels) if _is_new(run, fetched) else None
    target = landed_folder(run, fetched.digest)
    unchanged = target.is_dir()
    if not unchanged:
        read = read or sources.read(contract, fetched, staged, labels)
        receipt = _receipt(contract, fetched, read, source)
        (staged / RECEIPT).write_text(json.dumps(asdict(receipt)))
        lake.move_in(staged, target)
    if fetched.seen is not None:
        newest = run.installation.registry.versions.newest(contract.name)
        published = newest.source_digest if newest else None
        keys = run.installation.keys
        watermarks.keep(lake, keys, contract.name, fetched.digest, fetched.seen, published)
    shutil.rmtree(staged, ignore_errors=True)
    shutil.rmtree(folder / FETCHED, ignore_errors=True)
    return unchanged


def _receipt(
    contract: Contract,
    fetched: sources.Fetched,
    read: sources.Read,
    source: upstream.Upstream | None,
) -> Receipt:
    return Receipt(
        fetched.digest,
        contract.source.shown_location,
        read.rows,
        read.unreadable,
        fetched.size_bytes,
        read.columns,
        read.header,
        read.found,
        read.files,
        fetched.watermark,
        upstream=source.record if source else None,
        late=fetched.late,
        missed=fetched.missed,
    )


def _input(contract: Contract, receipt: Receipt) -> Table:
    """What was read, as lineage names it: a place, or another data set's version."""
    if receipt.upstream:
        return Table(
            name=f"{receipt.upstream['dataset']}/published", version=receipt.upstream["version"]
        )
    return Table(name=contract.source.shown_location, version=receipt.digest)


def _is_new(run: Run, fetched: sources.Fetched) -> bool:
    """Whether nothing as large has landed, so that it can be read before its digest is known."""
    for receipt in run.installation.lake.folder(run.contract.name, "landed").glob(f"*/{RECEIPT}"):
        with suppress(FileNotFoundError):  # it expires just now
            if json.loads(receipt.read_text())["size_bytes"] == fetched.size_bytes:
                return False
    return bool(fetched.files)


def _place(run: Run, source: upstream.Upstream | None) -> sources.Place:
    """Where this run fetches to, and what it may skip."""
    installation, contract = run.installation, run.contract
    folder = installation.lake.staging(contract.name, run.run_id) / FETCHED
    folder.mkdir(mode=0o700, exist_ok=True)
    return sources.Place(
        roots=installation.home.roots,
        folder=folder,
        is_landed=lambda digest: landed_folder(run, digest).is_dir(),
        hosts=installation.home.hosts,
        max_bytes=installation.home.source_max_bytes,
        mark=_mark(run),
        labels=names_of(run).labels,
        salt=installation.keys.derived("addresses"),
        dataset=(
            lambda: upstream.take(
                installation, contract, source, landed=landed_folder(run, source.statement).is_dir()
            )
        )
        if source
        else None,
    )


def names_of(run: Run) -> Names:
    """The labels of what deliveries of this data set call their files."""
    installation = run.installation
    return Names(
        installation.keys.derived("names"), installation.lake.folder(run.contract.name, "landed")
    )


def shown_columns(contract: Contract, columns: Sequence[str]) -> list[str]:
    """Landed columns as they may be shown: one that the contract does not name, by its place.

    Without a header, a person's cells stand here.
    """
    named = set(source_names(contract.columns, columns).values())
    return [
        name if name in named else f"column {place}" for place, name in enumerate(columns, start=1)
    ]


def undeclared_places(contract: Contract, columns: Sequence[str]) -> list[int]:
    """The places of landed columns that the contract does not declare, counted from 1."""
    names = set(undeclared(contract.columns, columns))
    return [place for place, name in enumerate(columns, start=1) if name in names]


def _mark(run: Run) -> sources.Mark | None:
    """What the last published version reached, as its signed evidence states; a run that published
    nothing moves it nowhere.
    """
    if run.contract.source.options.watermark is None:
        return None
    newest = run.installation.registry.versions.newest(run.contract.name)
    if newest is None:
        return None
    mark = run.installation.signed_statement(newest)["predicate"].get("watermark")
    if not mark:
        return None
    column = mark["column"]
    sealed = mark.get("sealed")
    value = (
        run.installation.keys.unseal(sealed, _seal_context(run, column))
        if sealed
        else mark["value"]
    )
    lake, keys = run.installation.lake, run.installation.keys
    seen = watermarks.seen_at(lake, keys, run.contract.name, newest.source_digest)
    return sources.Mark(column, value, newest.source_digest, seen)


def kept_mark(run: Run, column: str, value: str | int | float) -> dict[str, Any]:
    """What a growing source has reached, as the evidence keeps it: sealed where the column may be
    personal.
    """
    contract = run.contract
    declared = column in contract.column_names
    public = declared and contract.column(column).classification in (None, "public")
    if public and column not in contract.privacy.columns:
        return {"column": column, "value": value}
    return {
        "column": column,
        "sealed": run.installation.keys.seal(value, _seal_context(run, column)),
    }


def _seal_context(run: Run, column: str) -> str:
    return f"the watermark '{column}' of {run.contract.name}"


def _check_columns(run: Run, receipt: Receipt) -> None:
    """Whether every declared column landed, and of several files whether each has the required
    ones.

    Raises: SourceError: one is missing.
    """
    rows = rows_in(landed_folder(run, receipt.digest))
    sources.check_columns(run.contract, receipt.columns, rows)
    names = source_names(run.contract.columns, receipt.columns)
    required = {names[column.name] for column in run.contract.columns if column.required}
    for file in receipt.files:
        missing = sorted(required & set(file.lacks))
        if missing:
            where = Where(file=f"{receipt.location}, '{file.name}'", dataset=run.contract.name)
            remedy = with_hint("Deliver it, or remove `required` from the column", file.name)
            raise SourceError(
                f"the file lacks the required column '{missing[0]}', which other files have",
                remedy,
                where,
            )


def landed_folder(run: Run, digest: str) -> Path:
    """Where bytes of this digest land: the same bytes read with other options are other rows."""
    options = run.contract.source.options.model_copy(
        update={"table": None, "query": None, "watermark": None}
    )  # what is asked of a database shows in what it hands over
    suffix = (
        ""
        if options == CsvOptions()
        else "-" + hashlib.sha256(_as_written(options).encode()).hexdigest()[:8]
    )
    return run.installation.lake.folder(run.contract.name, "landed") / (digest + suffix)


_LATER_OPTIONS = ("header_lines", "comment", "footer")
"""Options that came after homes had landed rows: without one, the name of the folder stays."""


def _as_written(options: CsvOptions) -> str:
    unset = {name for name in _LATER_OPTIONS if name not in options.model_fields_set}
    return options.model_dump_json(exclude=unset)


def landed_in(run: Run) -> Receipt:
    """The receipt of what this run landed; lands now where the run has not."""
    note = run.installation.lake.folder(run.contract.name, "staging") / run.run_id / NOTE
    return receipt_of(run, note.read_text()) if note.exists() else land(run).receipt


def receipt_of(run: Run, digest: str) -> Receipt:
    """The receipt next to landed rows.

    Those of earlier releases hold the files' own names and whole addresses, and do not state how long
    the header is.
    """
    data = json.loads((landed_folder(run, digest) / RECEIPT).read_text())
    before = {"header": 1 if run.contract.source.format == "csv" else 0}
    files = tuple(
        FileRead(**{**file, "lacks": tuple(file["lacks"])}) for file in data.get("files", ())
    )
    if files and not data.get("labelled"):
        labels = names_of(run).labels("file", [file.name for file in files])
        data.get("found", {}).pop("renamed", None)  # it held names of columns
        files = tuple(replace(file, name=label) for file, label in zip(files, labels, strict=True))
    now = {
        "location": displayed(data["location"]),
        "columns": tuple(data["columns"]),
        "files": files,
        "labelled": True,
    }
    return Receipt(**{**before, **data, **now})


def landed_rows(run: Run, digest: str) -> pl.LazyFrame:
    """The landed rows with their record numbers, under the contract's names: text, and whole
    numbers where they may be (`steps.as_numbers`).
    """
    contract, receipt = run.contract, receipt_of(run, digest)
    names = source_names(contract.columns, receipt.columns)
    numbers = {names[name] for name in steps.as_numbers(contract) if name in names}
    rows = rows_in(landed_folder(run, digest), numbers)
    if not receipt.files:  # several files are numbered as they are joined
        records = unreadable_records(run, digest)["record"].to_list()
        rows = numbered(rows, records, receipt.header)
    return declared_rows(rows, contract.columns, names)


def unreadable_records(run: Run, digest: str) -> pl.DataFrame:
    """Record number and reason of each unreadable record; its text stays in the landed folder."""
    return pl.read_parquet(
        landed_folder(run, digest) / "unreadable.parquet", columns=["record", "reason"]
    )
