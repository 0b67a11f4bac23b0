"""How right drift's verdicts are, how soon they come, and what they cost beside Evidently on all rows.

Run: `python benchmarks/drift.py --data FOLDER` for the four parts on verdicts and cost (`--only series streams pairs evidently` chooses);
`python benchmarks/drift.py --only large` for 10 million rows of 50 columns, which it makes in a temporary folder (about 4 GB).
FOLDER holds TCPD's series with their annotations (github.com/alan-turing-institute/TCPD), the hours of bike sharing and the SEA stream.
Every figure is printed with what it is held against; the exit code is 1 where a bar is not reached.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.features import Target
from assay.contracts.settings import DriftPolicy, Performance
from assay.pipelines.core.frames import Drift
from assay.pipelines.drift.change_points import change_points
from assay.pipelines.drift.measure import measure
from assay.pipelines.drift.scores import metric_of, performance
from assay.pipelines.drift.sketch import Kind, Sketch, sketch

ROOT = Path(__file__).parents[1]
ALPHA = 0.05
failed: list[str] = []


def bar(name: str, value: float, *, least: float | None = None, most: float | None = None) -> None:
    """Print a figure beside its bar."""
    ok = (least is None or value >= least) and (most is None or value <= most)
    said = f"at least {least:g}" if least is not None else f"at most {most:g}"
    print(f"  {name}: {value:.3f} ({said}){'' if ok else '   NOT REACHED'}")
    if not ok:
        failed.append(name)


def policy(columns: Sequence[str], **changes: Any) -> DriftPolicy:
    base = {
        "columns": list(columns), "numerical": {"method": "wasserstein", "threshold": 0.1}, "categorical": {"method": "jensenshannon", "threshold": 0.1}, "share": 1e-9,
        "missing_change_pct": 5, "volume_change_pct": 50, "alpha": ALPHA,
    }  # fmt: skip
    return DriftPolicy.model_validate(base | changes)


def compared(
    before: pl.DataFrame | Sketch, now: pl.DataFrame, kinds: dict[str, Kind], wanted: DriftPolicy
) -> Drift:
    old = (
        before if isinstance(before, Sketch) else sketch(before.lazy(), policy=wanted, kinds=kinds)
    )
    return measure(old, sketch(now.lazy(), policy=wanted, kinds=kinds), policy=wanted, kinds=kinds)


def most_alarms(asked: int) -> float:
    """The rate of false alarms that is promised, and two standard errors of seeing it in so many."""
    return ALPHA + 2 * (ALPHA * (1 - ALPHA) / asked) ** 0.5


# -- series with change points -------------------------------------------------------------


def covering(truth: list[int], found: list[int], n: int) -> float:
    """How well the stretches of an annotator are covered by those that were found. Source: van den Burg and Williams (2020), arXiv 2003.06222, equation 4."""
    ends = [list(zip([0, *points], [*points, n], strict=True)) for points in (truth, found)]
    best = (
        max(
            (min(b, d) - max(a, c)) / (max(b, d) - min(a, c)) if min(b, d) > max(a, c) else 0.0
            for c, d in ends[1]
        )
        * (b - a)
        for a, b in ends[0]
    )
    return sum(best) / n


def f1(annotations: dict[str, list[int]], found: list[int], margin: int = 5) -> float:
    """Precision against all annotators' points, recall averaged over them, point 0 always among both; a point is found once."""

    def hits(truth: set[int], said: set[int]) -> int:
        left, count = set(said), 0
        for point in sorted(truth):
            near = min(
                (place for place in left if abs(place - point) <= margin),
                key=lambda place: abs(place - point),
                default=None,
            )
            if near is not None:
                left.discard(near)
                count += 1
        return count

    truths, said = [{0, *points} for points in annotations.values()], {0, *found}
    precision = hits(set().union(*truths), said) / len(said)
    recall = float(np.mean([hits(truth, said) / len(truth) for truth in truths]))
    return 2 * precision * recall / (precision + recall)


