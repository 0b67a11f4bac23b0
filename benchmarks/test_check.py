"""`assay check` over 200 contracts of 150 lines, from a cold start: to stay under 3 s. Run: `make benchmarks`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

FLIGHTS = Path(__file__).parents[1] / "contracts" / "datasets" / "flights.odcs.yaml"


def test_two_hundred_contracts(benchmark: Any, tmp_path: Path) -> None:
    text = FLIGHTS.read_text()
    for number in range(200):
        (tmp_path / f"f{number}.odcs.yaml").write_text(
            text.replace("name: flights\nversion", f"name: flights{number}\nversion")
        )
    command = [sys.executable, "-m", "assay.cli", "check", str(tmp_path)]
    done = benchmark.pedantic(
        subprocess.run,
        args=(command,),
        kwargs={"capture_output": True, "text": True},
        rounds=3,
        warmup_rounds=1,
    )
    assert done.stdout.startswith("200 contracts, 0 errors, 0 warnings")
