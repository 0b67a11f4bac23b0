"""How much of what is personal is found, and how much of what is not: on the corpora of the benchmark, in sentences that no pattern was tuned on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

# the benchmark is a script at the root of the repository, which is no package of the environment
_SPEC = importlib.util.spec_from_file_location(
    "benchmarks_pii", Path(__file__).parents[2] / "benchmarks" / "pii.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
pii = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = pii
_SPEC.loader.exec_module(pii)
FIVE, by_assay, false_alarms, score, seeded = (
    pii.FIVE,
    pii.by_assay,
    pii.false_alarms,
    pii.score,
    pii.seeded,
)


def test_of_2000_values_a_kind_nearly_all_are_found() -> None:
    """Promise D2, for the kinds with a checksum or a format."""
    corpus = seeded(2_000)
    found, _ = by_assay([text for text, _ in corpus], FIVE)
    for kind in FIVE:
        told = score([spans for _, spans in corpus], found, kind)
        assert told["of"] == 2_000
        assert told["low"] >= 0.99, kind  # the lower end of the interval of 95 %
        assert told["precision"] >= 0.95, kind


@pytest.mark.parametrize("rows", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_clean_ids_and_measurements_alarm_nobody(rows: int) -> None:
    """Promise D4: under 0.1 % of the rows."""
    assert false_alarms(rows)[0] < 0.001 * rows
