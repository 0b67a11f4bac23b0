"""Planted errors detected without configuration: python benchmarks/dqbench.py [--seeds 42 1 2 3] [--tools goldencheck pandera assay]

DQBench (PyPI `dqbench`, MIT) generates three tables with planted errors: 5,000 × 20, 50,000 × 30 and 100,000 × 50. It scores, by column, what a tool reports
without configuration: F1 over planted and clean columns, weighted 20, 40 and 40 %. Its rules count any finding on a planted column as detected, and only warnings
and errors on clean columns as false alarms. Here only warnings count for every tool, on both: `score`; `score_by_rules` is DQBench's own.

Seeds: the package generates with the seed 42 alone; for others its generators get another random.Random, and nothing else is changed.

Tools: `assay` is what `assay new` lists as doubts. `goldencheck` is the package's own adapter. `pandera` infers a schema from the table and validates the table
with it. Great Expectations 1.x and Soda have no mode without configuration, so there is nothing to run. Version 1.0.0 of the package has no category for
transformations or duplicates (2026-12-01).

The package is in the dependency group `benchmarks`: uv sync --group benchmarks
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]

from dqbench.adapters.goldencheck import GoldenCheckAdapter  # noqa: E402
from dqbench.generator import tier1, tier2, tier3  # noqa: E402
from dqbench.ground_truth import GroundTruth  # noqa: E402
from dqbench.models import DQBenchFinding, Scorecard, TierResult  # noqa: E402
from dqbench.scorer import score_tier  # noqa: E402

Scan = Callable[[Path], list[DQBenchFinding]]
WARNINGS = ("warning", "error")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[42])
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--columns", action="store_true", help="print the columns as well")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as temporary:
            tables = list(generated(seed, Path(temporary)))
            for tool in arguments.tools:
                print(json.dumps(scored(tool, seed, tables, arguments.columns)), flush=True)


def generated(seed: int, folder: Path) -> Iterator[tuple[int, Path, GroundTruth]]:
    """Tier, file and truth of each table."""
    for number, module in enumerate((tier1, tier2, tier3), start=1):
        with seeded(module, seed):
            frame, truth = getattr(module, f"generate_tier{number}")()
        file = folder / f"tier{number}.csv"
        frame.write_csv(file)
        yield number, file, truth


@contextmanager
def seeded(module: ModuleType, seed: int) -> Iterator[None]:
    """The generator of a tier, with another seed in its only random.Random."""

    class Seeded:
        def __getattr__(self, name: str) -> object:
            return getattr(random, name)

        def Random(self, _: int) -> random.Random:  # as the module calls it
            return random.Random(seed)

    before, module.random = module.random, Seeded()
    try:
        yield
    finally:
        module.random = before


def scored(
    tool: str, seed: int, tables: list[tuple[int, Path, GroundTruth]], with_columns: bool
) -> dict[str, object]:
    strict, by_rules, columns = [], [], {}
    processor = 0.0
    for tier, file, truth in tables:
        start = time.process_time()
        findings = TOOLS[tool](file)
        processor += time.process_time() - start
        warnings = [finding for finding in findings if finding.severity.lower() in WARNINGS]
        strict.append(score_tier(warnings, truth, tier, 0, 0))
        by_rules.append(score_tier(findings, truth, tier, 0, 0))
        named = {part.strip() for one in warnings for part in one.column.split(",")}
        columns[tier] = {
            "missed": sorted(set(truth.planted_columns) - named),
            "false": sorted(set(truth.clean_columns) & named),
        }
    result = {
        "tool": tool,
        "version": version(tool),
        "seed": seed,
        "score": Scorecard(tool, "", strict).dqbench_score,
        "score_by_rules": Scorecard(tool, "", by_rules).dqbench_score,
        "tiers": [shortened(one) for one in strict],
        "processor_s": round(processor, 1),
    }
    return result | ({"columns": columns} if with_columns else {})


def shortened(result: TierResult) -> dict[str, object]:
    return {
        "recall": result.recall,
        "precision": result.precision,
        "f1": result.f1,
        "findings": result.findings_count,
    }


def assay_doubts(file: Path) -> list[DQBenchFinding]:
    from assay.assets.services.new import drafted

    done = drafted(file, "table", [file.parent], license=None, owner=None, progress=lambda _: None)
    return [
        DQBenchFinding(
            column=",".join(doubt.columns),
            severity="warning" if doubt.is_warning else "info",
            check=doubt.kind,
            message=doubt.problem,
            confidence=doubt.confidence,
        )
        for doubt in done.doubts
    ]


def goldencheck_findings(file: Path) -> list[DQBenchFinding]:
    return GoldenCheckAdapter().validate(file)


def pandera_findings(file: Path) -> list[DQBenchFinding]:
    import pandas as pd
    import pandera.pandas as pa

    table = pd.read_csv(file, low_memory=False)
    try:
        pa.infer_schema(table).validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        failed = errors.failure_cases["column"].dropna().unique()
        return [DQBenchFinding(str(name), "error", "schema", "") for name in failed]
    return []


TOOLS: dict[str, Scan] = {
    "assay": assay_doubts,
    "goldencheck": goldencheck_findings,
    "pandera": pandera_findings,
}

if __name__ == "__main__":
    main()
