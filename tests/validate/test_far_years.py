"""A year far from those of nearly all rows is valid, and a doubt for the steward."""

from __future__ import annotations

import polars as pl
import pytest

from assay.contracts.load import load
from assay.pipelines.draft.license import LicenseFound
from assay.pipelines.draft.profile import profile
from assay.pipelines.draft.propose import draft
from assay.pipelines.draft.settings import Origin
from assay.pipelines.validate.far_years import far_years
from tests.conftest import SampleHome, columns


def counts(**rows: int) -> pl.DataFrame:
    years = {"year": [int(year[1:]) for year in rows], "rows": list(rows.values())}
    return pl.DataFrame(years, schema={"year": pl.Int64, "rows": pl.Int64})


@pytest.mark.parametrize(
    ("rows", "far"),
    [
        ({"y2023": 500, "y2024": 500, "y24": 1}, [24]),
        ({"y2023": 500, "y2024": 500, "y1899": 2, "y2099": 1}, [1899, 2099]),
        ({"y2024": 100, "y9999": 100}, []),  # what half of the rows hold is meant
        ({"y1931": 20, "y1960": 90, "y1990": 90, "y2024": 20}, []),  # births
        ({"y1931": 20, "y1960": 90, "y1990": 90, "y2024": 20, "y1066": 1}, [1066]),
        ({"y2023": 500, "y2024": 500, "y1990": 1}, []),
        ({"y2024": 1}, []),
        ({"y24": 1, "y2024": 3}, [24]),
        ({"y24": 1, "y2024": 1}, []),
        ({}, []),
    ],
)
def test_few_rows_far_from_all_others_are_doubtful(rows: dict[str, int], far: list[int]) -> None:
    assert far_years(counts(**rows)) == far


@pytest.mark.parametrize("written", ["2024-03-{:02}", "{}.03.2024", "2024-03-{:02}T10:00:00Z"])
def test_a_draft_asks_about_far_years(written: str) -> None:
    values = [written.format(day) for day in range(13, 28)] * 20
    values.append(values[0].replace("2024", "0024"))
    rows = pl.DataFrame({"_row": range(len(values)), "on": values}).lazy()
    license = LicenseFound("CC0-1.0", "none", "stated")
    origin = Origin("t.csv", "csv", "0" * 64)
    text = draft(profile(rows, ["on"]), "t", origin, license, "a@example.com").text
    assert "column 'on' has the year 0024, far from the years of nearly all rows" in text
    load(text, "t.odcs.yaml")


@pytest.mark.parametrize("kind", ["date", "timestamp"])
def test_evidence_names_far_years(installation: SampleHome, kind: str) -> None:
    written = "2024-03-{:02}" if kind == "date" else "2024-03-{:02}T10:00:00Z"
    values = [written.format(day) for day in range(1, 29)] * 10
    values += [values[0].replace("2024", "1524")]
    installation.promise(columns({"name": "on", "logicalType": kind}))
    installation.deliver("on\n" + "\n".join(f"{v}" for v in values) + "\n")
    published = installation.published()
    predicate = installation.open().statement(published.row)["predicate"]
    assert predicate["far_years"] == {"on": [1524]}
