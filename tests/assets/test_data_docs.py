"""Data Docs judge what the contract says, and show no value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.services.docs import data_docs, pages_of
from assay.contracts.errors import ContractError
from tests.conftest import SampleHome, columns, contract

CANARY = "CANARY7391"


def texts(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield str(file.relative_to(folder))
            yield file.read_bytes().decode("utf-8", errors="replace")


def files_below(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file()}


def test_pages_tell_counts_and_show_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "reports" / "docs"
    promised = contract(with_everything)
    broken = pl.LazyFrame({
        "meter": [CANARY, CANARY, "M2", "M3"], "energy_kwh": [-73917391.5, 1.0, None, 2.0], "tariff": [CANARY, "day", "night", None], "day": [date(1739, 1, 7), *[date(2024, 1, 1)] * 3],
    })  # fmt: skip
    index = data_docs(promised, broken, folder)
    assert index == folder / "index.html"
    pages = "\n".join(texts(folder))
    for value in (CANARY, "73917391", "1739-01-07"):
        assert value not in pages
    (judged,) = (folder / "validations").rglob("*.html")
    assert "2 unexpected values found" in judged.read_text()
    assert files_below(tmp_path) == files_below(
        folder
    )  # nothing beside it: no `gx`, no configuration at home


def with_everything(data: dict[str, Any]) -> None:
    quality = [
        {
            "name": "meters_differ",
            "metric": "duplicateValues",
            "arguments": {"properties": ["meter", "day"]},
            "mustBe": 0,
        }
    ]
    columns(
        {
            "name": "meter",
            "logicalType": "string",
            "required": True,
            "unique": True,
            "logicalTypeOptions": {"pattern": "^M[0-9]+$", "maxLength": 5},
        },
        {"name": "energy_kwh", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
        {"name": "tariff", "logicalType": "string", "enum": [{"value": "day"}, {"value": "night"}]},
        {"name": "day", "logicalType": "date", "logicalTypeOptions": {"minimum": "2000-01-01"}},
    )(data)
    data["schema"][0]["quality"] += quality


def test_a_sample_is_asked_of_no_row_count_and_earlier_pages_are_replaced(tmp_path: Path) -> None:
    promised = contract()
    rows = pl.LazyFrame(
        {
            "meter": [f"M{number}" for number in range(5_000)],
            "energy_kwh": [1.0] * 5_000,
            "tariff": ["day"] * 5_000,
        }
    )
    data_docs(promised, rows, tmp_path / "docs")
    (whole,) = (tmp_path / "docs" / "validations").rglob("*.html")
    assert "rows" in judged_of_the_table(whole)
    data_docs(promised, rows, tmp_path / "docs", sample_rows=1_000, seed=3)
    (sampled,) = (tmp_path / "docs" / "validations").rglob("*.html")
    assert sampled != whole
    assert judged_of_the_table(sampled) == ""
    assert "meter is present" in sampled.read_text()


def judged_of_the_table(page: Path) -> str:
    """What the page says under `Table-Level Expectations`."""
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text()))
    return (
        text.rpartition("Table-Level Expectations")[2] if "Table-Level Expectations" in text else ""
    )


def test_what_cannot_be_judged_leaves_no_page_and_quotes_no_value(tmp_path: Path) -> None:
    wrong = pl.LazyFrame(
        {"meter": ["M1"], "energy_kwh": [CANARY], "tariff": ["day"]}
    )  # text where a number was promised
    with pytest.raises(ContractError, match="could not evaluate") as error:
        data_docs(contract(), wrong, tmp_path / "docs")
    assert CANARY not in str(error.value)
    assert not (tmp_path / "docs").exists()


def test_the_pages_of_a_version_are_linked_from_its_card_and_its_asset(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from assay.assets.dagster.jobs import data_docs as job

    installation.published()
    opened_home = installation.open()
    monkeypatch.setattr("assay.assets.dagster.jobs.opened_for", lambda _run: opened_home)
    config = {
        "ops": {"make_data_docs": {"config": {"dataset": "readings", "sample_rows": 2, "seed": 7}}}
    }
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(run_config=config, instance=instance)
    (observed,) = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    index = pages_of(opened_home, "readings", "1.0.0") / "index.html"
    assert index.is_file()
    assert (observed.asset_key.path, observed.metadata["data_docs"].value) == (
        ["readings", "published"],
        str(index),
    )  # a browser follows no link from the web to a file
    made = opened_home.registry.derived.get("readings", "1.0.0", "data_docs")
    assert made == {"version": "1.0.0", "index": str(index), "rows": 2, "of_rows": 3, "seed": 7}