def series(folder: Path) -> None:
    print("Change points of annotated series (TCPD), F1 with a margin of 5 points and covering")
    annotations = json.loads((folder / "tcpd" / "annotations.json").read_text())
    scores = {}
    for name, said in sorted(annotations.items()):
        raw = json.loads((folder / "tcpd" / "series" / f"{name}.json").read_text())["series"][0][
            "raw"
        ]
        found = change_points(raw)
        scores[name] = (
            f1(said, found),
            float(np.mean([covering(sorted(points), found, len(raw)) for points in said.values()])),
        )
        print(
            f"    {name:18} F1 {scores[name][0]:.3f}  cover {scores[name][1]:.3f}  {len(found)} found of {', '.join(str(len(points)) for points in said.values())}"
        )
    shared = [score for name, (score, _) in scores.items() if name != "uk_coal_employ"]
    bar(
        "F1 over the 14 series (no change points .660, PELT untuned .681)",
        float(np.mean([score for score, _ in scores.values()])),
        least=0.681,
    )
    bar(
        "cover over the 14 series (no change points .554, PELT untuned .627)",
        float(np.mean([cover for _, cover in scores.values()])),
        least=0.554,
    )
    bar(
        "F1 over the 13 series of TCPDBench (default parameters: best .733, binseg; worst .370, wbs)",
        float(np.mean(shared)),
        least=0.733,
    )


# -- streams with known drift ------------------------------------------------------------------


def told(
    alarms: list[int], points: list[int], size: int, windows: int, rows: int, name: str
) -> None:
    """Changes that were found, how late, and alarms that were none: those before the first change, and any but the first after each."""
    first = {
        point: next(
            (
                alarm
                for alarm in alarms
                if point < alarm <= [*points, rows][points.index(point) + 1]
            ),
            None,
        )
        for point in points
    }
    soon = sum(alarm is not None and alarm - point <= 2 * size for point, alarm in first.items())
    false = len(alarms) - sum(alarm is not None for alarm in first.values())
    print(
        f"    {name}: alarms after rows {alarms}; delays {[alarm - point if alarm else None for point, alarm in first.items()]} rows; {soon} of {len(points)} within a window of the first that holds it whole"
    )
    bar(
        f"{name}: changes found before the next",
        sum(alarm is not None for alarm in first.values()) / len(points),
        least=1.0,
    )
    bar(
        f"{name}: false alarms, of {windows} windows ({false / rows * 10_000:.2f} per 10,000 rows)",
        false / windows,
        most=most_alarms(windows),
    )


