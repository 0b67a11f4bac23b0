"""Queries run beside the data and nothing else: a locked DuckDB is the second wall, limits end what asks too much."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from assay.assets.io.sql import evaluate, locked
from assay.contracts.errors import QualityError
from assay.contracts.sql import checked
from tests.contracts.test_sql import HOST, NAMES


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("readings") / "part.parquet"
    pl.DataFrame(
        {"meter": ["M1", "M2", "secret@example.com", None], "kwh": [1.5, -2.0, None, 4.0]}
    ).write_parquet(file)
    return file


def asked(query: str, readings: Path, **limits: float) -> float | None:
    safe = checked(query, table="readings", columns=["meter", "kwh"])
    return evaluate({"r": safe}, {"readings": [readings]}, **limits)["r"]  # type: ignore[arg-type]  # limits are numbers


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT count(*) FROM readings WHERE kwh < 0", 1.0),
        ("SELECT avg(kwh) FROM readings WHERE kwh > 100", None),
        ("SELECT count(*) > 3 FROM readings", 1.0),
        ("SELECT sum(kwh) FROM readings", 3.5),
    ],
)
def test_a_query_gives_one_number_or_null(query: str, answer: float | None, readings: Path) -> None:
    assert asked(query, readings) == answer


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_days_and_hours_are_those_of_utc_whatever_the_zone_of_the_machine(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    file = tmp_path / "part.parquet"
    at = pl.Series("moment", ["2024-03-01T00:30:00Z", "2024-03-01T23:30:00Z"]).str.to_datetime()
    pl.DataFrame(at).write_parquet(file)
    queries = {
        "days": "SELECT count(DISTINCT CAST(moment AS DATE)) FROM t",
        "hours": "SELECT sum(EXTRACT(hour FROM moment)) FROM t",
        "months": "SELECT count(*) FROM t WHERE date_trunc('month', moment) = TIMESTAMPTZ '2024-03-01'",
    }
    answers = evaluate(queries, {"t": [file]})
    assert answers == {"days": 1.0, "hours": 23.0, "months": 2.0}


def test_several_files_are_one_table_and_no_query_starts_no_process(readings: Path) -> None:
    assert evaluate({"r": "SELECT count(*) FROM readings"}, {"readings": [readings, readings]}) == {
        "r": 8.0
    }
    assert evaluate({}, {"readings": [Path("nowhere")]}) == {}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT meter FROM readings", "does not give one row"),
        ("SELECT max(meter) FROM readings", "gives a str, and no number"),
        ("SELECT CAST(max(meter) AS integer) FROM readings", r"fails \(ConversionException\)"),
    ],
)
def test_what_is_no_number_is_an_error_without_a_value(
    query: str, said: str, readings: Path
) -> None:
    with pytest.raises(QualityError, match=said) as error:
        asked(query, readings)
    assert error.value.where.rule == "r"
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("attack", HOST)
def test_the_locked_database_alone_refuses_what_touches_the_host(
    attack: str, readings: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("a\n1\n")
    connection = locked({"readings": [str(readings)]}, memory_mb=256, threads=1)
    with pytest.raises(duckdb.Error):
        connection.execute(attack).fetchall()
    connection.close()
    assert [each.name for each in tmp_path.iterdir()] == ["data.csv"]


def test_the_locked_database_cannot_touch_the_files_it_reads(readings: Path) -> None:
    connection = locked({"readings": [str(readings)]}, memory_mb=256, threads=1)
    with pytest.raises(duckdb.Error):
        connection.execute(f"COPY readings TO '{readings}'")
    with pytest.raises(duckdb.Error):
        connection.execute(f"SELECT * FROM read_parquet('{readings}')")
    connection.close()


def test_time_is_limited_and_the_rule_is_named(readings: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.parquet"
    pl.DataFrame(
        {"meter": ["M"] * 20_000, "kwh": pl.int_range(20_000, eager=True).cast(pl.Float64)}
    ).write_parquet(big)
    cross = (
        "SELECT count(*) FROM readings a, readings b, readings c WHERE a.kwh + b.kwh + c.kwh = 0.5"
    )
    safe = {
        "fine": "SELECT count(*) FROM readings",
        "cross": checked(cross, table="readings", columns=["meter", "kwh"]),
    }
    with pytest.raises(
        QualityError, match="rule 'cross': the query was stopped: it took longer than 3 s"
    ):
        evaluate(safe, {"readings": [big]}, timeout_s=3)


def test_memory_is_limited_and_the_rule_is_named(tmp_path: Path) -> None:
    big = tmp_path / "big.parquet"
    pl.DataFrame(
        {"meter": ["M"] * 4_000, "kwh": pl.int_range(4_000, eager=True).cast(pl.Float64)}
    ).write_parquet(big)
    pairs = "SELECT count(*) FROM (SELECT DISTINCT a.kwh x, b.kwh y FROM readings a, readings b)"
    with pytest.raises(
        QualityError, match="rule 'r': the query needs more memory than it may have"
    ):
        asked(pairs, big, memory_mb=64)


@pytest.mark.parametrize("name", [name for name in NAMES if len(name) < 1_000])
def test_hostile_names_are_names(name: str, tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    pl.DataFrame({name: [1, None]}).write_parquet(file)
    query = checked(
        "SELECT count(*) FROM ${table} WHERE ${column} IS NULL",
        table=name,
        columns=[name],
        column=name,
    )
    connection = locked({name: [str(file)]}, memory_mb=256, threads=1)
    assert connection.execute(query).fetchall() == [(1,)]
    connection.close()
