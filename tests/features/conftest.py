"""Engines that tests run on, and a table with everything in it that a transform can be afraid of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import array_api_strict
import numpy as np
import polars as pl
import pytest

from assay.contracts.features import Features
from assay.pipelines.core import engine
from assay.pipelines.features import table
from assay.pipelines.features.state import State, from_json

AT = datetime(2024, 1, 1, tzinfo=UTC)
Collect = Callable[[pl.LazyFrame], pl.DataFrame]


@pytest.fixture(
    params=[
        "polars in memory",
        "polars streaming",
        pytest.param(
            "gpu",
            marks=pytest.mark.skipif(
                engine.why_no_gpu() is not None, reason=f"no GPU: {engine.why_no_gpu()}"
            ),
        ),
    ]
)
def collect(request: pytest.FixtureRequest) -> Collect:
    """Each engine there is; without a GPU, that one is skipped and says why."""
    engines: dict[str, Collect] = {
        "polars in memory": engine.run_in_memory,
        "polars streaming": lambda plan: engine.run(plan, "polars"),
        "gpu": lambda plan: engine.run(plan, "gpu"),
    }
    return engines[request.param]


def _libraries() -> list[Any]:
    """The array libraries that compute what expressions cannot say: NumPy, the strictest one there is (what is not in the standard fails), and CuPy where there is a GPU."""
    lacking = (
        "no GPU: CuPy is not installed"
        if not engine.companion_engines("gpu")
        else f"no GPU: {engine.why_no_gpu()}"
    )
    return [
        pytest.param(np, id="numpy"),
        pytest.param(array_api_strict, id="array API standard"),
        pytest.param(
            "cupy",
            id="cupy",
            marks=pytest.mark.skipif(
                engine.why_no_gpu() is not None or not engine.companion_engines("gpu"),
                reason=lacking,
            ),
        ),
    ]


@pytest.fixture(params=_libraries())
def on(request: pytest.FixtureRequest) -> Any:
    """Each array library."""
    return engine.arrays("cupy") if request.param == "cupy" else request.param


def wanted(*transforms: dict[str, Any], **more: Any) -> Features:
    """Features of a frame ordered by `at`; the target is `y` above 5."""
    return Features.model_validate(
        {
            "order_by": "at",
            "target": {"name": "late", "column": "y", "above": 5},
            "transforms": transforms,
            **more,
        }
    )


def fitted(
    frame: pl.DataFrame,
    *transforms: dict[str, Any],
    holdout: float | None = None,
    others: table.Others | None = None,
    **more: Any,
) -> State:
    """What these transforms learn from the frame, after a trip through JSON."""
    state = table.fit(
        frame.lazy(),
        wanted(*transforms, **more),
        engine.run_together,
        holdout=holdout,
        others=others,
    )
    return from_json(state.as_json(), state.tables)


def hours(count: int) -> pl.Series:
    """A time each hour."""
    return pl.Series(
        "at", [AT + timedelta(hours=hour) for hour in range(count)], dtype=pl.Datetime("us", "UTC")
    )


def frame(**columns: Sequence[Any]) -> pl.DataFrame:
    """Rows an hour apart, with the target's column."""
    height = len(next(iter(columns.values()), ()))
    made = pl.DataFrame(
        {"y": [float(place % 11) for place in range(height)], **columns}, strict=False
    )
    return made if "at" in columns else made.with_columns(hours(height))