def accuracy(
    sea: pl.DataFrame, points: list[int], size: int, taught: int = 3_000
) -> tuple[list[int], list[int]]:
    """A model taught on 3,000 rows, judged on the 1,500 after them and watched from then on; an alarm has it taught anew."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, labels = sea.select("f1", "f2", "f3").to_numpy(), sea["label"].to_numpy()
    policy_, alarms, begins = Performance(metric="accuracy", drop=0.01, least=200), list[int](), 0
    while begins + taught + 1_500 + size <= len(sea):
        model = HistGradientBoostingClassifier(
            random_state=0, early_stopping=False, max_leaf_nodes=8
        ).fit(features[begins : begins + taught], labels[begins : begins + taught])
        scores = model.predict_proba(features)[:, 1]
        judged = slice(begins + taught, begins + taught + 1_500)
        at = metric_of("accuracy")(labels[judged], scores[judged])
        begins = judged.stop
        while begins + size <= len(sea):
            window = slice(begins, begins + size)
            begins += size
            if performance(
                labels[window],
                scores[window],
                metric="accuracy",
                judged_at=at,
                policy=policy_,
                seed=0,
            ).beyond:
                alarms.append(begins)
                break
    return alarms, points


def streams(folder: Path) -> None:
    print(
        "SEA: the rule from inputs to label changes at 12,500, 25,000, 37,500; the inputs never drift. Windows of 500 rows"
    )
    sea = pl.read_parquet(folder / "sea_abrupt_4concepts.parquet").with_columns(
        pl.col("label").cast(pl.Int8)
    )
    kinds: dict[str, Kind] = {"f1": "numerical", "f2": "numerical", "f3": "numerical"}
    # asked 90 times, a question has to be rarer wrong than one that is asked of a version a month
    wanted, target = (
        policy(list(kinds), volume_change_pct=10_000, alpha=0.01),
        Target(name="label", column="label", above=0.5),
    )
    size, taken, points = 500, 4_000, [12_500, 25_000, 37_500]
    starts = range(taken, len(sea) - size + 1, size)
    reference = sketch(sea[:taken].lazy(), policy=wanted, kinds=kinds)
    inputs = sum(
        compared(reference, sea[start : start + size], kinds, wanted).verdict == "drifted"
        for start in starts
    )
    # the label's share is held against the last rows that were taken as the measure; an alarm has the next rows taken instead, as a retraining would
    alarms, measure_of, begins = (
        list[int](),
        sketch(sea[:taken].lazy(), policy=wanted, kinds={}, target=target),
        taken,
    )
    windows = 0
    while begins + size <= len(sea):
        windows += 1
        now = sketch(sea[begins : begins + size].lazy(), policy=wanted, kinds={}, target=target)
        begins += size
        if measure(measure_of, now, policy=wanted, kinds={}).verdict == "drifted":
            alarms.append(begins)
            measure_of = sketch(
                sea[begins : begins + taken].lazy(), policy=wanted, kinds={}, target=target
            )
            begins += taken
    told(alarms, points, size, windows, len(sea), "the label's share")
    told(*accuracy(sea, points, size), size, (len(sea) - taken) // size, len(sea), "accuracy")
    bar(
        f"alarms of inputs, of {len(starts)} windows ({inputs / (len(sea) - taken) * 10_000:.2f} per 10,000 rows)",
        inputs / len(starts),
        most=most_alarms(len(starts)),
    )

    print("Bike sharing: 2012 against 2011, and a random half of 2011 against the other")
    bike = pl.read_parquet(folder / "bike_sharing_hour.parquet")
    columns: dict[str, Kind] = {
        "temp": "numerical",
        "hum": "numerical",
        "windspeed": "numerical",
        "cnt": "numerical",
        "casual": "numerical",
        "registered": "numerical",
        "weathersit": "categorical",
    }
    wanted = policy(list(columns))
    old, new = bike.filter(pl.col("yr") == 0), bike.filter(pl.col("yr") == 1)
    moved = {m.column for m in compared(old, new, columns, wanted).measurements if m.drifted}
    print(f"    moved from 2011 to 2012: {', '.join(sorted(moved))}")
    bar("`cnt` has moved", float("cnt" in moved), least=1.0)
    false = 0
    for seed in range(20):
        mixed = old.sample(fraction=1.0, shuffle=True, seed=seed)
        false += (
            compared(mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :], columns, wanted).verdict
            == "drifted"
        )
    bar("random halves of 2011, of 20, that count as drifted", false / 20, most=most_alarms(20))


# -- simulated pairs ---------------------------------------------------------------------------


def pair(kind: str, seed: int, rows: int = 3_000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Seven columns twice, with one thing changed in the second."""
    chance = np.random.default_rng(seed)

    def side() -> pl.DataFrame:
        return pl.DataFrame({
            "normal": chance.normal(0, 1, rows), "skewed": chance.lognormal(0, 1, rows), "counts": chance.poisson(3, rows), "heavy": chance.standard_t(3, rows),
            "few": chance.choice(list("abcd"), rows, p=[0.5, 0.3, 0.15, 0.05]), "many": [f"k{n}" for n in chance.zipf(1.6, rows).clip(max=5_000)], "flag": chance.random(rows) < 0.3,
        })  # fmt: skip

    before, now = side(), side()
    changes: dict[str, Any] = {
        "small shift": pl.col("normal") + 0.2, "large shift": pl.col("normal") + 1.0, "spread": pl.col("normal") * 1.5, "shares": None, "new category": None, "all missing": pl.lit(None, pl.Float64).alias("normal"),
        "some missing": pl.when(pl.int_range(pl.len()) % 8 > 0).then("normal"), "constant": pl.lit(0.0).alias("normal"), "vanished": None,
    }  # fmt: skip
    if kind == "nothing":
        return before, now
    if kind == "shares":
        return before, now.with_columns(
            few=pl.Series(chance.choice(list("abcd"), rows, p=[0.35, 0.35, 0.2, 0.1]))
        )
    if kind == "new category":
        return before, now.with_columns(
            few=pl.when(pl.int_range(pl.len()) % 100 == 0).then(pl.lit("e")).otherwise("few")
        )
    if kind == "vanished":
        return before, now.with_columns(
            few=pl.when(pl.col("few") == "d").then(pl.lit("a")).otherwise("few")
        )
    return before, now.with_columns(changes[kind])


