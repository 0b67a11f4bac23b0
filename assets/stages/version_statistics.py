"""Statistics of a version's files, joined from their Parquet footers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.pipelines.validate.evaluate import Statistics


def statistics_of(files: Sequence[Path]) -> dict[str, Statistics]:
    """What the footers of Parquet files state about each flat column, over all files together."""
    import pyarrow.parquet as pq

    parts: dict[str, list[Statistics]] = {}
    groups = 0
    for file in files:
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            groups += 1
            for index in range(metadata.num_columns):
                column = metadata.row_group(group).column(index)
                statistics = column.statistics
                if statistics is not None and "." not in column.path_in_schema:
                    ends = (
                        (statistics.min, statistics.max) if statistics.has_min_max else (None, None)
                    )
                    parts.setdefault(column.path_in_schema, []).append(
                        Statistics(
                            statistics.null_count if statistics.has_null_count else None, *ends
                        )
                    )
    return {
        name: _joined(parts_of_column)
        for name, parts_of_column in parts.items()
        if len(parts_of_column) == groups
    }


def _joined(parts: Sequence[Statistics]) -> Statistics:
    nulls = [part.nulls for part in parts]
    lows, highs = [part.low for part in parts], [part.high for part in parts]
    return Statistics(
        None if None in nulls else sum(nulls),  # type: ignore[arg-type]  # no None is among them
        None if None in lows else min(lows),
        None if None in highs else max(highs),
    )
