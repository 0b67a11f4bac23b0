"""The governed way, from source to published version with evidence, beside a plain Polars scan and Delta write of the same data.

Run: `make benchmarks`; rows by ASSAY_BENCH_ROWS (1,000,000 unless set). The ratio of the means is the claim; times alone are the machine's.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.hands.home import Home
from assets.hands.office import Office
from assets.stages.admit import admit
from assets.stages.publish import publish
from assets.stages.refine import refine
from assets.stages.run import Run
from tests.conftest import Installation

ROWS = int(os.environ.get("ASSAY_BENCH_ROWS", "1000000"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded CSV of meter readings."""
    file = tmp_path_factory.mktemp("source") / "readings.csv"
    numbers = pl.int_range(ROWS, eager=True)
    pl.DataFrame({"meter": "M" + numbers.cast(pl.String), "energy_kwh": (numbers * 7919 % 100003) / 100, "tariff": pl.Series(["day", "night"]).gather(numbers % 2)}).write_csv(file)
    return file


@pytest.mark.benchmark(group="source to version")
def test_plain_copy(benchmark: Any, source: Path, tmp_path: Path) -> None:
    """What somebody without Assay would write."""

    def copy() -> None:
        frame = pl.scan_csv(source).collect(engine="streaming")
        frame.write_delta(str(tmp_path / uuid.uuid4().hex))

    benchmark.pedantic(copy, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="source to version")
def test_the_governed_way(benchmark: Any, source: Path, tmp_path: Path) -> None:
    """Land, admit, clean, judge, sign, register, commit."""

    def fresh() -> tuple[tuple[Run], dict[str, Any]]:
        made = Installation(tmp_path / uuid.uuid4().hex)
        made.deliver(source.read_bytes())
        office = Office.open(Home(home=made.root, contracts=made.contracts, actor="bench"))
        return (Run(office, office.contract("readings"), str(uuid.uuid4())),), {}

    def govern(run: Run) -> None:
        admission = admit(run)
        assert publish(run, admission, refine(run, admission)).row["rows"] == ROWS

    benchmark.pedantic(govern, setup=fresh, rounds=3, warmup_rounds=1)
