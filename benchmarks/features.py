"""A realistic feature plan on flights: 30 features with windows, target encoding, aggregates and text, by stage; and side by side with pandas and scikit-learn.

Run: `python benchmarks/features.py --rows 10000000` (Polars beside pandas and scikit-learn), `--engine polars|gpu --alone` (one engine, for 100000000 rows),
`--engine gpu` (GPU beside Polars on all cores). Each run is a process of its own, so that its peak of memory is its own. Rows are made by this script.
The ratio is the claim; times alone are the machine's. Before the times, the features of both are compared: what differs is not the same work.
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
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[1]
BATCH = 1_000_000
CARRIERS, AIRPORTS = (
    ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN", "9E", "VX"],
    ["EWR", "JFK", "LGA"],
)
REMARKS = [
    "On time",
    "Late aircraft, crew changed",
    "Weather hold at gate",
    "Security delay 12 min",
    "Bird strike; inspected",
    "",
]
HOLDOUT = 0.2
PLAN: list[dict[str, Any]] = [
    {"transform": "scale", "columns": ["dep_delay", "distance"]},
    {"transform": "log", "columns": ["distance"]},
    {"transform": "ratio", "of": ["distance"], "to": "air_time"},
    {"transform": "polynomial", "columns": ["dep_delay", "distance"], "interactions_only": True},
    {"transform": "bin", "columns": ["distance"], "bins": 10},
    {"transform": "one_hot", "columns": ["origin"], "most": 3},
    {"transform": "label", "columns": ["carrier"]},
    {"transform": "frequency", "columns": ["dest", "tailnum"]},
    {"transform": "target", "columns": ["carrier", "dest"], "smooth": 20, "folds": 5},
    {"transform": "calendar", "columns": ["time_hour"], "parts": ["weekday", "hour"]},
    {"transform": "cyclical", "columns": ["time_hour"], "part": "hour"},
    {
        "transform": "text_statistics",
        "columns": ["remark"],
        "statistics": ["words", "uppercase_share"],
    },
    {
        "transform": "group",
        "by": ["origin", "carrier"],
        "columns": ["dep_delay"],
        "functions": ["mean", "std"],
    },
    {
        "transform": "window",
        "by": ["carrier"],
        "columns": ["arr_delay"],
        "functions": ["mean", "count"],
        "span": "7d",
        "gap": "12h",
    },
    {
        "transform": "window",
        "by": ["tailnum"],
        "columns": ["dep_delay"],
        "functions": ["mean", "std", "max", "count"],
        "span": "7d",
    },
    {
        "transform": "window",
        "by": ["origin"],
        "columns": ["dep_delay"],
        "functions": ["mean", "count"],
        "span": "3h",
    },
]


def settings() -> Any:
    """The plan as a contract says it."""
    from assay.contracts.features import Features

    target = {"name": "late", "column": "arr_delay", "above": 15}
    return Features.model_validate(
        {
            "order_by": "time_hour",
            "target": target,
            "transforms": PLAN,
            "holdout": HOLDOUT,
            "fallback": "allow",
        }
    )


def flights(start: int, rows: int, of: int) -> pl.DataFrame:
    """Rows of a year of flights in the order of time, seeded by their number; one in a hundred did not arrive."""
    i = pl.int_range(start, start + rows, eager=True)

    def noise(salt: int, below: int) -> pl.Series:
        return (i.hash(salt) % below).cast(pl.Int64)

    delay = noise(1, 120) - 20
    minute = (i.cast(pl.Float64) * (525_600 / of)).cast(pl.Int64)
    frame = pl.DataFrame({
        "time_hour": pl.select(pl.datetime(2013, 1, 1, time_zone="UTC") + pl.duration(minutes=minute)).to_series(), "dep_delay": delay.cast(pl.Float64),
        "arr_delay": (delay + noise(5, 40) - 20).cast(pl.Float64), "carrier": pl.Series(CARRIERS).gather(noise(6, len(CARRIERS))), "origin": pl.Series(AIRPORTS).gather(noise(8, 3)),
        "tailnum": "N" + (noise(7, 4000) + 10_000).cast(pl.String), "dest": pl.Series([a + b + c for a in "ABCDE" for b in "KLMN" for c in "XYZ"]).gather(noise(9, 60)),
        "air_time": (noise(10, 400) + 30).cast(pl.Float64), "distance": (noise(11, 4000) + 80).cast(pl.Float64), "remark": pl.Series(REMARKS).gather(noise(12, len(REMARKS))),
    })  # fmt: skip
    return frame.with_columns(pl.when(noise(2, 100) > 0).then(pl.col("arr_delay", "air_time")))


def make(rows: int, folder: Path) -> None:
    """Write the version, a file a batch."""
    folder.mkdir()
    for start in range(0, rows, BATCH):
        flights(start, min(BATCH, rows - start), rows).write_parquet(
            folder / f"{start // BATCH:05}.parquet"
        )


# -- one run, in a process of its own ------------------------------------------------------------------


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self.since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.took[stage], self.since = now - self.since, now


def ours(folder: Path, out: Path, on: str) -> dict[str, float]:
    """Fit, make, write: as `flights/features` does it, without evidence."""
    from assay.assets.stages.feature_files import PART, write_table
    from assay.pipelines.core import engine
    from assay.pipelines.features import parity, table

    frame, chosen, clock = pl.scan_parquet(folder), engine.choose(on), Clock()  # type: ignore[arg-type]  # checked by argparse
    state = table.fit(frame, settings(), engine.run_together, holdout=HOLDOUT)
    clock.lap("fit")
    told = parity.receipt(frame, state, chosen)
    clock.lap("parity")
    made = out.parent / f"{out.name}.made"
    made.mkdir()
    write_table(made, frame, state, told, {})
    clock.lap("make and write")
    (made / PART).rename(out)
    by = {
        f"on {one}": float(count)
        for one, count in Counter(column.engine for column in told.columns).items()
    }
    return {**clock.took, "greatest difference": told.greatest, "features": len(state.kept), **by}


def by_hand(folder: Path, out: Path) -> dict[str, float]:
    """What somebody without Assay would write: pandas for rows, groups, windows and text, scikit-learn for what it has."""
    import pandas as pd
    from sklearn.preprocessing import (
        KBinsDiscretizer,
        OneHotEncoder,
        OrdinalEncoder,
        StandardScaler,
        TargetEncoder,
    )

    clock = Clock()
    df = pd.read_parquet(folder)
    clock.lap("read")
    train = df["time_hour"] < df["time_hour"].sort_values().iloc[int(len(df) * (1 - HOLDOUT))]
    late = (df["arr_delay"] > 15).astype("float64").where(df["arr_delay"].notna())
    made: dict[str, Any] = {}
    for column in ("dep_delay", "distance"):
        made[f"{column}_scaled"] = (
            StandardScaler().fit(df.loc[train, [column]]).transform(df[[column]])[:, 0]
        )
    made["distance_log"] = np.log1p(df["distance"])
    made["distance_per_air_time"] = df["distance"] / df["air_time"]
    made["dep_delay_x_distance"] = df["dep_delay"] * df["distance"]
    bins = KBinsDiscretizer(
        10,
        strategy="quantile",
        encode="ordinal",
        quantile_method="averaged_inverted_cdf",
        subsample=100_000,
        random_state=0,
    )
    made["distance_bin"] = bins.fit(df.loc[train, ["distance"]]).transform(df[["distance"]])[:, 0]
    clock.lap("numbers")
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(df.loc[train, ["origin"]])
    made |= {
        f"origin_is_{name}": values
        for name, values in zip(hot.categories_[0], hot.transform(df[["origin"]]).T, strict=True)
    }
    made["carrier_label"] = (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        .fit(df.loc[train, ["carrier"]])
        .transform(df[["carrier"]])[:, 0]
    )
    for column in ("dest", "tailnum"):
        made[f"{column}_frequency"] = (
            df[column].map(df.loc[train, column].value_counts(normalize=True)).fillna(0.0)
        )
    known = (train & late.notna()).to_numpy()
    for column in ("carrier", "dest"):
        encoder = TargetEncoder(smooth=20.0, target_type="binary", cv=5, shuffle=False)
        values = np.empty(len(df))
        values[known] = encoder.fit_transform(df.loc[known, [column]], late[known].astype(int))[
            :, 0
        ]
        values[~known] = encoder.transform(df.loc[~known, [column]])[:, 0]
        made[f"{column}_target"] = values
    clock.lap("categories")
    at = df["time_hour"].dt
    made |= {"time_hour_weekday": at.dayofweek + 1, "time_hour_hour": at.hour}
    angle = at.hour * (2 * np.pi / 24)
    made |= {"time_hour_hour_sin": np.sin(angle), "time_hour_hour_cos": np.cos(angle)}
    clock.lap("times")
    chars = df["remark"].str.len()
    made["remark_words"] = df["remark"].str.count(r"\S+")
    made["remark_uppercase_share"] = (
        df["remark"].str.count(r"[A-Z]") / chars.where(chars > 0)
    ).fillna(0.0)
    clock.lap("texts")
    groups = (
        df[train]
        .groupby(["origin", "carrier"])["dep_delay"]
        .agg(["mean", "std"])
        .rename(columns=lambda name: f"dep_delay_{name}_by_origin_carrier")
    )
    joined = df[["origin", "carrier"]].join(groups, on=["origin", "carrier"])
    made |= {name: joined[name] for name in groups.columns}
    clock.lap("groups")
    made |= pandas_windows(df)
    clock.lap("windows")
    table = pd.DataFrame({"time_hour": df["time_hour"], **made, "late": late})
    table.to_parquet(out)
    clock.lap("write")
    return {**clock.took, "features": len(made)}


def pandas_windows(df: Any) -> dict[str, Any]:
    """Rolling by key and time, the row's own moment left out, as pandas has it: `closed='left'`. The gap is what came later taken away again."""
    ordered = df[["time_hour", "carrier", "tailnum", "origin", "arr_delay", "dep_delay"]].set_index(
        "time_hour"
    )

    def rolled(key: str, column: str, window: str, *functions: str) -> list[Any]:
        rolling = ordered.groupby(key, sort=False)[column].rolling(window, closed="left")
        # pandas gives groups one after the other; rows of a group keep their order
        place = df.groupby(key, sort=False).ngroup().to_numpy().argsort(kind="stable")
        made = []
        for function in functions:
            out = np.empty(len(df))
            out[place] = getattr(rolling, function)().to_numpy()
            made.append(out)
        return made

    (wide, near) = (
        rolled("carrier", "arr_delay", window, "sum", "count")
        for window in (f"{7 * 24 + 12}h", "12h")
    )
    n = np.nan_to_num(wide[1]) - np.nan_to_num(near[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, (np.nan_to_num(wide[0]) - np.nan_to_num(near[0])) / n, np.nan)
    tail, origin = (
        rolled("tailnum", "dep_delay", "7D", "mean", "std", "max", "count"),
        rolled("origin", "dep_delay", "3h", "mean", "count"),
    )
    return {
        "arr_delay_mean_7d_until_12h_by_carrier": mean, "arr_delay_count_7d_until_12h_by_carrier": n,
        **{f"dep_delay_{function}_7d_by_tailnum": values for function, values in zip(("mean", "std", "max"), tail, strict=False)},
        "dep_delay_count_7d_by_tailnum": np.nan_to_num(tail[3]),
        "dep_delay_mean_3h_by_origin": origin[0], "dep_delay_count_3h_by_origin": np.nan_to_num(origin[1]),
    }  # fmt: skip


def same(one: Path, other: Path) -> list[str]:
    """The features of two tables, compared: those that differ by more than a millionth, or in what is missing. Folds are cut and samples are drawn otherwise by scikit-learn: not compared."""
    left, right = pl.scan_parquet(one), pl.scan_parquet(other)
    shared = [
        name
        for name in left.collect_schema().names()
        if name in right.collect_schema().names()
        and name not in ("time_hour", "carrier_target", "dest_target", "distance_bin")
    ]
    apart = []
    for name in shared:
        pair = pl.concat(
            [
                left.select(pl.col(name).cast(pl.Float64).alias("a")),
                right.select(pl.col(name).cast(pl.Float64).fill_nan(None).alias("b")),
            ],
            how="horizontal",
            strict=True,
        )
        a, b = pl.col("a"), pl.col("b")
        wrong = (a.is_null() != b.is_null()) | (
            (a - b).abs() > 1e-6 * pl.max_horizontal(b.abs(), pl.lit(1.0))
        )
        share = pair.select(wrong.fill_null(False).mean()).collect(engine="streaming").item()
        if share > 0:
            apart.append(f"{name}: {share:.4%} of rows")
    return [f"{len(shared)} features compared", *apart]


def once(what: str, folder: Path, out: Path) -> None:
    """Warm up on a thousandth, then measure; prints JSON."""
    if what == "bandwidth":
        print(json.dumps({"bytes": bandwidth()}))
        return
    small = out.with_suffix(".small")
    make(20_000, small)
    run = by_hand if what == "pandas" else lambda source, target: ours(source, target, what)
    run(small, out.with_suffix(".warm"))
    print(
        json.dumps(
            {
                **run(folder, out),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def fill_memory(pages: Path) -> None:
    """Fill what memory is free with a file's pages. A virtual machine hands free memory back to its host, and waits for it when it is used again: on ours, 3 seconds a gigabyte."""
    with pages.open("wb") as file:
        file.truncate(int(1.1 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    with pages.open("rb", buffering=0) as file:
        while file.read(2**24):
            pass


def measured(what: str, folder: Path, out: Path) -> dict[str, float]:
    """One run in a child process."""
    fill_memory(out.parent / "pages")
    command = [sys.executable, __file__, "--once", what, "--folder", str(folder), "--out", str(out)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"{what} did not get through (exit code {done.returncode}):\n{done.stderr[-2000:]}"
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bandwidth() -> float:
    """Bytes a second that this machine copies with all its cores, read and written: what no plan that touches memory once can beat."""
    values = pl.DataFrame({f"c{n}": np.ones(8_000_000) for n in range(8)})
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        values.select(pl.all() + 1.0)
        best = min(best, time.perf_counter() - started)
    return 2 * values.estimated_size() / best


def tell(what: str, told: dict[str, float], rows: int, moved: int, limit: float) -> float:
    """One run, by stage. Returns: its seconds."""
    by = {name: value for name, value in told.items() if name.startswith("on ")}
    stages = {
        name: value
        for name, value in told.items()
        if name not in ("peak_mib", "greatest difference", "features", *by)
    }
    total = sum(stages.values())
    print(
        f"  {what:8} {total:9.2f} s  {rows / total:12,.0f} rows/s  peak {told['peak_mib']:8,.0f} MiB  {100 * moved / total / limit:5.2f} % of memory bandwidth"
    )
    print(
        "           "
        + ", ".join(
            [
                *(f"{name} {value:.2f} s" for name, value in stages.items()),
                *(f"{value:.0f} features {name}" for name, value in by.items()),
            ]
        ),
        flush=True,
    )
    return total


def compare(rows: int, on: str, alone: bool, place: Path) -> None:
    """Both ways in turn on the same rows."""
    folder = place / "version"
    make(rows, folder)
    limit = measured("bandwidth", folder, place)["bytes"]
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(
        f"{rows:,} rows, {size / 2**20:,.0f} MiB of Parquet, {os.cpu_count()} cores, {limit / 1e9:.1f} GB/s copied by all of them"
    )
    beside = [] if alone else ["pandas"] if on == "polars" else ["polars"]
    seconds, outs = {}, {}
    for what in [on, *beside]:
        outs[what] = place / f"{what}.parquet"
        told = measured(what, folder, outs[what])
        # bytes that must move at least: every input and output value once, as they lie in memory
        per_row = sum(
            frame.head(1000).estimated_size()
            for frame in (
                pl.read_parquet(folder / "00000.parquet", n_rows=1000),
                pl.read_parquet(outs[what], n_rows=1000),
            )
        ) / min(rows, 1000)
        seconds[what] = tell(what, told, rows, int(per_row * rows), limit)
    for other in beside:
        print(
            f"  {seconds[other] / seconds[on]:.1f} times as fast as {other}; "
            + "; ".join(same(outs[on], outs[other]))
        )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--engine", choices=["polars", "gpu", "ray-gpu"], default="polars")
    parser.add_argument("--alone", action="store_true", help="without what it is held against")
    parser.add_argument("--once", choices=["polars", "gpu", "ray-gpu", "pandas", "bandwidth"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.once:
        once(given.once, given.folder, given.out)
        return
    if given.engine != "polars":
        sys.path.insert(0, str(ROOT))
        from assay.pipelines.core.engine import why_no_gpu

        if reason := why_no_gpu():
            raise SystemExit(f"no GPU: {reason}")
    with tempfile.TemporaryDirectory() as place:
        compare(given.rows, given.engine, given.alone, Path(place))


if __name__ == "__main__":
    main()