CHANGES = (
    "small shift",
    "large shift",
    "spread",
    "shares",
    "new category",
    "vanished",
    "some missing",
    "all missing",
    "constant",
)


def pairs() -> None:
    print(
        f"200 simulated pairs of 3,000 rows and 7 columns, distances with alpha {ALPHA} and p-values alone, corrected after Benjamini and Hochberg"
    )
    kinds: dict[str, Kind] = {
        "normal": "numerical",
        "skewed": "numerical",
        "counts": "numerical",
        "heavy": "numerical",
        "few": "categorical",
        "many": "categorical",
        "flag": "categorical",
    }
    for name, tests in (
        ("distances", {}),
        (
            "p-values",
            {
                "numerical": {"method": "ks", "threshold": ALPHA},
                "categorical": {"method": "chisquare", "threshold": ALPHA},
            },
        ),
    ):
        wanted = policy(list(kinds), **tests)
        alarms = sum(
            compared(*pair("nothing", seed), kinds, wanted).verdict == "drifted"
            for seed in range(110)
        )
        bar(
            f"{name}: share of the 110 pairs without drift in which anything is told",
            alarms / 110,
            most=most_alarms(110),
        )
        for kind in CHANGES:
            found = sum(
                compared(*pair(kind, 1_000 + seed), kinds, wanted).verdict == "drifted"
                for seed in range(10)
            )
            bar(f"{name}: {kind}, found of 10", float(found), least=9)


# -- beside Evidently on all rows -----------------------------------------------------------------


def table(rows: int, seed: int, shift: float) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    return pl.DataFrame({
        "still": chance.normal(0, 1, rows), "shifted": chance.normal(shift, 1, rows), "wider": chance.normal(0, 1 + shift, rows), "skewed": chance.lognormal(0, 1, rows), "whole": chance.poisson(5, rows),
        "carrier": chance.choice(list("abcdefgh"), rows), "moved": chance.choice(list("xyz"), rows, p=[0.5 - shift / 2, 0.3, 0.2 + shift / 2]),
    })  # fmt: skip


TABLE_KINDS: dict[str, Kind] = {
    name: "categorical" if name in ("carrier", "moved") else "numerical"
    for name in ("still", "shifted", "wider", "skewed", "whole", "carrier", "moved")
}


