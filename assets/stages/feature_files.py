"""The files of a feature table: its rows, and the state that they were made with."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import polars as pl

from assay.contracts.errors import ConfigurationError, FeatureError
from assay.pipelines.core import engine
from assay.pipelines.features import parity, table
from assay.pipelines.features.state import State, from_json

STATE, PART = "state.json", "part-00000.parquet"
TABLES = "_state"  # engines that read the table pass over what starts with an underscore
COMPRESSION: Final = "snappy"  # rebuilt from the version at any time, and read at every training: half the time of zstd to write, for half as much again on the disk
Others = dict[str, pl.LazyFrame]
"""The rows of other data sets, by their names."""


def write_state(folder: Path, state: State) -> State:
    """Put the state where the table will lie, and read it back: what makes the table is what
    inference will read.
    """
    (folder / TABLES).mkdir(parents=True, exist_ok=True)
    (folder / STATE).write_text(state.as_json(), encoding="utf-8")
    for name, frame in state.tables.items():
        # a column's name may hold what a file's cannot
        frame.write_parquet(folder / TABLES / f"{quote(name, safe='')}.parquet")
    return read_state(folder)


def read_state(folder: Path) -> State:
    """The state in a folder. Nothing is checked."""
    return from_json(
        (folder / STATE).read_text(encoding="utf-8"),
        {
            unquote(file.stem): pl.read_parquet(file)
            for file in sorted((folder / TABLES).glob("*.parquet"))
        },
    )


def write_table(
    folder: Path, frame: pl.LazyFrame, state: State, receipt: parity.Receipt, others: Others
) -> pl.Schema:
    """Write `part-00000.parquet` in a folder, by one sink.

    What another engine makes, or looks back with all rows in memory, is built before and put next to
    the rows.

    Returns: the columns. Raises: FeatureError: the engines' rows come in different orders.
        ConfigurationError: a device cannot hold what it has to make.
    """
    types = _plan_on("polars", frame, state, others).collect_schema()
    plans = parity.plans(receipt, state, table.lineage(frame, state, others)[1])
    if len(plans) > 1:
        _write_joined(folder, frame, state, plans, types.names(), others)
        return types
    (only,) = plans
    plan = _plan_on(only.engine, frame, state, others)
    _run(plan.sink_parquet(folder / PART, compression=COMPRESSION, lazy=True), only.engine)
    return types


def _plan_on(
    device: engine.Engine, frame: pl.LazyFrame, state: State, others: Others
) -> pl.LazyFrame:
    arrays, in_pieces = engine.arrays(device), engine.in_pieces(device)
    return table.table(frame, state, others=others, on=arrays, in_pieces=in_pieces)


def _write_joined(
    folder: Path,
    frame: pl.LazyFrame,
    state: State,
    plans: list[parity.Plan],
    columns: list[str],
    others: Others,
) -> None:
    """Write the table from the rows that Polars makes one by one, and the files that hold the other
    plans' features.
    """
    order = state.features.order_by
    whole = {folder / f"{n}.arrow": plan for n, plan in enumerate(plans) if not plan.in_rows}
    for file, plan in whole.items():
        made_whole = _plan_on(plan.engine, frame, state, others).select(
            *plan.features, pl.col(order).alias(file.name)
        )
        _run(made_whole.sink_ipc(file, lazy=True), plan.engine)
    _check_orders(frame.select(order), order, list(whole))
    row_by_row = [name for plan in plans if plan.in_rows for name in plan.features]
    target = [state.features.target.name] if state.features.target else []
    rows = _plan_on("polars", frame, state, others).select(order, *row_by_row, *target)
    joined = _side_by_side(rows, list(whole)).select(columns)
    engine.run(joined.sink_parquet(folder / PART, compression=COMPRESSION, lazy=True))
    for file in whole:
        file.unlink()


def _side_by_side(rows: pl.LazyFrame, files: list[Path]) -> pl.LazyFrame:
    return pl.concat([rows, *(pl.scan_ipc(file) for file in files)], how="horizontal", strict=True)


def _check_orders(rows: pl.LazyFrame, order: str, files: list[Path]) -> None:
    differs = (pl.col(file.name).ne_missing(pl.col(order)) for file in files)
    if engine.run(_side_by_side(rows, files).select(pl.any_horizontal(differs).any())).item():
        raise FeatureError(
            "two engines returned the rows in different orders, so their features cannot be compared",
            "Write `engine: polars`, or remove the features that the engine leaves to Polars",
        )


def _run(plan: pl.LazyFrame, device: engine.Engine) -> None:
    """Run a plan on a device.

    Raises: ConfigurationError: it ran the sample, and not the whole: most often its memory is too
        small.
    """
    if device == "polars":
        engine.run(plan)
        return
    _, reason = engine.tried(plan, device)
    if reason:
        raise ConfigurationError(
            f"the engine '{device}' succeeded on the sample but failed on the whole table: {reason}",
            "Write `engine: polars`, or use a device with more memory",
        )
