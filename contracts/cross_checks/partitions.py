"""A partitioned data set: a time that every row has, and one way of being cut."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Column, Contract
from assay.contracts.settings import PARTITION, Source

SETTING = "assay.source"


def partitions(contract: Contract) -> Iterator[Disagreement]:
    """Partitions that the source, or the column they are cut by, cannot serve."""
    source = contract.source
    if source.partitions is None:
        if PARTITION in source.location:
            yield Disagreement(
                f"the location contains `{PARTITION}`, but there are no partitions",
                "Add `partitions` to assay.source",
                SETTING,
                "assay.required",
            )
        return
    yield from _other_ways(source)
    yield from _column(contract.partition_column)


def _other_ways(source: Source) -> Iterator[Disagreement]:
    if source.windows:
        yield Disagreement(
            "assay.source has `windows` and `partitions`",
            "Keep one: a version holds one window, or every partition",
            SETTING,
            "assay.value",
        )
    if source.arrival and PARTITION in source.location:
        yield Disagreement(
            "`arrival` watches one file, but each partition has its own",
            "Use a `schedule`, which publishes what is due",
            SETTING,
            "assay.value",
        )


def _column(column: Column | None) -> Iterator[Disagreement]:
    if column is None:
        yield Disagreement(
            "no column is marked as the partition key",
            "Mark a column with `partitioned: true` and `partitionKeyPosition: 1`",
            SETTING,
            "assay.columns",
        )
    elif column.logical_type not in ("date", "timestamp") or not column.required:
        yield Disagreement(
            f"the data set is partitioned by '{column.name}', "
            "which is not a required date or timestamp",
            "Declare it as one, with `required: true`",
            SETTING,
            "assay.type",
        )
