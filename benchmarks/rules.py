"""21 rules on a Parquet file, beside what a user would pick instead, in one run: a hand-written Polars query, pandera, datacontract-cli, Great Expectations.

Run: `make benchmark-rules`, which makes an environment for datacontract-cli, or `python benchmarks/rules.py --rows 10000000 --datacontract PATH/TO/datacontract`. datacontract-cli needs other
versions of our libraries, so it is called as a command of an environment of its own; without `--datacontract` it is left out, and said so.
The ratios are the claim; times alone are the machine's. What they find is counted as each of them counts: rows, failure cases (capped), checks. Each runs in a process of its own, best of three (one for those above 10 s).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import yaml

from assay.contracts.load import load
from assay.contracts.model import Contract
from tests.conftest import columns, document

TRIES = {
    "hand-written Polars": 3,
    "Assay": 3,
    "Assay, footers unread": 3,
    "pandera": 3,
    "datacontract-cli": 1,
    "Great Expectations": 1,
}


def _column(name: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": name, "logicalType": kind, **more}


def promised() -> dict[str, object]:
    """A contract of 21 rules over ten columns."""
    return document(
        columns(
            _column(
                "month", "integer", required=True, logicalTypeOptions={"minimum": 1, "maximum": 12}
            ),
            _column("day", "integer", logicalTypeOptions={"minimum": 1, "maximum": 31}),
            _column("hour", "integer", logicalTypeOptions={"minimum": 0, "maximum": 23}),
            _column("dep_delay", "number", logicalTypeOptions={"minimum": -120, "maximum": 2000}),
            _column(
                "distance",
                "number",
                required=True,
                logicalTypeOptions={"minimum": 1, "maximum": 6000},
            ),
            _column(
                "carrier", "string", required=True, logicalTypeOptions={"pattern": "^[A-Z0-9]{2}$"}
            ),
            _column(
                "origin", "string", enum=[{"value": "EWR"}, {"value": "JFK"}, {"value": "LGA"}]
            ),
            _column("dest", "string", required=True, logicalTypeOptions={"pattern": "^[A-Z]{3}$"}),
            _column("air_time", "number", logicalTypeOptions={"minimum": 1}),
            _column("flight", "integer", logicalTypeOptions={"exclusiveMinimum": 0}),
            _column(
                "tailnum",
                "string",
                quality=[
                    {
                        "name": "aircraft_known",
                        "metric": "nullValues",
                        "mustBeLessThan": 1,
                        "unit": "percent",
                    }
                ],
            ),
        )
    )


def contract() -> Contract:
    """The same, read."""
    return load(yaml.safe_dump(promised(), sort_keys=False), "benchmark.odcs.yaml")


def make(rows: int, file: Path) -> None:
    """A seeded file of that many rows; one delay in 2,122 and one destination in 16 break a rule."""
    n = pl.int_range(rows, eager=True).hash(seed=7)

    def pick(values: list[str], salt: int) -> pl.Series:
        return pl.Series(values).gather((n // (salt * 1_009) % len(values)).cast(pl.UInt32))

    frame = pl.DataFrame(
        {
            "month": (n % 12 + 1).cast(pl.Int64),
            "day": (n // 12 % 31 + 1).cast(pl.Int64),
            "hour": (n // 400 % 24).cast(pl.Int64),
            "dep_delay": (n // 7 % 2_122).cast(pl.Float64) - 120,
            "distance": (n // 11 % 5_000 + 17).cast(pl.Float64),
            "carrier": pick(
                [
                    "UA",
                    "AA",
                    "B6",
                    "DL",
                    "EV",
                    "MQ",
                    "US",
                    "WN",
                    "VX",
                    "FL",
                    "AS",
                    "9E",
                    "F9",
                    "HA",
                    "YV",
                    "OO",
                ],
                1,
            ),
            "origin": pick(["EWR", "JFK", "LGA"], 3),
            "dest": pick(
                [
                    "IAH",
                    "MIA",
                    "BQN",
                    "ATL",
                    "ORD",
                    "FLL",
                    "IAD",
                    "MCO",
                    "PBI",
                    "TPA",
                    "LAX",
                    "SFO",
                    "DFW",
                    "BOS",
                    "LAS",
                    "bad",
                ]
                * 16,
                5,
            ),
            "air_time": (n // 13 % 600 + 1).cast(pl.Float64),
            "flight": (n // 17 % 8_000 + 1).cast(pl.Int64),
            "tailnum": pl.select(
                pl.when(pl.Series(n % 200 > 0)).then(pl.format("N{}AA", pl.Series(n // 19 % 4_000)))
            ).to_series(),
        }
    )
    frame.write_parquet(file, row_group_size=122_880)


def hand_written(file: Path) -> int:
    """What somebody who knows Polars would write for exactly these rules."""
    c = pl.col
    broken = {
        "month_required": c("month").is_null(), "month_minimum": c("month") < 1, "month_maximum": c("month") > 12, "day_minimum": c("day") < 1, "day_maximum": c("day") > 31,
        "hour_minimum": c("hour") < 0, "hour_maximum": c("hour") > 23, "dep_delay_minimum": c("dep_delay") < -120, "dep_delay_maximum": c("dep_delay") > 2000,
        "distance_required": c("distance").is_null(), "distance_minimum": c("distance") < 1, "distance_maximum": c("distance") > 6000,
        "carrier_required": c("carrier").is_null(), "carrier_pattern": ~c("carrier").str.contains("^[A-Z0-9]{2}$"), "origin_enum": ~c("origin").is_in(["EWR", "JFK", "LGA"]),
        "dest_required": c("dest").is_null(), "dest_pattern": ~c("dest").str.contains("^[A-Z]{3}$"), "air_time_minimum": c("air_time") < 1,
        "flight_exclusiveMinimum": c("flight") <= 0, "aircraft_known": c("tailnum").is_null(),
    }  # fmt: skip
    counts = (
        pl.scan_parquet(file)
        .select(pl.len(), *(wrong.sum().alias(name) for name, wrong in broken.items()))
        .collect(engine="streaming")
    )
    return sum(value for name, value in counts.row(0, named=True).items() if name != "len")


def assay(file: Path) -> int:
    """The contract's rules, as a back-test judges them."""
    from assay.assets.services.rule_trials import judge_files

    promise = contract()
    return sum(
        tried.check.failing
        for tried in judge_files(promise, promise.rules, [file], examples=0)
        if tried.rule.judges_rows
    )


