"""Flights month by month: what was decided and why, a better model promoted, a worse one refused, one that turns bad in canary rolled back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

ROOT = Path(__file__).parents[2]
MONTHS = 6


def contract(**retrain: Any) -> dict[str, Any]:
    """The shipped contract of flights, a window a month, with a baseline and a canary."""
    data: dict[str, Any] = yaml.safe_load(
        (ROOT / "contracts" / "datasets" / "flights.odcs.yaml").read_text()
    )
    properties = {entry["property"]: entry["value"] for entry in data["customProperties"]}
    windows = [
        {
            "name": f"2013-{month:02}",
            "start": f"2013-{month:02}-01",
            "end": f"2013-{month + 1:02}-01",
        }
        for month in range(1, MONTHS + 1)
    ]
    properties["assay.source"]["windows"]["each"] = windows
    data["schema"][0]["quality"][0]["mustBeGreaterThan"] = 1000
    properties["assay.drift"].update(
        against=["previous", {"last": 3}],
        slices=[{"column": "origin", "equals": "JFK"}],
        acting={
            "k": 1,
            "of": 2,
            "cool_down": "P0D",
            "monthly_budget": 4,
            "critical": ["dep_delay"],
        },
    )
    properties["assay.retrain"].update(
        slices=[{"column": "origin", "equals": "JFK"}],
        fairness={"groups": ["origin"], "selection": 0.5},
        canary={"share": 0.5, "outcomes": 500},
        **retrain,
    )
    return data


def write(home: Path, data: dict[str, Any]) -> None:
    (home.parent / "contracts").mkdir(exist_ok=True)
    (home.parent / "contracts" / "flights.odcs.yaml").write_text(
        yaml.safe_dump(data, sort_keys=False)
    )


def assay(home: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "ASSAY_HOME": str(home),
        "ASSAY_CONTRACTS": str(home.parent / "contracts"),
        "COLUMNS": "220",
    }
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"$ assay {' '.join(arguments)}\n{done.stdout}")
    return done.stdout


def scored(home: Path, month: pl.DataFrame, name: str) -> pl.DataFrame:
    """A month's flights scored by what is in service, with what came true."""
    rows, scores = home.parent / f"{name}.parquet", home.parent / f"{name}-scores.parquet"
    month.write_parquet(rows)
    assay(
        home,
        "predict",
        "flights-late",
        str(rows),
        "--purpose",
        "analytics",
        "--output",
        str(scores),
    )
    return (
        pl.read_parquet(scores)
        .hstack(month.select(late=(pl.col("arr_delay") > 15)))
        .drop_nulls("late")
    )


def models(home: Path) -> dict[str, str | None]:
    """Version -> role."""
    (told,) = json.loads(assay(home, "models", "list", "--json"))
    return {each["version"]: each["role"] for each in told["versions"]}


@pytest.mark.soak
def test_flights_month_by_month(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(home, contract(trainer={"name": "decision_tree", "parameters": {"max_depth": 2}}))
    assay(home, "run", "flights")
    (first,) = json.loads(assay(home, "drift", "decisions", "flights", "--json"))
    assert first["rule"] == "first"
    assert models(home) == {"1": "champion"}

    # a better one: challenger, and promoted by what came true in a month that it was not trained on, and the champion was
    (file,) = (home / "lake" / "flights" / "versions").glob("*/*.parquet")
    january = pl.read_parquet(file)
    write(home, contract())
    assert "stable against 1.0.0 → ignore" in assay(
        home, "run", "flights"
    )  # January under the changed contract
    assay(home, "run", "flights")
    assert models(home) == {"1": "champion", "2": "challenger"}
    assay(home, "models", "compare", "flights-late", "challenger", "champion")
    told = scored(home, january.sample(8_000, seed=1), "january")
    told.select("traceparent", label=pl.col("late").cast(pl.Int8)).write_csv(tmp_path / "true.csv")
    assert "promoted from canary" in assay(
        home, "outcomes", "flights-late", str(tmp_path / "true.csv")
    )
    assert models(home)["2"] == "champion"

    # one that turns bad in canary: what comes true is the contrary of what it says
    assay(home, "drift", "override", "flights", "retrain", "--why", "a season ended")
    assay(home, "run", "flights")
    assert models(home)["3"] == "challenger"
    told = scored(home, january.sample(8_000, seed=2), "january-again")
    told.filter(pl.col("model_version") == "3").select(
        "traceparent", label=(~pl.col("late")).cast(pl.Int8)
    ).write_csv(tmp_path / "bad.csv")
    assert "rolled back in canary" in assay(
        home, "outcomes", "flights-late", str(tmp_path / "bad.csv")
    )

    # one made worse on purpose: it may look at nothing
    write(home, contract(trainer={"name": "decision_tree", "parameters": {"max_depth": 1}}))
    assay(home, "drift", "override", "flights", "retrain", "--why", "a trainer that is too simple")
    assert "worse by more than" in assay(home, "run", "flights")

    assert [version for version, role in models(home).items() if role == "champion"] == ["2"]
    decisions = json.loads(assay(home, "drift", "decisions", "flights", "--json"))
    assert all(
        json.loads(assay(home, "replay", str(each["id"]), "--json"))["same"] for each in decisions
    )
    assay(home, "models", "list")
    assay(home, "drift", "show", "flights")
    assay(home, "used-by", "flights@1.0.0")
    assert "verified" in assay(home, "verify", "--all")
