"""Suggest the cleaning steps that the rows of a contract's source speak for, read as a run would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from assay.assets.io import sources
from assay.assets.io.installation import Installation
from assay.assets.io.sources.read_result import rows_in
from assay.assets.stages import upstream
from assay.contracts.errors import ConfigurationError, Where
from assay.contracts.model import Contract
from assay.pipelines.admit.names import perhaps_personal
from assay.pipelines.clean.suggest import rows_to_correct, suggested
from assay.pipelines.clean.trials import Proposal
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.spreadsheet import escape_formulas, unescape_formulas
from assay.pipelines.ingest.declared_columns import declared_rows, source_names
from assay.pipelines.ingest.records import numbered


def suggest(
    installation: Installation,
    contract: Contract,
    progress: Callable[[str], None],
    corrected: Path | None = None,
) -> list[Proposal]:
    """Try the steps on a sample of the source's rows; columns that are personal, or may be, are
    neither shown nor tried.

    Args:
        corrected: a file that `ask` wrote and someone has corrected; it teaches patterns.
    Raises: SourceError: the source cannot be reached or read. ConfigurationError: `corrected` is no
        such file.
    """
    hidden = _hidden(contract)
    right = _put_right(corrected, contract, hidden) if corrected else None
    with _landed(installation, contract, progress) as rows:
        progress("trying steps")
        return [
            proposal
            for proposal in suggested(rows, contract, hidden, right)
            if proposal.step not in contract.cleaning
        ]


def ask(installation: Installation, contract: Contract, progress: Callable[[str], None]) -> str:
    """The rows that show most of how values are written, as CSV for someone to correct: `_row`
    and the columns that are not personal.

    Raises: SourceError: the source cannot be reached or read.
    """
    with _landed(installation, contract, progress) as rows:
        progress("choosing rows")
        return escape_formulas(rows_to_correct(rows, contract, _hidden(contract))).write_csv()


def _put_right(file: Path, contract: Contract, hidden: Collection[str]) -> pl.DataFrame:
    """The rows of the file, in the contract's columns that are not personal; an empty cell is one
    without a value.
    """
    where = Where(file=file.name, dataset=contract.name)
    try:
        read = unescape_formulas(pl.read_csv(file, infer_schema=False))
        rows = read.with_columns(pl.col(ROW).cast(pl.Int64))
    except (OSError, pl.exceptions.PolarsError):  # whose words may show a cell
        raise ConfigurationError(
            f"it is not a CSV file with row numbers under '{ROW}'",
            "Use the file that `assay clean suggest NAME --ask FILE` wrote",
            where,
        ) from None
    if rows[ROW].null_count() or rows[ROW].is_duplicated().any():
        raise ConfigurationError(
            f"'{ROW}' has repeated or missing row numbers",
            "Leave that column unchanged, and delete rows that you did not check",
            where,
        )
    return rows.select(
        ROW,
        *(name for name in contract.column_names if name in rows.columns and name not in hidden),
    )


def _hidden(contract: Contract) -> set[str]:
    return set(contract.privacy.columns) | {
        column.name
        for column in contract.columns
        if column.classification or perhaps_personal(column.name)
    }


@contextmanager
def _landed(
    installation: Installation, contract: Contract, progress: Callable[[str], None]
) -> Iterator[pl.LazyFrame]:
    """The source's rows as they would land, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="assay-suggest-") as temporary:
        folder = Path(temporary)
        progress("reading the source")
        (folder / "fetched").mkdir()
        home = installation.home
        place = sources.Place(
            home.roots, folder / "fetched", hosts=home.hosts, max_bytes=home.source_max_bytes
        )
        if contract.source.upstream:
            source = upstream.version_of(installation, contract)
            place = replace(place, dataset=lambda: upstream.take(installation, contract, source))
        fetched = sources.fetch(contract, place)
        read = sources.read(contract, fetched, folder)
        sources.check_columns(contract, read.columns, rows_in(folder))
        records = pl.read_parquet(folder / "unreadable.parquet", columns=["record"])[
            "record"
        ].to_list()
        rows = rows_in(folder) if read.files else numbered(rows_in(folder), records, read.header)
        names = source_names(contract.columns, read.columns)
        yield declared_rows(rows, contract.columns, names)