def evidently(rows: int = 1_000_000) -> None:
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    print(
        f"Beside Evidently on all rows: {rows:,} rows a side, 7 columns, both processes warm, reading Parquet included"
    )
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.parquet" for name in ("before", "now")]
        for file, (seed, shift) in zip(files, ((1, 0.0), (2, 0.3)), strict=True):
            table(rows, seed, shift).write_parquet(file)
        wanted = policy(list(TABLE_KINDS))
        small = pl.scan_parquet(files[0]).head(1_000)
        compared(small.collect(), small.collect(), TABLE_KINDS, wanted)  # imports
        began = time.perf_counter()
        reference = sketch(pl.scan_parquet(files[0]), policy=wanted, kinds=TABLE_KINDS)
        first = time.perf_counter() - began
        began = time.perf_counter()
        drift = measure(
            reference,
            sketch(pl.scan_parquet(files[1]), policy=wanted, kinds=TABLE_KINDS),
            policy=wanted,
            kinds=TABLE_KINDS,
        )
        ours = time.perf_counter() - began
        definition = DataDefinition(
            numerical_columns=[c for c, k in TABLE_KINDS.items() if k == "numerical"],
            categorical_columns=["carrier", "moved"],
        )
        preset = DataDriftPreset(
            columns=list(TABLE_KINDS),
            num_method="wasserstein",
            num_threshold=0.1,
            cat_method="jensenshannon",
            cat_threshold=0.1,
            include_tests=True,
        )
        began = time.perf_counter()
        frames = [
            Dataset.from_pandas(pl.read_parquet(file).to_pandas(), data_definition=definition)
            for file in files
        ]
        result = (
            Report([preset], include_tests=True)
            .run(current_data=frames[1], reference_data=frames[0])
            .dict()
        )
        theirs = time.perf_counter() - began
    said = {
        t["metric_config"]["params"]["column"]: str(getattr(t["status"], "value", t["status"]))
        == "FAIL"
        for t in result["tests"]
        if "column" in t["metric_config"]["params"]
    }
    mine = {
        m.column: bool(m.drifted)
        for m in drift.measurements
        if m.method in ("wasserstein", "jensenshannon")
    }
    scores = {
        m["config"]["column"]: float(m["value"])
        for m in result["metrics"]
        if m["config"]["type"].endswith(":ValueDrift")
    }
    for m in drift.measurements:
        if m.column in scores and m.method in ("wasserstein", "jensenshannon"):
            print(
                f"    {m.column:8} {m.method:14} {m.score:.4f}, Evidently on all rows {scores[m.column]:.4f}; drifted {m.drifted}, {said[m.column]}"
            )
    print(
        f"    a new version {ours:.2f} s (the reference's sketch is kept; making it took {first:.2f} s), Evidently {theirs:.2f} s"
    )
    bar(
        "columns, of 7, with the same verdict",
        float(sum(mine[column] == said[column] for column in mine)),
        least=7,
    )
    bar("times as fast as Evidently", theirs / ours, least=10)
    bar(
        "times as fast where the reference has to be sketched as well",
        theirs / (ours + first),
        least=5,
    )


# -- large -------------------------------------------------------------------------------------------

WIDE: dict[str, Kind] = {
    **{f"n{i}": "numerical" for i in range(40)},
    **{f"c{i}": "categorical" for i in range(10)},
}


def wide(rows: int, seed: int) -> Iterator[pl.DataFrame]:
    chance = np.random.default_rng(seed)
    for start in range(0, rows, 500_000):
        count = min(500_000, rows - start)
        yield pl.DataFrame(
            {
                name: chance.normal(i % 7, 1 + i % 3, count)
                if kind == "numerical"
                else chance.integers(0, 10 ** (1 + i % 4), count).astype(str)
                for i, (name, kind) in enumerate(WIDE.items())
            }
        )


def large(rows: int = 10_000_000) -> None:
    import pyarrow.parquet as pq

    print(f"{rows:,} rows of {len(WIDE)} columns a side, each measured in a process of its own")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.parquet" for name in ("before", "now")]
        for seed, file in enumerate(files):
            writer = None
            for part in wide(rows, seed):
                arrow = part.to_arrow()
                writer = writer or pq.ParquetWriter(file, arrow.schema)
                writer.write_table(arrow)
            if writer:
                writer.close()
        done = subprocess.run(
            [sys.executable, __file__, "--measure", *map(str, files)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        told = json.loads(done.stdout.splitlines()[-1])
    print(
        f"    verdict {told['verdict']}; both sides sketched and compared in {told['seconds']:.1f} s"
    )
    bar("peak memory, GB", told["peak_gb"], most=2.0)
    bar("minutes", told["seconds"] / 60, most=5.0)


def measured(files: list[Path]) -> None:
    wanted = policy(list(WIDE))
    began = time.perf_counter()
    before, now = (sketch(pl.scan_parquet(file), policy=wanted, kinds=WIDE) for file in files)
    drift = measure(before, now, policy=wanted, kinds=WIDE)
    told = {
        "verdict": drift.verdict,
        "seconds": time.perf_counter() - began,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/drift"))
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["series", "streams", "pairs", "evidently", "large"],
        default=["series", "streams", "pairs", "evidently"],
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.measure:
        measured(wanted.measure)
        return
    parts = {
        "series": lambda: series(wanted.data),
        "streams": lambda: streams(wanted.data),
        "pairs": pairs,
        "evidently": evidently,
        "large": lambda: large(wanted.rows),
    }
    for name in wanted.only:
        parts[name]()
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
