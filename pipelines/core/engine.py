"""Where a plan runs. The only file that names an engine.

Belongs here: choosing, running one plan, or several in one pass. Stays out: what the plans say.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal

import numpy as np
import polars as pl

from assay.contracts.errors import ConfigurationError

Engine = Literal["polars", "gpu", "ray-gpu", "cupy"]
"""What makes a column.

`cupy` is no choice of a contract: it is Polars on the CPU with its arrays on the GPU, for what
`gpu` has no plan for.
"""
SMALL = 2_000_000
"""Cells of a table that is held in memory: a streaming plan costs some 5 ms for each part of it,
which is most of the time where a table has few rows and hundreds of columns (2026-11-30).
"""
_cpu: ContextVar[Literal["streaming", "in-memory"]] = ContextVar("cpu", default="streaming")
_PLANS_AT_ONCE = 500
_INSTALL = "Install the extra `gpu` on a machine with an NVIDIA GPU, or write `engine: auto`"


@cache
def why_no_gpu() -> str | None:
    """Why plans cannot run on a GPU here, in one line; None if they can.

    Tried once, on a frame of one row.
    """
    if importlib.util.find_spec("cudf_polars") is None:
        return "cudf-polars is not installed"
    try:
        pl.LazyFrame({"one": [1]}).select(pl.col("one") + 1).collect(
            engine=pl.GPUEngine(raise_on_fail=True)
        )
    except Exception as error:  # whatever drivers and libraries below raise: all of it means no
        return f"cudf-polars cannot use one: {_first_line(error)}"
    return None


def why_no_ray() -> str | None:
    """Why plans cannot run on the GPUs of a Ray cluster; None if they can be sent to one."""
    lacking = [name for name in ("ray", "cudf_polars") if importlib.util.find_spec(name) is None]
    return (
        f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} not installed"
        if lacking
        else None
    )


def choose(wanted: Literal["auto", "polars", "gpu", "ray-gpu"]) -> Engine:
    """The engine to use. `auto` takes the GPU where there is one that works.

    Raises: ConfigurationError: a GPU, or a cluster of them, is demanded and not there; it is never
    replaced in silence.
    """
    if wanted == "ray-gpu":
        if reason := why_no_ray():
            raise ConfigurationError(
                f"the engine 'ray-gpu' is required, and {reason}",
                "Install the extras `gpu` and `ray`, or write `engine: auto`",
            )
        return "ray-gpu"
    if wanted == "polars":
        return "polars"
    reason = why_no_gpu()
    if wanted == "gpu" and reason:
        raise ConfigurationError(f"the engine 'gpu' is required, and {reason}", _INSTALL)
    return "polars" if reason else "gpu"


def companion_engines(engine: Engine) -> tuple[Engine, ...]:
    """The engines that take, on the same device, what this one has no plan for."""
    return (
        ("cupy",)
        if engine == "gpu"
        and all(importlib.util.find_spec(name) for name in ("cupy", "array_api_compat"))
        else ()
    )


def arrays(engine: Engine) -> Any:
    """The array library of an engine, as the array API standard has it: NumPy, or CuPy (which comes
    with cuDF) on a GPU.
    """
    return importlib.import_module("array_api_compat.cupy") if engine == "cupy" else np


def in_pieces(engine: Engine) -> bool:
    """Whether an engine takes the rows piece by piece, with Python at hand for each: on a GPU, a
    plan is expressions only.
    """
    return engine in ("polars", "cupy")


@contextmanager
def _device(engine: Engine) -> Iterator[Any]:
    """What Polars calls the engine. A GPU refuses what it cannot run instead of falling back."""
    match engine:
        case "polars" | "cupy":
            yield _cpu.get()
        case "gpu":
            yield pl.GPUEngine(raise_on_fail=True)
        case "ray-gpu":
            from cudf_polars.engine.ray import RayEngine

            with RayEngine(engine_options={"raise_on_fail": True}) as cluster:
                yield cluster


@contextmanager
def held_in_memory(rows: pl.LazyFrame, cells: int) -> Iterator[pl.LazyFrame]:
    """The rows, read once and measured in memory inside the block where they are few; otherwise
    as they are, streaming.
    """
    if cells > SMALL:
        yield rows
        return
    token = _cpu.set("in-memory")
    try:
        yield run(rows).lazy()
    finally:
        _cpu.reset(token)


def is_held_in_memory() -> bool:
    """Whether the rows are few, and held in memory by the caller."""
    return _cpu.get() == "in-memory"


def run(plan: pl.LazyFrame, engine: Engine = "polars") -> pl.DataFrame:
    """Collect one plan: streaming on Polars, or on a GPU, or on those of a cluster.

    A lazy sink gives an empty frame.
    """
    with _device(engine) as device:
        return plan.collect(engine=device)


def run_in_memory(plan: pl.LazyFrame) -> pl.DataFrame:
    """Collect a small plan on Polars, all of it in memory: what other engines are compared with."""
    return plan.collect(engine="in-memory")


def run_together(plans: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    """Run several plans together, streaming unless held in memory; lazy sinks among them give empty frames.

    Each reads the columns it needs. To share one scan costs more than to read twice: all columns
    are read for all, and what a slower plan has not taken yet is kept in memory, up to the whole
    table (1.6 GB against 0.4 for two sorts of 20 million rows, 2026-11-25).

    Of a wide table's thousands of plans so many at a time: each holds the schema of the whole table
    while it runs (7 GB for 3,000 columns of 100 rows at once, 2026-12-01).
    """
    return [
        frame
        for start in range(0, len(plans), _PLANS_AT_ONCE)
        for frame in pl.collect_all(
            plans[start : start + _PLANS_AT_ONCE],
            engine=_cpu.get(),
            optimizations=pl.QueryOptFlags(comm_subplan_elim=False),
        )
    ]


def tried(plan: pl.LazyFrame, engine: Engine) -> tuple[pl.DataFrame | None, str | None]:
    """The plan's rows, or the reason, in one line, why the engine does not run it."""
    try:
        return run(plan, engine), None
    except (
        pl.exceptions.PolarsError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
    ) as error:  # how cudf-polars reports what it cannot do, and what its libraries raise
        return None, _first_line(error)


def _first_line(error: BaseException) -> str:
    return (
        f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
        if str(error).strip()
        else type(error).__name__
    )