def assay_reading_all(file: Path) -> int:
    """The same without what the footers prove: every column is read."""
    from assay.pipelines.core.engine import run_together
    from assay.pipelines.validate.evaluate import counting, retyped

    promise = contract()
    rules = [rule for rule in promise.rules if rule.kind != "type"]
    (counts,) = run_together(
        [counting(retyped(pl.scan_parquet(file), promise.columns), rules, examples=0)]
    )
    return sum(value for name, value in counts.row(0, named=True).items() if name != "rows")


def pandera(file: Path) -> int:
    """The compiled pandera schema on the whole frame, as pandera asks for it."""
    from pandera.errors import SchemaErrors

    from assay.contracts.schema import pandera_schema

    schema = pandera_schema(contract())
    try:
        schema.validate(pl.read_parquet(file), lazy=True)
    except SchemaErrors as errors:
        return int(errors.failure_cases.height)
    return 0


def great_expectations(file: Path) -> int:
    """The compiled suite on a pandas frame, as Great Expectations asks for it."""
    import great_expectations as gx
    import pandas as pd

    from assay.contracts.exports import export

    context = gx.get_context(mode="ephemeral")
    suite = context.suites.add(
        gx.ExpectationSuite(**json.loads(export(contract(), "great-expectations")))
    )
    batches = (
        context.data_sources.add_pandas("p")
        .add_dataframe_asset("x")
        .add_batch_definition_whole_dataframe("b")
    )
    found = batches.get_batch({"dataframe": pd.read_parquet(file)}).validate(
        suite, result_format="SUMMARY"
    )
    return sum(result.result.get("unexpected_count", 0) for result in found.results)


def datacontract(file: Path, command: str) -> int:
    """datacontract-cli on the same contract, with the file as its server."""
    data = {
        **promised(),
        "servers": [{"server": "here", "type": "local", "path": str(file), "format": "parquet"}],
    }
    path = file.with_name("contract.odcs.yaml")
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    out = file.with_name("results.json")
    done = subprocess.run(
        [command, "test", str(path), "--output-format", "json", "--output", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.exists():
        raise SystemExit(f"datacontract-cli failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return sum(check["result"] == "failed" for check in json.loads(out.read_text())["checks"])


WAYS: dict[str, Callable[[Path], int]] = {
    "hand-written Polars": hand_written, "Assay": assay, "Assay, footers unread": assay_reading_all, "pandera": pandera, "Great Expectations": great_expectations,
}  # fmt: skip


def timed(way: str, file: Path, command: str) -> tuple[float, int]:
    """Seconds of the work alone, imports done before, and what it found."""
    if way == "datacontract-cli":
        started = time.perf_counter()
        found = datacontract(file, command)
        return time.perf_counter() - started, found
    tiny = file.with_name("tiny.parquet")
    WAYS[way](tiny)  # imports and first calls are not what is measured
    started = time.perf_counter()
    found = WAYS[way](file)
    return time.perf_counter() - started, found


def main() -> None:
    """Make the data, run each way in a process of its own, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--datacontract", default="")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(options.one[0], Path(options.one[1]), options.datacontract)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flights.parquet"
        make(options.rows, file)
        make(1_000, file.with_name("tiny.parquet"))
        best: dict[str, tuple[float, int]] = {}
        for way, tries in TRIES.items():
            if way == "datacontract-cli" and not options.datacontract:
                print(f"{way}: left out, no --datacontract given")
                continue
            command = [
                sys.executable,
                __file__,
                "--one",
                way,
                str(file),
                "--datacontract",
                options.datacontract,
            ]
            runs = [
                json.loads(
                    subprocess.run(
                        command,
                        check=True,
                        capture_output=True,
                        text=True,
                        env={**os.environ, "DO_NOT_TRACK": "1"},
                    ).stdout.splitlines()[-1]
                )
                for _ in range(tries)
            ]
            best[way] = min(tuple(run) for run in runs)
            print(
                f"{way:24} {best[way][0]:8.2f} s {best[way][0] / best['hand-written Polars'][0]:7.2f} ×   found {best[way][1]:,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
