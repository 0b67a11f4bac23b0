"""The landed rows of one window or partition, as they landed or with their personal columns
treated.
"""

from __future__ import annotations

import polars as pl

from assay.assets.stages.ingest import landed_rows
from assay.assets.stages.run import Run
from assay.contracts.errors import SourceError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import Window
from assay.contracts.types import read
from assay.pipelines.admit.treat import treatments
from assay.pipelines.core.engine import run_together
from assay.pipelines.publish import partitions
from assay.pipelines.publish.naming import Inputs


def window_counts(run: Run, digest: str, form: str) -> dict[str, int]:
    """The landed rows of each partition, by the name that its time is written as."""
    column = run.contract.partition_column
    if column is None:
        return {}
    named = landed_rows(run, digest).select(
        read(column).cast(pl.Datetime("us", "UTC")).dt.strftime(form).alias("name")
    )
    (counts,) = run_together([named.group_by("name").len()])
    return dict(counts.iter_rows())


def window_of(contract: Contract, name: str | None) -> Window | None:
    """The contract's window of that name, or the span of that partition."""
    windows, partitioned = contract.source.windows, contract.source.partitions
    if partitioned and name:
        return partitions.window(partitioned, name)
    return (
        next(window for window in windows.each if window.name == name) if windows and name else None
    )


def window_rows(run: Run, digest: str, window: Window | None) -> pl.LazyFrame:
    """The landed rows of one window; all of them where they came in a file of their own."""
    rows = landed_rows(run, digest)
    if window is None or run.own_source:
        return rows
    return rows.filter(within(run.contract, window))


def within(contract: Contract, window: Window) -> pl.Expr:
    """Whether a row's time is in a window.

    Raises: SourceError: no column of the contract tells.
    """
    windows = contract.source.windows
    column = contract.column(windows.column) if windows else contract.partition_column
    if column is None:
        raise SourceError(
            "no column assigns rows to windows",
            "Mark a column with `partitioned: true`, or add `windows` to assay.source",
            Where(file=contract.file),
        )
    return (
        read(column)
        .cast(pl.Datetime("us", "UTC"))
        .is_between(window.start, window.end, closed="left")
    )


def treated_rows(run: Run, inputs: Inputs, found: pl.DataFrame) -> pl.LazyFrame:
    """The admitted rows as text, each personal column replaced as the contract states.

    Args:
        found: what the scan found in columns to be redacted; where it is empty, nothing in them is
            replaced.
    """
    contract, keys = run.contract, run.installation.keys
    rows = window_rows(run, inputs.source_digest, window_of(contract, inputs.window))
    return rows.with_columns(
        treatments(
            contract.privacy,
            found,
            keys.pseudonymizer(contract.license.purposes[0]),
            keys.keyed_hash(),
        ).values()
    )
