"""What is kept of each partition so that the whole version can be measured without reading it.

Belongs here: measuring a partition's files. Stays out: adding partitions up
(pipelines/publish/partitions.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.stages.version_statistics import statistics_of
from assay.contracts.model import Contract
from assay.pipelines.core.engine import run_together
from assay.pipelines.validate.key_texts import repeated_columns, repeats


def measure_partition(
    contract: Contract, files: Sequence[Path], changed: Mapping[str, int]
) -> dict[str, Any]:
    """A partition's statistics as its document keeps them, in plain values.

    `nulls` counts each column, `newest` has the latest value of times that must be fresh,
    `changed` the cells that cleaning changed, and `repeats` the rows that repeat a key.
    """
    frame, footers = pl.scan_parquet(list(files)), statistics_of(files)
    schema = frame.collect_schema()
    names = [column.name for column in contract.published_columns if column.name in schema]
    known = {name: footers[name].nulls for name in names if name in footers}
    unknown = [name for name in names if known.get(name) is None]
    times = [name for name in fresh_columns(contract) if name in schema]
    compared = [columns for columns in repeated_columns(contract) if {*columns} <= {*names}]
    nulls, newest, *repeated = run_together(
        [
            frame.select(pl.lit(0).alias("_"), *(pl.col(name).null_count() for name in unknown)),
            frame.select(pl.lit(0).alias("_"), *(pl.col(name).max() for name in times)),
            *repeats(frame, compared),
        ]
    )
    latest = {name: newest[name][0] for name in times}
    return {
        "nulls": {
            name: int(nulls[name][0] if name in unknown else known[name] or 0) for name in names
        },
        "newest": {name: _iso(moment) for name, moment in latest.items() if moment is not None},
        "changed": dict(changed),
        "repeats": {
            key_name(columns): int(count.item())
            for columns, count in zip(compared, repeated, strict=True)
        },
    }


def fresh_columns(contract: Contract) -> list[str]:
    """The columns of times that must be fresh."""
    named = (
        rule.argument.column
        for rule in contract.rules
        if rule.kind == "metric" and rule.argument.name == "freshness" and rule.argument.column
    )
    return list(dict.fromkeys(named))


def key_name(columns: Sequence[str]) -> str:
    """Columns that are compared together, as one name."""
    return "\x1f".join(columns)


def _iso(moment: date) -> str:
    return moment.isoformat()
