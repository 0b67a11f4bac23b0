"""Malformed files, read with nothing said about how they are written: `python benchmarks/malformed.py --data ../shared/data/malformed`.

Prints what becomes of every file of csv-spectrum, frictionless, JSONTestSuite and parquet-testing, and the scores of the Pollock benchmark
(Vitagliano and others, PVLDB 16, 2023): success, and precision, recall and F1 of header, records and cells against the clean file, added up (10 is best).
The data are not part of this repository.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.decode import delimited
from assay.assets.io.decode.task import ROWS, Task, Undecodable
from assay.assets.io.sources.child import decoded
from assay.contracts.errors import SourceError, Where

AUTO = {
    "delimiter": "auto",
    "quote": "auto",
    "escape": "auto",
    "encoding": "auto",
    "header": "auto",
}
REFERENCE = "univocity 9.933 / 9.730, pandas 9.863 / 8.415, CleverCSV 9.234 / 9.791"


def read(file: Path) -> list[tuple[str, ...]]:
    """The file's rows with the header first, in this process: 942 processes would measure their start."""
    with tempfile.TemporaryDirectory() as folder:
        done = delimited.decode(Task("delimited", str(file), folder, AUTO))
        rows = [
            tuple(cell or "" for cell in row) for row in pl.read_parquet(Path(folder) / ROWS).rows()
        ]
    return [done.columns if done.header else (), *rows]


def clean_rows(file: Path) -> list[tuple[str, ...]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)]


def scores(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> tuple[float, float, float]:
    """Precision, recall and F1 of one multiset against another."""
    both = sum((Counter(found) & Counter(wanted)).values())
    if not found and not wanted:
        return 1.0, 1.0, 1.0
    precision, recall = both / len(found) if found else 0.0, both / len(wanted) if wanted else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if both else 0.0


def pollock_file(file: Path, clean: Path, header_lines: int) -> list[float]:
    wanted = clean_rows(clean)
    try:
        got = read(file)
    except Undecodable:
        got = [()] if wanted else []
        if wanted:
            return [0.0] * 10
    header, body = (wanted[0], wanted[1:]) if header_lines and wanted else ((), wanted)
    found_header, found_body = (got[0], got[1:]) if got else ((), [])
    cells = [cell for row in found_body for cell in row], [cell for row in body for cell in row]
    return [1.0, *scores(found_header, header), *scores(found_body, body), *scores(*cells)]


def pollock(data: Path) -> None:
    weights: dict[str, float] = json.loads((data / "weights.json").read_text())
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(
            [
                "tar",
                "--use-compress-program=zstd -d --long=27",
                "-xf",
                str(data / "pollock.tar.zst"),
                "-C",
                made,
            ],
            check=True,
        )
        root = Path(made) / "pollock"
        each: dict[str, list[float]] = {}
        for file in sorted((root / "csv").iterdir()):
            parameters = json.loads(
                (root / "parameters" / f"{file.name}_parameters.json").read_text()
            )
            each[file.name] = pollock_file(
                file, root / "clean" / file.name, parameters["header_lines"]
            )
    simple = [sum(column) / len(each) for column in zip(*each.values(), strict=True)]
    total = sum(weights[name] for name in each)
    weighted = [
        sum(weights[name] * row[place] for name, row in each.items()) / total for place in range(10)
    ]
    print(
        f"pollock: {len(each)} files, simple {sum(simple):.3f}, weighted {sum(weighted):.3f}   (with parameters: {REFERENCE})"
    )
    names = [
        "success",
        *(
            f"{part} {measure}"
            for part in ("header", "record", "cell")
            for measure in ("P", "R", "F1")
        ),
    ]
    print(
        "   " + ", ".join(f"{name} {value:.4f}" for name, value in zip(names, simple, strict=True))
    )
    for name, row in sorted(each.items(), key=lambda item: sum(item[1]))[:12]:
        print(f"   {sum(row):6.3f}  {name}")


def folder(name: str, files: list[Path], kind: str, options: dict[str, Any]) -> None:
    """Every file through the child process, as a run reads it."""
    outcomes: Counter[str] = Counter()
    rows = unreadable = 0
    slowest = ("", 0.0)
    for file in files:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as made:
            try:
                done = decoded(kind, file, Path(made), options, Where(file=file.name))
            except SourceError as error:
                outcomes["refused"] += 1
                print(f"   {file.name}: {error.problem}")
            else:
                outcomes["read"] += 1
                rows, unreadable = rows + done.rows, unreadable + done.unreadable
        slowest = max(slowest, (file.name, time.perf_counter() - started), key=lambda pair: pair[1])
    print(
        f"{name}: {dict(outcomes)}, {rows:,} rows, {unreadable:,} records set aside, slowest {slowest[0]} {slowest[1]:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of malformed files")
    parser.add_argument("--only-pollock", action="store_true")
    said = parser.parse_args()
    if not said.only_pollock:
        folder(
            "csv-spectrum",
            sorted((said.data / "csv_spectrum" / "csvs").glob("*.csv")),
            "delimited",
            AUTO,
        )
        folder(
            "frictionless",
            sorted((said.data / "frictionless" / "data").rglob("*.csv")),
            "delimited",
            AUTO,
        )
        folder(
            "json",
            sorted((said.data / "json").glob("*.json")),
            "json_text",
            {"format": "json", "encoding": "utf-8"},
        )
        folder(
            "parquet", sorted((said.data / "parquet" / "data").rglob("*.parquet")), "parquet", {}
        )
    pollock(said.data / "pollock")


if __name__ == "__main__":
    main()
